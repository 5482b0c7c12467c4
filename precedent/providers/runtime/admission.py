"""What the verdicts on a call mean, and the places for calls at once."""

import threading

from precedent.providers.errors import NOT_SENT, OUTAGES, FailureKind, ProviderError
from precedent.providers.runtime.endpoint import Endpoint
from precedent.providers.runtime.ledger import Admission


def outcome_of(failure: ProviderError | None, operation: str) -> str:
    """What a call says of its provider's health, in the words of `settle_call`.

    A text provider whose answers are of no use is as good as down, and each of them costs. Of vectors one text may be
    the reason, which is found by halving the batch.
    """
    if failure is None:
        return "ok"
    if failure.kind is FailureKind.AUTHENTICATION:
        return "refuses"
    if failure.kind in NOT_SENT:
        return "other"
    if failure.kind is FailureKind.INVALID_ANSWER and operation != "embed":
        return "outage"
    return "outage" if failure.kind in OUTAGES else "answered"


def refusal(endpoint: Endpoint, admission: Admission) -> tuple[FailureKind, str]:
    """Why a call was not admitted, as a kind and a sentence."""
    name, model, detail = endpoint.name, endpoint.provider.model, admission.detail
    if admission.verdict == "open":
        if detail == FailureKind.AUTHENTICATION:
            return FailureKind.BREAKER_OPEN, f"{name} refused its key and is not asked again until its row is edited."
        # Without seconds: the sentence is stored with each answer, and equal reasons are counted.
        return FailureKind.BREAKER_OPEN, f"{name} failed repeatedly ({detail}) and is tried again after a pause."
    if admission.verdict == "limit":
        return FailureKind.LIMIT, (
            f"{name} takes no call for {admission.wait_s:.0f} s: its limits a minute are used up, or it asked to wait."
        )
    if admission.verdict == "unpriced":
        return FailureKind.BUDGET, (
            f"The tenant has a budget, and the price of {model} of {name} is not known before a call: give the "
            "provider a price (`--cost` of `precedent provider add`, `cost` in a file for `provider apply`), or say "
            "`precedent policy set --allow-unpriced`."
        )
    return FailureKind.BUDGET, (
        f"The tenant's budget of this month is used up for this call ({detail}): raise it with "
        "`precedent policy set --budget`, or let work go on for free with `--on-exhausted free`."
    )


_semaphores: dict[tuple[int, str], tuple[int, threading.BoundedSemaphore]] = {}
_lock = threading.Lock()


def places(endpoint: Endpoint) -> threading.BoundedSemaphore:
    """The places for calls at once to one endpoint, shared by the threads of the process."""
    key, size = (endpoint.tenant_id, endpoint.name), endpoint.provider.performance.max_concurrency
    with _lock:
        known = _semaphores.get(key)
        if known is None or known[0] != size:
            known = (size, threading.BoundedSemaphore(size))
            _semaphores[key] = known
        return known[1]
