"""What the gate's verdicts mean, and the places for calls at once."""

import threading

from precedent.providers.errors import NOT_SENT, OUTAGES, FailureKind, ProviderError
from precedent.providers.runtime.endpoint import Target


def outcome_of(failure: ProviderError | None) -> str:
    """What a call says of its provider's health, in the words of the ledger."""
    if failure is None:
        return "ok"
    if failure.kind is FailureKind.AUTHENTICATION:
        return "refuses"
    if failure.kind in NOT_SENT:
        return "other"
    return "outage" if failure.kind in OUTAGES else "answered"


def refusal(target: Target, verdict: str, wait_s: float, detail: str | None) -> tuple[FailureKind, str]:
    """Why the gate let nothing through, as a kind and a sentence."""
    name = target.name
    if verdict == "open":
        if detail == FailureKind.AUTHENTICATION:
            return FailureKind.BREAKER_OPEN, f"{name} refused its key and is not asked again until its row is edited."
        # No seconds: the sentence is stored with each answer, and reasons are counted.
        return FailureKind.BREAKER_OPEN, f"{name} failed repeatedly ({detail}) and is tried again after a pause."
    if verdict == "limit":
        return FailureKind.LIMIT, (
            f"{name} takes no call for {wait_s:.0f} s: its limits a minute are used up, or it asked to wait."
        )
    if verdict == "unpriced":
        return FailureKind.BUDGET, (
            f"The tenant has a budget and nobody knows beforehand what {target.model} of {name} costs: give its row a "
            "price (`cost` in `precedent provider export`, then `provider apply`), or say `precedent policy set "
            "--allow-unpriced`."
        )
    return FailureKind.BUDGET, (
        f"The tenant's budget of this month is used up ({detail}): raise it with `precedent policy set --budget`, or "
        "let work go on for free with `--on-exhausted free`."
    )


_semaphores: dict[tuple[int, str], tuple[int, threading.BoundedSemaphore]] = {}
_semaphores_lock = threading.Lock()


def places(target: Target) -> threading.BoundedSemaphore:
    """The places for calls at once to one endpoint, shared by the process."""
    key, size = (target.tenant_id, target.name), target.performance.max_concurrency
    with _semaphores_lock:
        known = _semaphores.get(key)
        if known is None or known[0] != size:
            known = (size, threading.BoundedSemaphore(size))
            _semaphores[key] = known
        return known[1]
