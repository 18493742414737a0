# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten thousand studies of whom it is known whose they are.

No study may be linked to somebody else. How many of those that bear the ID
of their own patient are linked is printed, by what was done to them; run
this file to see it.

Where a study bears the ID of another person, what tells the two apart is
reported and registered: nobody can tell twins by their birth date, or a
father and a son of the same name without it.
"""
import datetime as dt
import random
import unicodedata
import unittest
from collections import Counter, defaultdict
from typing import NamedTuple

from trytond.modules.health_orthanc.matching import (
    Person, Reported, Rules, Subject, match_study, sexes)

SEED = 20261124
PEOPLE = 4_000
PAIRS = 10_000

_names = str.split
FAMILIES = _names("""
    Smith Jones Brown Müller Schäfer Groß Weiß Łukaszewicz Wójcik Żak García
    López Núñez Peña Muñoz Sørensen Bjørnsson Ægirsson Åkesson Öztürk Yılmaz
    Şahin Nguyễn Trần Đặng O'Brien McDonald Saint-Pierre Lévêque Çelik
    Kovačević Đorđević Dvořák Říha Bălan Ţepeş Silva Araújo Gonçalves Rossi
    D'Angelo Ivanov Popov Papadopoulos Haddad Al-Hassan Khan Singh Kaur Sharma
    Suzuki Sato Tanaka Yamada Kim Lee Park Wang Li Zhang Chen Okafor Mensah
    Diallo Mbeki""") + ['van der Berg', 'de Souza', 'von Weber']
GIVEN = {
    'f': _names("""
    Anna Maria Sofía Zoë Renée Françoise Ingrid Åsa Jürgen-Marie Łucja Özlem
    İpek Ayşe Nguyệt Đan Aoife Siobhán Chloé Inés Marta Elena Yuki Hanako
    Mei Ling Fatima Aisha Priya Amara Nadia Olga Irina Katarína Dörte
    Käthe Bjørg"""),
    'm': _names("""
    John Peter José Jesús François René Jürgen Björn Søren Łukasz Stanisław
    Ömer İbrahim Đức Minh Seán Pádraig Luís João Nuno Marco Luca Taro Jiro
    Wei Jun Omar Yusuf Raj Kwame Kofi Ivan Boris Dušan Jörg Günther
    Kjær"""),
    }
# Who is registered in the script of the country
NATIVE = [
    ('山田', '太郎', 'Yamada', 'Taro', 'm'),
    ('鈴木', '花子', 'Suzuki', 'Hanako', 'f'),
    ('Иванов', 'Иван', 'Ivanov', 'Ivan', 'm'),
    ('Петрова', 'Ольга', 'Petrova', 'Olga', 'f'),
    ('Παπαδόπουλος', 'Γιώργος', 'Papadopoulos', 'Giorgos', 'm'),
    ('حداد', 'عمر', 'Haddad', 'Omar', 'm')]
WRITTEN_OUT = {
    'ä': 'ae', 'ö': 'oe', 'ü': 'ue', 'ß': 'ss', 'ø': 'oe', 'å': 'aa',
    'æ': 'ae', 'Ä': 'Ae', 'Ö': 'Oe', 'Ü': 'Ue', 'Ø': 'Oe', 'Å': 'Aa',
    'Æ': 'Ae'}
BARE = {
    'ß': 'ss', 'ø': 'o', 'Ø': 'O', 'ł': 'l', 'Ł': 'L', 'đ': 'd', 'Đ': 'D',
    'ı': 'i', 'æ': 'ae', 'Æ': 'Ae'}


class Human(NamedTuple):
    id: int
    identifier: str
    family: str
    given: str
    birth_date: dt.date
    sex: str
    further: tuple = ()  # the name in Latin letters, where that is another


class Population:
    "Persons, some of them each other's twin, parent or namesake"

    def __init__(self, random_):
        self.random = random_
        self.people = []
        self.relatives = defaultdict(list)
        while len(self.people) < PEOPLE:
            one = self.add()
            kind = random_.random()
            if one.family in {family for family, *_ in NATIVE}:
                continue
            if kind < 0.05:  # twins
                self.relate(one, self.add(
                        family=one.family, birth_date=one.birth_date))
            elif kind < 0.10:  # of the same name
                self.relate(one, self.add(
                        family=one.family, given=one.given, sex=one.sex))
            elif kind < 0.15:
                self.relate(one, self.add(family=one.family))

    def add(self, family=None, given=None, sex=None, birth_date=None):
        choose, number = self.random.choice, len(self.people)
        sex = sex or choose('mf')
        further = ()
        if family is None and given is None and self.random.random() < 0.05:
            family, given, *further, sex = choose(NATIVE)
        family = family or choose(FAMILIES)
        # Siblings share none of their names
        taken = [birth_date and set(h.given.split()) for h in self.people[-1:]]
        while given is None or any(
                names & set(given.split()) for names in taken if names):
            given = choose(GIVEN[sex])
            if self.random.random() < 0.3:
                second = choose(GIVEN[sex])
                given += f' {second}' if second != given else ''
        human = Human(
            number, f'GNU{100_000 + number * 7}', family, given,
            birth_date or dt.date(1930, 1, 1) + dt.timedelta(
                days=self.random.randrange(34_000)),
            sex, tuple(further))
        self.people.append(human)
        return human

    def relate(self, one, other):
        self.relatives[one.id].append(other)
        self.relatives[other.id].append(one)

    def person(self, human):
        names = [(human.family, human.given)]
        if human.further and human.id % 2:
            names.append(human.further)
        return Person(
            human.id, tuple(names),
            # Of some no birth date, or no sex, is registered
            None if human.id % 50 == 7 and not self.relatives[human.id]
            else human.birth_date,
            frozenset() if human.id % 40 == 3 else sexes(human.sex))


# What is done to what a study reports; each takes (random, values)

def _bare(text):
    text = ''.join(BARE.get(c, c) for c in text)
    return unicodedata.normalize('NFC', ''.join(
        c for c in unicodedata.normalize('NFD', text)
        if not unicodedata.combining(c)))


def swapped(random_, values):
    values['name'].reverse()


def joined(random_, values):
    values['name'][:] = [' '.join(reversed(values['name'])), '']


def upper(random_, values):
    values['name'][:] = [part.upper() for part in values['name']]


def without_accents(random_, values):
    values['name'][:] = [_bare(part).upper() for part in values['name']]


def written_out(random_, values):
    values['name'][:] = [
        _bare(''.join(WRITTEN_OUT.get(c, c) for c in part))
        for part in values['name']]


def transliterated(random_, values):
    if values['human'].further:
        values['name'][:] = values['human'].further


def initial(random_, values):
    values['name'][1] = values['name'][1][0]


def first_given_only(random_, values):
    values['name'][1] = values['name'][1].split()[0]


def titled(random_, values):
    values['suffix'] = '^^^DR^JR'


def mistyped(random_, values):
    part = random_.randrange(2)
    text = values['name'][part]
    at = random_.randrange(len(text))
    letter = random_.choice('abcdefghijklmnopqrstuvwxyz')
    values['name'][part] = random_.choice([
            text[:at] + text[at + 1:], text[:at] + letter + text[at + 1:],
            text[:at] + letter + text[at:]])


def mistyped_birth_date(random_, values):
    date = values['birth_date']
    if date:
        values['birth_date'] = (
            date.replace(month=date.day, day=date.month)
            if date.day <= 12 and date.day != date.month
            else date + dt.timedelta(days=random_.choice([-10, -1, 1, 10])))


def no_birth_date(random_, values):
    values['birth_date'] = None


def no_name(random_, values):
    values['name'][:] = ['', '']


def nothing(random_, values):
    no_name(random_, values)
    no_birth_date(random_, values)


def no_sex(random_, values):
    values['sex'] = random_.choice([None, 'O'])


CHANGES = [
    swapped, joined, upper, without_accents, written_out, transliterated,
    initial, first_given_only, titled, mistyped, mistyped_birth_date,
    no_birth_date, no_name, nothing, no_sex]
# After these a study must still be linked to its own patient
HARMLESS = {
    'unchanged', 'swapped', 'joined', 'upper', 'without_accents',
    'written_out', 'first_given_only', 'titled', 'no_sex', 'no_birth_date'}


class Pair(NamedTuple):
    identifier: str
    reported: Reported
    truth: Human
    has_own_identifier: bool
    change: str


def pairs(random_, population):
    people = population.people
    for number in range(PAIRS):
        human = random_.choice(people)
        values = {
            'human': human, 'name': [human.family, human.given],
            'birth_date': human.birth_date, 'sex': human.sex.upper(),
            'suffix': ''}
        identifier, own, change = human.identifier, True, 'unchanged'
        if number % 3 == 0:
            # The ID of a relative, of anybody, or of nobody
            own = False
            others = population.relatives[human.id]
            if others and random_.random() < 0.8:
                identifier = random_.choice(others).identifier
            elif random_.random() < 0.8:
                identifier = random_.choice(people).identifier
                own = identifier == human.identifier
            else:
                identifier = mistype_digit(random_, human.identifier)
            # What tells them apart is there: see above
            changes = [swapped, joined, upper, without_accents, titled,
                no_sex, nothing, first_given_only]
            if not others:
                changes += [no_birth_date, no_name, mistyped, initial,
                    mistyped_birth_date, written_out]
        else:
            changes = CHANGES
        if random_.random() < 0.9:
            function = random_.choice(changes)
            function(random_, values)
            change = function.__name__
        yield Pair(
            identifier, Reported(
                '^'.join(values['name']) + values['suffix'],
                values['birth_date'], values['sex']),
            human, own, change)


def mistype_digit(random_, identifier):
    at = random_.randrange(3, len(identifier))
    return (
        identifier[:at] + random_.choice('0123456789') + identifier[at + 1:])


def evaluate():
    "Return the wrong pairs, and (linked, all) of the own ones by change"
    random_ = random.Random(SEED)
    population = Population(random_)
    persons = {}
    for human in population.people:
        persons.setdefault(human.identifier, []).append(
            population.person(human))
    # Some have an alternative identification, one of two a shared one
    for human in population.people[::20]:
        for relative in population.relatives[human.id][:1]:
            persons[relative.identifier].append(population.person(human))
    wrong, linked, total = [], Counter(), Counter()
    for pair in pairs(random_, population):
        verdict = match_study(
            Subject(pair.identifier, None, pair.reported), Rules(), persons,
            {})
        if verdict.person not in {None, pair.truth.id}:
            wrong.append((pair, verdict))
        if pair.has_own_identifier and len(persons[pair.identifier]) == 1:
            total[pair.change] += 1
            linked[pair.change] += verdict.person == pair.truth.id
    return wrong, {name: (linked[name], total[name]) for name in total}


def report(shares):
    lines = [
        f"{name:20} {linked:5} of {total:5} {linked / total:7.1%}"
        for name, (linked, total) in sorted(shares.items())]
    linked, total = (sum(values) for values in zip(
            *shares.values(), strict=True))
    return '\n'.join([
            *lines, f"{'all':20} {linked:5} of {total:5} {linked / total:7.1%}"
            ])


class LabelledTestCase(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.wrong, cls.shares = evaluate()

    def test_no_wrong_link(self):
        self.assertEqual(self.wrong, [])

    def test_right_links(self):
        for name in HARMLESS:
            linked, total = self.shares[name]
            with self.subTest(name):
                # Who is registered in another script, or without birth date
                self.assertGreater(
                    linked / total, 0.9, report(self.shares))
        linked, total = (sum(values) for values in zip(
                *self.shares.values(), strict=True))
        self.assertGreater(linked / total, 0.7, report(self.shares))

    def test_doubts(self):
        "These are left to people"
        for name in ['mistyped_birth_date', 'nothing']:
            linked, total = self.shares[name]
            self.assertLess(linked / total, 0.05)


if __name__ == '__main__':
    wrong, shares = evaluate()
    print(report(shares))
    print(f"wrong {len(wrong)}")
    for pair, verdict in wrong[:20]:
        print(pair, verdict)
