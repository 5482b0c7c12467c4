"""The one model of a provider: described once, filled in by its driver, wrong in words of its fields, never a leak."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from precedent.errors import UsageError
from precedent.providers.base import Capability
from precedent.providers.config.options import CostOptions, ModelOptions, PerformanceOptions
from precedent.providers.config.provider import Provider, checked
from precedent.tenants.policies import TenantPolicy
from precedent.tenants.preferences import Preference

PAGE = Path(__file__).resolve().parents[3] / "docs" / "providers.md"
SECRET = "sk-of-the-model-0123456789"  # noqa: S105 - known to these tests only
WHOLE = {"name": "one", "driver": "openai", "capability": "embedding"}


@pytest.mark.parametrize("model", [Provider, ModelOptions, PerformanceOptions, CostOptions, TenantPolicy, Preference])
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("model", [ModelOptions, PerformanceOptions])
def test_the_page_describes_options_in_the_same_words(model: type[BaseModel]) -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    for name, field in model.model_fields.items():
        documented = [row for row in rows if f"`{name}`" in row.split("|")[1]]
        assert any(f"| {field.description} |" in row for row in documented), name


def test_what_is_left_out_follows_from_the_driver() -> None:
    provider = Provider(name="writer", driver="claude")
    assert (provider.capability, provider.model) == (Capability.TEXT_GENERATION, "claude-haiku-5-5")
    assert checked(WHOLE).model == "text-embedding-3-small"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"driver": "opnai"}, "driver 'opnai'"),
        ({"capability": None}, "capability: The driver openai does both: say which capability is meant"),
        ({"capability": None, "adress": "x"}, "there is no field 'adress': choose from driver, capability"),
        ({"driver": "gateway"}, "model: The driver gateway has no default model: say --model"),
        ({"driver": "claude"}, "The driver claude does text_generation, not embedding"),
        ({"performance": {"timeout": 5}}, "there is no field 'timeout' in performance: choose from timeout_s"),
        ({"performance": {"max_attempts": 0}}, "performance.max_attempts is wrong: Input should be greater than"),
        ({"options": {"temperature": SECRET}}, "options.temperature is wrong: Input should be a valid number"),
        ({"cost": {"input_per_million": -1}}, "cost.input_per_million: it must be an amount of USD"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_named_by_its_field_and_not_repeated(values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked({**WHOLE, **values})
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_no_secret_is_printed_or_dumped() -> None:
    provider = checked({**WHOLE, "credentials": {"api_key": SECRET}})
    assert provider.api_key == SECRET
    for shown in (repr(provider), str(provider), provider.model_dump_json(), str(provider.model_dump())):
        assert SECRET not in shown


def test_the_fingerprint_follows_the_answers_and_not_the_price() -> None:
    provider = checked(WHOLE)
    same = [
        {"cost": {"input_per_million": 1}},
        {"performance": {"timeout_s": 5}},
        {"description": "x"},
        {"options": {"price_model": "m"}},
        {"credentials": {"api_key": SECRET}},
        {"active": True},
    ]
    other = [{"model": "m"}, {"base_url": "https://x.example"}, {"options": {"temperature": 0.5}}]
    assert {checked({**WHOLE, **change}).fingerprint for change in same} == {provider.fingerprint}
    assert len({checked({**WHOLE, **change}).fingerprint for change in other} | {provider.fingerprint}) == 4


def test_the_fingerprint_of_a_stored_provider_is_what_it_was() -> None:
    """What is stored with vectors and analyses was made by it: another one would make all of them anew."""
    found = checked({**WHOLE, "model": "text-embedding-3-small", "options": {"dimensions": 8, "temperature": 0}})
    assert found.fingerprint == "374b2001b97f"
