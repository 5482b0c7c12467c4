"""Twenty rounds of chaos with `refresh`: `python -m tests.chaos` does as many as it is told, with `up` among them."""

import os
from collections import Counter

import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.installation import Installation
from tests.chaos.plan import OF_UP, Stage, Victim, plan
from tests.chaos.speech import badly_said

ROUNDS, SEED = 20, 20261122


@pytest.mark.e2e
def test_what_is_killed_at_a_random_point_of_any_stage_goes_on_and_ends_like_an_undisturbed_run() -> None:
    kept = dict(os.environ)
    try:
        with Installation.running() as site:
            results = list(Campaign(site, print).run(plan(ROUNDS, SEED, with_up=False)))
    finally:
        os.environ.clear()
        os.environ.update(kept)
    assert {result.round.number: result.findings for result in results if result.findings} == {}
    assert sum(result.met for result in results) >= ROUNDS - 2


@pytest.mark.parametrize(("with_up", "spared"), [(False, {*OF_UP}), (True, set())])
def test_twenty_rounds_meet_every_stage_and_every_victim(with_up: bool, spared: set[Victim]) -> None:
    cases = [one.case for one in plan(ROUNDS, SEED, with_up=with_up)]
    assert {case.stage for case in cases} == {*Stage}
    assert {case.victim for case in cases} == {*Victim} - spared
    assert Counter(case.victim in OF_UP for case in cases)[True] <= ROUNDS // 5


def test_a_round_is_the_same_for_the_same_seed_whatever_the_number_of_rounds() -> None:
    assert plan(200, SEED)[:20] == plan(20, SEED)
    assert plan(20, SEED) != plan(20, SEED + 1)


def test_raw_words_of_a_library_are_a_finding() -> None:
    assert badly_said("The database cannot be reached: check that it runs, then try again.") == []
    assert badly_said("psycopg2.OperationalError: server closed the connection unexpectedly")
    assert badly_said("It failed.")
