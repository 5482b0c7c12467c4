"""The JSON columns of a provider's row, checked: a misspelt option is an error, not a default."""

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from precedent.errors import UsageError

T = TypeVar("T", bound=BaseModel)


class ModelOptions(BaseModel):
    """`model_config`: what changes the answers, and so the revision.

    Attributes:
        dimensions: Of the vectors; measured by the test on saving where it is left out.
        window: The longest passage in tokens that is cut for this model.
        max_output_tokens: The most an answer may take.
        max_prompt_tokens: The most a prompt may take; evidence is trimmed to it, the least relevant first.
        context_tokens: The model's window, where an overflow may fall back to a larger one.
        same_as: The model's common name where this endpoint calls it otherwise.
        price_model: The model's name in price lists where it differs (an Azure deployment, an alias).
        path: A folder with a sentence-transformers model.
        precision: Of a local model: float32, bfloat16 or float16 (GPU); by default the machine's best.
        device: Of a local model: cpu or cuda; by default the GPU where there is one.
        backend: Of a local model: openvino or torch; by default the faster one that agrees with the original.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    dimensions: int | None = Field(default=None, ge=1, le=16_000)
    window: int | None = Field(default=None, ge=16)
    max_output_tokens: int = Field(default=2_000, ge=64)
    max_prompt_tokens: int = Field(default=8_000, ge=500)
    context_tokens: int | None = Field(default=None, ge=500)
    same_as: str | None = None
    price_model: str | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    reasoning_effort: str | None = None
    task_type: str | None = None
    num_ctx: int | None = Field(default=None, ge=256)
    send_dimensions: bool | None = None
    json_object: bool | None = None
    api_version: str | None = None
    token_url: str | None = None
    path: str | None = None
    precision: Literal["float32", "bfloat16", "float16", "int8"] | None = None
    device: Literal["cpu", "cuda"] | None = None
    backend: Literal["openvino", "torch"] | None = None


class OtherModelOptions(ModelOptions):
    """The same for a driver from elsewhere, which may know options of its own."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


class PerformanceOptions(BaseModel):
    """`performance_config`: how the endpoint is called; changes no answer.

    Attributes:
        timeout_s: Of one attempt, in seconds.
        max_attempts: Attempts of one call, the first included.
        max_concurrency: Calls at once in one process.
        concurrent_runs: Steps of Dagster at once that use this capability (its pool).
        requests_per_minute: Across all processes.
        tokens_per_minute: Across all processes, of input.
        batch_inputs: Texts in one embedding request, at most.
        batch_tokens: Tokens in one embedding request, at most.
        opens_after: Outages in a row after which the breaker opens.
        cooldown_s: Seconds until the first trial after that.
        longest_wait_s: Seconds that a call waits for its slot.
        reservation_s: Seconds after which money set aside for a call is free again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout_s: float = Field(default=60, gt=0, le=600)
    max_attempts: int = Field(default=4, ge=1, le=10)
    max_concurrency: int = Field(default=4, ge=1, le=64)
    concurrent_runs: int = Field(default=2, ge=1, le=64)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    batch_inputs: int | None = Field(default=None, ge=1)
    batch_tokens: int | None = Field(default=None, ge=1)
    opens_after: int = Field(default=5, ge=1)
    cooldown_s: float = Field(default=30, gt=0)
    longest_wait_s: float = Field(default=60, gt=0)
    reservation_s: float | None = Field(default=None, gt=0)


def model_options(values: dict[str, Any], *, ours: bool) -> ModelOptions:
    """Checked `model_config`.

    Raises:
        UsageError: an unknown name or a value out of bounds.
    """
    return _checked(ModelOptions if ours else OtherModelOptions, values, "model option")


def performance_options(values: dict[str, Any]) -> PerformanceOptions:
    """Checked `performance_config`.

    Raises:
        UsageError: an unknown name or a value out of bounds.
    """
    return _checked(PerformanceOptions, values, "performance option")


def _checked(kind: type[T], values: dict[str, Any], what: str) -> T:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(kind.model_fields))
            raise UsageError(f"There is no {what} {name!r}: choose from {known}.") from None
        raise UsageError(f"The {what} {name!r} is wrong: {first['msg']}.") from None
