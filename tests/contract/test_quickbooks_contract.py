"""The small books and the emulator keep one contract, so that one may stand in for the other.

Method: the same promises (`port_contract`, `books_contract`, `sales_contract`) are asked of
`SmallQuickBooks` and of the production client over the emulator in this process. Deliberate
differences stand in `differences.py`.
"""

from __future__ import annotations

import pytest

from tests.contract.books_contract import BooksContract
from tests.contract.books_world import BooksWorld
from tests.contract.differences import DIFFERENCES
from tests.contract.sales_contract import SalesContract
from tests.fixtures.fake_clock import FakeClock
from tests.simulation.emulator_port import EmulatorBooks, EmulatorQuickBooks
from tests.simulation.small_books import SmallBooks
from tests.simulation.small_quickbooks import SmallQuickBooks


def leave_out_differences(kind: str, request: pytest.FixtureRequest) -> None:
    """Skip what this world does not keep, with the reason in the table."""
    for (world, test), reason in DIFFERENCES.items():
        if world == kind and request.node.name.startswith(test):
            pytest.skip(reason)


class TestSmallBooks(BooksContract, SalesContract):
    """The simulator's own books."""

    @pytest.fixture
    def world(self, request: pytest.FixtureRequest) -> BooksWorld:
        """New, empty books."""
        leave_out_differences("small", request)
        clock = FakeClock()
        books = SmallBooks(clock)
        return BooksWorld("small", SmallQuickBooks(books), books, clock)


class TestEmulatorInProcess(BooksContract, SalesContract):
    """The production client over the emulator, without HTTP."""

    @pytest.fixture
    def world(self, request: pytest.FixtureRequest) -> BooksWorld:
        """New, empty books."""
        leave_out_differences("emulator", request)
        clock = FakeClock()
        books = EmulatorBooks(clock)
        return BooksWorld("emulator", EmulatorQuickBooks(books), books, clock)
