"""Judging measures: gates that block, and one score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from precedent.quality.gates import RULES, Gate, gate_title
from precedent.quality.measures.summary import QualityMeasures
from precedent.quality.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Verdict:
    """The score from 0 to 100, and the gates it comes from."""

    score: float
    passed: bool
    gates: tuple[Gate, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """Names of the failed gates."""
        return tuple(gate.name for gate in self.gates if gate.passed is False)

    @property
    def blocking_failures(self) -> tuple[str, ...]:
        """Names of the failed gates that block."""
        return tuple(gate.name for gate in self.gates if gate.blocking and gate.passed is False)

    @property
    def summary(self) -> str:
        """The verdict in a sentence."""
        if self.blocking_failures:
            return f"Failed: {', '.join(map(gate_title, self.blocking_failures))}."
        if self.failures:
            return f"Passed, with a warning: {', '.join(map(gate_title, self.failures))}."
        return "Passed: every gate that could be measured holds."

    @classmethod
    def stored(cls, score: float, passed: bool, gates: list[Mapping[str, Any]]) -> "Verdict":
        """A verdict as a report keeps it."""
        return cls(score, passed, tuple(Gate(**gate) for gate in gates))


def judge(measures: QualityMeasures, thresholds: Thresholds | None = None) -> Verdict:
    """The verdict on a set of vectors.

    A failed blocking gate makes the score 0: vectors that search cannot trust are not half good. Otherwise it is
    the weighted share of gates that passed, of those that were measured. A canary that was not measured counts as
    not passed, and an empty set scores 0: nothing known is not everything well.
    """
    gates = tuple(rule.apply(measures, thresholds or Thresholds()) for rule in RULES)
    blocked = any(gate.blocking and gate.passed is False for gate in gates)
    total = sum(gate.weight for gate in gates if gate.passed is not None or gate.name.startswith("canary"))
    share = sum(gate.weight for gate in gates if gate.passed) / total
    return Verdict(0.0 if blocked else round(100 * share, 1), not blocked, gates)
