"""What the provider has charged for against what the ledger says."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg

from precedent.providers.config.options import PerformanceOptions
from tests.chaos.installation import EMBEDDING, GENERATION

ROWS = """
SELECT input_tokens, status, cost_usd, call_id, asset, inputs FROM usage_records
WHERE tenant_id = %s AND driver = 'gateway'
"""
RESERVATIONS = "SELECT call_id, expires_at - now() FROM budget_reservations WHERE tenant_id = %s AND expires_at > now()"
SPENT = "SELECT coalesce(sum(spent_usd), 0) FROM budget_months WHERE tenant_id = %s"
# Calls at once, of all that a step has.
AT_ONCE = max(int(EMBEDDING["max_concurrency"]), int(GENERATION["max_concurrency"]))
TEXTS_AT_ONCE = AT_ONCE * int(EMBEDDING["batch_inputs"])
# Between the charge and its row on the ledger.
LONGEST_BOOKING_S = 8.0
EMBED, GENERATE = "list", "chat.completion"
REPORT = "reports/vector_quality"


@dataclass(frozen=True, slots=True)
class Account:
    """What a tenant's calls have come to.

    Attributes:
        answers: Charges of the provider.
        texts: Texts or prompts of them, by kind.
        unbooked: Charges of calls that a kill has met between answer and row.
        held: Reservations of such calls, which end by themselves.
        unpriced: Calls whose cost is not known: an attempt may have been charged for.
        report_texts: Texts that the quality report has embedded.
        wrong: What must not be.
    """

    answers: int
    texts: Mapping[str, int]
    unbooked: int
    held: int
    unpriced: int
    report_texts: int
    wrong: Sequence[str]


def account(owner_dsn: str, tenant_id: int, log: Sequence[Mapping[str, Any]], killed_at: float | None) -> Account:
    """Compare the ledger of a tenant with the provider's log of its calls.

    Args:
        owner_dsn: The owner's way into the database.
        tenant_id: Whose.
        log: What the provider has charged this tenant for.
        killed_at: When something was killed; None where nothing was.
    """
    with psycopg.connect(owner_dsn) as connection:
        rows = connection.execute(ROWS, (tenant_id,)).fetchall()
        reservations = connection.execute(RESERVATIONS, (tenant_id,)).fetchall()
        spent = connection.execute(SPENT, (tenant_id,)).fetchone()
    booked = Counter(int(tokens) for tokens, status, *_ in rows if status == "succeeded")
    charged = {int(line["tokens"]): line for line in log}
    wrong = [f"the answer {tokens} is on the ledger {count} times" for tokens, count in booked.items() if count > 1]
    wrong += [f"the ledger has an answer {tokens} that nobody gave" for tokens in booked.keys() - charged.keys()]
    unbooked = [line for tokens, line in charged.items() if tokens not in booked]
    late = [line for line in unbooked if killed_at is None or abs(line["at"] - killed_at) > LONGEST_BOOKING_S]
    wrong += [f"the answer {line['tokens']} is not on the ledger, and no kill explains it" for line in late]
    if len(unbooked) > AT_ONCE:
        wrong.append(f"{len(unbooked)} answers are not on the ledger, and {AT_ONCE} calls were under way at most")
    unpriced = {call for _, _, cost, call, *_ in rows if cost is None}
    strays = [call for call, _ in reservations if call is not None and call not in unpriced]
    wrong += [f"the reservation of call {call} has no call without a price" for call in strays]
    held = [left for call, left in reservations if call is None]
    longest = max(PerformanceOptions.model_validate(options).reserved_s for options in (EMBEDDING, GENERATION))
    wrong += [f"a reservation of a killed call ends only in {left}" for left in held if left.total_seconds() > longest]
    if len(held) > AT_ONCE:
        wrong.append(f"{len(held)} reservations of killed calls are open, and {AT_ONCE} calls were under way at most")
    known = sum((cost for _, _, cost, *_ in rows if cost is not None), Decimal(0))
    if spent is None or spent[0] != known:
        wrong.append(f"the month says that {spent and spent[0]} USD were spent, and the ledger {known}")
    texts: Counter[str] = Counter()
    for line in log:
        texts[line["kind"]] += line["inputs"]
    report = sum(int(inputs) for *_, asset, inputs in rows if asset == REPORT)
    return Account(len(log), texts, len(unbooked), len(held), len(unpriced), report, wrong)


def paid_again(undisturbed: Account, found: Account, *, report_texts: int) -> tuple[int, list[str]]:
    """Texts that were paid for more than once, and what of it must not be.

    What was under way when something was killed may be asked again; a quality report that was interrupted measures
    anew, and what it embeds is no vector of any passage.

    Args:
        undisturbed: The account without a kill.
        found: The one with it.
        report_texts: Texts that a report embeds, where the kill met the report; else 0.
    """
    allowed = {EMBED: TEXTS_AT_ONCE + report_texts, GENERATE: AT_ONCE}
    again = {kind: found.texts.get(kind, 0) - undisturbed.texts.get(kind, 0) for kind in allowed}
    wrong = [
        f"{again[kind]} texts of {kind} were paid for again, and {most} were under way at most"
        for kind, most in allowed.items()
        if again[kind] > most
    ]
    return sum(max(0, count) for count in again.values()), wrong
