"""The stemmer against PostgreSQL's own."""

import random
import re

import psycopg
import pytest

from precedent.search.stemming import stem
from tests.conftest import DATA

ENDINGS = (
    "s es ed ing ied ies ingly edly eed eedly ly li sses us ss y e l ll able ible ation ator ment ement ness fulness "
    "ization izer ousness iveness alism aliti biliti tional enci anci ogi icate iciti ical ful ance ence ant ent ism "
    "ate iti ous ive ize ion er ic"
)
STEMS = "SELECT word, ts_lexize('english_stem', word) FROM unnest(%s::text[]) word"


def differing(dsn: str, words: set[str]) -> list[tuple[str, str, str]]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(STEMS, (sorted(words),)).fetchall()
    # A stop word has no stem there; here it is dropped before.
    return [(word, found[0], stem(word)) for word, found in rows if found and found[0] != stem(word)]


def test_made_up_words_have_the_same_stems(owner_dsn: str) -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable, not secret
    words, endings = set(), ENDINGS.split()
    for _ in range(40_000):
        root = "".join(chance.choices("aeiouybcdghlmnprstvwxz", k=chance.randrange(1, 7)))
        words.add(root + chance.choice(endings) + (chance.choice(endings) if chance.random() < 0.3 else ""))
    assert differing(owner_dsn, words) == []


@pytest.mark.records
def test_the_words_of_real_records_have_the_same_stems(owner_dsn: str) -> None:
    path = DATA / "labelled" / "hadoop_bugs.jsonl.gz"
    if not path.exists():
        pytest.skip("the records are absent")
    import gzip

    words = set(re.findall(r"[a-z]{1,40}", gzip.decompress(path.read_bytes()).decode().lower()))
    assert len(words) > 10_000
    assert differing(owner_dsn, words) == []
