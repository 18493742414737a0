# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"The machines that make images, and what they are to make and when"
import datetime as dt
import ipaddress

from sql import Null

from trytond.i18n import gettext
from trytond.model import (
    DeactivableMixin, Index, ModelSQL, ModelView, Unique, fields)
from trytond.pool import PoolMeta
from trytond.pyson import Bool, Eval

from . import dicom
from .color import station_color, text_color
from .common import any_of_names
from .exceptions import StationError
from .rights import ModelRightsMixin

# The defined terms of PS3.3 C.12.1.1.2, without and with code extensions;
# a backslash separates the values of Specific Character Set (0008,0005).
CHARACTER_SETS = [
    (None, "ASCII"),
    ('ISO_IR 100', "Latin 1: Western Europe (ISO_IR 100)"),
    ('ISO_IR 101', "Latin 2: Central Europe (ISO_IR 101)"),
    ('ISO_IR 109', "Latin 3: Southern Europe (ISO_IR 109)"),
    ('ISO_IR 110', "Latin 4: Northern Europe (ISO_IR 110)"),
    ('ISO_IR 148', "Latin 5: Turkish (ISO_IR 148)"),
    ('ISO_IR 144', "Cyrillic (ISO_IR 144)"),
    ('ISO_IR 127', "Arabic (ISO_IR 127)"),
    ('ISO_IR 126', "Greek (ISO_IR 126)"),
    ('ISO_IR 138', "Hebrew (ISO_IR 138)"),
    ('ISO_IR 166', "Thai (ISO_IR 166)"),
    ('ISO_IR 13\\ISO 2022 IR 87', "Japanese, Katakana (ISO_IR 13)"),
    ('\\ISO 2022 IR 87', "Japanese, Kanji (ISO 2022 IR 87)"),
    ('\\ISO 2022 IR 149', "Korean (ISO 2022 IR 149)"),
    ('GBK', "Chinese (GBK)"),
    ('GB18030', "Chinese (GB18030)"),
    ('ISO_IR 192', "Unicode in UTF-8 (ISO_IR 192)"),
    ]


class Station(
        ModelRightsMixin, DeactivableMixin, ModelSQL, ModelView):
    "Imaging Station"
    __name__ = 'gnuhealth.imaging.station'

    name = fields.Char("Name", required=True)
    ae_title = fields.Char(
        "AE Title", required=True, strip=False,
        help="The name that the machine has in DICOM: at most 16 characters, "
        "upper and lower case matter.")
    test_types = fields.Many2Many(
        'gnuhealth.imaging.station-gnuhealth.imaging.test.type',
        'station', 'test_type', "Test Types",
        help="What is made there unless the order names another station.")
    location = fields.Char(
        "Location", help="Where patients find it.")
    character_set = fields.Selection(
        CHARACTER_SETS, "Character Set", sort=False, translate=False,
        help="How the names that are sent to it are written. What can not be "
        "written so is sent in Latin letters.")
    addresses = fields.Char(
        "Addresses",
        help="The IP addresses or networks that it may ask from, separated "
        "by commas. Without any it may ask from everywhere.")

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append((
                'ae_title_unique', Unique(table, table.ae_title),
                'health_imaging.msg_station_ae_title_unique'))
        cls._order.insert(0, ('name', 'ASC'))

    @classmethod
    def default_character_set(cls):
        return 'ISO_IR 192'

    search_rec_name = any_of_names('name', 'ae_title')

    @classmethod
    def validate_fields(cls, stations, field_names):
        super().validate_fields(stations, field_names)
        for station in stations:
            # PS3.5 6.2 AE allows what it allows short strings
            if not dicom.is_short_string(station.ae_title):
                raise StationError(gettext(
                        'health_imaging.msg_station_ae_title_invalid',
                        ae_title=station.ae_title))
            try:
                station.get_networks()
            except ValueError:
                raise StationError(gettext(
                        'health_imaging.msg_station_addresses_invalid',
                        addresses=station.addresses,
                        station=station.rec_name)) from None

    def get_networks(self):
        """Return the networks that it may ask from, none for everywhere.

        Raise ValueError if they can not be read.
        """
        return [
            ipaddress.ip_network(address.strip(), strict=False)
            for address in (self.addresses or '').split(',')
            if address.strip()]


class StationTestType(ModelRightsMixin, ModelSQL):
    "Imaging Station - Imaging Test Type"
    __name__ = 'gnuhealth.imaging.station-gnuhealth.imaging.test.type'

    station = fields.Many2One(
        'gnuhealth.imaging.station', "Station", required=True,
        ondelete='CASCADE')
    test_type = fields.Many2One(
        'gnuhealth.imaging.test.type', "Test Type", required=True,
        ondelete='CASCADE')


class TestType(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.type'

    stations = fields.Many2Many(
        'gnuhealth.imaging.station-gnuhealth.imaging.test.type',
        'test_type', 'station', "Stations", readonly=True,
        filter=[('active', '=', True)],
        help="Where tests of the type are made unless the order names one.")

    @classmethod
    def copy(cls, types, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('stations')
        return super().copy(types, default=default)


class Request(metaclass=PoolMeta):
    __name__ = 'gnuhealth.imaging.test.request'

    scheduled_date = fields.DateTime(
        "Scheduled", states={
            'readonly': ~Eval('state').in_(['draft', 'requested']),
            'required': Bool(Eval('requested_procedure_id')),
            },
        help="When the test is to be made: by default when it is requested.")
    station = fields.Many2One(
        'gnuhealth.imaging.station', "Station", ondelete='RESTRICT',
        states={'readonly': ~Eval('state').in_(['draft', 'requested'])},
        help="Where the test is to be made. Without any, each station of the "
        "type of the test offers it.")
    station_color = fields.Function(
        fields.Char("Color of the Station"), 'get_station_color')
    station_text_color = fields.Function(
        fields.Char("Text Color of the Station"), 'get_station_color')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        # What modalities are told of, whatever the number of old requests
        cls._sql_indexes.update({
                Index(table, (table.scheduled_date, Index.Range())),
                Index(
                    table, (table.scheduled_date, Index.Range()),
                    where=(table.state == 'requested')
                    & table.procedure_status.in_(['scheduled', 'arrived'])),
                Index(
                    table, (table.station, Index.Range()),
                    where=table.station != Null),
                })

    @classmethod
    def get_station_color(cls, requests, names):
        values = {name: {} for name in names}
        for request in requests:
            color = station_color(request.station and request.station.id)
            for name in names:
                values[name][request.id] = (
                    color if name == 'station_color' else text_color(color))
        return values

    @classmethod
    def copy(cls, requests, default=None):
        default = default.copy() if default is not None else {}
        default.setdefault('scheduled_date')
        return super().copy(requests, default=default)

    @classmethod
    def _issue_identifiers(cls, requests):
        now = dt.datetime.now().replace(microsecond=0)
        unscheduled = [r for r in requests if not r.scheduled_date]
        cls.write(unscheduled, {'scheduled_date': now})
        super()._issue_identifiers(requests)
