# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Studies as a server has them, and whose they are"

from sql import Column, Literal, Null
from sql.aggregate import Count, Min
from sql.operators import Exists

from trytond.i18n import gettext
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.modules.health_imaging.common import TextSearchMixin, text_indexes
from trytond.modules.health_imaging.own_patient import OwnPatientMixin
from trytond.modules.health_imaging.rights import check_records
from trytond.modules.health_imaging.searched_char import SearchedChar
from trytond.pool import Pool
from trytond.pyson import Bool, Eval
from trytond.tools import grouped_slice, reduce_ids
from trytond.transaction import Transaction

from . import bulk, matching
from .decision import CARRIED_OVER, REFUSE
from .patient import MatchMixin
from .viewer import VIEWERS

# How many studies are decided on at once, for the memory they take
STEP = 5000
# Of every study that nobody decided on yet, so one for all
_NOBODY = frozenset()
# The columns that the rules read, and those that an update needs besides
DECIDED_BY = [
    'patient_id', 'issuer_of_patient_id', 'person_name', 'birth_date', 'sex']
_REQUIRED = ['server', 'orthanc_id', 'study_instance_uid', 'patient']


class Study(
        OwnPatientMixin, MatchMixin, TextSearchMixin, bulk.SynchronizedMixin,
        ModelSQL, ModelView):
    "DICOM Study"
    __name__ = 'gnuhealth.orthanc.study'
    _link_field = _patient_field = 'local_patient'
    _notes_fields = frozenset(['notes'])
    _patient_fields = ('local_patient',)
    _search_rec_names = (
        'patient_name', 'patient_id', 'accession_number', 'description')
    _search_whole_names = ('study_instance_uid',)
    _button_rights = {'decide_anew': ((__name__, 'write'),)}
    _decided_field = 'study'

    study_instance_uid = fields.Char(
        "Study Instance UID", required=True, readonly=True)
    patient = fields.Many2One(
        'gnuhealth.orthanc.patient', "Orthanc Patient", required=True,
        readonly=True, ondelete='CASCADE')
    patient_name = SearchedChar(
        "Patient Name", readonly=True,
        help="The name that the server reports.")
    local_patient = fields.Many2One(
        'gnuhealth.patient', "Patient", ondelete='SET NULL',
        help="The patient of this hospital. What is set or removed by hand "
        "stays when the server is synchronized.")
    agreed_with = fields.Char("Agreed With", readonly=True)
    basis = fields.Char("Decided On", readonly=True)
    candidate = fields.Many2One(
        'gnuhealth.patient', "Candidate", readonly=True, ondelete='SET NULL',
        states={'invisible': ~Bool(Eval('candidate'))},
        help="The patient who has the ID, but is not linked.")
    issuer_of_patient_id = fields.Char(
        "Issuer of Patient ID", readonly=True,
        states={'invisible': ~Bool(Eval('issuer_of_patient_id'))},
        help="Whose Patient ID it is, where the server reports that.")
    other_patient_ids = fields.Char(
        "Other Patient IDs", readonly=True,
        states={'invisible': ~Bool(Eval('other_patient_ids'))},
        help="The other IDs of the patient that the server reports, separated "
        "by backslashes as in DICOM. They suggest patients, and link none.")
    date = fields.Date("Date", readonly=True)
    date_reported = fields.Char(
        "Date Reported", readonly=True,
        states={'invisible': ~Bool(Eval('date_reported'))},
        help="What the server reports in place of a date.")
    time = fields.Time("Time", readonly=True)
    time_reported = fields.Char(
        "Time Reported", readonly=True,
        states={'invisible': ~Bool(Eval('time_reported'))},
        help="What the server reports in place of a time.")
    description = SearchedChar("Description", readonly=True)
    modalities = SearchedChar("Modalities", readonly=True)
    accession_number = SearchedChar("Accession Number", readonly=True)
    study_id = fields.Char("Study ID", readonly=True)
    institution = fields.Char("Institution", readonly=True)
    referring_physician = fields.Char("Referring Physician", readonly=True)
    requesting_physician = fields.Char("Requesting Physician", readonly=True)
    series = fields.One2Many(
        'gnuhealth.orthanc.series', 'study', "Series", readonly=True)
    series_count = fields.Integer("Series Count", readonly=True)
    image_count = fields.Integer("Images", readonly=True)
    document_count = fields.Integer(
        "Documents", readonly=True,
        help="How many reports and other documents it has besides images.")
    last_update = fields.DateTime(
        "Last Update", readonly=True,
        help="When the server received its last image.")
    stable = fields.Boolean(
        "Stable", readonly=True,
        help="Whether the server has received no image for a while.")
    notes = fields.Text(
        "Notes", help="What people note on the study.")
    results = fields.Many2Many(
        'gnuhealth.imaging.test.result-gnuhealth.orthanc.study',
        'study', 'result', "Results", readonly=True)
    decisions = fields.One2Many(
        'gnuhealth.orthanc.decision', 'study', "Decisions", readonly=True)
    orthanc_explorer_link = fields.Function(
        fields.Char("Orthanc Explorer"), 'get_link')
    stone_viewer_link = fields.Function(fields.Char(
            "Stone Viewer",
            states={'invisible': ~Bool(Eval('can_open_stone_viewer'))}),
        'get_link')
    ohif_viewer_link = fields.Function(fields.Char(
            "OHIF Viewer",
            states={'invisible': ~Bool(Eval('can_open_ohif_viewer'))}),
        'get_link')

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_indexes.update({
                Index(table, (table.patient_id, Index.Equality())),
                Index(table, (table.accession_number, Index.Equality())),
                *text_indexes(cls, ['modalities']),
                # As the list is ordered
                Index(
                    table,
                    (table.date, Index.Range(order='DESC NULLS LAST')),
                    (table.time, Index.Range(order='DESC NULLS LAST')),
                    (table.id, Index.Range(order='DESC'))),
                # The same for the tab of those that are not linked
                Index(
                    table,
                    (table.date, Index.Range(order='DESC NULLS LAST')),
                    (table.time, Index.Range(order='DESC NULLS LAST')),
                    (table.id, Index.Range(order='DESC')),
                    where=(table.local_patient == Null)
                    & (table.missing_since == Null)),
                # What is missing is looked for in each run, and mostly none;
                # for the tab that counts it without the server
                Index(
                    table, (table.server, Index.Range()),
                    where=table.missing_since != Null),
                Index(
                    table, (table.server, Index.Range()),
                    where=table.stable == Literal(False)),
                # These are decided anew in each run
                Index(
                    table, (table.server, Index.Range()),
                    where=table.match.in_(matching.DOUBTS)),
                })
        cls._order = [
            ('date', 'DESC NULLS LAST'), ('time', 'DESC NULLS LAST'),
            ('id', 'DESC')]
        # A list searches a thousand studies, and shows none of these
        for name in [
                'agreed_with', 'basis', 'birth_date', 'birth_date_reported',
                'date_reported', 'digest', 'institution', 'last_update',
                'notes', 'other_patient_ids', 'person_name',
                'referring_physician', 'requesting_physician', 'sex',
                'stable', 'study_id', 'time_reported']:
            getattr(cls, name).loading = 'lazy'

    @fields.depends('local_patient', '_parent_local_patient.party')
    def on_change_with_patient_identity(self, name=None):
        return self.chosen_identity()

    @fields.depends(
        'local_patient', '_parent_local_patient.id', 'linked_to')
    def on_change_with_is_taken_off(self, name=None):
        return self.differs_from_linked()

    def get_rec_name(self, name):
        return ' '.join(filter(None, [
                    self.date and self.date.isoformat(), self.modalities,
                    self.description or self.study_instance_uid]))

    @classmethod
    def write(cls, *args):
        super().write(*args)
        decided = [
            int(study) for studies, values in zip(
                args[::2], args[1::2], strict=True)
            if cls._link_field in values for study in studies]
        if decided:
            cls._decided(decided)

    @classmethod
    def refuse(cls, studies, patient):
        """Note that studies are not of the patient, whatever their ID.

        Where they are linked to the patient by hand they are not any more.
        The rules decide anew whose they are.
        """
        Decision = Pool().get('gnuhealth.orthanc.decision')
        if Transaction().check_access:
            check_records(cls, studies, 'write')
        decisions, linked = [], []
        for study in studies:
            before = study.local_patient
            if before == patient:
                linked.append(study.id)
            decisions.append({
                    'study': study.id,
                    'action': REFUSE,
                    'before': before and before.id,
                    'after': before and before != patient and before.id
                    or None,
                    'refused': patient.id,
                    })
        Decision.note(decisions)
        table = cls.__table__()
        bulk.change(cls, table.update(
                [table.local_patient, table.match],
                [Null, matching.UNMATCHED]), table.id, linked)
        cls._decided(list(map(int, studies)))

    @classmethod
    @ModelView.button
    def decide_anew(cls, studies):
        # What follows the Orthanc patient is given back with it
        Patient = Pool().get('gnuhealth.orthanc.patient')
        followed = {
            study.patient for study in studies
            if study.match == matching.FOLLOWS}
        super().decide_anew(studies)
        if followed:
            Patient.decide_anew(list(followed))

    @classmethod
    def _decided(cls, ids):
        "Let the Orthanc patients say what a person decided of their studies"
        cls.rematch(ids)
        Pool().get('gnuhealth.orthanc.patient').summarize(
            cls._patients(ids))
        cls.check_links(study_ids=ids)

    @classmethod
    def _patients(cls, ids):
        "Return the ids of the Orthanc patients of the studies"
        table = cls.__table__()
        return {
            id_ for id_, in bulk.fetch(
                table.select(table.patient), table.id, ids)}

    @classmethod
    def check_links(cls, patient_ids=(), study_ids=()):
        """Check that studies, or all of Orthanc patients, fit their links.

        Raises LinkError where a person makes a study one of another patient
        while it is on a result, or people linked it to an order.
        """
        for Link in cls._links():
            Link.check_fit(patient_ids, study_ids)

    @classmethod
    def _links(cls):
        "Return the models that link studies, see link.py"
        return [Pool().get(
                'gnuhealth.imaging.test.result-gnuhealth.orthanc.study')]

    @classmethod
    def match_orders(cls, ids):
        "Decide which orders these studies answer; that is in study_order.py"

    @classmethod
    def match_server_orders(cls, server_id, since, everything=False):
        """Decide anew which orders the studies of a server answer.

        They are those of requests that changed after since, and those whose
        order is in doubt; that is in study_order.py.
        """

    @classmethod
    def _addresses(cls, studies, name):
        "Return the addresses of the viewer by id, None where there is none"
        Server = Pool().get('gnuhealth.orthanc.config')
        viewer = VIEWERS[name]
        links = dict.fromkeys(map(int, studies))
        servers = {}
        table = cls.__table__()
        # SQL, as a list has them of a hundred studies. Of one that is missing
        # a viewer would only say that it is not there.
        for id_, server_id, identifier in bulk.fetch(
                table.select(
                    table.id, table.server, Column(table, viewer.identifier),
                    where=table.missing_since == Null),
                table.id, map(int, studies)):
            server = servers.setdefault(server_id, Server(server_id))
            if not viewer.flag or getattr(server, viewer.flag):
                links[id_] = server.browser_url(viewer.path(identifier))
        return links

    @classmethod
    def _subjects(cls, rows, ids=(), reported_anew=()):
        """Return the matching.Subject of each study, under the keys of rows.

        rows are the columns of the studies as dictionaries, patient of those
        is None where the Orthanc patient is new. ids are those of the studies
        that are not new, which people may have decided on, reported_anew those
        of them that report another patient than they did.
        """
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Decision = pool.get('gnuhealth.orthanc.decision')
        TakenOver = pool.get('gnuhealth.orthanc.taken_over')
        by_hand = Patient.by_hand(
            {row['patient'] for row in rows.values()} - {None})
        refused = Decision.refusals(ids)
        results = cls._result_patients(ids)
        claims = TakenOver.claims(ids)
        subjects = {}
        for key, row in rows.items():
            person, seen = by_hand.get(row['patient'], (None, None))
            before = None
            if row.get('local_patient') and key not in reported_anew:
                before = matching.Before(
                    row['local_patient'], row['agreed_with'])
            subjects[key] = matching.Subject(
                row['patient_id'], row['issuer_of_patient_id'],
                matching.Reported(
                    row['person_name'], row['birth_date'], row['sex']),
                row['patient'] in by_hand, person, seen,
                frozenset(refused.get(key, _NOBODY)),
                frozenset(results.get(key, _NOBODY)), before,
                frozenset(claims.get(key, _NOBODY)), row['date'])
        return subjects

    @classmethod
    def _decide(cls, server_id, subjects, bases=None):
        """Return the Verdict on each matching.Subject, under the same keys.

        bases are what doubts were decided on before: where that is the same
        there is none.
        """
        pool = Pool()
        Server = pool.get('gnuhealth.orthanc.config')
        LocalPatient = pool.get('gnuhealth.patient')
        if not subjects:
            return {}
        rules = Server.rules(server_id)
        keys = set()
        for subject in subjects.values():
            key, foreign = rules.read(subject.patient_id, subject.issuer)
            if not (foreign or subject.linked):
                keys.add(key)
        persons = LocalPatient.persons_by_identifier(keys, rules)
        by_id = {
            person.id: person for persons_ in persons.values()
            for person in persons_}
        by_id.update(LocalPatient.persons_by_id(
                {s.person for s in subjects.values() if s.person}.union(
                    s.before.person for s in subjects.values() if s.before)
                - by_id.keys()))
        verdicts = {
            key: matching.decide(
                subject, rules, persons, by_id, (bases or {}).get(key))
            for key, subject in subjects.items()}
        return {key: verdict for key, verdict in verdicts.items() if verdict}

    @classmethod
    def rematch(
            cls, study_ids=(), patient_ids=(), reported_anew=(), anew=True):
        """Decide anew whose studies, or all of Orthanc patients, these are.

        What a person decided stays, and unless anew a doubt that would be
        decided on the same. reported_anew are the ids of the studies that
        report another patient than they did.
        """
        table = cls.__table__()
        for column, ids in [
                (table.id, study_ids), (table.patient, patient_ids)]:
            for sub_ids in grouped_slice(list(ids), STEP):
                cls._rematch(
                    table, reduce_ids(column, sub_ids), reported_anew, anew)

    @classmethod
    def _rematch(cls, table, where, reported_anew, anew):
        cursor = Transaction().connection.cursor()
        names = [*DECIDED_BY, 'date', *_REQUIRED, *matching.COLUMNS]
        cursor.execute(*table.select(
                table.id, *[Column(table, name) for name in names],
                where=where & (table.match != matching.MANUAL)))
        rows = {
            id_: dict(zip(names, values, strict=True))
            for id_, *values in cursor}
        servers = {}
        for id_, subject in cls._subjects(
                rows, rows, reported_anew).items():
            servers.setdefault(rows[id_]['server'], {})[id_] = subject
        bases = {} if anew else {
            id_: row['basis'] for id_, row in rows.items()
            if row['match'] in matching.DOUBTS}
        updates = []
        for server_id, subjects in servers.items():
            for id_, verdict in cls._decide(
                    server_id, subjects, bases).items():
                row, values = rows[id_], verdict.values()
                if values.items() <= row.items():
                    continue
                updates.append({
                        'id': id_,
                        **{name: row[name] for name in _REQUIRED},
                        **values,
                        })
        bulk.update(cls, updates)
        cls.match_orders({update['id'] for update in updates})

    @classmethod
    def _result_patients(cls, ids):
        "Return the persons whose results the studies are on, by study"
        pool = Pool()
        link = pool.get(
            'gnuhealth.imaging.test.result-gnuhealth.orthanc.study'
            ).__table__()
        result = pool.get('gnuhealth.imaging.test.result').__table__()
        persons = {}
        for study_id, person in bulk.fetch(
                link.join(result, condition=result.id == link.result)
                .select(link.study, result.patient), link.study, ids):
            persons.setdefault(study_id, set()).add(person)
        return persons

    @classmethod
    def carry_over(cls, server_id):
        """Let a study that came back under another ID keep what people did.

        The link that a person made, what they decided, the results and the
        orders move along, unless people decided differently of those that
        are missing. The link stays behind where the study is somebody else's
        by its new PatientID, a result or an order where the study is not of
        its patient. Automatic links to orders are made anew.
        """
        pool = Pool()
        Patient = pool.get('gnuhealth.orthanc.patient')
        Decision = pool.get('gnuhealth.orthanc.decision')
        twins = cls.twins(server_id)
        if not twins:
            return
        decided = Decision.carry_over(twins)
        cls.rematch(decided)
        Patient.summarize(cls._patients(decided))
        cls._carry_over_decisions(twins)
        for Link in cls._links():
            Link.carry_over(twins)
        cls.match_orders({*twins, *twins.values()})

    @classmethod
    def is_twin(cls, old, new):
        """Say that new is what another row of a study came back as.

        Orthanc gives a study a new ID where its PatientID is corrected: the
        old row is missing, the new one has the same StudyInstanceUID.
        """
        return cls.is_same(old, new) & (new.missing_since == Null)

    @classmethod
    def is_same(cls, one, other):
        "Say that two rows are, or were, one study of a server"
        return (
            (one.server == other.server)
            & (one.study_instance_uid == other.study_instance_uid))

    @classmethod
    def twins(cls, server_id):
        """Return what missing studies came back as, new ids by old.

        They are those of which people decided or that are on results, unless
        more than one study could be meant.
        """
        decision = Pool().get('gnuhealth.orthanc.decision').__table__()
        old, new = cls.__table__(), cls.__table__()
        # Not by lists of ids, which PostgreSQL reads for each study where they
        # are too many for its memory
        concerned = (old.match == matching.MANUAL) | Exists(decision.select(
                Literal(1),
                where=(decision.study == old.id)
                & decision.action.in_(list(CARRIED_OVER))))
        for Link in cls._links():
            link = Link.__table__()
            concerned |= Exists(link.select(
                    Literal(1),
                    where=(link.study == old.id) & Link.of_people(link)))
        cursor = Transaction().connection.cursor()
        cursor.execute(*old
            .join(new, condition=cls.is_twin(old, new))
            .select(
                old.id, Min(new.id),
                where=(old.server == server_id)
                & (old.missing_since != Null)
                & concerned,
                group_by=old.id,
                having=Count(new.id) == Literal(1)))
        return dict(cursor.fetchall())

    @classmethod
    def _carry_over_decisions(cls, twins):
        "Let studies that came back be whose people said that they are"
        table = cls.__table__()
        stored = {
            id_: (person, match) for id_, person, match in bulk.fetch(
                table.select(table.id, table.local_patient, table.match),
                table.id, [*twins, *twins.values()])}
        persons = {}
        for old_id, new_id in twins.items():
            person, match = stored[old_id]
            linked, new_match = stored[new_id]
            if (match == matching.MANUAL and new_match != matching.MANUAL
                    and linked in {None, person}):
                persons.setdefault(new_id, set()).add(person)
        decided = {}
        for new_id, of_study in persons.items():
            if len(of_study) == 1:
                decided.setdefault(of_study.pop(), []).append(new_id)
        with Transaction().set_user(0), Transaction().set_context(
                decision_reason=gettext('health_orthanc.msg_carried_over')):
            for person, ids in decided.items():
                cls.write(cls.browse(ids), {'local_patient': person})
