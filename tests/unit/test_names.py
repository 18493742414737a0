# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two names are one: every rule, and what must never agree."""
import unicodedata
import unittest

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from trytond.modules.health_orthanc.names import _words, names_agree

ANNA = 'Smith', 'Anna'


class NamesTestCase(unittest.TestCase):
    "Both the family and the given name agree, contradict or say nothing"

    def assertNames(self, expected, reported, *names):
        with self.subTest(reported=reported, names=names):
            self.assertIs(names_agree(reported, names), expected)

    def test_order_and_case(self):
        for reported in [
                'Smith^Anna', 'SMITH^ANNA', 'smith^anna', 'Anna^Smith',
                'Anna Smith', 'Smith, Anna', ' Smith ^ Anna ', 'Smith Anna^',
                '^Anna Smith']:
            self.assertNames(True, reported, ANNA)
            self.assertNames(True, reported, ('Smith Anna', None))
            self.assertNames(True, reported, (None, 'Anna Smith'))

    def test_titles(self):
        self.assertNames(True, 'Smith^Anna^^DR^PHD', ANNA)
        self.assertNames(False, 'Jones^Mary^^Smith^Anna', ANNA)

    def test_relatives_share_a_part(self):
        for reported in [
                'Smith^Mary', 'Jones^Anna', 'Anna^Jones', 'Mary Smith',
                'Annabel^Smith', 'Smithson^Anna', 'Smith^Ann', 'Smit^Anna',
                'Anna^Anna', 'Smith^Smith', 'Mary', 'Jones']:
            self.assertNames(False, reported, ANNA)

    def test_second_given_names(self):
        for reported, known in [
                ('Smith^Anna^Maria', ANNA),
                ('Smith^Anna', ('Smith', 'Anna Maria')),
                ('Smith^Maria', ('Smith', 'Anna Maria')),
                ('Smith^Anna Maria', ('Smith', 'Maria Anna')),
                ('Smith-Jones^Anna', ANNA),
                ('Garcia^Maria', ('García López', 'María José'))]:
            self.assertNames(True, reported, known)
        self.assertNames(
            False, 'Smith^Anna^Maria', ('Smith', 'Anna Sophia'))

    def test_initials(self):
        for reported in ['Smith^A', 'A^Smith', 'S^Anna', 'S^A', 'Smith A',
                'A', 'S', 'Smith^A.']:
            self.assertNames(None, reported, ANNA)
        for reported in ['Smith^B', 'B^Smith', 'J^Anna', 'Smith B']:
            self.assertNames(False, reported, ANNA)
        self.assertNames(None, 'S^A', ('S', 'A'))
        self.assertNames(True, 'Smith^Anna^M', ('Smith', 'Anna Maria'))
        self.assertNames(True, 'Smith^Anna^M', ANNA)
        self.assertNames(False, 'Smith^Anna^B', ('Smith', 'Anna Maria'))
        # One character is a whole name elsewhere
        self.assertNames(True, '=王^明', ('王', '明'))
        self.assertNames(False, '=王^明', ('王', '芳'))

    def test_one_part(self):
        "What lacks a part says nothing of it"
        for reported in ['Smith', 'Smith^', '^Anna', 'Anna']:
            self.assertNames(None, reported, ANNA)
        self.assertNames(None, 'Smith^Anna', ('Smith', None))
        self.assertNames(True, 'Suharto', (None, 'Suharto'))

    def test_parts_elsewhere(self):
        for reported, known in [
                ('Berg^Jan van der', ('van der Berg', 'Jan')),
                ('van der Berg^Jan', ('Berg', 'Jan van der')),
                ('DeSouza^Ana', ('de Souza', 'Ana')),
                ("O'Brien^Pat", ('OBrien', 'Pat')),
                ('O Brien^Pat', ('O’Brien', 'Pat')),
                ('=山田太郎', ('山田', '太郎')),
                ('=山田^太郎', (None, '山田太郎')),
                ('=太郎^山田', (None, '山田太郎'))]:
            self.assertNames(True, reported, known)
        self.assertNames(False, '=山田花子', ('山田', '太郎'))

    def test_accents(self):
        for reported, known in [
                ('Muller^Jurgen', ('Müller', 'Jürgen')),
                ('MUELLER^JUERGEN', ('Müller', 'Jürgen')),
                ('Mu\u0308ller^Ina', ('M\xfcller', 'Ina')),
                ('Strasse^Ina', ('Straße', 'Ina')),
                ('Nguyen^Duc', ('Nguyễn', 'Đức')),
                ('ＳＭＩＴＨ^Anna', ANNA),
                ('Yilmaz^IPEK', ('Yılmaz', 'İpek')),
                ('Wojcik^Lukasz', ('Wójcik', 'Łukasz')),
                ('Sorensen^Bjorn', ('Sørensen', 'Bjørn')),
                ('SOERENSEN^BJOERN', ('Sørensen', 'Bjørn')),
                ('Aase^Ida', ('Åse', 'Ida')),
                ('Aegir^Thor', ('Ægir', 'Þór')),
                ('מֹשֶׁה^כהן', ('כהן', 'משה'))]:
            self.assertNames(True, reported, known)
            self.assertNames(True, '^'.join(known), reported.split('^'))
        self.assertNames(False, 'Muller^Ina', ('Mueller', 'Ina'))

    def test_marks_that_are_no_accents(self):
        for reported, same, other in [
                ('राम^कुमार', ('कुमार', 'राम'), ('रमा', 'मीना')),
                ('แดง^สมชาย', ('แดง', 'สมชาย'), ('แดง', 'สมหญิง')),
                ('ทอง^สุดา', ('ทอง', 'สุดา'), ('ทอง', 'สดา')),
                ('==かぎ^はな', ('かぎ', 'はな'), ('かき', 'はな'))]:
            self.assertNames(True, reported, same)
            self.assertNames(False, reported, other)

    def test_groups(self):
        yamada = 'Yamada^Tarou=山田^太郎=やまだ^たろう'
        for known in [
                ('Yamada', 'Tarou'), ('山田', '太郎'), ('やまだ', 'たろう'),
                ('ヤマダ', 'タロウ'), ('ﾔﾏﾀﾞ', 'ﾀﾛｳ')]:
            self.assertNames(True, yamada, known)
        for known in [
                ('Yamada', 'Jiro'), ('山田', '花子'), ('鈴木', '太郎'),
                ('すずき', 'はなこ')]:
            self.assertNames(False, yamada, known)
        # They sound the same, but are written otherwise
        self.assertNames(
            False, 'Sato^Yuki=佐藤^由紀',
            ('Sato', 'Yuki'), ('佐藤', '有希'))

    def test_scripts_say_nothing_of_each_other(self):
        for reported, known in [
                ('=山田^太郎', ('Yamada', 'Tarou')),
                ('Yamada^Tarou', ('山田', '太郎')),
                ('Иванов^Иван', ('Ivanov', 'Ivan'))]:
            self.assertNames(None, reported, known)
        # Nor does the half that is in the same one tell who it is
        self.assertNames(None, 'حداد^Omar', ('حداد', 'عمر'))
        self.assertNames(None, 'Papadopoulos^Γιώργος', ('Papadopoulos', 'Jo'))
        self.assertNames(None, 'Haddad^عمر', ('Haddad', 'Омар'))
        self.assertNames(False, 'Haddad^Omar', ('Khan', 'عمر'))
        # But what is in the same script does
        self.assertNames(
            False, 'Jones^Mary', ANNA, ('Смит', 'Анна'))

    def test_further_names(self):
        "The name before the marriage is one, parts of two are none"
        names = [('Smith', 'Anna'), ('Jones', 'Anna')]
        self.assertNames(True, 'Jones^Anna', *names)
        self.assertNames(
            False, 'Jones^Mary', ('Smith', 'Mary'), ('Jones', 'Anna'))

    def test_nothing_to_read(self):
        for reported in [None, '', '^^^^', '=', '^', '...', '-']:
            self.assertNames(None, reported, ANNA)
        for names in [[], [('', '')], [(None, None)], [('...', None)]]:
            self.assertNames(None, 'Smith^Anna', *names)


# The same ones each time; change this to look for others
unhurried = settings(max_examples=300, deadline=None, derandomize=True)
_PART = st.text(st.characters(categories=['L']), min_size=2, max_size=12)


class AnyNameTestCase(unittest.TestCase):
    "What holds of all names"

    @staticmethod
    def is_readable(*parts):
        # Some letters are but marks of others
        return all(
            not all(word.is_initial for word in _words(part))
            for part in parts)

    @unhurried
    @given(_PART, _PART)
    def test_same(self, family, given_name):
        assume(self.is_readable(family, given_name))
        for reported in [
                f'{family}^{given_name}', f'{given_name}^{family}',
                f'{family} {given_name}', f'{given_name} {family}',
                f'{family}^{given_name}^^Dr^Jr']:
            self.assertTrue(names_agree(reported, [(family, given_name)]))

    @unhurried
    @given(_PART, _PART)
    def test_forms(self, family, given_name):
        "Case and the way accents are coded make no difference"
        assume(self.is_readable(family, given_name))
        name = f'{family}^{given_name}'
        for reported in [
                name.casefold(), unicodedata.normalize('NFD', name),
                unicodedata.normalize('NFC', name)]:
            self.assertTrue(
                names_agree(reported, [(family, given_name)]), reported)

    @unhurried
    @given(st.text(max_size=30), st.lists(
            st.tuples(st.text(max_size=15), st.text(max_size=15)),
            max_size=3))
    def test_anything(self, reported, names):
        self.assertIn(names_agree(reported, names), {True, False, None})

    @unhurried
    @given(*[st.text('abcABC', min_size=2, max_size=4)] * 4)
    def test_parts(self, family, given_name, other_family, other_given):
        "The usual case is taken for itself, with the same outcome"
        known = other_family, other_given
        same = {family.lower(), given_name.lower()} == {
            part.lower() for part in known} or (
                (family + given_name).lower() == ''.join(known).lower())
        # A number beside each part keeps it from being the usual case
        slow = names_agree(
            f'{family} ab9^{given_name} cd9',
            [(f'{other_family} ab9', f'{other_given} cd9')])
        fast = names_agree(f'{family}^{given_name}', [known])
        if not same:
            self.assertIsNot(fast, True)
        elif family.lower() == other_family.lower():
            self.assertTrue(slow)
            self.assertTrue(fast)
