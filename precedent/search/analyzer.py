"""Words and identifiers: how a text, and a query, becomes the lexemes that the lexical leg of search compares.

A word is lower-cased, stripped of accents and stemmed; stop words and single letters are dropped. An identifier counts
as a whole and by its parts: `NullPointerException` is found by `pointer`, `dfs.namenode.http-address` by `namenode` and
by itself, `HDFS-1234` by `hdfs` and `1234`, `/var/log/x.log` by `log`. Documents and queries go through this same code.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from threading import local
from typing import NamedTuple

import Stemmer

# Raise it when the same text would give other lexemes: documents of another version are indexed anew.
ANALYSER_VERSION = 2
# Longer words are keys, hashes or the inside of an archive: they are never typed, and would fill the index.
LONGEST_LEXEME = 64

# Runs of letters and digits, and what glues them together in paths, hosts, versions, options and qualified names.
_COMPOUND = re.compile(r"[^\W_]+(?:[._/\\\-:$#@+'’]{1,3}[^\W_]+)*")
_RUN = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_VERSION = re.compile(r"v(\d+(?:\.\d+)+)")
# A commit is named by its first characters, as many as the writer liked.
_DIGEST = re.compile(r"[0-9A-Fa-f]{7,64}")
# Scripts that are written without spaces: Japanese, Chinese, Korean, compared by pairs of characters.
_UNSPACED = re.compile("[぀-ヿ㐀-䶿一-鿿가-힯豈-﫿]")
_STOP_WORDS = (
    "a about above after again against all am an and any are aren as at be because been before being below between "
    "both but by can could couldn did didn do does doesn doing don down during each few for from further had hadn has "
    "hasn have haven having he her here hers herself him himself his how i if in into is isn it its itself just ll me "
    "more most my myself no nor not now of off on once only or other our ours ourselves out over own re s same she "
    "should shouldn so some such t than that the their theirs them themselves then there these they this those through "
    "to too under until up ve very was wasn we were weren what when where which while who whom why will with won would "
    "wouldn you your yours yourself yourselves"
)
_STOPPED = frozenset(_STOP_WORDS.split())


class _ThreadStemmer(local):
    """The English Snowball stemmer; threads must not share one."""

    def __init__(self) -> None:
        # It needs no cache of its own: `_lexemes` has one.
        self.stem: Callable[[str], str] = Stemmer.Stemmer("english", 0).stemWord


_stemmer = _ThreadStemmer()


class Lexemes(NamedTuple):
    """What a word or identifier stands for; `words` count for a text's length, `extras` are wholes and parts."""

    words: tuple[str, ...]
    extras: tuple[str, ...]


class Span(NamedTuple):
    """A word or identifier in its place; `text[start:end]` is it."""

    start: int
    end: int
    lexemes: Lexemes


def analyse(text: str) -> Lexemes:
    """All lexemes of a text, repeated as often as they stand there, in their order."""
    words: list[str] = []
    extras: list[str] = []
    for compound in _COMPOUND.findall(text):
        found = _lexemes(compound)
        words += found.words
        extras += found.extras
    return Lexemes(tuple(words), tuple(extras))


def spans(text: str) -> Iterator[Span]:
    """The words and identifiers of a text with their places, for marks."""
    for match in _COMPOUND.finditer(text):
        yield Span(match.start(), match.end(), _lexemes(match.group()))


@lru_cache(maxsize=100_000)
def _lexemes(compound: str) -> Lexemes:
    plain = compound if compound.isascii() else _folded(compound)
    runs = _RUN.findall(plain)
    words: list[str] = []
    extras: list[str] = []
    for run in runs:
        if not run.isascii() and _UNSPACED.search(run):
            words += _pairs(run)
            continue
        words += _word(run)
        if _DIGEST.fullmatch(run) and not run.isdigit() and not run.isalpha():
            extras.append(run[:7].lower())
        humps = _HUMP.findall(run) if run.isascii() and not run.isdigit() else []
        if len(humps) > 1:
            for hump in humps:
                extras += _word(hump)
    whole = plain.lower()
    if len(runs) > 1 and "'" not in whole and "’" not in whole and _fits(whole):
        extras.append(whole)
        if version := _VERSION.fullmatch(whole):
            extras.append(version.group(1))
    return Lexemes(tuple(words), tuple(extras))


def _folded(compound: str) -> str:
    """One way to write each character; accents go, but not where they are part of the letter."""
    plain = unicodedata.normalize("NFKC", compound)
    if _UNSPACED.search(plain):
        return plain
    return "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))


def _word(run: str) -> list[str]:
    word = run.lower()
    if len(word) < 2 or word in _STOPPED or not _fits(word):
        return []
    return [_stemmer.stem(word)] if word.isascii() and word.isalpha() else [word]


def _pairs(run: str) -> list[str]:
    run = run.lower()
    return [run[place : place + 2] for place in range(max(1, len(run) - 1))]


def _fits(lexeme: str) -> bool:
    return len(lexeme) <= LONGEST_LEXEME and (lexeme.isascii() or len(lexeme.encode()) <= LONGEST_LEXEME)
