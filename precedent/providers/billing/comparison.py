"""Two figures of one cost beside each other."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

TOLERANCE = Decimal("0.01")
CENTS = Decimal("0.01")


class Verdict(StrEnum):
    """What a comparison says; `agrees` is within one per cent."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_OFFERED = "not offered"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ledger's figure beside the gateway's, in USD; None where one of them has none."""

    ledger_usd: Decimal | None
    gateway_usd: Decimal | None

    @property
    def difference_usd(self) -> Decimal | None:
        """What the ledger has more than the gateway."""
        if self.ledger_usd is None or self.gateway_usd is None:
            return None
        return self.ledger_usd - self.gateway_usd

    @property
    def difference_percent(self) -> Decimal | None:
        """The same in per cent of the gateway's figure; None where that is nothing and the ledger's is not."""
        difference = self.difference_usd
        if difference is None or not self.gateway_usd:
            return Decimal("0.00") if difference == 0 else None
        return (100 * difference / self.gateway_usd).quantize(CENTS)

    @property
    def verdict(self) -> Verdict:
        """Whether they agree."""
        if self.gateway_usd is None:
            return Verdict.NOT_OFFERED
        difference = self.difference_usd
        close = difference is not None and abs(difference) <= TOLERANCE * self.gateway_usd
        return Verdict.AGREES if close else Verdict.DIFFERS
