# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The studies of a signed report stay, whatever a synchronization brings.

Each way that puts studies on results, takes them off or moves them is tried on
one that is open and on one that is signed.
"""
import datetime as dt
from contextlib import contextmanager

from sql import Literal

from trytond.model.exceptions import AccessError
from trytond.modules.health_imaging.exceptions import ReportLockedError
from trytond.modules.health_orthanc import legacy_link
from trytond.pool import Pool
from trytond.transaction import Transaction, check_access

from .stored import ANNA, NOBODY, StoredTestCase, orthanc_study

RESULT = 'gnuhealth.imaging.test.result'
SIGNED = ['final', 'amended', 'entered_in_error']


class ReportStudiesTestCase(StoredTestCase):
    "Test what happens to the studies of a report"

    def set_state(self, result, state):
        "Let the report have the state, past the lock"
        table = Pool().get(RESULT).__table__()
        self.execute(table.update(
                [table.state], [state], where=table.id == result.id))
        return self.reread(result)

    def execute(self, query):
        Transaction().connection.cursor().execute(*query)

    @contextmanager
    def undone(self):
        "As the server does where something is refused"
        cursor = Transaction().connection.cursor()
        cursor.execute('SAVEPOINT undone')
        try:
            yield
        finally:
            cursor.execute('ROLLBACK TO SAVEPOINT undone')
            self.study(0)

    def reread(self, result):
        self.study(0)  # Clears what is cached
        return Pool().get(RESULT)(result.id)

    def test_links_know_of_results(self):
        "A link is passed over only where each result has its study"
        pool = Pool()
        Request, Result = map(
            pool.get, ['gnuhealth.imaging.test.request', RESULT])
        Link = pool.get(
            'gnuhealth.imaging.test.request-gnuhealth.orthanc.study')
        ResultStudy = pool.get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study')

        def knows():
            self.study(0)
            link, = Link.search([('request', '=', request.id)])
            # Whatever is to be read is found by what the link knows
            self.assertEqual(
                Request.search([
                        ('id', '=', request.id), ('reading', '=', 'to_read')]),
                [request] if Request(request.id).reading == 'to_read' else [])
            return link.on_result
        request = self.order(self.anna, accession_number='A1')
        study, = self.store(orthanc_study(
                'first', AccessionNumber='A1', **ANNA))
        self.assertFalse(knows())
        self.assertEqual(Request(request.id).reading, 'to_read')
        result, = Request.create_results([request])
        self.assertTrue(knows())
        on_result, = ResultStudy.search([('result', '=', result.id)])
        ResultStudy.delete([on_result])
        self.assertFalse(knows())
        Result.write([self.reread(result)], {
                'studies': [('add', [study.id])]})
        self.assertTrue(knows())
        other, = self.store(orthanc_study('other', **ANNA))
        on_result, = ResultStudy.search([('result', '=', result.id)])
        ResultStudy.write([on_result], {'study': other.id})
        self.assertFalse(knows())
        ResultStudy.write([on_result], {'study': study.id})
        self.assertTrue(knows())
        second, = Result.create([
                Request(request.id)._get_result_values()])
        self.assertTrue(knows())
        on_second, = ResultStudy.search([('result', '=', second.id)])
        ResultStudy.delete([on_second])
        self.assertFalse(knows())
        Result.delete([second])
        self.assertTrue(knows())
        # Links are changed and copied
        link, = Link.search([('request', '=', request.id)])
        Link.write([link], {'study': other.id})
        self.assertFalse(knows())
        Link.write([link], {'study': study.id})
        self.assertTrue(knows())
        again = self.order(self.anna)
        copy, = Link.copy([link], default={'request': again.id})
        self.assertFalse(copy.on_result)
        # An upgrade finds it out
        link = Link.__table__()
        self.execute(link.update([link.on_result], [Literal(False)]))
        Link.__register__('health_orthanc')
        self.assertTrue(knows())
        Result.withdraw(self.reread(result), "Wrong")
        self.assertFalse(knows())
        self.assertEqual(Request(request.id).reading, 'to_read')

    def answered(self, state):
        "A result in the state, and a study that answers its order afterwards"
        request = self.order(self.anna, accession_number='A1')
        Request = Pool().get('gnuhealth.imaging.test.request')
        result, = Request.create_results([request])
        self.set_state(result, state)
        study, = self.store(orthanc_study(
                'new', AccessionNumber='A1', **ANNA))
        return self.reread(result), study

    def test_synchronized(self):
        "It is put on what is open"
        result, study = self.answered('draft')
        self.assertEqual(result.studies, (study,))
        self.assertEqual(result.late_studies, ())

    def test_synchronized_signed(self):
        "It is late for what is signed"
        result, study = self.answered('final')
        self.assertEqual(result.studies, ())
        self.assertEqual(result.late_studies, (study,))
        with self.assertRaises(ReportLockedError):
            type(result).take_in([result])

    def test_synchronized_withdrawn(self):
        result, study = self.answered('entered_in_error')
        self.assertEqual((result.studies, result.late_studies), ((), ()))

    def test_linked(self):
        "Nobody puts a study on it, moves it or takes it off"
        Link = Pool().get(f'{RESULT}-gnuhealth.orthanc.study')
        one, other = self.store(
            orthanc_study('one', **ANNA),
            orthanc_study('other', uid='1.2.4', **ANNA))
        for state in SIGNED:
            result = self.result(self.anna, one)
            free = self.result(self.anna, other)
            self.set_state(result, state)
            on_signed, = Link.search([('result', '=', result.id)])
            on_free, = Link.search([('result', '=', free.id)])
            for method, *args in [
                    (Link.create, [
                            {'result': result.id, 'study': other.id}]),
                    (Link.write, [on_signed], {'result': free.id}),
                    (Link.write, [on_free], {'result': result.id}),
                    (Link.write, [on_signed], {'study': other.id}),
                    (Link.delete, [on_signed])]:
                with self.subTest(state=state, method=method, args=args), \
                        self.undone(), \
                        self.assertRaises(ReportLockedError):
                    method(*args)
                with self.subTest(state=state, method=method, user=True), \
                        self.undone(), \
                        self.assertRaises(AccessError), check_access():
                    method(*args)
            self.assertEqual(self.reread(result).studies, (one,))

    def test_notes(self):
        "They are written also where the study turns out to be of nobody"
        study, = self.store(orthanc_study('s', **ANNA))
        self.result(self.anna, study)
        study, = self.store(orthanc_study('s', **NOBODY))
        self.assertIsNone(study.local_patient)
        with self.checked():
            self.Study.write([study], {'notes': "The name was wrong"})
        self.assertEqual(self.study(study).notes, "The name was wrong")

    def test_came_back(self):
        "What is on it stays on it when the study gets another Orthanc ID"
        for state, expected in [('draft', 'new'), ('amended', 'old')]:
            with self.subTest(state=state):
                uid = f'1.2.{len(expected)}.{len(state)}'
                old, = self.store(orthanc_study(
                        f'old-{state}', uid=uid, **NOBODY))
                self.link(old, self.anna)
                result = self.result(self.anna, old)
                self.set_state(result, state)
                self.vanish(old)
                self.store(orthanc_study(
                        f'new-{state}', uid=uid,
                        **{**NOBODY, 'patient_id': 'X2'}))
                self.Study.carry_over(self.server.id)
                self.assertEqual(
                    [s.orthanc_id for s in self.reread(result).studies],
                    [f'{expected}-{state}'])

    def test_taken_over(self):
        "What an earlier version had is put on what nobody signed since"
        TakenOver = Pool().get('gnuhealth.orthanc.taken_over')
        study, = self.store(orthanc_study('one', **ANNA))
        for state, recorded_earlier, count in [
                ('draft', False, 1), ('final', True, 1), ('final', False, 0),
                ('amended', True, 0), ('entered_in_error', True, 0)]:
            with self.subTest(state=state, recorded_earlier=recorded_earlier):
                result = self.result(self.anna)
                table = type(result).__table__()
                self.execute(table.update(
                        [table.recorded_earlier], [recorded_earlier],
                        where=table.id == result.id))
                self.set_state(result, state)
                taken = TakenOver.__table__()
                self.execute(taken.delete())
                self.execute(taken.insert(
                        [taken.generation, taken.old_id, taken.study,
                            taken.result, taken.outcome],
                        [[legacy_link.GNUHEALTH_5, 1, study.id, result.id,
                                'taken_over']]))
                legacy_link._put_on_results([study.id])
                self.assertEqual(len(self.reread(result).studies), count)

    def test_priors(self):
        "The same modality and body part first, then the newest"
        former = [
            ('neck', 'CT', 'NECK', '20260501'),
            ('old', 'CT', 'HEAD', '20260101'),
            ('new', 'CT', 'HEAD', '20260201'),
            ('unknown', 'CT', None, '20260401'),
            ('mr', 'MR', 'HEAD', '20260601'),
            ('knee', 'MR', 'KNEE', '20260701'),
            ('today', 'CT', 'HEAD', '20260801'),
            ('later', 'CT', 'HEAD', '29990801')]
        *_, today, _ = self.store(*(
                orthanc_study(
                    name, uid=f'1.2.{number}', modality=modality,
                    body_part=part, StudyDate=day, **ANNA)
                for number, (name, modality, part, day) in enumerate(former)))
        self.store(orthanc_study(
                'gone', uid='1.3', body_part='HEAD', StudyDate='20260701',
                **ANNA))
        self.vanish(self.Study.search([('orthanc_id', '=', 'gone')])[0])
        result = self.reread(self.result(self.anna, today))
        self.assertEqual(
            [s.orthanc_id for s in result.prior_studies],
            ['new', 'old', 'neck', 'unknown', 'mr', 'knee'])

    def test_prior_reports(self):
        "Of another test of the modality, that of the body part comes first"
        Result = Pool().get(RESULT)
        neck, head, now = self.store(*(
                orthanc_study(
                    name, uid=f'1.2.{number}', body_part=part, **ANNA)
                for number, (name, part) in enumerate([
                        ('neck', 'NECK'), ('head', 'HEAD'),
                        ('now', 'HEAD')])))
        Test = Pool().get('gnuhealth.imaging.test')
        other, = Test.copy([Test(self.test)], {'code': 'OTHER'})
        of_head, of_neck = (
            self.result(self.anna, study) for study in [head, neck])
        result = self.result(self.anna, now)
        Result.write([of_head, of_neck], {'requested_test': other.id})
        self.assertEqual(
            self.reread(result).priors,
            tuple(map(self.reread, [of_head, of_neck])))

    def test_compare(self):
        "The former report is compared with, and a study where there is none"
        before, now = self.store(
            orthanc_study('before', StudyDate='20260101', **ANNA),
            orthanc_study('now', uid='1.2.4', StudyDate='20260201', **ANNA))
        first = self.reread(self.result(self.anna, now))
        self.assertEqual(first.latest_prior_line(), before.prior_line())
        second = self.reread(self.result(self.anna))
        self.assertEqual(second.latest_prior_line(), first.prior_line())
        alone = self.reread(self.result(self.olga))
        self.assertIsNone(alone.latest_prior_line())

    def test_times(self):
        "When images arrived is printed once there are any"
        Request = Pool().get('gnuhealth.imaging.test.request')
        request = self.order(self.anna, accession_number='A1')
        result, = Request.create_results([request])
        without = self.reread(result).report_times()
        self.store(orthanc_study(
                'new', AccessionNumber='A1', updated='20260203T040506',
                **ANNA))
        times = self.reread(result).report_times()
        self.assertEqual(len(times), len(without) + 1)
        self.assertIn(
            dt.datetime(2026, 2, 3, 4, 5, 6), [time for _, time in times])
