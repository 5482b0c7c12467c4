"""What people write: files of providers, options of sources, the environment, arguments. Taken, or one sentence."""

import os
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import yaml
from hypothesis import given
from hypothesis import strategies as st

from precedent.errors import UsageError
from precedent.providers.declarative.schema import Declaration, dump, parse, scalar
from precedent.settings import Settings
from precedent.sources import registry
from precedent.sources.options import configuration_values
from tests.fuzz.cases import cases, within
from tests.fuzz.claims import is_sentence, is_storable
from tests.fuzz.strategies.values import edited, edits, texts

FILE: dict[str, Any] = {
    "providers": {
        "writer": {
            "driver": "openai",
            "capability": "text_generation",
            "model": "gpt-6-luna",
            "base_url": "https://llm.example.com/v1",
            "active": True,
            "fallback": "other",
            "options": {"temperature": 0.2, "max_output_tokens": 900, "reasoning_effort": "low"},
            "performance": {"timeout_s": 30, "max_attempts": 2, "requests_per_minute": 60},
            "cost": {"input_per_million": 0.15, "output_per_million": 0.6},
            "credentials": {"api_key": "${LLM_KEY}"},
        },
        "other": {"driver": "ollama", "capability": "text_generation", "model": "qwen3"},
        "vectors": {"driver": "gateway", "capability": "embedding", "model": "m", "options": {"dimensions": 8}},
    },
    "policy": {
        "mask": True,
        "monthly_budget_usd": 20,
        "on_exhausted": "free",
        "sources": {"a": {"allow_external": False}},
    },
    "routes": {"text_generation": {"etl": {"provider": "writer"}}},
}
MARKS = (
    "*a",
    "&a ",
    "!!python/object:os.system x",
    "? ",
    "- ",
    ": ",
    "{",
    "[",
    "|\n ",
    "<<: ",
    "\t",
    "%YAML 9\n",
    "---\n",
    "1e999",
    "0x",
    "~",
)
written = st.one_of(
    edits.map(lambda found: yaml.safe_dump(edited(FILE, found), allow_unicode=True)),
    texts,
    st.lists(st.sampled_from(MARKS) | texts, max_size=10).map("".join),
)
VARIABLES = ("HOME", "DATABASE_URL", "APP_DATABASE_URL", "MAX_BODY_BYTES", "MODEL_PATH", "RERANKER")
surroundings = st.dictionaries(
    st.sampled_from([f"PRECEDENT_{name}" for name in VARIABLES]),
    st.one_of(texts, st.sampled_from(["~nobody/x", "~", "postgresql://", "²", "0", "-1", "9" * 5_000])).map(
        lambda text: os.fsdecode(text.replace("\0", "").encode(errors="replace"))
    ),
    max_size=3,
)
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "archive": {"path": "records", "mapping": {"fields": {"id": "a", "title": "b"}, "kind": "issue"}},
    "git": {"path": "records"},
    "github": {"repository": "octo/demo"},
    "gitlab": {"project": "group/demo"},
    "jira": {"url": "https://jira.example.com", "projects": ["PRO"]},
    "statuspage": {"url": "https://status.example.com"},
}


@cases(80)
@given(written)
def test_a_file_of_providers_is_taken_or_refused_with_a_sentence(text: str) -> None:
    with within(5.0):
        try:
            found = parse(text, "providers.yaml")
        except UsageError as error:
            is_sentence(error)
            return
    assert isinstance(found, Declaration)
    is_storable(found.model_dump(mode="json", include={"providers"}))
    again = parse(dump("tenant", found), "exported.yaml")
    assert dump("tenant", again) == dump("tenant", found)


@cases(20)
@given(texts)
def test_a_value_of_an_option_is_a_plain_one(text: str) -> None:
    with within(2.0):
        assert isinstance(scalar(text), str | int | float | bool)


@cases(40)
@given(st.sampled_from(sorted(CONFIGURATIONS)), edits)
def test_a_source_is_configured_or_refused_with_a_sentence(kind: str, changes: list[Any]) -> None:
    assert CONFIGURATIONS.keys() == registry.kinds().keys()
    values = edited(CONFIGURATIONS[kind], changes)
    with within(2.0):
        try:
            found = registry.configuration_of(kind, values if isinstance(values, dict) else {})
        except UsageError as error:
            is_sentence(error)
            return
    assert registry.configuration_of(kind, found.model_dump(mode="json")) == found


@cases(20)
@given(st.sampled_from(sorted(CONFIGURATIONS)), texts, st.dictionaries(texts, texts, max_size=2))
def test_the_place_of_a_source_is_taken_or_refused_with_a_sentence(
    kind: str, where: str, given_: dict[str, str]
) -> None:
    model = registry.get(kind).configuration
    with within(2.0):
        try:
            found = registry.configuration_of(kind, configuration_values(model, where, given_))
        except UsageError as error:
            is_sentence(error)
        else:
            is_storable(found.model_dump(mode="json"))


@cases(30)
@given(surroundings)
def test_the_environment_is_taken_or_refused_with_a_sentence(variables: dict[str, str]) -> None:
    with patch.dict(os.environ, variables), within(1.0):
        try:
            found = Settings.from_environment()
        except UsageError as error:
            is_sentence(error)
        else:
            assert found.max_body_bytes > 0


COMMANDS = (
    ["tenant", "add"],
    ["source", "add"],
    ["source", "list", "--tenant"],
    ["source", "remove"],
    ["provider", "show"],
    ["policy", "--tenant"],
    ["refresh"],
    ["search", "--tenant"],
    ["similar"],
    ["usage", "--since"],
    ["thresholds"],
    ["space", "list", "--tenant"],
    ["route"],
    ["backfill"],
)


@cases(30)
@given(st.sampled_from(COMMANDS), st.lists(texts.map(lambda text: text.replace("\0", "")), min_size=1, max_size=3))
def test_a_command_ends_with_a_code_and_a_line(
    precedent: Callable[..., tuple[int, str, str]], command: list[str], arguments: list[str]
) -> None:
    code, _, error = precedent(*command, *arguments)
    assert code in (0, 1, 2)
    assert "Traceback" not in error
    assert "Unexpected" not in error
    assert code == 0 or error.strip()
