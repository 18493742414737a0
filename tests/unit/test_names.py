# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"Whether two names are one: every rule, and what must never agree"
import time
import unicodedata
import unittest

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trytond.modules.health_orthanc.name_words import (
    FIRST_MARKS, FIRST_OF_ALL, GENERATIONS, SONS)
from trytond.modules.health_orthanc.names import (
    AGREES, CONTRADICTS, INCOMPARABLE, UNSURE, WITH_BIRTH_DATE, Agreement,
    compare_names)
from trytond.modules.health_orthanc.reading import is_plain
from trytond.modules.health_orthanc.spelling import words

from . import name_pairs_by_hand as by_hand

ANNA = 'Smith', 'Anna'


class NamesTestCase(unittest.TestCase):
    "Both the family and the given name agree, contradict or say nothing"

    def assertNames(self, expected, reported, *names):
        with self.subTest(reported=reported, names=names):
            self.assertEqual(compare_names(reported, names), expected)

    def test_order_and_case(self):
        for reported in [
                'Smith^Anna', 'SMITH^ANNA', 'smith^anna', 'Anna^Smith',
                'Anna Smith', 'Smith, Anna', ' Smith ^ Anna ', 'Smith Anna^',
                '^Anna Smith']:
            self.assertNames(AGREES, reported, ANNA)
            self.assertNames(AGREES, reported, ('Smith Anna', None))
            self.assertNames(AGREES, reported, (None, 'Anna Smith'))

    def test_titles(self):
        self.assertNames(AGREES, 'Smith^Anna^^DR^PHD', ANNA)
        self.assertNames(CONTRADICTS, 'Jones^Mary^^Smith^Anna', ANNA)
        # Outside of the name it is none
        for title in ['^Don', '^^Don']:
            self.assertNames(AGREES, f'Ruiz^Juan^{title}', ('Ruiz', 'Juan'))
        self.assertNames(CONTRADICTS, 'Ruiz^Don', ('Ruiz', 'Juan'))

    def test_relatives_share_a_part(self):
        for reported in [
                'Smith^Mary', 'Jones^Anna', 'Anna^Jones', 'Mary Smith',
                'Annabel^Smith', 'Smithson^Anna', 'Smith^Ann', 'Smit^Ann',
                'Anna^Anna', 'Smith^Smith', 'Mary', 'Jones']:
            self.assertNames(CONTRADICTS, reported, ANNA)

    def test_second_names(self):
        for reported, known, expected in [
                # The person has more than is reported
                ('Smith^Anna', ('Smith', 'Anna Maria'), AGREES),
                ('Garcia^Maria', ('García López', 'María José'), AGREES),
                ('Smith^Maria', ('Smith', 'Anna Maria'), WITH_BIRTH_DATE),
                ('López^María', ('García López', 'María'), WITH_BIRTH_DATE),
                # More is reported than the person has
                ('Smith^Anna^Maria', ANNA, WITH_BIRTH_DATE),
                ('Smith-Jones^Anna', ANNA, WITH_BIRTH_DATE),
                ('Jones Smith^Anna', ANNA, WITH_BIRTH_DATE),
                ('Smith^Anna^^^Xaver', ANNA, WITH_BIRTH_DATE),
                ('Smith^Maria Anna', ANNA, UNSURE),
                # Each has one that the other has not
                ('Smith^Anna^Maria', ('Smith', 'Anna Sophia'), CONTRADICTS),
                # The order tells people apart
                ('Smith^Anna Maria', ('Smith', 'Maria Anna'), CONTRADICTS),
                ('López García^Ana', ('García López', 'Ana'), CONTRADICTS),
                ('Anna Maria Smith', ('Smith', 'Maria Anna'), CONTRADICTS)]:
            self.assertNames(expected, reported, known)

    def test_initials(self):
        for reported in ['Smith^A', 'A^Smith', 'S^Anna', 'S^A', 'Smith A',
                'A', 'S', 'Smith^A.']:
            self.assertNames(UNSURE, reported, ANNA)
        for reported in ['Smith^B', 'B^Smith', 'J^Anna', 'Smith B']:
            self.assertNames(CONTRADICTS, reported, ANNA)
        self.assertNames(UNSURE, 'S^A', ('S', 'A'))
        self.assertNames(UNSURE, 'Smith^Anna', ('Smith', 'A'))
        self.assertNames(CONTRADICTS, 'Smith^Anna', ('Smith', 'B'))
        self.assertNames(AGREES, 'Smith^Anna^M', ('Smith', 'Anna Maria'))
        self.assertNames(WITH_BIRTH_DATE, 'Smith^Anna^M', ANNA)
        self.assertNames(CONTRADICTS, 'Smith^Anna^B', ('Smith', 'Anna Maria'))
        # One character is a whole name elsewhere
        self.assertNames(AGREES, '=王^明', ('王', '明'))
        self.assertNames(CONTRADICTS, '=王^明', ('王', '芳'))

    def test_one_part(self):
        "What lacks a part says nothing of it"
        for reported in ['Smith', 'Smith^', '^Anna', 'Anna']:
            self.assertNames(UNSURE, reported, ANNA)
        self.assertNames(UNSURE, 'Smith^Anna', ('Smith', None))
        for reported in ['Saint-Pierre', '^Jean-Pierre', 'de Saint-Pierre^']:
            self.assertNames(
                UNSURE, reported, ('Saint-Pierre', 'Jean-Pierre'))
        self.assertNames(
            UNSURE, 'Saint-Pierre^Jean-Pierre', ('Saint-Pierre', None))
        self.assertNames(AGREES, 'Suharto', (None, 'Suharto'))

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
            self.assertNames(AGREES, reported, known)
        self.assertNames(CONTRADICTS, '=山田花子', ('山田', '太郎'))

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
            self.assertNames(AGREES, reported, known)
            self.assertNames(
                AGREES, '^'.join(known), tuple(reported.split('^')))
        # These are two ways to write it without, and one slip apart
        self.assertNames(WITH_BIRTH_DATE, 'Muller^Ina', ('Mueller', 'Ina'))

    def test_marks_that_are_no_accents(self):
        for reported, same, other in [
                ('राम^कुमार', ('कुमार', 'राम'), ('रमा', 'मीना')),
                ('แดง^สมชาย', ('แดง', 'สมชาย'), ('แดง', 'สมหญิง')),
                ('ทอง^สุดา', ('ทอง', 'สุดา'), ('ทอง', 'สดา')),
                ('==かぎ^はな', ('かぎ', 'はな'), ('かき', 'はな'))]:
            self.assertNames(AGREES, reported, same)
            self.assertNames(CONTRADICTS, reported, other)

    def test_groups(self):
        yamada = 'Yamada^Tarou=山田^太郎=やまだ^たろう'
        for known in [
                ('Yamada', 'Tarou'), ('山田', '太郎'), ('やまだ', 'たろう'),
                ('ヤマダ', 'タロウ'), ('ﾔﾏﾀﾞ', 'ﾀﾛｳ')]:
            self.assertNames(AGREES, yamada, known)
        for known in [
                ('Yamada', 'Jiro'), ('山田', '花子'), ('鈴木', '太郎'),
                ('すずき', 'はなこ')]:
            self.assertNames(CONTRADICTS, yamada, known)
        # They sound the same, but are written otherwise
        self.assertNames(
            CONTRADICTS, 'Sato^Yuki=佐藤^由紀',
            ('Sato', 'Yuki'), ('佐藤', '有希'))

    def test_scripts(self):
        for reported, known, expected in [
                ('Иванов^Иван', ('Ivanov', 'Ivan'), WITH_BIRTH_DATE),
                ('Iwanow^Iwan', ('Иванов', 'Иван'), WITH_BIRTH_DATE),
                ('Иванов^Иван', ('Ivanov', 'Ivo'), UNSURE),
                ('Schmidt^Ivan', ('Иванов', 'Иван'), CONTRADICTS),
                ('حداد^Omar', ('حداد', 'عمر'), WITH_BIRTH_DATE),
                ('Haddad^Omar', ('Khan', 'عمر'), CONTRADICTS),
                ('Haddad^عمر', ('Haddad', 'Омар'), INCOMPARABLE),
                ('Lee^Minsu', ('이', '민수'), WITH_BIRTH_DATE),
                ('Rhee^Minsu', ('이', '민수'), WITH_BIRTH_DATE),
                ('Fukuda^Taro', ('ふくだ', 'たろう'), WITH_BIRTH_DATE),
                ('Hukuda^Taro', ('ふくだ', 'たろう'), WITH_BIRTH_DATE),
                ('Fujita^Kenji', ('ふじた', 'けんぢ'), WITH_BIRTH_DATE),
                ('Sato^Kao', ('さとう', 'かを'), WITH_BIRTH_DATE),
                ('Sato^Mine', ('さとう', 'みねえ'), WITH_BIRTH_DATE),
                ('Saxena^Ravi', ('सक्सेना', 'रवि'), WITH_BIRTH_DATE),
                ('Haddad^Miriam', ('حداد', 'مريم'), UNSURE),
                # What is breathed or half a vowel makes no names alike
                ('Haddad^Hiba', ('حداد', 'هدى'), CONTRADICTS),
                # Of Han only the Mandarin readings are known
                ('Wang^Xiaoming', ('王', '小明'), WITH_BIRTH_DATE),
                ('Yamada^Tarou', ('山田', '太郎'), INCOMPARABLE),
                ('=山田^太郎', ('Yamada', 'Tarou'), INCOMPARABLE)]:
            self.assertNames(expected, reported, known)
        # What is in the same script does
        self.assertNames(
            CONTRADICTS, 'Jones^Mary', ANNA, ('Смит', 'Анна'))
        self.assertNames(
            WITH_BIRTH_DATE, 'Ivanova^Anna', ANNA, ('Иванова', 'Анна'))

    def test_short_in_another_script(self):
        "Of which so little is left that nothing tells: nobody else's for that"
        for expected, pairs in [
                (UNSURE, by_hand.UNTOLD), (CONTRADICTS, by_hand.TOLD)]:
            for pair in pairs:
                for reported, known in [pair, pair[::-1]]:
                    self.assertNames(
                        expected, reported, tuple(known.split('^')))

    def test_half_alike_in_another_script(self):
        "Of which half the consonants are alike is not plainly another's"
        self.assertNames(UNSURE, 'Ivanova^Mina', ('Иванова', 'Мара'))
        self.assertNames(CONTRADICTS, 'Ivanova^Tina', ('Иванова', 'Мара'))

    def test_long_in_another_script(self):
        "What is longer than a name is not read, and is nobody's for that"
        self.assertNames(
            CONTRADICTS, 'Ivanov^Olga', ('Иванов', 'а' * 33))
        self.assertNames(
            CONTRADICTS, 'Иванов^' + 'а' * 33, ('Ivanov', 'Olga'))

    def test_bounded(self):
        "No name keeps a synchronization busy, however odd it is"
        for reported, known in [
                ('\u00e4 ' * 200 + '^x', ANNA),
                ('\u00e4 ' * 90 + '^x', ('\u00e4 ' * 91, 'x')),
                ('a ' * 30 + 'z^Anna', ('a ' * 64, 'Anna')),
                ('ann ' * 20 + 'zoe^Anna', ('ann ' * 48, 'Anna')),
                ('ann bob ' * 24, ('ann bib ' * 24, '')),
                ('ann^' + 'bob ' * 48, ('ann bib ' * 24, '')),
                ('\u304a\u3046' * 95 + '^x', ('o' * 180 + 'z', 'x')),
                ('\u304a\u3046' * 16 + '^x', ('o' * 30 + 'z', 'x')),
                ('?a' * 95, ('\u00fca' * 95, 'z')),
                ('\u00c3\u00bc' * 95, ('\u00fc' * 95 + 'z', 'x'))]:
            started = time.process_time()
            self.assertLess(compare_names(reported, (known,)), AGREES)
            self.assertLess(time.process_time() - started, 1, reported)

    def test_children(self):
        for reported in [
                'Smith^Baby', 'Smith^Anna Baby', 'Baby^Smith^Anna',
                'Smith^B/O Anna', 'Smith^Anna^^^Twin 1', 'Smith^RN',
                'Smith^Neugeborenes', 'Smith^Hijo de Anna', 'Smith^Babygirl',
                'Smith^Anna filho de Eva']:
            self.assertNames(CONTRADICTS, reported, ANNA)
            known = tuple(reported.split('^')[:2])
            self.assertNames(UNSURE, 'Smith^Anna', ('Smith', 'Baby Anna'))
            if len(reported.split('^')) == 2:
                self.assertNames(WITH_BIRTH_DATE, reported, known)
        # Some are the names of people
        self.assertNames(AGREES, 'NG^SIEW LING', ('Ng', 'Siew Ling'))
        self.assertNames(AGREES, 'Salah^Omar', ('Ben Salah', 'Omar'))

    def test_numbers_and_generations(self):
        for reported, known, expected in [
                ('Smith^Twin 1', ('Smith', 'Twin 2'), CONTRADICTS),
                ('Smith^Twin1', ('Smith', 'Twin I'), WITH_BIRTH_DATE),
                ('Smith^Twin 1', ('Smith', 'Twin'), UNSURE),
                ('Patient^1', ('Patient', '12'), CONTRADICTS),
                ('Smith^Anna 2', ANNA, WITH_BIRTH_DATE),
                ('Smith^John^^^Jr', ('Smith Sr', 'John'), CONTRADICTS),
                ('Smith^John^^^Jr', ('Smith', 'John Junior'), AGREES),
                ('Smith^John^^^Jr', ('Smith', 'John'), WITH_BIRTH_DATE),
                ('Smith^John I', ('Smith', 'John II'), CONTRADICTS),
                ('Neto^António', ('Neto', 'António'), AGREES)]:
            self.assertNames(expected, reported, known)

    def test_words_that_are_names_too(self):
        for word in ['Bat', 'Bo', 'Con']:
            known = 'Levi', f'{word} Sara'
            self.assertNames(AGREES, f'Levi^{word} Sara', known)
            self.assertNames(AGREES, f'Levi^{word}sara', known)
            self.assertNames(AGREES, f'LEVI {word} SARA', known)
            self.assertNames(UNSURE, 'Levi^Sara', known)
            self.assertNames(
                CONTRADICTS, f'Levi^{word} Sara', ('Levi', 'Sara'))
            # Not where it is the whole of a given name, nor in a family name
            self.assertNames(AGREES, f'Levi^{word}', ('Levi', word))
            self.assertNames(AGREES, f'{word} Levi^Sara', (
                    f'{word} Levi', 'Sara'))
        # Nor where it is the last one, but for some
        self.assertNames(WITH_BIRTH_DATE, 'Levi^Sara Bo', ('Levi', 'Sara'))
        self.assertNames(CONTRADICTS, 'Levi^Sara Con', ('Levi', 'Sara'))

    def test_phrases(self):
        for reported, known, expected in [
                ('Sharma^Sunita ki beti', ('Sharma', 'Sunita'), CONTRADICTS),
                ('Sharma^Beti', ('Sharma', 'Beti'), AGREES),
                ('Putra^Ka', ('Putra', 'Ka'), AGREES),
                # Each is taken out
                ('Sharma^Sunita ki beti ki putri', (
                        'Sharma', 'Sunita ki putri ki beti'),
                    WITH_BIRTH_DATE),
                ('Dewi^Putra', ('Dewi', 'Putra'), AGREES),
                ('Dewi^Putra Ny Siti', ('Dewi', 'Siti'), CONTRADICTS)]:
            self.assertNames(expected, reported, known)

    def test_signs(self):
        for marked in [
                'B/B Anna', 'M/B Anna', 'M-B Anna', 'B-G Anna', 'B1 Anna',
                'Anna T-2', 'Anna G1', 'H/Anna', 'Anna Y.D.', 'Anna B/O',
                'Mo/ch Anna']:
            self.assertNames(CONTRADICTS, f'Smith^{marked}', ANNA)
            self.assertNames(UNSURE, 'Smith^Anna', ('Smith', marked))
            self.assertNames(
                WITH_BIRTH_DATE, f'Smith^{marked}', ('Smith', marked))
        self.assertNames(CONTRADICTS, 'Smith^B1 Anna', ('Smith', 'B2 Anna'))
        for reported in ['Smith^Anna-M', 'Smith^Anna 12', 'Smith^Anna1']:
            self.assertNames(WITH_BIRTH_DATE, reported, ANNA)

    def test_codes(self):
        "What has no vowel is no second name, but may be a slip"
        self.assertNames(UNSURE, 'Smith^Anna Ngb', ANNA)
        self.assertNames(UNSURE, 'Smith^Anna', ('Smith', 'Anna Ngb'))
        self.assertNames(UNSURE, 'Smith^Anna^^^Ngb', ANNA)
        self.assertNames(UNSURE, 'Иванов^Иван Трх', ('Иванов', 'Иван'))
        self.assertNames(AGREES, 'Smith^Anna Ngb', ('Smith', 'Anna Ngb'))
        self.assertNames(WITH_BIRTH_DATE, 'Smth^Anna', ANNA)
        for more in ['Tsz', 'Kr', 'Md', 'Lynn', 'Krsztpv']:
            self.assertNames(AGREES, 'Smith^Anna', ('Smith', f'Anna {more}'))

    def test_words_that_can_be_generations(self):
        for word in ['Segundo', 'cadet', 'Neta', 'il giovane', 'di Luigi',
                '(h)', 'F.', 'Fº', 'Netto', 'd. J.', 'V']:
            known = 'Silva', f'Ana {word}'
            self.assertNames(WITH_BIRTH_DATE, 'Silva^Ana', known)
            self.assertNames(AGREES, f'Silva^Ana {word}', known)
            self.assertNames(AGREES, f'ANA {word} SILVA', known)
        for reported, known, expected in [
                ('Silva^Ana Segundo', ('Silva', 'Ana Terceiro'), CONTRADICTS),
                ('Silva Segundo^Ana', ('Silva', 'Ana Terceiro'), UNSURE),
                ('Silva^Ana^^^Segundo', ('Silva', 'Ana Terceiro'), UNSURE),
                ('Silva^Ana^^^Segundo', ('Silva', 'Ana Segundo'),
                    WITH_BIRTH_DATE),
                ('Silva^Ana Jr', ('Silva', 'Ana Segundo'), UNSURE),
                ('Silva^Ana II', ('Silva', 'Ana III'), CONTRADICTS),
                ('Silva^AnaⅡ', ('Silva', 'Ana (III)'), CONTRADICTS),
                ('Silva^AnaⅡ', ('Silva', 'Ana-II'), AGREES),
                ('Silva^Ana H', ('Silva', 'Ana Helena'), AGREES),
                ('Silva^Hugo', ('Silva', 'Hugo H'), WITH_BIRTH_DATE),
                ('Silva^Ana', ('Silva', 'Ana M'), AGREES),
                # A name where it is the first or the only word
                ('Segundo^Ana', ('Segundo', 'Ana'), AGREES),
                ('ANA SEGUNDO', ('Segundo', 'Ana'), AGREES),
                ('Segundo^Ana', ('Segundo Silva', 'Ana'), AGREES),
                ('ANA NETTO', ('Netto', 'Ana'), AGREES),
                ('Lejeune^Anne', ('Le Jeune', 'Anne'), AGREES),
                ('Netto^Ana^^^Jr', ('Netto', 'Ana'), WITH_BIRTH_DATE)]:
            self.assertNames(expected, reported, known)

    def test_exchanged(self):
        for reported, known, expected in [
                ('Jean^Pierre', ('Pierre', 'Jean'), AGREES),
                ('Jean^Pierre', ('Pierre', 'Jean Paul'), WITH_BIRTH_DATE),
                ('Ana^Souza', ('de Souza', 'Ana'), AGREES),
                ('Singh^Asha Kaur', ('Kaur', 'Asha Singh'), UNSURE)]:
            self.assertNames(expected, reported, known)

    def test_abbreviations(self):
        for short, name in [
                ('Rdz', 'Rodríguez'), ('Rmz', 'Ramírez'),
                ('Hdez', 'Hernández'), ('Mtz', 'Martínez'),
                ('Glez', 'González'), ('Kr', 'Kumar'),
                ('Dgz', 'Domínguez'), ('Fdez', 'Fernández')]:
            self.assertNames(WITH_BIRTH_DATE, f'{short}^Eva', (name, 'Eva'))
            self.assertNames(WITH_BIRTH_DATE, f'{name}^Eva', (short, 'Eva'))
        for short in ['Fco', 'Fsco']:
            self.assertNames(
                WITH_BIRTH_DATE, f'Ruiz^{short}', ('Ruiz', 'Francisco'))

    def test_letters_before(self):
        for letter, expected in [
                ('B.', UNSURE), ('H', UNSURE), ('K.', WITH_BIRTH_DATE)]:
            self.assertNames(
                expected, 'Smith^Anna', ('Smith', f'{letter} Anna'))
        self.assertNames(
            WITH_BIRTH_DATE, 'Smith^Anna', ('B Smith', 'Anna'))

    def test_letters_elsewhere(self):
        "No variant moves a letter to another word"
        self.assertNames(CONTRADICTS, 'Li^Jian Guo', ('Li', 'Jia Nguo'))
        self.assertNames(
            WITH_BIRTH_DATE, 'Mc Donald^Ann', ('MacDonald', 'Ann'))

    def test_particles(self):
        for reported, known, expected in [
                ('de la^Ana', ('de la Cruz', 'Ana'), UNSURE),
                ('Souza^Ana', ('de Souza', 'Ana'), AGREES),
                ('Nguyen^Thi Hoa', ('Nguyễn', 'Văn Hoa'), CONTRADICTS),
                ('Le^Anna', ('Le', 'Anna'), AGREES),
                ('Do^Anna', ('Le', 'Anna'), CONTRADICTS)]:
            self.assertNames(expected, reported, known)

    def test_slips(self):
        for reported, known, expected in [
                ('Smiht^Anna', ANNA, WITH_BIRTH_DATE),
                ('Anna Smiht', ANNA, WITH_BIRTH_DATE),
                ('Smith^Ana', ANNA, CONTRADICTS),
                ('Smiht^A', ANNA, CONTRADICTS),
                ('Li^Na', ('Lu', 'Na'), CONTRADICTS),
                ('Garc?a^Ana', ('García', 'Ana'), WITH_BIRTH_DATE),
                ('GarcÃ­a^Ana', ('García', 'Ana'), WITH_BIRTH_DATE),
                # Written in a set of one byte for a letter, of as many
                ('N·±ez^Ana', ('Núñez', 'Ana'), WITH_BIRTH_DATE),
                # Who has no family name
                ('^MarÃ­a JosÃ©', (None, 'María José'), WITH_BIRTH_DATE),
                ('GarcÃ­a^PeÃ±a', ('García', 'Pena'), WITH_BIRTH_DATE),
                # Garbled or not, it has the family name that is known
                ('MÃ¼ller^Åžule', ('Müller', 'Şule'), WITH_BIRTH_DATE),
                ('MÃ¼ller^Åžule', ('Muller', 'Sule'), CONTRADICTS),
                # What was cut short is told by both names
                ('^Alexandra Konst', ('', 'Alexandra Konstantinou'),
                    CONTRADICTS),
                ('Papadopoulou^Ale', ('Papadopoulou', 'Alexandra'),
                    WITH_BIRTH_DATE),
                ('Krishnam^Lak^Mar', ('Krishnam', 'Lak Martin'),
                    WITH_BIRTH_DATE),
                ('Schneider^Daniel', ('Schneider', 'Daniela'), CONTRADICTS),
                ('St-Pierre^Ana', ('Saint-Pierre', 'Ana'), WITH_BIRTH_DATE),
                ('Ohno^Tarou', ('Ono', 'Taro'), WITH_BIRTH_DATE),
                ('=張^伟明', ('张', '伟明'), WITH_BIRTH_DATE)]:
            self.assertNames(expected, reported, known)

    def test_further_names(self):
        "The name before the marriage is one, parts of two are none"
        names = [('Smith', 'Anna'), ('Jones', 'Anna')]
        self.assertNames(AGREES, 'Jones^Anna', *names)
        # One that says nothing keeps no other from being read
        self.assertNames(AGREES, 'Anna^Jones', (None, '-'), *names)
        self.assertNames(
            CONTRADICTS, 'Jones^Mary', ('Smith', 'Mary'), ('Jones', 'Anna'))

    def test_nothing_to_read(self):
        for reported in [None, '', '^^^^', '=', '^', '...', '-']:
            self.assertNames(INCOMPARABLE, reported, ANNA)
        for names in [[], [('', '')], [(None, None)], [('...', None)]]:
            self.assertNames(INCOMPARABLE, 'Smith^Anna', *names)


# The same ones each time; change this to look for others
unhurried = settings(max_examples=300, deadline=None, derandomize=True)
_PART = st.text(st.characters(categories=['L']), min_size=2, max_size=12)


class AnyNameTestCase(unittest.TestCase):
    "What holds of all names"

    @staticmethod
    def is_readable(*parts):
        # Some letters are but marks of others, and some words no names
        return all(
            not all(word.is_initial for word in words(part))
            and is_plain(part)
            and not {word.bare for word in words(part)}
            & (SONS | FIRST_MARKS | FIRST_OF_ALL | GENERATIONS.keys())
            for part in parts)

    @unhurried
    @given(_PART, _PART)
    def test_same(self, family, given_name):
        assume(self.is_readable(family, given_name))
        for reported in [
                f'{family}^{given_name}', f'{given_name}^{family}',
                f'{family} {given_name}', f'{given_name} {family}',
                f'{family}^{given_name}^^Dr^PhD']:
            self.assertEqual(
                compare_names(reported, [(family, given_name)]), AGREES)

    @unhurried
    @given(_PART, _PART)
    def test_forms(self, family, given_name):
        "Case and the way accents are coded make no difference"
        assume(self.is_readable(family, given_name))
        name = f'{family}^{given_name}'
        for reported in [
                name.casefold(), unicodedata.normalize('NFD', name),
                unicodedata.normalize('NFC', name)]:
            self.assertEqual(
                compare_names(reported, [(family, given_name)]), AGREES,
                reported)

    @unhurried
    @given(st.text(max_size=30), st.lists(
            st.tuples(st.text(max_size=15), st.text(max_size=15)),
            max_size=3))
    def test_anything(self, reported, names):
        self.assertIn(compare_names(reported, names), Agreement)

    @unhurried
    @given(*[st.text('abcABC', min_size=2, max_size=4)] * 4)
    def test_parts(self, family, given_name, other_family, other_given):
        "The usual case is taken for itself, with the same outcome"
        known = other_family, other_given
        same = {family.lower(), given_name.lower()} == {
            part.lower() for part in known} or (
                (family + given_name).lower() == ''.join(known).lower())
        # A number beside each part keeps it from being the usual case
        slow = compare_names(
            f'{family} ab9^{given_name} cd9',
            [(f'{other_family} ab9', f'{other_given} cd9')])
        fast = compare_names(f'{family}^{given_name}', [known])
        if not same:
            self.assertIsNot(fast, True)
        elif family.lower() == other_family.lower():
            self.assertTrue(slow)
            self.assertTrue(fast)
