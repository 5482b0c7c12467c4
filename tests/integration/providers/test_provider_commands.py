"""The commands for providers: what is saved was tried, and what is wrong is refused with its reason."""

from pathlib import Path
from uuid import uuid4

import pytest

from precedent.database.session import Database
from precedent.providers import registry
from precedent.providers.config import repository
from precedent.providers.runtime.endpoint import endpoint_of
from precedent.providers.runtime.open_drivers import open_driver
from precedent.providers.testing.server import Behaviour, LoopbackServer
from precedent.settings import Settings
from tests.integration.providers.provider_servers import (
    KEY,
    TEXT,
    VECTORS,
    Add,
    Call,
    OtherVectorsWire,
    health,
    parsed,
    stored,
)

pytest_plugins = ["tests.integration.providers.provider_fixtures"]


def test_what_is_added_was_tried_and_measured(precedent: Call, tenant: str, adding: Add) -> None:
    added = parsed(
        precedent(
            "provider",
            "add",
            "mine",
            "--capability",
            VECTORS,
            "--model",
            "vectors-1",
            "--activate",
            *adding,
            "--performance",
            "timeout_s=5",
            "--cost",
            "input_per_million=0.15",
            "--json",
        )
    )
    assert (added["created"], added["test"]["reachable"], added["test"]["dimensions"]) == (True, True, 8)
    assert added["test"]["latency_ms"] > 0
    assert added["test"]["warnings"] == []
    assert "embeds all of its passages anew" in added["note"]
    shown = parsed(precedent("provider", "show", "mine", "--tenant", tenant, "--json"))
    assert shown["options"] == {"dimensions": 8}
    assert (shown["performance"], shown["cost"]) == ({"timeout_s": 5}, {"input_per_million": 0.15})
    assert (shown["active"], shown["version"], shown["seen"]["state"]) == (True, 1, "well")
    assert shown["credentials"]["last_four"] == KEY[-4:]
    listed = parsed(precedent("provider", "list", "--tenant", tenant, "--json"))
    assert [(item["name"], item["origin"]) for item in listed] == [("mine", "row"), ("local", "built-in")]


def test_a_model_that_ends_is_saved_with_a_warning(precedent: Call, tenant: str, adding: Add) -> None:
    code, out, error = precedent("provider", "add", "old", "--capability", TEXT, "--model", "gpt-5-mini", *adding)
    assert (code, "old answered in" in out) == (0, True)
    assert "gpt-5-mini ends on 2026-12-11: consider gpt-6-luna" in error
    models = parsed(precedent("provider", "models", "old", "--tenant", tenant, "--json"))
    assert {item["id"]: (item["shutdown"], item["in_use"]) for item in models} == {
        "gpt-6-luna": (None, False),
        "gpt-5-mini": ("2026-12-11", True),
        "gpt-old": ("2027-01-15", False),
        "vectors-1": (None, False),
    }


def refused(name: str, arguments: str, words: str, code: int = 2) -> object:
    return pytest.param(["provider", "add", *arguments.split()], code, words, id=name)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        refused("key", f"x --capability {TEXT} --no-key", "needs a key"),
        refused(
            "model",
            f"x --capability {TEXT} --model gpt-9",
            "not among the models offered: gpt-5-mini, gpt-6-luna, gpt-old, vectors-1.",
            code=1,
        ),
        refused(
            "dimension",
            f"x --capability {VECTORS} --model vectors-1 --option dimensions=16",
            "16 dimensions are configured",
            code=1,
        ),
        refused(
            "dimension on replacing",
            f"vectors --capability {VECTORS} --model vectors-1 --replace --option dimensions=16",
            "vectors-1 gives vectors of 8 dimensions, and 16 are configured",
            code=1,
        ),
        refused("cycle", f"writer --capability {TEXT} --replace --fallback second", "a chain must end"),
        refused(
            "its own fallback", f"writer --capability {TEXT} --replace --fallback writer", "cannot fall back to itself"
        ),
        refused(
            "fallback elsewhere", f"x --capability {TEXT} --fallback foreign", "This tenant has no provider 'foreign'"
        ),
        refused("fallback of another kind", f"x --capability {TEXT} --fallback vectors", "vectors is for embedding"),
        refused(
            "fallback of another model",
            f"x --capability {VECTORS} --model vectors-2 --fallback vectors",
            "cannot be compared",
        ),
        refused("unreachable", f"x --capability {TEXT} --base-url http://127.0.0.1:9/v1", "Say --no-test", code=1),
        refused("taken", f"writer --capability {TEXT}", "say --replace"),
        refused("both", "x", "say which capability is meant"),
        refused("option", f"x --capability {TEXT} --option temprature=1", "no model option 'temprature'"),
        refused("secret option", f"x --capability {TEXT} --option api_key={KEY}", "sounds like a secret"),
        refused("pair", f"x --capability {TEXT} --option {KEY}", "--option takes name=value"),
        refused(
            "address", f"x --capability {TEXT} --base-url https://a.example/v1?key={KEY}", "leave out what follows"
        ),
        refused("reserved name", f"environment --capability {TEXT}", "choose another name"),
    ],
)
@pytest.mark.usefixtures("two_providers")
def test_what_is_wrong_is_refused_and_nothing_changes(
    precedent: Call,
    tenant: str,
    adding: Add,
    without_key: Add,
    owner_dsn: str,
    arguments: list[object],
    code: int,
    words: str,
) -> None:
    other = f"o-{uuid4().hex[:8]}"
    assert precedent("tenant", "add", other)[0] == 0
    parsed(precedent("provider", "add", "foreign", "--capability", TEXT, *adding, "--tenant", other, "--json"))
    parsed(precedent("provider", "add", "second", "--capability", TEXT, *adding, "--fallback", "writer", "--json"))
    before = stored(owner_dsn, tenant)
    given = without_key if "--no-key" in arguments else adding
    found, out, error = precedent(*arguments[:3], *given, *arguments[3:])
    assert (found, out) == (code, "")
    assert words in error
    assert error.count("\n") == 1
    assert KEY not in error
    assert stored(owner_dsn, tenant) == before
    assert health(owner_dsn, tenant, "x") is None


def test_a_private_address_is_refused_where_the_policy_says_so(
    precedent: Call, tenant: str, adding: Add, owner_dsn: str
) -> None:
    assert precedent("policy", "set", "--no-private-addresses", "--tenant", tenant)[0] == 0
    before = stored(owner_dsn, tenant)
    for arguments in (
        ["--capability", TEXT, *adding],
        ["--capability", TEXT, "--driver", "ollama", "--tenant", tenant, "--no-test"],
    ):
        code, _, error = precedent("provider", "add", "x", *arguments)
        assert (code, "127.0.0.1 is a private one" in error) == (2, True)
    assert stored(owner_dsn, tenant) == before


@pytest.mark.usefixtures("two_providers")
def test_a_fallback_that_makes_other_vectors_is_refused(
    precedent: Call, tenant: str, adding: Add, owner_dsn: str
) -> None:
    before = stored(owner_dsn, tenant)
    with LoopbackServer(OtherVectorsWire()) as liar:
        arguments = ["--capability", VECTORS, "--model", "vectors-1", *adding, "--fallback", "vectors"]
        code, _, error = precedent("provider", "add", "x", *arguments, "--base-url", f"{liar.url}/v1")
        assert (code, "vectors makes other vectors of the same texts" in error) == (1, True)
        assert stored(owner_dsn, tenant) == before
        agreed = parsed(precedent("provider", "add", "x", *arguments, "--json"))
        assert agreed["agreements"]["vectors"] == pytest.approx(1)
        code, _, error = precedent(
            "provider", "add", "vectors", *arguments[:-2], "--replace", "--base-url", f"{liar.url}/v1"
        )
    assert (code, "x makes other vectors" in error) == (1, True), "what falls back to a row is compared too"


def test_a_failed_trial_leaves_no_breaker_behind(
    precedent: Call, tenant: str, adding: Add, owner_dsn: str, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("sk-not-the-one-9876543210")
    for _ in range(2):
        code, _, error = precedent("provider", "add", "w", "--capability", TEXT, *adding, "--key-file", wrong)
        assert (code, "HTTP 401" in error) == (1, True)
        assert health(owner_dsn, tenant, "w") is None
    parsed(precedent("provider", "add", "w", "--capability", TEXT, *adding, "--json"))
    good = health(owner_dsn, tenant, "w")
    for _ in range(2):
        code, _, error = precedent(
            "provider", "add", "w", "--capability", TEXT, *adding, "--key-file", wrong, "--replace"
        )
        assert (code, "HTTP 401" in error) == (1, True)
        assert health(owner_dsn, tenant, "w") == good
    assert precedent("provider", "test", "w", "--tenant", tenant)[0] == 0
    assert precedent("provider", "add", "w", "--capability", TEXT, *adding, "--replace")[0] == 0


def test_saved_without_a_trial_then_tested(
    precedent: Call, endpoint: LoopbackServer, tenant: str, adding: Add, owner_dsn: str
) -> None:
    endpoint.behave(Behaviour.STATUS, status=503)
    arguments = ["v", "--capability", VECTORS, "--model", "vectors-1", *adding, "--performance", "opens_after=1"]
    assert precedent("provider", "add", *arguments)[0] == 1
    saved = parsed(precedent("provider", "add", *arguments, "--no-test", "--json"))
    assert (saved["test"], saved["provider"]["options"]) == (None, {})
    code, out, error = precedent("provider", "test", "v", "--tenant", tenant, "--json")
    assert (code, '"reachable": false' in out, "v gives no usable answer: HTTP 503" in error) == (1, True, True)
    assert health(owner_dsn, tenant, "v")[1:] == (1, True), "opened by the test"
    shown = parsed(precedent("provider", "show", "v", "--tenant", tenant, "--json"))
    assert (shown["seen"]["state"], shown["seen"]["reason"]) == ("open", "unavailable")
    assert precedent("provider", "add", *arguments, "--replace", "--no-test")[0] == 0
    assert health(owner_dsn, tenant, "v")[1:] == (0, False), "an edit closes it"
    assert precedent("provider", "test", "v", "--tenant", tenant)[0] == 1
    assert health(owner_dsn, tenant, "v")[1:] == (1, True)
    endpoint.behave()
    assert parsed(precedent("provider", "test", "v", "--tenant", tenant, "--json"))["dimensions"] == 8
    shown = parsed(precedent("provider", "show", "v", "--tenant", tenant, "--json"))
    assert (shown["seen"]["state"], shown["options"]) == ("well", {"dimensions": 8})


@pytest.mark.usefixtures("two_providers")
def test_chosen_taken_back_and_removed(precedent: Call, tenant: str, adding: Add) -> None:
    parsed(precedent("provider", "add", "second", "--capability", TEXT, *adding, "--fallback", "writer", "--json"))
    for name, before in (("writer", "local"), ("second", "writer")):
        answer = parsed(precedent("provider", "activate", name, "--tenant", tenant, "--json"))
        assert answer["instead_of"] == before
    answer = parsed(precedent("provider", "deactivate", "second", "--tenant", tenant, "--json"))
    assert (answer["was_active"], answer["serves_now"]) == (True, "local")
    code, _, error = precedent("provider", "remove", "writer", "--tenant", tenant)
    assert (code, "the fallback of second: say --yes" in error) == (2, True)
    answer = parsed(precedent("provider", "remove", "writer", "--yes", "--tenant", tenant, "--json"))
    assert answer["without_fallback"] == ["second"]
    code, _, error = precedent("provider", "remove", "writer", "--yes", "--tenant", tenant)
    assert (code, "known: second, vectors" in error) == (1, True)


def test_the_drivers_there_are_and_what_a_missing_one_needs(
    precedent: Call, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = registry.find_spec
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "anthropic" else there(name))
    drivers = {item["name"]: item for item in parsed(precedent("provider", "list", "--available", "--json"))}
    assert drivers["openai"]["capabilities"] == ["embedding", "text_generation"]
    assert (drivers["copilot"]["experimental"], drivers["claude"]["available"]) == (True, False)
    assert "pip install 'precedent[claude]'" in drivers["claude"]["why"]
    code, _, error = precedent("provider", "add", "x", "--driver", "claude", "--tenant", tenant)
    assert (code, "precedent[claude]" in error) == (2, True)


def test_a_row_that_takes_anothers_name_is_another_row(
    precedent: Call, tenant: str, adding: Add, key_file: Path, database: Database
) -> None:
    """A process that lives long keeps drivers with their keys: they must not serve the next row of the name."""
    settings = Settings.from_environment()
    arguments = ["same", "--capability", TEXT, *adding, "--no-test"]
    assert precedent("provider", "add", *arguments)[0] == 0
    first = open_driver(endpoint_of(repository.get(database, tenant, "same")), settings)
    assert precedent("provider", "remove", "same", "--yes", "--tenant", tenant)[0] == 0
    key_file.write_text("sk-the-second-one-1234")
    assert precedent("provider", "add", *arguments)[0] == 0
    second = open_driver(endpoint_of(repository.get(database, tenant, "same")), settings)
    assert (first.provider.api_key, second.provider.api_key) == (KEY, "sk-the-second-one-1234")


def test_a_budget_names_the_option_of_a_provider_that_is_not_there_yet(
    precedent: Call, adding: Add, tenant: str, endpoint: LoopbackServer
) -> None:
    assert precedent("policy", "set", "--budget", "5", "--tenant", tenant)[0] == 0
    arguments = ["provider", "add", "x", "--capability", TEXT, *adding]
    code, _, error = precedent(*arguments)
    assert code == 1
    assert "x was not saved: The tenant has a budget, and the price of gpt-6-luna of x is not known" in error
    assert "`--cost` of `precedent provider add`" in error
    assert "export" not in error
    assert precedent(*arguments, "--cost", "input_per_million=1", "--cost", "output_per_million=1")[0] == 0
