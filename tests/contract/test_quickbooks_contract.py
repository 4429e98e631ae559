"""The small books and the emulator keep one contract, so that one may stand in for the other.

Method: the same promises (`port_contract`, `books_contract`, `sales_contract`, `settled_contract`
and `ledger_contract`) are asked of `SmallQuickBooks` and of the production client over the emulator
in this process. Deliberate differences stand in `differences.py`.
"""

from __future__ import annotations

import pytest

from models.errors import OutcomeUnknownError
from models.words import Operation
from tests.contract.books_contract import BooksContract
from tests.contract.books_world import BooksWorld
from tests.contract.differences import DIFFERENCES
from tests.contract.ledger_contract import LedgerContract
from tests.contract.sales_contract import SalesContract
from tests.contract.settled_contract import SettledContract
from tests.fixtures.fake_clock import FakeClock
from tests.simulation.emulator_port import EmulatorBooks, EmulatorQuickBooks
from tests.simulation.small_books import SmallBooks
from tests.simulation.small_quickbooks import SmallQuickBooks


def leave_out_differences(kind: str, request: pytest.FixtureRequest) -> None:
    """Skip what this world does not keep, with the reason in the table."""
    for (world, test), reason in DIFFERENCES.items():
        if world == kind and request.node.name.startswith(test):
            pytest.skip(reason)


class TestSmallBooks(BooksContract, SalesContract, SettledContract, LedgerContract):
    """The simulator's own books."""

    @pytest.fixture
    def world(self, request: pytest.FixtureRequest) -> BooksWorld:
        """New, empty books."""
        leave_out_differences("small", request)
        clock = FakeClock()
        books = SmallBooks(clock)
        return BooksWorld("small", SmallQuickBooks(books), books, clock)


class TestEmulatorInProcess(BooksContract, SalesContract, SettledContract, LedgerContract):
    """The production client over the emulator, without HTTP."""

    @pytest.fixture
    def world(self, request: pytest.FixtureRequest) -> BooksWorld:
        """New, empty books."""
        leave_out_differences("emulator", request)
        clock = FakeClock()
        books = EmulatorBooks(clock)
        return BooksWorld("emulator", EmulatorQuickBooks(books), books, clock)

    @pytest.mark.parametrize(("kind", "kept"), [("answer_lost", 1), ("refuse_before", 0)])
    def test_a_lost_write_is_unknown_and_a_lost_read_is_asked_again(
        self, world: BooksWorld, kind: str, kept: int
    ) -> None:
        """A connection that drops is the same error as over HTTP."""
        books = world.people
        assert isinstance(books, EmulatorBooks)
        write = world.write(Operation.CREATE, "Customer", {"DisplayName": "Acme"})
        books.trouble(kind)
        assert type(world.port.post(write).error) is OutcomeUnknownError
        assert len(books.all("Customer")) == kept
        books.trouble(kind)
        assert len(world.port.query("Customer")[0]) == kept
        assert world.port.post(write).error is None
        assert len(books.all("Customer")) == 1

    def test_a_token_that_ends_is_renewed(self, world: BooksWorld) -> None:
        """Hours pass in a simulation; the connection goes on."""
        for _ in range(3):
            world.clock.sleep(90 * 86_400)
            assert world.port.company().realm_id == world.realm_id
