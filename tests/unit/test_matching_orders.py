# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Which order a study answers: every rule, and what must never link"
import datetime as dt
import unittest

from trytond.modules.health_orthanc.matching import Person, Reported
from trytond.modules.health_orthanc.order_matching import (
    ORDER_IDENTIFIERS, STEP_IDENTIFIERS, Answer, OrderVerdict, PerformedStep,
    RequestLine, date_fits, is_modality, match_almost, match_order,
    match_order_by_hand, match_performed_step, modality_fits,
    numbers_almost_agree)

ANNA = Person(7, (('Smith', 'Anna'),), dt.date(1980, 2, 1), frozenset('F'))
OLGA = Person(8, (('Petrova', 'Olga'),), dt.date(1990, 5, 5), frozenset('F'))
PERSONS = {7: ANNA, 8: OLGA}
AS_ANNA = Reported('Smith^Anna', dt.date(1980, 2, 1), 'F')
AS_OLGA = Reported('Petrova^Olga', dt.date(1990, 5, 5), 'F')

UID, MERGE, ACCESSION = ORDER_IDENTIFIERS


def order(
        id=1, patient=7, number='001', modality='CT', cancelled=False,
        **values):
    return RequestLine(id, patient, number, modality, cancelled, **values)


def study(person=7, reason='identifier', **values):
    return Answer(person, reason, **{
            'reported': AS_ANNA, 'modalities': ('CT',), **values})


def unlinked(reason, **values):
    return study(None, reason, **values)


class OrderTestCase(unittest.TestCase):
    "Decide which order a study answers"

    def assertMatch(self, answer, named, reason, orders=(), differences=()):
        with self.subTest(answer=answer, named=named):
            self.assertEqual(
                match_order(answer, named, PERSONS),
                OrderVerdict(orders, reason, differences))

    def test_no_order(self):
        for named in [{}, {UID: []}, {ACCESSION: ()}]:
            self.assertMatch(study(), named, None)

    def test_identifiers(self):
        "Each identifier links, the surest decides"
        self.assertEqual(
            ORDER_IDENTIFIERS,
            ('study_instance_uid', 'merge_id', 'accession_number'))
        first, second, third = order(1), order(2), order(3)
        for named, reason, id_ in [
                ({UID: [first]}, UID, 1),
                ({MERGE: [first]}, MERGE, 1),
                ({ACCESSION: [first]}, ACCESSION, 1),
                ({UID: [first], MERGE: [second], ACCESSION: [third]}, UID, 1),
                ({MERGE: [second], ACCESSION: [third]}, MERGE, 2)]:
            self.assertMatch(study(), named, reason, (id_,))

    def test_patient_disagrees(self):
        "Nothing is linked to the order of somebody else"
        for identifier in ORDER_IDENTIFIERS:
            named = {identifier: [order()]}
            self.assertMatch(
                study(8), named, 'conflict', differences=('patient',))
            self.assertMatch(
                study(8, 'manual'), named, 'conflict',
                differences=('patient',))
            # The PatientID is somebody else's
            for reason in ['conflict', 'unverified']:
                self.assertMatch(
                    unlinked(reason, candidate=8), named, 'conflict',
                    differences=('patient',))
            for reason in [
                    'unmatched', 'no_identifier', 'unverified', 'conflict',
                    'ambiguous', 'refused']:
                self.assertMatch(
                    unlinked(reason, reported=AS_OLGA), named, 'conflict',
                    differences=('birth_date', 'name'))

    def test_the_dead(self):
        "A study after the death is of somebody else, whatever its UID"
        ordered = {UID: [order(day=dt.date(2026, 3, 1))]}
        dead = {7: ANNA._replace(death_date=dt.date(2026, 3, 2))}
        for day, expected in [
                (dt.date(2026, 3, 2), OrderVerdict((1,), UID)),
                (dt.date(2026, 3, 3), OrderVerdict(
                        (), 'conflict', ('death',)))]:
            self.assertEqual(
                match_order(
                    unlinked('unmatched', day=day), ordered, dead), expected)

    def test_identifiers_disagree(self):
        "The number of an order of somebody else contradicts the UID"
        for identifier in [UID, MERGE]:
            self.assertMatch(
                study(),
                {identifier: [order()], ACCESSION: [order(2, patient=8)]},
                'conflict', differences=('accession_number',))

    def test_two_orders(self):
        "Nor can a study answer two orders of one patient by two numbers"
        other = order(2, number='002')
        for named, differences in [
                ({UID: [order()], ACCESSION: [other]}, [ACCESSION]),
                ({MERGE: [order()], ACCESSION: [other]}, [ACCESSION]),
                ({UID: [order()], MERGE: [other]}, [MERGE]),
                ({UID: [order()], MERGE: [other], ACCESSION: [other]},
                    [MERGE, ACCESSION]),
                # Orders without a number are of one line each
                ({UID: [order(number=None)],
                        ACCESSION: [order(2, number=None)]}, [ACCESSION])]:
            self.assertMatch(
                study(), named, 'conflict', differences=tuple(differences))
        # Another line of the same order, and a number that is also its own
        for numbered in [[order(2)], [other, order()]]:
            self.assertMatch(
                study(), {UID: [order()], ACCESSION: numbered}, UID, (1,))

    def test_date(self):
        "A number that an older study has is that of another order"
        day = dt.date(2026, 11, 25)
        for days, fits in [
                (-3650, False), (-2, False), (-1, True), (0, True),
                (1, True), (400, True), (401, False)]:
            made = day + dt.timedelta(days=days)
            self.assertMatch(
                study(day=made), {ACCESSION: [order(day=day)]},
                *(ACCESSION, (1,)) if fits
                else ('conflict', (), ('date',)))
            # A UID is issued once: that it differs is shown
            for identifier in [UID, MERGE]:
                self.assertMatch(
                    study(day=made), {identifier: [order(day=day)]},
                    identifier, (1,), () if fits else ('date',))
        for made, ordered in [(None, day), (day, None), (None, None)]:
            self.assertTrue(date_fits(ordered, made))
        # Of the lines of an order those that fit are meant
        self.assertMatch(
            study(day=day), {ACCESSION: [
                    order(1, day=day + dt.timedelta(days=10)),
                    order(2, day=day)]}, ACCESSION, (2,))

    def test_nothing_agrees(self):
        "A UID alone makes nobody's study the images of an order"
        for reported, reason in [
                (Reported(), 'unconfirmed'),
                (Reported(sex='F'), 'unconfirmed'),
                (Reported('Smith^A'), 'unconfirmed'),
                (Reported('Smith^Anna'), UID),
                (Reported(None, ANNA.birth_date), UID)]:
            self.assertMatch(
                unlinked('unmatched', reported=reported), {UID: [order()]},
                reason, (1,) if reason == UID else ())

    def test_almost(self):
        day = dt.date(2026, 11, 25)
        waiting = order(day=day, accession_number='IM00001234')
        answer = study(day=day, accession_number='1234')
        self.assertEqual(
            match_almost(answer, [order(2), waiting]),
            OrderVerdict(reason='almost'))
        for other in [
                answer._replace(accession_number='1235'),
                answer._replace(accession_number=None),
                answer._replace(modalities=('MR',)),
                answer._replace(person=8),
                answer._replace(person=None),
                answer._replace(day=dt.date(2016, 1, 1))]:
            with self.subTest(other=other):
                self.assertEqual(
                    match_almost(other, [waiting]), OrderVerdict())
        self.assertEqual(
            match_almost(answer, [waiting._replace(cancelled=True)]),
            OrderVerdict())

    def test_patient_unknown(self):
        for reason in ['unmatched', 'no_identifier', 'unverified']:
            for identifier in [UID, MERGE]:
                self.assertMatch(
                    unlinked(reason), {identifier: [order()]}, identifier,
                    (1,))
            self.assertMatch(
                unlinked(reason), {ACCESSION: [order()]}, 'unconfirmed')
        # Who settles whose the study is settles the order
        for identifier in ORDER_IDENTIFIERS:
            for reason in ['ambiguous', 'refused', 'manual', 'follows']:
                self.assertMatch(
                    unlinked(reason), {identifier: [order()]}, 'unconfirmed')
            self.assertMatch(
                unlinked('conflict', candidate=7), {identifier: [order()]},
                'conflict', differences=('patient',))

    def test_several_orders(self):
        shared = [order(1), order(2), order(3)]
        self.assertMatch(
            study(), {ACCESSION: shared}, ACCESSION, (1, 2, 3))
        for orders in [
                [order(1), order(2, number='002')],
                [order(1), order(2, patient=8)],
                [order(1, number=None), order(2, number=None)],
                [order(1, number=''), order(2, number='')]]:
            self.assertMatch(study(), {ACCESSION: orders}, 'ambiguous')
        # A UID is of one request
        for identifier in [UID, MERGE]:
            self.assertMatch(study(), {identifier: shared}, 'ambiguous')
        self.assertMatch(
            study(), {UID: [order(2)], ACCESSION: shared}, UID, (2,))

    def test_modality(self):
        for identifier in ORDER_IDENTIFIERS:
            self.assertMatch(
                study(modalities=('MR',)), {identifier: [order()]},
                'conflict', differences=('modality',))
        # Of the lines of an order those that fit are meant
        self.assertMatch(
            study(), {ACCESSION: [order(1, modality='US'), order(2)]},
            ACCESSION, (2,))

    def test_cancelled(self):
        "A cancelled order attracts nothing, and keeps what it has"
        self.assertIs(RequestLine(1, 7).cancelled, False)
        cancelled = order(cancelled=True)
        for identifier in ORDER_IDENTIFIERS:
            self.assertMatch(
                study(), {identifier: [cancelled]}, 'conflict',
                differences=('cancelled',))
            self.assertMatch(
                study(linked=frozenset([1])), {identifier: [cancelled]},
                identifier, (1,))
            self.assertMatch(
                study(8, linked=frozenset([1])), {identifier: [cancelled]},
                'conflict', differences=('patient',))
        self.assertMatch(
            study(), {ACCESSION: [cancelled, order(2)]}, ACCESSION, (2,))

    def test_all_differences(self):
        self.assertMatch(
            study(8, modalities=('MR',)), {ACCESSION: [order()]},
            'conflict', differences=('patient', 'modality'))
        self.assertMatch(
            unlinked('unmatched', modalities=('MR',)), {ACCESSION: [order()]},
            'conflict', differences=('modality',))

    def test_by_hand(self):
        linked = OrderVerdict((1,), ACCESSION)
        conflict = OrderVerdict((), 'conflict', ('modality',))
        none = OrderVerdict()
        for verdict, orders, expected in [
                (none, [], none),
                (linked, [], linked),
                (conflict, [], conflict),
                (none, [order(2)], OrderVerdict((), 'manual')),
                (conflict, [order(2)], OrderVerdict((), 'manual')),
                (linked, [order(2)], linked),
                (linked, [order(1)], linked._replace(reason='manual')),
                (linked, [order(2, patient=8)],
                    OrderVerdict((1,), 'conflict', ('patient',))),
                (none, [order(2), order(3, patient=8)],
                    OrderVerdict((), 'conflict', ('patient',)))]:
            with self.subTest(verdict=verdict, orders=orders):
                self.assertEqual(
                    match_order_by_hand(verdict, study(), orders), expected)
        self.assertEqual(
            match_order_by_hand(none, unlinked('manual'), [order()]).reason,
            'conflict')

    def test_columns(self):
        self.assertEqual(OrderVerdict().columns(), (None, None))
        self.assertEqual(
            OrderVerdict((1,), 'conflict', ('patient', 'modality')).columns(),
            ('conflict', 'patient modality'))


class NumberTestCase(unittest.TestCase):
    "Find numbers that were not typed quite as they are"

    def test_numbers_almost_agree(self):
        number = 'IM00001234'
        for reported in [
                'im00001234', 'Im00001234', 'IM-00001234', 'IM 0000 1234',
                'IM1234', 'im001234', '1234', '00001234', '0001234',
                'CT-IM00001234', 'IM00001234-1', 'IM00001234/2',
                'XIM00001234']:
            for pair in [(reported, number), (number, reported)]:
                with self.subTest(pair=pair):
                    self.assertIs(numbers_almost_agree(*pair), True)

    def test_others(self):
        number = 'IM00001234'
        for other in [
                number, f' {number} ', '', None, '0', '234', '34', 'IM',
                'IM00001235', 'IM00002134', '1235', '2345', 'A-B']:
            for pair in [(other, number), (number, other)]:
                with self.subTest(pair=pair):
                    self.assertIs(numbers_almost_agree(*pair), False)
        for nothing in [None, '', '-', ' ']:
            self.assertIs(numbers_almost_agree(nothing, '--'), False)

    def test_cut(self):
        "What was cut where a field ends is almost the number"
        number = 'HOSPITAL-2026-0000012345'
        for length in range(8, len(number)):
            self.assertTrue(numbers_almost_agree(number[:length], number))


class ModalityTestCase(unittest.TestCase):
    "Compare the type of a test with the modalities of a study"

    def test_modality_fits(self):
        for code, modalities, fits in [
                ('CT', ['CT'], True),
                (' ct ', ['CT'], True), (' mr ', ['CT'], False),
                ('CT', ['MR'], False),
                ('CT', ['CT', 'PT'], True),
                ('PT', ['CT', 'PT'], True),
                ('MR', ['CT', 'PT'], False),
                # One family
                ('RG', ['CR'], True), ('RG', ['DX'], True),
                ('XR', ['DX'], True), ('CR', ['RG'], True),
                ('DX', ['CT'], False), ('RG', ['MG'], False),
                ('US', ['XA'], False), ('XA', ['RF'], False),
                # What says nothing
                ('CT', [], True), ('CT', ['SR'], True),
                ('CT', ['PR', 'KO', 'OT', 'SEG', 'DOC'], True),
                ('CT', ['MR', 'SR'], False), ('CT', ['??'], True),
                ('OT', ['MR'], True), ('WHATEVER', ['MR'], True),
                ('', ['MR'], True), (None, ['MR'], True)]:
            with self.subTest(code=code, modalities=modalities):
                self.assertIs(modality_fits(code, modalities), fits)

    def test_acquiring(self):
        "Those of PS3.3 C.7.3.1.1.1 that make images or the like"
        for code in [
                'BI', 'BMD', 'CR', 'CT', 'DG', 'DX', 'ECG', 'EEG', 'EMG',
                'EPS', 'ES', 'GM', 'IO', 'IVOCT', 'IVUS', 'KER', 'LEN', 'MG',
                'MR', 'NM', 'OAM', 'OCT', 'OP', 'OPM', 'OPT', 'OPV', 'PT',
                'PX', 'RF', 'RG', 'RTIMAGE', 'SM', 'TG', 'US', 'VA', 'XA',
                'XC', 'XR']:
            other = 'CT' if code != 'CT' else 'MR'
            with self.subTest(code=code):
                self.assertIs(is_modality(code), True)
                self.assertIs(is_modality(code.lower()), True)
                self.assertIs(modality_fits(code, [code]), True)
                self.assertIs(modality_fits(code, [other]), False)
                self.assertIs(modality_fits(other, [code]), False)
        for code in ['', 'SR', 'KO', 'PR', 'DOC', 'OT', 'CTX']:
            self.assertIs(is_modality(code), False)


STEP_UID, STEP_ACCESSION, STEP_ID = STEP_IDENTIFIERS


class PerformedStepTestCase(unittest.TestCase):
    "Decide of which line of an order a machine performs a step"

    def match(self, named, reported=AS_ANNA, patient_id='P7', modality='CT'):
        return match_performed_step(
            PerformedStep(reported, patient_id, modality), named, PERSONS,
            {7: {'P7', 'OLD7'}, 8: {'P8'}})

    def assertConflict(self, differences, *args, **kwargs):
        with self.subTest(args=args, kwargs=kwargs):
            self.assertEqual(
                self.match(*args, **kwargs),
                OrderVerdict((), 'conflict', tuple(differences)))

    def test_unscheduled(self):
        for named in [{}, {STEP_UID: []}, {STEP_ACCESSION: ()}]:
            self.assertEqual(
                self.match(named), OrderVerdict(reason='unscheduled'))

    def test_uid(self):
        "One that we issued needs nothing else"
        for values in [
                {}, {'reported': Reported(), 'patient_id': None},
                {'patient_id': 'OLD7'}, {'modality': None}]:
            self.assertEqual(
                self.match({STEP_UID: [order()]}, **values),
                OrderVerdict((1,), STEP_UID))

    def test_other_identifiers(self):
        "They need a patient who agrees"
        for name in [STEP_ACCESSION, STEP_ID]:
            named = {name: [order()]}
            for reported in [
                    AS_ANNA, Reported(birth_date=dt.date(1980, 2, 1)),
                    Reported('Smith^Anna')]:
                self.assertEqual(
                    self.match(named, reported), OrderVerdict((1,), name))
            for values in [
                    {'reported': Reported()},
                    {'reported': Reported(sex='F')},
                    {'patient_id': None}, {'patient_id': ' '}]:
                with self.subTest(name=name, values=values):
                    self.assertEqual(
                        self.match(named, **values),
                        OrderVerdict(reason='unscheduled'))

    def test_surest(self):
        "Of the lines with a number the next identifier says which"
        first, second = order(1), order(2)
        self.assertEqual(
            self.match({STEP_ACCESSION: [first, second], STEP_ID: [second]}),
            OrderVerdict((2,), STEP_ACCESSION))
        self.assertEqual(
            self.match({STEP_UID: [first], STEP_ACCESSION: [first, second]}),
            OrderVerdict((1,), STEP_UID))
        for named in [
                {STEP_ACCESSION: [first, second]},
                {STEP_ACCESSION: [first, second], STEP_ID: [order(3)]}]:
            self.assertConflict(['ambiguous'], named)

    def test_contradictions(self):
        "Each stands beside the others"
        named = {STEP_UID: [order()]}
        self.assertConflict(['identifier'], named, patient_id='P8')
        self.assertConflict(['modality'], named, modality='MR')
        self.assertConflict(
            ['cancelled'], {STEP_UID: [order(cancelled=True)]})
        self.assertConflict(
            [STEP_ACCESSION], {**named, STEP_ACCESSION: [order(2)]})
        self.assertConflict(
            [STEP_ACCESSION, STEP_ID], {
                **named, STEP_ACCESSION: [order(2)], STEP_ID: [order(3)]})
        self.assertConflict(
            ['birth_date', 'sex', 'name', 'identifier', 'modality'], named,
            Reported('Petrov^Oleg', dt.date(1990, 5, 5), 'M'), 'P8', 'MR')
