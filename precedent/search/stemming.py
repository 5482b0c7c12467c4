"""English stems: the Snowball stemmer of Martin Porter, known as Porter 2, for words in lower-case ASCII letters.

In Python and not in the database, so that texts, queries and the marks of a snippet are cut by the same code on every
server; a test holds it to PostgreSQL's `english_stem`. Source: https://snowballstem.org/algorithms/english/stemmer.html
"""

from functools import lru_cache

_VOWELS = frozenset("aeiouy")
_DOUBLES = ("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt")
_LI_ENDINGS = frozenset("cdeghkmnrt")
# Words that the rules would cut wrongly.
_WHOLE = {
    "skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "idly": "idl", "gently": "gentl",
    "ugly": "ugli", "early": "earli", "only": "onli", "singly": "singl", "sky": "sky", "news": "news", "howe": "howe",
    "atlas": "atlas", "cosmos": "cosmos", "bias": "bias", "andes": "andes",
}  # fmt: skip
_KEPT_ING = frozenset(("inn", "out", "cann", "herr", "earr"))
_KEPT_EED = frozenset(("proc", "exc", "succ"))
_REGION_PREFIXES = ("gener", "commun", "arsen")
_STEP_2 = (
    ("ization", "ize"), ("ational", "ate"), ("fulness", "ful"), ("ousness", "ous"), ("iveness", "ive"),
    ("tional", "tion"), ("biliti", "ble"), ("lessli", "less"), ("entli", "ent"), ("ation", "ate"), ("alism", "al"),
    ("aliti", "al"), ("ousli", "ous"), ("iviti", "ive"), ("fulli", "ful"), ("enci", "ence"),
    ("anci", "ance"), ("abli", "able"), ("izer", "ize"), ("ator", "ate"), ("alli", "al"), ("bli", "ble"), ("ogi", "og"),
    ("li", ""),
)  # fmt: skip
_STEP_3 = (
    ("ational", "ate"), ("tional", "tion"), ("alize", "al"), ("icate", "ic"), ("iciti", "ic"), ("ative", ""),
    ("ical", "ic"), ("ness", ""), ("ful", ""),
)  # fmt: skip
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ism", "ate", "iti", "ous", "ive", "ize", "ion",
    "al", "er", "ic",
)  # fmt: skip


@lru_cache(maxsize=200_000)
def stem(word: str) -> str:
    """The stem of a word of lower-case ASCII letters; a word of one or two letters is its own."""
    if len(word) <= 2:
        return word
    if word in _WHOLE:
        return _WHOLE[word]
    if "y" in word:
        word = _marked(word)
    first, second = _regions(word)
    word = _plurals(word)
    word = _endings(word, first)
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in _VOWELS:
        word = word[:-1] + "i"
    word = _step_2(word, first)
    word = _step_3(word, first, second)
    word = _step_4(word, second)
    return _last_letter(word, first, second).lower()


def _marked(word: str) -> str:
    """A y that starts the word or follows a vowel is a consonant, written Y."""
    letters = list(word)
    for place, letter in enumerate(letters):
        if letter == "y" and (place == 0 or letters[place - 1] in _VOWELS):
            letters[place] = "Y"
    return "".join(letters)


def _regions(word: str) -> tuple[int, int]:
    """Where the regions R1 and R2 begin: behind the first consonant that follows a vowel, and again."""
    first = next((len(prefix) for prefix in _REGION_PREFIXES if word.startswith(prefix)), None)
    if first is None:
        first = _behind(word, 0)
    return first, _behind(word, first)


def _behind(word: str, start: int) -> int:
    for place in range(start + 1, len(word)):
        if word[place] not in _VOWELS and word[place - 1] in _VOWELS:
            return place + 1
    return len(word)


def _has_vowel(word: str) -> bool:
    return any(letter in _VOWELS for letter in word)


def _ends_short(word: str) -> bool:
    """Ends in a short syllable: consonant, vowel, consonant but w, x, Y; or a vowel and a consonant alone."""
    if len(word) == 2:
        return word[0] in _VOWELS and word[1] not in _VOWELS
    return (
        len(word) > 2
        and word[-1] not in _VOWELS
        and word[-1] not in "wxY"
        and word[-2] in _VOWELS
        and word[-3] not in _VOWELS
    )


def _plurals(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and _has_vowel(word[:-2]):
        return word[:-1]
    return word


def _endings(word: str, first: int) -> str:
    for suffix in ("eedly", "eed"):
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            return rest + "ee" if len(rest) >= first and rest not in _KEPT_EED else word
    for suffix in ("ingly", "edly", "ing", "ed"):
        if word.endswith(suffix):
            break
    else:
        return word
    rest = word[: -len(suffix)]
    if not _has_vowel(rest) or (suffix == "ing" and rest in _KEPT_ING):
        return word
    if rest.endswith(("at", "bl", "iz")):
        return rest + "e"
    if rest.endswith(_DOUBLES):
        return rest if len(rest) == 3 and rest[0] in "aeo" else rest[:-1]
    return rest + "e" if first >= len(rest) and _ends_short(rest) else rest


def _step_2(word: str, first: int) -> str:
    for suffix, other in _STEP_2:
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            if len(rest) < first:
                return word
            if suffix == "ogi" and not rest.endswith("l"):
                return word
            if suffix == "li" and (not rest or rest[-1] not in _LI_ENDINGS):
                return word
            return rest + other
    return word


def _step_3(word: str, first: int, second: int) -> str:
    for suffix, other in _STEP_3:
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            if len(rest) < first or (suffix == "ative" and len(rest) < second):
                return word
            return rest + other
    return word


def _step_4(word: str, second: int) -> str:
    for suffix in _STEP_4:
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            if len(rest) < second or (suffix == "ion" and not rest.endswith(("s", "t"))):
                return word
            return rest
    return word


def _last_letter(word: str, first: int, second: int) -> str:
    rest = word[:-1]
    if word.endswith("e"):
        if len(rest) >= second or (len(rest) >= first and not _ends_short(rest)):
            return rest
    elif word.endswith("l") and len(rest) >= second and rest.endswith("l"):
        return rest
    return word
