"""How fast the two books are: `python -m tests.simulation.measure` prints one line per figure.

Method: as `timeit`, each action is repeated on one core without garbage collection, in processor
time, best of three; the worlds are small, as those of simulated schedules are. Targets for the
small books: 100,000 reads and 20,000 creates a second, and a CDC answer over 20 records within 30
microseconds.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.ports import QuickBooksPort, RemoteWrite
from models.words import Operation
from tests.simulation.books import Books
from tests.simulation.emulator_port import EmulatorBooks, EmulatorQuickBooks
from tests.simulation.small_books import SmallBooks
from tests.simulation.small_quickbooks import SmallQuickBooks

_ROUNDS = 3


class SteppedClock:
    """A clock that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self._instant = datetime(2026, 10, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The instant."""
        return self._instant

    def monotonic(self) -> float:
        """Seconds so far."""
        return self._instant.timestamp()

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self._instant = datetime.fromtimestamp(self._instant.timestamp() + seconds, UTC)


class Measured:
    """One kind of books, with a few records, and the actions that are timed."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.clock = SteppedClock()
        self.books, self.port = opened(kind, self.clock)
        income = self.books.create("Account", {"Name": "Sales", "AccountType": "Income"})
        self.income = {"value": str(income["Id"])}
        body = {"Name": "Hours", "Type": "Service", "IncomeAccountRef": self.income}
        self.item = {"value": str(self.books.create("Item", body)["Id"])}
        self.buyer = {"value": str(self.books.create("Customer", {"DisplayName": "Buyer"})["Id"])}
        self.clock.sleep(3_600)
        self.since = self.clock.now()
        for number in range(20):
            self.books.create("Vendor", {"DisplayName": f"Vendor {number}"})
        self._serial = 0

    def read(self) -> object:
        """One record by id."""
        return self.port.read("Customer", self.buyer["value"])

    def create_customer(self) -> object:
        """A small record."""
        return self._create("Customer", {"DisplayName": f"Customer {self._next()}"})

    def create_invoice(self) -> object:
        """A document with one line, which moves its customer's balance."""
        kind = "SalesItemLineDetail"
        line = {"Amount": Decimal("10.10"), "DetailType": kind, kind: {"ItemRef": self.item}}
        body = {"CustomerRef": self.buyer, "DocNumber": f"N-{self._next()}", "Line": [line]}
        return self._create("Invoice", body)

    def changes_of_20(self) -> object:
        """A CDC answer with 20 records in it."""
        return self.port.changes(["Account", "Vendor", "Purchase"], self.since)

    def query_by_id(self) -> object:
        """Two records of twenty by their ids."""
        return self.port.query("Vendor", "Id IN ('3', '7')")

    def open_company(self) -> object:
        """New, empty books and a port."""
        return opened(self.kind, self.clock)

    def snapshot_and_restore(self) -> object:
        """Keep the books as they stand, and put them back."""
        kept = self.books.snapshot()
        self.books.restore(kept)
        return kept

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def _create(self, entity: str, body: dict[str, Any]) -> object:
        write = RemoteWrite(entity, Operation.CREATE, body, f"r-{self._serial}-{entity}")
        answer = self.port.post(write)
        assert answer.error is None, answer.error
        return answer


def opened(kind: str, clock: SteppedClock) -> tuple[Books, QuickBooksPort]:
    """New, empty books of a kind and a port on them."""
    if kind == "small":
        small = SmallBooks(clock)
        return small, SmallQuickBooks(small)
    true = EmulatorBooks(clock)
    return true, EmulatorQuickBooks(true)


def seconds_each(action: Callable[[], object], times: int) -> float:
    """Processor time of one call, best of a few rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        gc.collect()
        gc.disable()
        begun = time.process_time()
        for _ in range(times):
            action()
        best = min(best, (time.process_time() - begun) / times)
        gc.enable()
    return best


def main() -> None:
    """Print the figures of both."""
    for kind, times in (("small", 3_000), ("emulator", 200)):
        measured = Measured(kind)
        for action in (
            measured.open_company,
            measured.snapshot_and_restore,
            measured.read,
            measured.changes_of_20,
            measured.query_by_id,
            measured.create_customer,
            measured.create_invoice,
        ):
            each = seconds_each(action, times)
            name = action.__name__.replace("_", " ")
            sys.stdout.write(
                f"{kind:9} {name:21} {each * 1e6:9.2f} us {1 / each:12,.0f} a second\n"
            )


if __name__ == "__main__":
    main()
