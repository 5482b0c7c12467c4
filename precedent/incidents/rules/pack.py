"""The rule pack: loaded from YAML, checked, compiled once."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from precedent.errors import PrecedentError
from precedent.incidents.schema import Priority, RecommendationType

PACK = Path(__file__).with_name("rules.yaml")
# The parser in C, where PyYAML has it: it takes a tenth of the time, and many commands read the pack.
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Pattern(BaseModel):
    """A regular expression and how much a match proves, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: str
    weight: float = Field(gt=0, le=1)

    @field_validator("match")
    @classmethod
    def compiles(cls, value: str) -> str:
        """Refuse what is no regular expression."""
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is no regular expression ({error})") from error
        return value


class Rule(BaseModel):
    """When a type of recommendation applies, and what it says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: RecommendationType
    title: str
    priority: Priority
    patterns: tuple[Pattern, ...]
    description: str
    cause: str
    actions: tuple[str, ...] = Field(min_length=4, max_length=8)


class Pack(BaseModel):
    """All rules, one a type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    rules: tuple[Rule, ...]

    @field_validator("rules")
    @classmethod
    def one_each(cls, value: tuple[Rule, ...]) -> tuple[Rule, ...]:
        """Refuse a pack that misses a type or has one twice."""
        types = [rule.type for rule in value]
        missing = [kind.value for kind in RecommendationType if types.count(kind) != 1]
        if missing:
            raise ValueError(f"needs exactly one rule for {', '.join(missing)}")
        return value


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule with its patterns ready to search."""

    rule: Rule
    patterns: tuple[tuple[re.Pattern[str], float], ...]


@lru_cache(maxsize=4)
def load(path: Path = PACK) -> tuple[str, tuple[CompiledRule, ...]]:
    """The pack's version and its rules.

    Raises:
        PrecedentError: the file is missing or wrong; the message names the rule and the field.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=SAFE_LOADER)  # noqa: S506 - a safe loader
        pack = Pack.model_validate(content)
    except (OSError, yaml.YAMLError) as error:
        raise PrecedentError(f"The rule pack {path} cannot be read: restore it or correct its YAML.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise PrecedentError(f"The rule pack {path.name} is wrong at {place}: {first['msg']}.") from error
    return pack.version, tuple(
        CompiledRule(rule, tuple((re.compile(p.match, re.IGNORECASE), p.weight) for p in rule.patterns))
        for rule in pack.rules
    )
