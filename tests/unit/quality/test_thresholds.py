"""A source's thresholds over its tenant's over the defaults; a wrong one is refused with its name."""

import pytest

from precedent.errors import UsageError
from precedent.quality.thresholds import NAMES, Layers, Thresholds, checked


def test_a_tenants_thresholds_replace_the_defaults() -> None:
    assert Thresholds.of({"duplicate_rate": 0.5}).duplicate_rate == 0.5
    assert Thresholds.of({"duplicate_rate": "0.5"}).duplicate_rate == 0.5
    assert Thresholds.of({}) == Thresholds()


def test_a_source_goes_before_its_tenant() -> None:
    tenant, source = {"coverage": 0.9, "tokens_cut": 0.1}, {"coverage": 0.5}
    found = Layers(tenant, source).thresholds
    assert (found.coverage, found.tokens_cut, found.duplicate_rate) == (0.5, 0.1, 0.02)
    assert [Layers(tenant, source).origin(name) for name in ("coverage", "tokens_cut", "duplicate_rate")] == [
        "source",
        "tenant",
        "default",
    ]


def test_a_name_of_another_release_is_no_obstacle() -> None:
    assert Layers({"hubness": 3}).thresholds == Thresholds()


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no threshold 'speed': choose from canary_below, canary_mean"):
        checked({"speed": 1})


@pytest.mark.parametrize("value", ["high", "", None, True, float("nan"), float("inf"), "-inf"])
def test_a_threshold_must_be_a_finite_number(value: object) -> None:
    with pytest.raises(UsageError, match="'coverage' must be a number"):
        checked({"coverage": value})


@pytest.mark.parametrize(("name", "value"), [("coverage", 1.01), ("tokens_lost", -0.1), ("norm_deviation", -1)])
def test_a_threshold_that_nothing_could_meet_is_refused(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"'{name}' must be "):
        checked({name: value})


def test_defaults_are_within_their_own_ranges() -> None:
    assert checked({name: getattr(Thresholds(), name) for name in NAMES})
