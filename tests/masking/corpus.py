"""A labelled corpus: texts of eight classes, with the places of their secrets and of what only looks like one."""

import random
import re
from dataclasses import dataclass

from precedent.security.masking import places
from tests.masking import lookalikes, secrets
from tests.masking.values import HARMLESS, SECRETS

ROUNDS = 5
SEED = 11
# `«token»` is a secret that is made, `«~sha1»` a look-alike that is made, `«=text»` a look-alike as it stands.
PLANTED = re.compile(r"«(?P<sign>[~=]?)(?P<what>[^»]+)»")


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with what is planted in it.

    Attributes:
        kind: Its class: prose, logs, headers, ...
        text: The text.
        secrets: Places (start, end) of what must be replaced.
        harmless: Places of what must stay.
    """

    kind: str
    text: str
    secrets: tuple[tuple[int, int], ...]
    harmless: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class Score:
    """How a class did; a replaced place that holds no secret, or a look-alike with it, is a false one."""

    secrets: int = 0
    found: int = 0
    harmless: int = 0
    false: int = 0

    @property
    def recall(self) -> float:
        """Share of secrets of which nothing is left."""
        return self.found / self.secrets if self.secrets else 1.0

    @property
    def precision(self) -> float:
        """Share of replaced places that were to be replaced."""
        return self.found / (self.found + self.false) if self.found + self.false else 1.0


def samples(seed: int = SEED, rounds: int = ROUNDS) -> list[Sample]:
    """The corpus; the same for the same seed."""
    chosen = random.Random(seed)  # noqa: S311 - nothing is secret
    found = []
    for templates in (secrets.TEMPLATES, lookalikes.TEMPLATES):
        for kind, texts in templates.items():
            found += [_sample(kind, text, chosen) for text in texts for _ in range(rounds)]
    return found


def scores(corpus: list[Sample]) -> tuple[dict[str, Score], list[str]]:
    """The score of each class, and what went wrong, to be read."""
    found: dict[str, Score] = {}
    wrong: list[str] = []
    for sample in corpus:
        score = found.setdefault(sample.kind, Score())
        replaced = places(sample.text)
        for start, end in sample.secrets:
            score.secrets += 1
            if any(first <= start and end <= last for first, last, _ in replaced):
                score.found += 1
            else:
                wrong.append(f"{sample.kind}: left {sample.text[start:end]!r} in {sample.text[:200]!r}")
        score.harmless += len(sample.harmless)
        false = {place for place in replaced if not any(_meets(place, secret) for secret in sample.secrets)}
        taken = [place for place in sample.harmless if any(_meets(other, place) for other in replaced)]
        score.false += len(false) + sum(not any(_meets(place, other) for other in false) for place in taken)
        wrong += [f"{sample.kind}: took {sample.text[a:b]!r} in {sample.text[:200]!r}" for a, b, _ in sorted(false)]
        wrong += [f"{sample.kind}: took {sample.text[a:b]!r} in {sample.text[:200]!r}" for a, b in taken]
    return found, wrong


def _meets(place: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return place[0] < other[1] and other[0] < place[1]


def _sample(kind: str, template: str, chosen: random.Random) -> Sample:
    text, reached = "", 0
    planted: list[tuple[int, int]] = []
    harmless: list[tuple[int, int]] = []
    for match in PLANTED.finditer(template):
        text += template[reached : match.start()]
        reached = match.end()
        sign, what = match["sign"], match["what"]
        value = what if sign == "=" else (HARMLESS if sign else SECRETS)[what](chosen)
        (harmless if sign else planted).append((len(text), len(text) + len(value)))
        text += value
    return Sample(kind, text + template[reached:], tuple(planted), tuple(harmless))
