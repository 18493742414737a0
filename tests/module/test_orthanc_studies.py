# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Which studies are decided anew, and where a study can be seen"
import datetime as dt

from trytond.pool import Pool
from trytond.transaction import Transaction

from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study

# Her ID with the name of another
DOUBTFUL = {**ANNA, 'patient_name': 'Petrova^Olga'}
# Nobody was changed after it
_NEVER = dt.datetime(2999, 1, 1)


class DecidedAnewTestCase(StoredTestCase):
    "Test which studies a run of a server decides anew"

    def setUp(self):
        super().setUp()
        *_, by_hand = self.store(
            orthanc_study('linked', **ANNA),
            orthanc_study('doubtful', uid='1.2.4', **DOUBTFUL),
            orthanc_study('nobodys', uid='1.2.6', **NOBODY),
            orthanc_study('by-hand', uid='1.2.5', **ANNA))
        self.link(by_hand, self.olga)
        self.store(
            orthanc_study('other-linked', uid='1.3', **ANNA),
            orthanc_study('other-doubtful', uid='1.3.1', **DOUBTFUL),
            server=self.new_server("Other"))

    def to_match(self, since):
        return {
            self.Study(id_).orthanc_id
            for id_ in self.Study.to_match(self.server.id, since)}

    def test_nothing_changed(self):
        "What is in doubt, of that server"
        self.assertEqual(self.to_match(_NEVER), {'doubtful'})

    def test_person_changed(self):
        "Whose link or identifier is of a person that changed, too"
        self.assertEqual(
            self.to_match(dt.datetime(2000, 1, 1)), {'doubtful', 'linked'})

    def test_everything(self):
        "All but what a person decided"
        self.assertEqual(
            self.to_match(None), {'doubtful', 'linked', 'nobodys'})


class PatientTestCase(StoredTestCase):
    "Test what is known of the patient of several studies"

    def test_of_another_server(self):
        "It is what the studies of its server say, whatever others have"
        other = self.new_server("Other")
        self.store(orthanc_study('a', **ANNA))
        for name in ['Smith^Anna', 'Smith^Annette']:
            with self.subTest(name=name):
                study, = self.store(
                    orthanc_study(
                        'b', uid='1.2.4', **{**ANNA, 'patient_name': name}),
                    server=other)
                self.assertEqual(
                    study.patient.name, name.replace('^', ', '))


class ViewersTestCase(StoredTestCase):
    "Test the addresses of viewers"

    def addresses(self, study):
        study = self.study(study)
        return [
            study.orthanc_explorer_link, study.stone_viewer_link,
            study.ohif_viewer_link]

    def test_addresses(self):
        "Of what a server has, while it has the study"
        study, = self.store(orthanc_study('one', **ANNA))
        explorer = 'http://localhost:1/app/explorer.html#study?uuid=one'
        self.assertEqual(self.addresses(study), [explorer, None, None])
        table = Pool().get('gnuhealth.orthanc.config').__table__()
        Transaction().connection.cursor().execute(
            *table.update([table.has_stone], [True]))
        self.assertEqual(self.addresses(study), [
                explorer,
                'http://localhost:1/stone-webviewer/index.html?study=1.2.3',
                None])
        self.vanish(study)
        self.assertEqual(self.addresses(study), [None, None, None])
