# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""How names of other scripts are written in Latin letters: pure functions.

Each letter of a script can be written in several ways; a Latin word is read
as the name where it is one of them. Han has readings in several languages,
of which only the Mandarin one is known here.
"""
import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache

from anyascii import anyascii


def _table(text):
    "Return {letters: alternatives} of lines of 'letters alternatives'"
    return {
        letters: alternatives.replace('0', '')
        for letters, alternatives in (
            line.split() for line in text.split('\n') if line.strip())}


def _words(text):
    return text.split()


# 0 stands for nothing
_CYRILLIC = _table("""
    кс ks|x|cs
    дж j|dj|dzh|g
    др dr|der
    а a
    б b
    в v|w|f
    г g|h|gh|gu
    ґ g
    ѓ gj|g
    д d
    ђ dj|d|j
    е e|ye|ie|je|yo|io|jo
    ё e|yo|io|jo|o|ye
    є ye|ie|e|je
    ж zh|j|z
    з z|s
    ѕ dz|z
    и i|y
    і i|y
    ї yi|i|ji|y
    й y|i|j|0
    ј j|y|i
    к k|c|q
    ќ kj|k
    л l
    љ lj|l
    м m
    н n
    њ nj|n
    о o
    п p
    р r
    с s|c
    т t|th
    ћ c|ch|cj
    у u|ou|oo|w
    ф f|ph
    х kh|h|ch|x
    ц ts|tz|c|cz|z
    ч ch|tch|c|tsch|cz
    џ dz|dj|j
    ш sh|sch|s|ch|sz
    щ shch|sch|schtsch|stch|sht|sh
    ъ 0|a|u
    ы y|i
    ь 0|y|i
    э e
    ю yu|iu|ju|u|you|iou
    я ya|ia|ja|a
    ә a|e
    қ k|q
    ғ g|gh
    ң n|ng
    ө o
    ұ u
    ү u
    һ h
    """)
_GREEK = _table("""
    μπ b|mp|mb
    ντ d|nt|nd
    γκ g|gk|ng
    γγ ng|g
    τσ ts|tz|ch
    τζ tz|dz|j|ts
    ου ou|u|oy
    αυ av|af|au|ay
    ευ ev|ef|eu|ey
    αι ai|e|ae
    ει ei|i|y
    οι oi|i|oe
    α a
    β v|b
    γ g|y|gh|j
    δ d|dh
    ε e
    ζ z
    η i|e|y
    θ th|t
    ι i|y|j|0
    κ k|c
    λ l
    μ m
    ν n
    ξ x|ks
    ο o
    π p
    ρ r|rh
    σ s
    τ t
    υ y|i|u
    φ f|ph
    χ ch|h|kh|x
    ψ ps
    ω o
    """)
# Short vowels are not written; _gaps says where they can be
_ARABIC = _table("""
    عبدال abd[aeou]?l?
    یی ei|i|eyi|yi|ey|aei
    يي ei|i|eyi|yi|ey|aei
    ا a|aa|e
    ب b|p
    پ p
    ت t
    ث th|t|s
    ج j|g|dj
    چ ch|tch
    ح h
    خ kh|k|h|ch
    د d
    ذ dh|th|z|d
    ر r
    ز z
    ژ zh|j
    س s|c
    ش sh|ch|sch
    ص s|c
    ض d|dh|z
    ط t
    ظ z|dh|th
    ع 0|a|e|i|o|u|aa
    غ gh|g
    ف f|ph
    ق q|k|g|c|gh
    ك k|c
    گ g|gu
    ل l
    م m
    ن n
    ه h|0|a|e|ah|eh|oh|uh
    ة a|ah|at|e|eh
    و w[aeiou]?|v[aeiou]?|u|o|ou|oo|ow|au|aw
    ي y[aeiou]?|i|ee|ei|ey|ai|ay|ie
    ى a|i|e|y|ee
    ئ i|y|e|0
    ؤ o|ou|u|w|0
    ء 0
    """)
_ARABIC_WORDS = {
    'حسن': 'h[ae]s[ae]n', 'عمر': '[ou]mar', 'مريم': 'm[ae]r[iy]+[ae]m',
    'حمد': 'h[ae]mad'}
_HEBREW = _table("""
    יי y[aeiou]?|i|ai|ay|ei|ey
    א a|e|i|o|u|0
    ב b|v
    ג g|j
    ד d
    ה h|0|a|ah|e|eh|o|oh
    ו v[aeiou]?|w[aeiou]?|o|u|oo|ou
    ז z|s
    ח h|ch|kh
    ט t|th
    י y[aeiou]?|i|j|ei|ai|ey|ay|ie|e
    כ k|c|kh|ch|h
    ל l
    מ m
    נ n
    ס s|c
    ע a|e|i|o|u|0
    פ p|f|ph
    צ ts|tz|z|c|s
    ק k|q|c
    ר r
    ש sh|s|sch|ch
    ת t|th|s
    """)
_HEBREW_WORDS = {'מרימ': 'mir[iy]+a?m'}
_FINALS = str.maketrans('ךםןףץ', 'כמנפצ')
_HANGUL_SYLLABLES = {
    '이': 'i|lee|yi|rhee|ri|li|yee', '박': 'park|pak|bak|bag',
    '임': 'im|lim|rim|yim', '림': 'im|lim|rim', '노': 'no|noh|roh|ro',
    '류': 'ryu|ryoo|yu|yoo|lyu|ryou', '유': 'yu|yoo|you|ryu|ryoo',
    '최': 'choi|choe|chwe', '우': 'u|woo|wu|oo'}
_INITIALS = _words(
    'k|g kk|gg|g n t|d tt|dd r|l m b|p bb|pp|b s|sh ss 0 j|ch|z jj|j ch k|kh '
    't|th p|ph h')
_VOWELS = _words(
    'a|ah ae|e|ay|ai ya yae|ye eo|uh|o e|eh yeo|you|yuh ye|yeh o|oh wa|oa '
    'wae|we oe|oi|we yo|yoh u|oo|ou|woo wo|weo we wi|ui yu|yoo|you eu|u '
    'ui|i|ee|eui i|ee|ie|yi')
_FINAL_VOWELS = {4: 'eo|u|o|ou|eu', 6: 'yeo|yu|you|yo', 1: 'ae|e|ai'}
_FINALS_HANGUL = _words(
    '0 k|g kk ks n nj nh d|t l|r lg|k lm lb ls lt lp lh m p|b ps s|t ss|t ng '
    'j|t ch|t k t p h')
_KANA = {
    'し': 'shi|si', 'ち': 'chi|ti', 'つ': 'tsu|tu', 'ふ': 'fu|hu',
    'じ': 'ji|zi', 'ぢ': 'ji|di|zi', 'づ': 'zu|du|dzu', 'を': 'o|wo',
    'ん': "n|m", 'っ': '[ktspc]?', 'ゔ': 'vu|bu'}
_KANA_ROWS = {
    'し': 'sh|sy', 'ち': 'ch|ty|cy', 'じ': 'j|zy|jy', 'ぢ': 'j|dy'}
_SMALL = {'ゃ': 'a', 'ゅ': 'u', 'ょ': 'o'}


def _alternatives(text):
    return '(?:' + text.replace('0', '') + ')'


def _by_letters(table, gap='', words=None, later=None):
    "Return a function that makes the pattern of a word by such a table"
    lengths = sorted({len(letters) for letters in table}, reverse=True)

    def pattern(word):
        if words and word in words:
            return words[word]
        parts, at = [], 0
        while at < len(word):
            for length in lengths:
                letters = word[at:at + length]
                if len(letters) == length and letters in table:
                    break
            else:
                letters = word[at]
            parts.append(_alternatives(
                    table[letters] if letters in table
                    else re.escape(anyascii(letters))))
            at += len(letters)
        return gap.join(parts)
    return pattern


_cyrillic, _greek = _by_letters(_CYRILLIC), _by_letters(_GREEK)
_arabic_letters = _by_letters(_ARABIC, '\0', _ARABIC_WORDS)
_hebrew_letters = _by_letters(_HEBREW, '\0', _HEBREW_WORDS)
# No short vowel is before a long a, before an h at the end that stands for one
# and after a long i: Rana is not Rania, nor Dina Diana
_NO_GAP = re.compile(
    r'\0(?=\(\?:a\||\(\?:h\|\|[^()]*\)$)|(?<=\|ie\))\0|(?<=\|ie\|e\))\0')


def _arabic(word):
    "Return the pattern of a word: a short u is mostly in its beginning"
    word = ''.join(
        c for c in unicodedata.normalize('NFC', word)
        if not unicodedata.combining(c)).translate(
            str.maketrans('أإآٱیکۀ', 'اااايكه'))
    article = word.startswith('ال') and len(word) > 4
    stem = word[2:] if article else word
    pattern = _NO_GAP.sub('', _arabic_letters(stem))
    if pattern.startswith('(?:a|aa|e)'):
        pattern = '(?:a|e|i|o|u|aa)' + pattern[len('(?:a|aa|e)'):]
    if '\0' in pattern:
        first, *later = pattern.split('\0')
        if 'و' in stem or stem.startswith('عبد'):
            pattern = '[aeiou]?'.join([first, *later])
        elif later:
            pattern = '(?:{}|{})'.format(
                '[aei]?'.join([first, *later]),
                first + '(?:ou?|u|oo)' + '[aeiou]?'.join(later))
    if article:
        pattern = '(?:[aeu]?l|a[sdrtnz]h?)?' + pattern
    return pattern


def _hebrew(word):
    pattern = _hebrew_letters(''.join(
            c for c in word.translate(_FINALS)
            if not unicodedata.combining(c)))
    return _NO_GAP.sub('', pattern).replace('\0', '[aeiou]?')


def _hangul(word):
    parts = []
    for syllable in unicodedata.normalize('NFC', word):
        code = ord(syllable) - 0xac00
        if not 0 <= code < 11172:
            parts.append(re.escape(anyascii(syllable).lower()))
            continue
        if syllable in _HANGUL_SYLLABLES:
            parts.append(_alternatives(_HANGUL_SYLLABLES[syllable]))
            continue
        initial, vowel, final = code // 588, code // 28 % 21, code % 28
        vowels = _VOWELS[vowel]
        if final:
            vowels = _FINAL_VOWELS.get(vowel, vowels)
        parts.append(
            _alternatives(_INITIALS[initial]) + _alternatives(vowels)
            + _alternatives(_FINALS_HANGUL[final]))
    return ''.join(parts)


def _kana(word):
    # How long vowels in a row are written: as one pattern, for the time that
    # a pattern for each would take
    parts, vowel, long_vowels = [], '', []

    def end_long_vowels():
        if long_vowels:
            letters = ''.join(sorted({'h', *''.join(long_vowels)}))
            parts.append(f'[{letters}]{{0,{len(long_vowels)}}}')
            long_vowels.clear()

    for at, letter in enumerate(word):
        following = word[at + 1:at + 2]
        if letter in _SMALL:
            row = _KANA_ROWS.get(word[at - 1])
            if row is None:
                row = anyascii(word[at - 1])[:-1] + 'y'
            vowel = _SMALL[letter]
            end_long_vowels()
            parts.append(_alternatives(row) + vowel)
        elif following in _SMALL and following:
            continue
        elif letter == 'ー' or (vowel, letter) in {
                ('o', 'う'), ('o', 'お'), ('u', 'う'), ('e', 'い'),
                ('e', 'え'), ('i', 'い'), ('a', 'あ')}:
            long_vowels.append(anyascii(letter).strip('-') + vowel)
        else:
            text = _KANA.get(letter) or anyascii(letter)
            end_long_vowels()
            parts.append(_alternatives(text))
            vowel = text[-1] if text[-1] in 'aiueo' else ''
    end_long_vowels()
    return ''.join(parts)


# What is longer is no name, and a pattern could try very many ways to read it
_LONGEST = 32
# By script, and whether doubled consonants tell nothing
_PATTERNS = {
    'CYRILLIC': (_cyrillic, True), 'GREEK': (_greek, True),
    'ARABIC': (_arabic, True), 'HEBREW': (_hebrew, True),
    'HANGUL': (_hangul, False), 'HIRAGANA': (_kana, False)}
# In these more than one language can be meant, or vowels are unsure
_UNSURE = {'CJK', 'THAI', 'LAO', 'KHMER', 'MYANMAR', 'TIBETAN', 'BOPOMOFO'}
_DOUBLED = re.compile(r'([^aeiou])\1+')
_ABUGIDA = [
    (re.compile(pattern), text) for pattern, text in [
        ('x', 'ks'), ('ee', 'i'), ('oo', 'u'), ('aa', 'a'),
        ('chh|ch', 'c'), ('([bdgjkpt])h', r'\1'), ('sh', 's'), ('w', 'v'),
        ('ph', 'p'), ('f', 'p'), ('z', 'j'), ('er', 'r'),
        ('m(?=[cjtdkgs])', 'n'), (r'(?<=.)a(?=.)', ''), (r'(.)\1+', r'\1')]]
_SKELETON = [
    (re.compile(pattern), text) for pattern, text in [
        ('ph', 'f'), ('tch|sch|sh|ch|zh|[szcjx]', 's'), ('kh|[hyw]', ''),
        ('[aeiou]', ''), ('[qg]', 'k'), ('d', 't'), ('[vfp]', 'b'),
        (r'(.)\1+', r'\1')]]
# Where that leaves a letter or none, what is breathed and half a vowel tell as
# well; j is that of Jan
_BREATHED = [
    (re.compile(pattern), text) for pattern, text in [
        ('i[jy](?=[aeou])', 'i'), ('(?<=[aeou])i(?=[aeou])|j', 'y'),
        ('(?<=[aeiou])h$|[aeiou]', ''), ('w', 'v')]]
# In these l and r are one; Korean leaves them, and n, out at the beginning
_ONE_L = {'HIRAGANA', 'HANGUL'}


@lru_cache(20_000)
def _pattern(script, word):
    make, folds = _PATTERNS[script]
    if folds:
        word = re.sub(r'([^یيγ])\1', r'\1', word)
    return re.compile(make(word)), folds


@lru_cache(20_000)
def reads_as(script, word, latin):
    """Return whether a word of a script is written so in Latin letters.

    latin has small letters without accents only. True and False are sure,
    None is not.
    """
    if is_written(script, word, latin):
        return True
    if script in _UNSURE:
        return None
    skeletons = _skeletons(_SKELETON, script, word, latin)
    if _likeness(*skeletons) >= 0.5:
        return None
    if min(map(len, skeletons)) > 1:
        return False
    skeletons = _skeletons(
        _BREATHED, script, word.replace('ة', 'ت'), latin)
    if script == 'HANGUL':
        skeletons = [text.lstrip('rn') for text in skeletons]
    return None if _likeness(*skeletons) > 0.5 else False


def _skeletons(rules, script, word, latin):
    texts = [_letters(word), latin]
    if script in _ONE_L:
        texts = [text.replace('l', 'r') for text in texts]
    return [_replaced(rules, text) for text in texts]


def _likeness(one, other):
    return SequenceMatcher(None, one, other).ratio()


def is_written(script, word, latin):
    "Return whether it is sure that the word is written so"
    if script in _PATTERNS:
        if len(word) > _LONGEST:
            return False
        pattern, folds = _pattern(script, word)
        return bool(pattern.fullmatch(
                _DOUBLED.sub(r'\1', latin) if folds else latin))
    if script == 'CJK':
        return _letters(word) == latin.replace('v', 'u')
    return _replaced(_ABUGIDA, _letters(word)) == _replaced(_ABUGIDA, latin)


@lru_cache(20_000)
def _letters(word):
    return ''.join(c for c in anyascii(word).casefold() if c.isalpha())


def _replaced(rules, text):
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text
