"""Which rounds there are: who is killed, in which stage and when in it; all of it follows from a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Victim(StrEnum):
    """Who is killed. Those of `up` are killed while it carries out the run; the others while `refresh` does."""

    REFRESH = "refresh"
    GROUP = "process group"
    POSTMASTER = "postmaster"
    BACKEND = "backend"
    PROVIDER = "provider"
    GITHUB = "github"
    QDRANT = "qdrant"
    DAEMON = "daemon of up"
    CODE_SERVER = "code server of up"
    UP_POSTMASTER = "postmaster of up"


OF_UP = (Victim.DAEMON, Victim.CODE_SERVER, Victim.UP_POSTMASTER)
CRASHES = (Victim.POSTMASTER, Victim.BACKEND, Victim.UP_POSTMASTER)
SERVERS = (Victim.PROVIDER, Victim.GITHUB, Victim.QDRANT)


class Stage(StrEnum):
    """A part of a refresh, with the name of its step; START is all that comes before the first step."""

    START = "start"
    RAW = "raw_records"
    DOCUMENTS = "text__documents"
    CHUNKS = "text__chunks"
    EMBEDDINGS = "vectors__embeddings"
    QDRANT = "vectors__qdrant_index"
    REPORT = "reports__vector_quality"
    RECOMMENDATIONS = "incidents__recommendations"

    @property
    def label(self) -> str:
        """What people call it."""
        return self.value.rpartition("__")[2].replace("_", " ")


@dataclass(frozen=True, slots=True)
class Case:
    """What a round is about.

    Attributes:
        kind: The source: `files`, `store` (files, with a vector store) or `live`.
        stage: When.
        victim: Who.
    """

    kind: str
    stage: Stage
    victim: Victim


@dataclass(frozen=True, slots=True)
class Round:
    """A round; with the same seed and number it is the same.

    Attributes:
        number: From 1.
        case: What it is about.
        share: When, as a share of the time that the stage takes undisturbed.
        pause_s: How long a killed server is away.
        choice: Chooses among several, such as backends; in [0, 1).
    """

    number: int
    case: Case
    share: float
    pause_s: float
    choice: float


def cases(*, with_up: bool = True) -> list[Case]:
    """Every stage with everything that can be killed in it."""
    stages = {Stage.QDRANT: "store"}
    everybody = (Victim.REFRESH, Victim.GROUP, Victim.POSTMASTER, Victim.BACKEND)
    found = [Case(stages.get(stage, "files"), stage, victim) for stage in Stage for victim in everybody]
    found += [Case("live", Stage.RAW, victim) for victim in (*everybody, Victim.GITHUB, Victim.GITHUB)]
    paid = (Stage.EMBEDDINGS, Stage.REPORT, Stage.RECOMMENDATIONS)
    found += [Case("files", stage, Victim.PROVIDER) for stage in paid]
    found += [Case("store", Stage.QDRANT, Victim.QDRANT)]
    if with_up:
        # They take three times as long as the others.
        found += [Case("files", stage, victim) for victim in OF_UP for stage in (Stage.RAW, Stage.RECOMMENDATIONS)]
    return found


def plan(rounds: int, seed: int, *, with_up: bool = True) -> list[Round]:
    """So many rounds: the first ones cover every stage and victim, then every case in turn."""
    dice = random.Random(seed)  # noqa: S311 - the same rounds for the same seed
    chosen: list[Case] = []
    while len(chosen) < rounds:
        left = cases(with_up=with_up)
        dice.shuffle(left)
        chosen += _covering_first(left)
    return [_round(number, case, seed) for number, case in enumerate(chosen[:rounds], start=1)]


def _covering_first(left: list[Case]) -> list[Case]:
    found: list[Case] = []
    while left:
        best = max(left, key=lambda case: _news(case, found))
        left.remove(best)
        found.append(best)
    return found


def _news(case: Case, before: Sequence[Case]) -> int:
    return sum(
        all(getattr(other, name) != getattr(case, name) for other in before) for name in ("kind", "stage", "victim")
    )


def _round(number: int, case: Case, seed: int) -> Round:
    dice = random.Random(f"{seed}:{number}")  # noqa: S311 - as above
    return Round(number, case, dice.random(), dice.choice((0.0, 0.3, 1.5)), dice.random())
