# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"IDs are compared on disk as they would be in memory"
import unittest
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from trytond.modules.health_orthanc import comparison
from trytond.modules.health_orthanc.comparison import Comparison, in_batches

ids = st.lists(st.text('0123456789abcdef-', min_size=1, max_size=3))


class ComparisonTestCase(unittest.TestCase):

    @given(st.lists(st.tuples(st.sampled_from(comparison._SETS), ids)))
    def test_sets(self, added):
        "It holds what sets of Python hold"
        sets = {name: set() for name in comparison._SETS}
        with patch.object(comparison, '_BATCH', 2), Comparison() as compared:
            for name, some in added:
                self.assertEqual(
                    compared.add(name, iter(some)),
                    len(set(some) - sets[name]))
                sets[name].update(some)
            for name, one in sets.items():
                self.assertEqual(compared.count(name), len(one))
                for second, other in sets.items():
                    if second == name:
                        continue
                    left = one - other - sets['waiting']
                    if name != 'waiting':
                        found = list(compared.each(name, second, 'waiting'))
                        self.assertEqual(len(found), len(left))
                        self.assertEqual(set(found), left)

    def test_suspect(self):
        "A person is asked where more than ten and a fifth are gone, or all"
        for present, listed, expected in [
                (0, 0, False), (1, 0, True), (1, 1, False), (11, 1, False),
                (12, 1, True), (100, 80, False), (100, 79, True),
                (40, 30, False), (40, 29, True)]:
            with self.subTest(present=present, listed=listed), \
                    Comparison() as ids:
                ids.add('present', map(str, range(present)))
                ids.add('listed', map(str, range(listed)))
                self.assertEqual(ids.is_suspect(), expected)

    def test_all_others(self):
        "Not one is there that was"
        with Comparison() as ids:
            ids.add('present', ['a'])
            ids.add('listed', ['b'])
            self.assertFalse(ids.is_suspect())

    def test_while_read(self):
        "What is read of it is not what other comparisons have"
        with Comparison() as ids, Comparison() as others:
            ids.add('listed', ['a', 'b'])
            others.add('listed', ['c'])
            self.assertEqual(sorted(ids.each('listed')), ['a', 'b'])

    def test_batches(self):
        for items, size, expected in [
                ([], 2, []), ([1], 2, [[1]]), ([1, 2], 2, [[1, 2]]),
                (iter([1, 2, 3]), 2, [[1, 2], [3]])]:
            self.assertEqual(list(in_batches(items, size)), expected)
