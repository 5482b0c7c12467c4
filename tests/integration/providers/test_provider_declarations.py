"""A tenant's providers as a file: written, compared, applied as a whole or not at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from precedent.providers.testing.server import Behaviour, LoopbackServer
from tests.integration.providers.provider_servers import KEY, TEXT, VECTORS, Add, Call, parsed, stored

pytest_plugins = ["tests.integration.providers.provider_fixtures"]
Write = Callable[[str], Path]
WHOLE = """
providers:
  writer:
    driver: openai
    capability: text_generation
    base_url: {url}/v1
    fallback: second
    active: true
    description: For people.
    options: {{temperature: 0.2, api_version: 2024-10-21}}
    performance: {{timeout_s: 5}}
    cost: {{input_per_million: 1, output_per_million: 2.5}}
    credentials: {{api_key: ${{OUR_KEY}}}}
  second:
    driver: openai
    capability: text_generation
    model: gpt-5-mini
    base_url: {url}/v1
    credentials:
      api_key: ${{OUR_KEY}}
  vectors:
    driver: openai
    capability: embedding
    model: vectors-1
    base_url: {url}/v1
    active: true
    credentials: {{api_key: "${{OUR_KEY}}"}}
policy:
  monthly_budget_usd: 12.5
  allow_unpriced: true
  sources:
    jira: {{allow_external: false}}
routes:
  embedding:
    etl: {{strategy: auto}}
    interactive: {{strategy: prefer, prefer: [vectors, gateway]}}
"""


@pytest.fixture
def write(tmp_path: Path, endpoint: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a file; `{url}` in it is the endpoint's address, and ${OUR_KEY} its key."""
    monkeypatch.setenv("OUR_KEY", KEY)

    def to_file(text: str) -> Path:
        path = tmp_path / "providers.yaml"
        path.write_text(text.format(url=endpoint.url))
        return path

    return to_file


@pytest.fixture
def apply(precedent: Call, tenant: str, archive: Path) -> Callable[..., tuple[int, str, str]]:
    """Apply a file to the tenant, which has a source `jira`."""
    assert precedent("source", "add", f"{tenant}/jira", archive)[0] == 0

    def call(*arguments: object) -> tuple[int, str, str]:
        return precedent("provider", "apply", *arguments, "--tenant", tenant)

    return call


def actions(answer: tuple[int, str, str]) -> dict[str, str]:
    return {f"{change['kind']} {change['name']}": change["action"] for change in parsed(answer)["changes"]}


def fields(answer: tuple[int, str, str], name: str) -> dict[str, Any]:
    (found,) = [change["fields"] for change in parsed(answer)["changes"] if change["name"] == name]
    return {field: (values["old"], values["new"]) for field, values in found.items()}


def test_a_dry_run_changes_nothing_and_a_second_run_neither(
    precedent: Call, apply: Call, write: Write, tenant: str, owner_dsn: str, endpoint: LoopbackServer
) -> None:
    file, nothing = write(WHOLE), stored(owner_dsn, tenant)
    everything = {
        "provider second": "added",
        "provider writer": "added",
        "provider vectors": "added",
        "policy tenant": "added",
        "policy of source jira": "added",
        "route embedding/etl": "added",
        "route embedding/interactive": "added",
    }
    answer = apply(file, "--dry-run", "--json")
    assert (actions(answer), parsed(answer)["applied"]) == (everything, False)
    assert (stored(owner_dsn, tenant), endpoint.requests) == (nothing, [])
    answer = apply(file, "--json")
    assert (actions(answer), parsed(answer)["applied"]) == (everything, True)
    assert {name for name, health in parsed(answer)["tests"].items() if health["reachable"]} == {
        "writer",
        "second",
        "vectors",
    }
    after = stored(owner_dsn, tenant)
    endpoint.behave()
    answer = apply(file, "--json")
    assert set(actions(answer).values()) == {"unchanged"}
    assert (stored(owner_dsn, tenant), endpoint.requests) == (after, [])
    shown = parsed(precedent("provider", "show", "writer", "--tenant", tenant, "--json"))
    assert (shown["fallback"], shown["active"]) == ("second", True)
    assert shown["options"] == {"temperature": 0.2, "api_version": "2024-10-21"}
    assert parsed(precedent("policy", "show", "--tenant", tenant, "--json"))["sources"] == {
        "jira": {"allow_external": False, "mask": False}
    }


def test_what_is_exported_is_what_is_applied(
    precedent: Call, apply: Call, write: Write, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert apply(write(WHOLE))[0] == 0
    exported = tmp_path / "exported.yaml"
    assert precedent("provider", "export", exported, "--tenant", tenant)[0] == 0
    text = exported.read_text()
    assert "api_key: ${WRITER_API_KEY}" in text
    assert KEY not in text
    for name in ("WRITER", "SECOND", "VECTORS"):
        monkeypatch.setenv(f"{name}_API_KEY", KEY)
    assert set(actions(apply(exported, "--json")).values()) == {"unchanged"}
    other = f"{tenant}-copy"
    assert precedent("tenant", "add", other)[0] == 0
    assert precedent("source", "add", f"{other}/jira", tmp_path / "archive")[0] == 0
    assert precedent("provider", "apply", exported, "--tenant", other)[0] == 0
    copied = precedent("provider", "export", "--tenant", other)[1]
    assert yaml.safe_load(copied) == yaml.safe_load(text)


def test_only_what_differs_is_shown_and_secrets_as_words(
    apply: Call, write: Write, monkeypatch: pytest.MonkeyPatch, owner_dsn: str, tenant: str
) -> None:
    assert apply(write(WHOLE))[0] == 0
    changed = WHOLE.replace("temperature: 0.2, ", "").replace("timeout_s: 5", "timeout_s: 6").replace("12.5", "20")
    file = write(changed)
    monkeypatch.setenv("OUR_KEY", f"{KEY}-2")
    answer = apply(file, "--dry-run", "--json")
    assert fields(answer, "writer") == {
        "options.temperature": (0.2, None),
        "performance.timeout_s": (5, 6),
        "credentials.api_key": ("set", "changed"),
    }
    assert fields(answer, "tenant") == {"monthly_budget_usd": (12.5, 20.0)}
    code, out, _ = apply(file, "--dry-run")
    assert (code, KEY in out) == (0, False)
    assert "    performance.timeout_s: 5 -> 6\n" in out
    assert "    credentials.api_key: set -> changed\n" in out
    before = stored(owner_dsn, tenant)
    code, _, error = apply(file)
    assert (code, "was not saved: HTTP 401" in error) == (1, True)
    assert stored(owner_dsn, tenant) == before, "neither provider nor budget"


def test_pruning_removes_what_the_file_does_not_name(
    precedent: Call, apply: Call, write: Write, adding: Add, tenant: str
) -> None:
    assert apply(write(WHOLE))[0] == 0
    parsed(precedent("provider", "add", "extra", "--capability", TEXT, *adding, "--activate", "--json"))
    smaller = WHOLE.replace("  sources:\n    jira: {{allow_external: false}}\n", "").replace(
        "    etl: {{strategy: auto}}\n", ""
    )
    answer = apply(write(smaller), "--json", "--dry-run")
    assert fields(answer, "writer") == {"active": (False, True)}
    assert fields(answer, "extra") == {"active": (True, False)}, "not named, but no longer the choice"
    answer = apply(write(smaller), "--json", "--prune")
    assert {name for name, action in actions(answer).items() if action == "removed"} == {
        "provider extra",
        "policy of source jira",
        "route embedding/etl",
    }
    names = [item["name"] for item in parsed(precedent("provider", "list", "--tenant", tenant, "--json"))]
    assert names == ["vectors", "writer", "second"]
    without = smaller[: smaller.index("  second:")] + smaller[smaller.index("  vectors:") :]
    code, _, error = apply(write(without), "--prune")
    assert (code, "falls back to second, which --prune would remove" in error) == (2, True)
    assert set(actions(apply(write(without), "--json")).values()) == {"unchanged"}, "without --prune it stays"


def test_all_of_a_chain_may_change_its_model_at_once(apply: Call, write: Write) -> None:
    chain = """
providers:
  one: {{driver: openai, capability: embedding, model: vectors-1, base_url: "{url}/v1", fallback: two,
         credentials: {{api_key: ${{OUR_KEY}}}}}}
  two: {{driver: openai, capability: embedding, model: vectors-1, base_url: "{url}/v1",
         credentials: {{api_key: ${{OUR_KEY}}}}}}
"""
    assert apply(write(chain))[0] == 0
    renamed = chain.replace("vectors-1", "gpt-old")
    assert actions(apply(write(renamed), "--json")) == {"provider one": "changed", "provider two": "changed"}
    code, _, error = apply(write(chain.replace("model: vectors-1", "model: gpt-5-mini", 1)))
    assert (code, "vectors of two models cannot be compared" in error) == (2, True)
    turned = renamed.replace(", fallback: two", "").replace(
        "two: {{driver: openai,", "two: {{fallback: one, driver: openai,"
    )
    assert actions(apply(write(turned), "--json")) == {"provider one": "changed", "provider two": "changed"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("temperature: 0.2", "temprature: 0.2", "providers.writer: There is no model option 'temprature'"),
        (
            "    fallback: second",
            "    fall_back: second",
            "there is no field 'fall_back' in providers.writer: choose from driver,",
        ),
        ("  monthly_budget_usd: 12.5", "  budget: 12.5", "there is no field 'budget' in policy: choose from allow_ext"),
        ("monthly_budget_usd: 12.5", "monthly_budget_usd: -1", "policy.monthly_budget_usd is wrong"),
        ("jira:", "github:", "has no source 'github' for a policy (known: jira)"),
        ("etl:", "bulk:", "routes.embedding.bulk is wrong"),
        ("[vectors, gateway]", "[nobody]", "no provider or driver 'nobody' to prefer"),
        (
            "api_key: ${{OUR_KEY}}\n",
            f"api_key: {KEY}\n",
            "providers.second.credentials.api_key must be a reference such as ${{SECOND_API_KEY}}",
        ),
        (
            "api_key: ${{OUR_KEY}}\n",
            "api_key: ${{NOBODYS_KEY}}\n",
            "refers to ${{NOBODYS_KEY}}, and there is no such environment variable",
        ),
        ("For people.", "${{OUR_KEY}}", "holds a reference, and those are for credentials only"),
        ("    driver: openai", f"    api_key: {KEY}\n    driver: openai", "there is no field 'api_key'"),
        ("model: gpt-5-mini", "model: gpt-5-mini\n    fallback: writer", "(writer -> second -> writer)"),
        ("model: gpt-5-mini", "model: gpt-5-mini\n    active: true", "writer and second are both active"),
        ("fallback: second", "fallback: third", "no provider 'third' to fall back to"),
        ("  second:", "  writer:", "'writer' is there twice, again in line 14"),
        ("providers:", "providers: {{", "is no YAML in line"),
        ("capability: embedding", "dimension: 8", "there is no field 'dimension' in providers.vectors"),
        ("driver: openai", "driver: opnai", "There is no driver 'opnai'"),
        ("allow_unpriced: true", "allow_private_addresses: false", "127.0.0.1 is a private one"),
    ],
)
def test_a_wrong_file_is_refused_before_anything_is_written(
    apply: Call, write: Write, tenant: str, owner_dsn: str, endpoint: LoopbackServer, old: str, new: str, words: str
) -> None:
    assert old in WHOLE
    before = stored(owner_dsn, tenant)
    code, out, error = apply(write(WHOLE.replace(old, new, 1)))
    assert (code, out) == (2, "")
    assert words.replace("{{", "{").replace("}}", "}") in error
    assert KEY not in error
    assert (stored(owner_dsn, tenant), endpoint.requests) == (before, [])


def test_one_that_does_not_answer_keeps_all_from_being_written(
    apply: Call, write: Write, tenant: str, owner_dsn: str, endpoint: LoopbackServer
) -> None:
    before = stored(owner_dsn, tenant)
    endpoint.behave(Behaviour.STATUS, status=500)
    code, _, error = apply(write(WHOLE))
    assert (code, "second was not saved: HTTP 500" in error) == (1, True)
    assert stored(owner_dsn, tenant) == before
    assert apply(write(WHOLE), "--no-test")[0] == 0
    assert VECTORS in str(stored(owner_dsn, tenant))


def test_without_its_variables_a_file_leaves_the_stored_credentials(
    precedent: Call,
    apply: Call,
    write: Write,
    tenant: str,
    owner_dsn: str,
    endpoint: LoopbackServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert apply(write(WHOLE))[0] == 0
    before = stored(owner_dsn, tenant)
    _, exported, _ = precedent("provider", "export", "--tenant", tenant)
    escaped = exported.replace("{", "{{").replace("}", "}}")
    monkeypatch.delenv("OUR_KEY")
    file = write(escaped)
    code, out, error = apply(file, "--dry-run")
    assert code == 0, error
    assert "The stored credentials of writer stay: ${WRITER_API_KEY} is not set." in out
    found = parsed(apply(file, "--json"))
    assert (found["applied"], {change["action"] for change in found["changes"]}) == (False, {"unchanged"})
    assert "writer" in found["credentials_kept"]
    assert stored(owner_dsn, tenant) == before
    # The stored key is for the server that it was given for, and for no other one.
    code, _, error = apply(write(escaped.replace(endpoint.url, "http://127.0.0.1:9")), "--dry-run")
    assert code != 0
    assert "key" in error or "credentials" in error
    assert stored(owner_dsn, tenant) == before
    # A new provider has nothing stored.
    assert "there is no such environment variable" in apply(write(WHOLE.replace("writer", "another")), "--dry-run")[2]
