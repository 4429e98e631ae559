"""Exchange rates: looked up by currency and day, and replaced when one is written again.

`GET exchangerate?sourcecurrencycode=EUR&asofdate=2026-11-01` answers with the latest rate on or
before that day. A rate has no Id; writing one for a day that has one updates it.
Source: Intuit's XSD for ExchangeRate; dossier section 10.1 (the default is the day's rate); the
parameters are those of Intuit's ExchangeRate page.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from emulator import faults
from emulator.writing.draft import amount

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.company import Company, Record


def latest(company: Company, code: str, day: str) -> Record | None:
    """Return the latest rate of a currency on or before a day, None if there is none."""
    found = [
        record
        for record in company.records["ExchangeRate"].values()
        if record["SourceCurrencyCode"] == code and str(record["AsOfDate"]) <= day
    ]
    return max(found, key=lambda record: str(record["AsOfDate"]), default=None)


def rate_of(company: Company, code: str, day: str) -> Decimal:
    """Return the rate of a currency on a day, 1 where nobody has said any other."""
    return amount(latest(company, code, day) or {}, "Rate") or Decimal(1)


def rate_on(company: Company, parameters: Mapping[str, str]) -> Record:
    """Return the rate that a client asks for by currency and day."""
    code = parameters.get("sourcecurrencycode", "").upper()
    if not code:
        raise faults.missing("sourcecurrencycode")
    day = parameters.get("asofdate") or company.clock.today().isoformat()
    record = latest(company, code, day)
    if record is None:
        raise faults.not_found()
    return record
