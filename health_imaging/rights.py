# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users may do, checked where comes in what a client sends.

Tryton checks the rights on the rows of a model. It does not check the records
that a client names to a form method or a wizard, nor whether a wizard may do
what it does, nor who sets a field that is read-only, nor what is asked for
inside of "where". This is checked here, for the models, wizards and reports
that have the mixins. A right is a pair: the name of a model, and 'read',
'write', 'create' or 'delete'.
"""
from collections import defaultdict
from functools import partial
from itertools import chain
from operator import attrgetter

from trytond.i18n import gettext
from trytond.model import Model, ModelStorage, fields
from trytond.model.exceptions import AccessError
from trytond.model.modelstorage import is_leaf
from trytond.pool import Pool
from trytond.rpc import RPC
from trytond.tools import grouped_slice, is_instance_method
from trytond.transaction import (
    Transaction, check_access, inactive_records, without_check_access)
from trytond.wizard import StateTransition

from .exceptions import SystemFieldError
from .locking import lock_rows


def check_rights(rights):
    "Raise AccessError unless the user has all of the rights"
    ModelAccess = Pool().get('ir.model.access')
    with check_access():
        for name, mode in rights:
            ModelAccess.check(name, mode)


def check_records(Target, ids, mode='read'):
    "Raise AccessError unless the user has the right to each of the records"
    ids = {id_ for id_ in map(int, ids) if id_ >= 0}
    check_rights([(Target.__name__, mode)])
    with check_access():
        if ids and Transaction().check_access:
            Target.read(list(ids), ['id'])
    if mode != 'read':
        check_rules(Target, ids, mode)


def check_rules(Target, ids, mode='read'):
    "Raise AccessError unless the record rules let the user do that"
    with check_access():
        domain = Pool().get('ir.rule').domain_get(Target.__name__, mode)
    if not domain:
        return
    with without_check_access(), inactive_records():
        for sub_ids in map(list, grouped_slice(set(map(int, ids)))):
            found = Target.search([('id', 'in', sub_ids), domain], order=[])
            if len(found) != len(sub_ids):
                raise AccessError(gettext(
                        'health_imaging.msg_rights_records',
                        **Target.__names__()))


def readable_name(record, of=None, name=attrgetter('rec_name')):
    """Return the name of a record, a number where the user may not read it.

    'of' is the record that tells of it, if that is another one, 'name' how
    it is named.
    """
    try:
        check_records(type(of or record), [of or record])
    except AccessError:
        return f'({record.id})'
    return name(record)


def check_named(records):
    """Raise AccessError unless the user may read all that the records name.

    They are as a client sent them: it names records by their ids, and what it
    did not send of one is read from the database where a method needs it.
    """
    named, seen, left = {}, set(), list(records)
    while left:
        record = left.pop()
        # The lines of a form have the form as a value
        if not isinstance(record, Model) or id(record) in seen:
            continue
        seen.add(id(record))
        if isinstance(record, ModelStorage) and record.id is not None:
            named.setdefault(type(record), set()).add(record.id)
        for _, value in record._values._items() if record._values else ():
            left += value if isinstance(value, (list, tuple)) else [value]
    for Target, ids in named.items():
        check_records(Target, ids)


class _CheckedRPC(RPC):
    "A method that checks first what a client sends to it"
    __slots__ = ('check',)

    def __init__(self, rpc, check):
        for name in RPC.__slots__:
            setattr(self, name, getattr(rpc, name))
        self.check = check

    def convert(self, obj, *args, **kwargs):
        converted = super().convert(obj, *args, **kwargs)
        args, _, context, _ = converted
        with Transaction().set_context(context):
            self.check(obj, *args)
        return converted


def _check_form(cls, records, *args):
    check_rights(cls._form_rights)
    check_named(records if isinstance(records, list) else [records])


def _check_defaults(cls, *args):
    # The context names the records
    check_rights(cls._form_rights)
    for name, field in cls._fields.items():
        value = Transaction().context.get(f'default_{name}')
        if field._type == 'many2one' and value is not None:
            check_records(field.get_target(), [value])


def _check_button(name, cls, records, *args):
    rights = cls._button_rights[name]
    modes = {mode for model, mode in rights if model == cls.__name__}

    def check():
        check_rights(rights)
        for mode in modes:
            check_records(cls, records, mode)
    check()
    if modes - {'read'} and lock_rows({cls: records}):
        check()


class FormRightsMixin:
    "A form: its methods tell of nothing that the user may not read"
    __slots__ = ()

    # What it takes to use the form at all
    _form_rights = ()
    # What it takes to press each of the buttons; extensions add theirs
    _button_rights = {}

    @classmethod
    def __post_setup__(cls):
        super().__post_setup__()
        cls._button_rights = dict(chain.from_iterable(
                vars(base).get('_button_rights', {}).items()
                for base in reversed(cls.__mro__)))
        checks = {
            name: _check_form for name, rpc in cls.__rpc__.items()
            if rpc.instantiate == 0 and is_instance_method(cls, name)}
        checks['default_get'] = _check_defaults
        checks.update(
            (name, partial(_check_button, name))
            for name in cls._button_rights)
        cls.__rpc__.update(
            (name, _CheckedRPC(cls.__rpc__[name], check))
            for name, check in checks.items())


class ModelRightsMixin(FormRightsMixin):
    """A model: its rights are checked before anything is said of a record.

    What is read-only as such, not only in some states, is written by the
    system: by the buttons, the wizards and the synchronization.
    """
    __slots__ = ()

    @classmethod
    def _system_fields(cls):
        "Return the names of the fields that no client writes"
        return {
            name for name, field in cls._fields.items()
            if field.readonly and name != 'id'}

    @classmethod
    def _system_default(cls, name):
        "Return what such a field has by default"
        return cls._defaults[name]() if name in cls._defaults else None

    @classmethod
    def _system_field_error(cls, name):
        "Return the error that refuses to write such a field"
        return SystemFieldError(gettext(
                'health_imaging.msg_rights_system_field',
                **cls.__names__(name)))


class RightsFirstMixin:
    "Checks before all that any module does: see register_mixin in __init__"
    __slots__ = ()

    @classmethod
    def create(cls, vlist):
        if Transaction().check_access:
            check_rights([(cls.__name__, 'create')])
            for values in vlist:
                _check_values(cls, values)
        return super().create(vlist)

    @classmethod
    def write(cls, *args):
        if Transaction().check_access:
            check_records(cls, [r for rs in args[::2] for r in rs], 'write')
            for records, values in zip(args[::2], args[1::2], strict=True):
                _check_values(cls, values, records)
        super().write(*args)

    @classmethod
    def delete(cls, records):
        if Transaction().check_access:
            check_records(cls, records, 'delete')
        super().delete(records)

    @classmethod
    def export_data(cls, records, *args, **kwargs):
        if Transaction().check_access:
            # Tryton does not follow a rule to another model there
            check_records(cls, records)
        return super().export_data(records, *args, **kwargs)

    @classmethod
    def copy(cls, records, default=None):
        if not Transaction().check_access:
            return super().copy(records, default=default)
        check_records(cls, records)
        check_rights([(cls.__name__, 'create')])
        _check_values(cls, default or {})
        # The rest of the values are those of the records
        with Transaction().set_context(_copies_system_fields=True):
            return super().copy(records, default=default)


def _check_values(cls, values, records=None):
    """Check what a client sends to be stored, in new records or in these.

    Nothing and the default can be sent of what the system sets, where that is
    what it would be, or is, anyhow.
    """
    if Transaction().context.get('_copies_system_fields'):
        return
    for name in cls._system_fields() & values.keys():
        same = not values[name] or values[name] == cls._system_default(name)
        if same and records is not None:
            same = _has_already(cls, records, name, values[name])
        if not same:
            raise cls._system_field_error(name)
    for name, value in values.items():
        name = name.partition('.')[0]
        field, Target = cls._fields.get(name), _target(cls, name)
        if Target and value and issubclass(Target, ModelRightsMixin):
            check_rules(Target, _named_ids(field, value))


@without_check_access
def _has_already(cls, records, name, value):
    "Return whether the records have that value of the field"
    field = cls._fields[name]
    if isinstance(field, fields.Function) and not field.setter:
        # It could not be written
        return False
    if field._type.endswith('2many'):
        # What is sent are changes
        return not value
    return all(
        (row[name] or None) == (value or None)
        for row in cls.read(list(map(int, records)), [name]))


def _named_ids(field, value):
    "Return the ids that a value to be stored in a relation names"
    if field._type == 'many2one':
        return [value]
    return [
        id_ for action, *args in value if action != 'create'
        for ids in args[::2] for id_ in ids]


class CheckedSearchMixin:
    "Checks the domains inside of a domain: see register_mixin in __init__"
    __slots__ = ()

    @classmethod
    def search(
            cls, domain, offset=0, limit=None, order=None, *args, **kwargs):
        if Transaction().check_access:
            _check_domain(cls, domain)
            for name, _ in order or ():
                _check_order(cls, name)
        return super().search(domain, offset, limit, order, *args, **kwargs)


def _check_domain(cls, domain):
    """Raise AccessError unless the user may read all that a domain asks for.

    Tryton sees to the fields and the dotted names. It does not look inside
    of "where", nor at a record that is asked for by its name, which lets
    people find out letter by letter what they may not read.
    """
    if not is_leaf(domain):
        for clause in domain or ():
            if isinstance(clause, (list, tuple)):
                _check_domain(cls, clause)
        return
    name, operator, value = domain[:3]
    name, _, rest = name.partition('.')
    Target = _target(cls, name, *domain[3:])
    if not (Target and issubclass(Target, ModelStorage)):
        return
    if operator.endswith('where'):
        # The checks of the search, without the search
        ModelStorage.search.__func__(Target, value)
        _check_domain(Target, value)
    elif rest:
        _check_domain(Target, (rest, *domain[1:]))
    elif not _has_text(value):
        # By its id
        return
    if issubclass(Target, ModelRightsMixin):
        check_rights([(Target.__name__, 'read')])
        if _has_leaf(Pool().get('ir.rule').domain_get(Target.__name__)):
            # Tryton applies no record rules there
            raise AccessError(gettext(
                    'health_imaging.msg_rights_search', **Target.__names__()))


def _check_order(cls, name):
    """Raise AccessError unless the user may read what an order is by.

    Tryton sees to the dotted names, not to a record's name at the end.
    """
    name, _, rest = name.partition('.')
    Target = _target(cls, name)
    if not Target:
        return
    if issubclass(Target, ModelRightsMixin):
        check_rights([(Target.__name__, 'read')])
    if rest:
        _check_order(Target, rest)


def _target(cls, name, reference=None, *_):
    "Return the model that a field leads to, None if it does not lead"
    field = cls._fields.get(name)
    if hasattr(field, 'get_target'):
        return field.get_target()
    if reference and getattr(field, '_type', None) == 'reference':
        return Pool().get(reference)
    return None


def _has_leaf(domain):
    return is_leaf(domain) or any(
        _has_leaf(clause) for clause in domain
        if isinstance(clause, (list, tuple)))


def _has_text(value):
    values = value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(v, str) for v in values)


class ResourceRightsMixin:
    """What is attached to a record, by any module: see register_mixin.

    Tryton asks for the rights on the model of the record that it is attached
    to, but not where it exports. Record rules say with which of its records
    they hold. What has a form needs FormRightsMixin as well.
    """
    __slots__ = ()

    @classmethod
    def export_data(cls, records, *args, **kwargs):
        cls.check_access(list(map(int, records)))
        return super().export_data(records, *args, **kwargs)

    @classmethod
    def check_access(cls, ids, mode='read'):
        super().check_access(ids, mode=mode)
        if not Transaction().check_access:
            return
        if mode in {'create', 'delete'}:
            # As Tryton has it: who writes the record
            mode = 'write'
        with without_check_access():
            resources = [record.resource for record in cls.browse(ids)]
        of = defaultdict(set)
        for resource in resources:
            if isinstance(resource, ModelRightsMixin):
                of[type(resource)].add(resource.id)
        for Target, target_ids in of.items():
            check_rules(Target, target_ids, mode)


class WizardRightsMixin:
    "A wizard: what it takes to run it does not depend on the client"
    __slots__ = ()

    # What it takes
    _rights = ()
    # The names of the models that it is about; None if it needs no record
    _models = None

    @classmethod
    def check_access(cls):
        context = Transaction().context
        check_rights(cls._rights)
        model = context.get('active_model')
        if model and cls._models and model not in cls._models:
            raise AccessError(gettext('health_imaging.msg_rights_wizard'))
        # By all actions of the wizard, whichever the client names
        with Transaction().set_context(action_id=None):
            super().check_access()
        for name, mode in cls._rights:
            if name == model:
                check_records(Pool().get(model), [
                        *(context.get('active_ids') or []),
                        *filter(None, [context.get('active_id')])], mode)

    @classmethod
    def execute(cls, session_id, data, state_name):
        cls._check_session(session_id)
        if cls._models and not Transaction().context.get('active_model'):
            raise AccessError(gettext('health_imaging.msg_rights_wizard'))
        if isinstance(cls.states.get(state_name), StateTransition):
            cls.check_access()
            # What is checked and read from here on holds
            cls._lock(session_id, data)
        return super().execute(session_id, data, state_name)

    @classmethod
    def _lock(cls, session_id, data):
        wizard = cls(session_id)
        for state, values in data.items():
            for name, value in values.items():
                if name != 'id':
                    setattr(getattr(wizard, state), name, value)
        lock_rows(dict(wizard._locked()))

    @classmethod
    def delete(cls, session_id):
        cls._check_session(session_id)
        return super().delete(session_id)

    @classmethod
    @without_check_access
    def _check_session(cls, session_id):
        # Others' sessions have what they entered
        Session = Pool().get('ir.session.wizard')
        if not Session.search([
                    ('id', '=', session_id),
                    ('create_uid', '=', Transaction().user),
                    ], limit=1):
            raise AccessError(gettext('health_imaging.msg_rights_wizard'))

    def _execute(self, state_name):
        check_named(
            getattr(self, name) for name, state in self.states.items()
            if hasattr(state, 'view'))
        return super()._execute(state_name)

    def _locked(self):
        "Yield the models and the rows of each that a transition changes"
        # What it is about: not the menu, nor the patient it is opened from
        if self._models and self.model:
            yield self.model, self.records


class ReportRightsMixin:
    "A report: of its own model only, by its own actions"
    __slots__ = ()

    # The name of the model that it is of
    _model = None

    @classmethod
    def execute(cls, ids, data):
        pool = Pool()
        ActionReport = pool.get('ir.action.report')
        check_records(pool.get(cls._model), ids)
        data = {**data, 'model': cls._model}
        with without_check_access():
            if data.get('action_id') and not ActionReport.search([
                        ('id', '=', data['action_id']),
                        ('report_name', '=', cls.__name__)]):
                raise AccessError(gettext('health_imaging.msg_rights_report'))
        return super().execute(ids, data)
