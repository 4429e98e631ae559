"""The real client over HTTP keeps the contract of the port, and comes through trouble.

Method: `port_contract` holds what every port promises; here are the promises about answers that are
lost, late, spoilt or refused, which only the emulator behind HTTP can play in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from connectors.quickbooks.client import ClientSettings, QuickBooksClient
from connectors.quickbooks.endpoints import endpoints
from connectors.quickbooks.transport import TransportLimits
from emulator.testing import RunningEmulator
from models.errors import (
    DisconnectedError,
    OutcomeUnknownError,
    RejectedError,
    RetryLaterError,
)
from tests.contract.port_contract import (
    RecordsContract,
    World,
    create,
    customer,
    invoice,
    key,
)
from tests.fixtures.fake_clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connectors.ports import Payload


class TroubledWorld(World, Protocol):
    """Books that can make the coming calls go wrong."""

    def trouble(self, kind: str, **rule: Any) -> None:
        """Order it (emulator/injection.py lists the kinds)."""
        ...


class PortContract(RecordsContract):
    """The promises about trouble."""

    def test_a_write_that_is_missing_in_the_answer_is_unknown(self, world: TroubledWorld) -> None:
        world.trouble("batch_drop_item", match="Two")
        answers = world.port.batch([customer("One"), customer("Two")], "b-1")
        assert answers[0].error is None
        assert type(answers[1].error) is OutcomeUnknownError
        assert len(world.books("Customer")) == 2

    def test_a_batch_without_an_answer_is_unknown_for_each_write(
        self, world: TroubledWorld
    ) -> None:
        world.trouble("answer_lost")
        answers = world.port.batch([customer("One"), customer("Two")], "b-1")
        assert [type(answer.error) for answer in answers] == [OutcomeUnknownError] * 2
        replayed = world.port.batch([customer("One"), customer("Two")], "b-1")
        assert all(answer.record for answer in replayed)
        assert len(world.books("Customer")) == 2

    @pytest.mark.parametrize(
        ("kind", "rule", "kept"),
        [
            ("answer_lost", {}, 1),
            ("timeout", {"seconds": 0.5}, 1),
            ("truncated", {}, 1),
            ("saved_but_6000", {}, 1),
            ("status", {"status": 502, "after_commit": True}, 1),
            ("status", {"status": 503}, 0),
            ("refuse_before", {}, 0),
        ],
    )
    def test_a_write_whose_fate_is_unsure_is_unknown_and_sent_once(
        self, world: TroubledWorld, kind: str, rule: dict[str, Any], kept: int
    ) -> None:
        world.trouble(kind, **rule)
        answer = world.port.post(customer("Acme", "r-1"))
        assert type(answer.error) is OutcomeUnknownError
        assert len(world.books("Customer")) == kept
        assert world.port.meter.total == 1
        # the same intent again ends with one record, whatever happened before
        again = world.port.post(customer("Acme", "r-1"))
        assert again.record is not None
        assert len(world.books("Customer")) == 1

    def test_a_throttled_write_was_not_done_and_says_how_long_to_wait(
        self, world: TroubledWorld
    ) -> None:
        world.trouble("throttle")
        answer = world.port.post(customer("Acme"))
        assert type(answer.error) is RetryLaterError
        assert answer.error.wait_seconds == 60
        assert world.books("Customer") == []

    def test_a_fault_inside_a_success_is_a_fault(self, world: TroubledWorld) -> None:
        world.trouble("fault_in_200", code="2500")
        answer = world.port.post(customer("Acme"))
        assert type(answer.error) is RejectedError
        assert world.books("Customer") == []

    @pytest.mark.parametrize("code", ["6190", "120"])
    def test_a_company_that_is_closed_to_us_is_disconnected(
        self, world: TroubledWorld, code: str
    ) -> None:
        world.trouble("fault", code=code)
        assert type(world.port.post(customer("Acme")).error) is DisconnectedError

    @pytest.mark.parametrize(
        ("kind", "rule"),
        [
            ("answer_lost", {}),
            ("truncated", {}),
            ("status", {"status": 502}),
            ("throttle", {}),
            ("refuse_before", {}),
            ("expire_tokens", {}),
        ],
    )
    def test_reads_come_through_passing_trouble(
        self, world: TroubledWorld, kind: str, rule: dict[str, Any]
    ) -> None:
        made = world.person_saves("Customer", {"DisplayName": "Acme"})
        world.trouble(kind, **rule)
        read = world.port.read("Customer", made["Id"])
        assert read is not None
        assert read["DisplayName"] == "Acme"

    def test_reads_give_up_in_the_end(self, world: TroubledWorld) -> None:
        world.trouble("status", status=503, count=None)
        with pytest.raises(RetryLaterError):
            world.port.query("Customer")
        assert world.port.meter.total <= 10

    @pytest.mark.parametrize(
        ("kind", "rule", "metered"),
        [
            ("late", {"seconds": 0.01}, 2),
            ("batch_reorder", {"verb": "batch"}, 2),
            ("batch_drop_item", {"verb": "query", "match": "FROM Invoice ORDERBY"}, 3),
            ("batch_drop_item", {"verb": "query", "match": "COUNT(*) FROM Invoice"}, 2),
            ("fault", {"verb": "query", "match": "COUNT(*) FROM Invoice", "code": "4000"}, 2),
            ("answer_lost", {"verb": "batch"}, 4),
            ("truncated", {"verb": "batch"}, 4),
            ("status", {"verb": "batch", "status": 504}, 4),
            ("throttle", {"verb": "batch"}, 4),
            ("expire_tokens", {}, 3),
        ],
    )
    def test_several_lists_are_read_in_two_calls_and_whole_whatever_goes_wrong(
        self, world: TroubledWorld, kind: str, rule: dict[str, Any], metered: int
    ) -> None:
        world.port.post(create("Invoice", invoice(world), "r-1"))
        world.port.post(create("Invoice", invoice(world), "r-2"))
        before = world.port.meter.metered
        world.trouble(kind, **rule)
        found = {
            entity: rows for entity, rows, _ in world.port.query_all(["Bill", "Invoice", "Payment"])
        }
        assert {entity: len(rows) for entity, rows in found.items()} == {
            "Bill": 0,
            "Invoice": 2,
            "Payment": 0,
        }
        assert world.port.meter.metered - before == metered

    def test_a_token_that_ends_in_between_is_renewed_and_the_write_done_once(
        self, world: TroubledWorld
    ) -> None:
        world.trouble("expire_tokens")
        assert world.port.post(customer("Acme")).error is None
        assert len(world.books("Customer")) == 1


# --- the real client against the emulator ---------------------------------------------------------


@dataclass
class EmulatorWorld:
    """The real client, over HTTP, against the emulator."""

    port: QuickBooksClient
    emulator: RunningEmulator

    @property
    def realm_id(self) -> str:
        """The company."""
        return self.emulator.realm_id

    def person_saves(self, entity: str, body: dict[str, Any]) -> Payload:
        """By hand in QuickBooks."""
        return self.emulator.save(entity, body, who="accountant")

    def person_deletes(self, entity: str, record: Payload) -> None:
        """By hand in QuickBooks."""
        self.emulator.delete(entity, key(record), who="accountant")

    def books(self, entity: str) -> list[Payload]:
        """As they stand."""
        with self.emulator.emulator.lock:
            return list[Any](self.emulator.company.all(entity))

    def trouble(self, kind: str, **rule: Any) -> None:
        """Order it."""
        self.emulator.faults(kind=kind, **rule)

    def now(self) -> datetime:
        """The emulator's clock."""
        return self.emulator.clock.now()


class TestClientAgainstEmulator(PortContract):
    """`connectors.quickbooks.client` over HTTP."""

    @pytest.fixture
    def world(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[EmulatorWorld]:
        """New, empty books and a new client, impatient only where a time-out is played."""
        patience = 0.3 if "[timeout" in request.node.name else 20.0
        with RunningEmulator(tmp_path) as running:
            tokens = [running.connection_token()]

            def provider(*, force: bool = False) -> str:
                if force:
                    tokens.append(running.connection_token())
                return tokens[-1]

            settings = ClientSettings(transport=TransportLimits(read_seconds=patience))
            places = endpoints("sandbox", running.base_url, running.discovery_url)
            with QuickBooksClient(
                places, running.realm_id, provider, FakeClock(), settings=settings
            ) as client:
                yield EmulatorWorld(client, running)

    def test_a_token_of_another_company_is_no_access(self, world: EmulatorWorld) -> None:
        other = "9341450000009999"
        world.emulator.emulator.add_company(other)
        places = endpoints("sandbox", world.emulator.base_url, world.emulator.discovery_url)

        def provider(*, force: bool = False) -> str:
            assert not force
            return world.emulator.connection_token()

        with QuickBooksClient(places, other, provider, FakeClock()) as stranger:
            with pytest.raises(DisconnectedError) as caught:
                stranger.company()
            assert "another QuickBooks company" in caught.value.fault.cause
            assert type(stranger.post(customer("Acme")).error) is DisconnectedError

    def test_the_emulator_counts_the_same_calls(self, world: EmulatorWorld) -> None:
        world.port.post(customer("Acme"))
        world.port.query("Customer")
        world.port.company()
        world.port.batch([customer("Other")], "b-1")
        world.port.changes(["Customer"], world.now())
        meter = world.emulator.emulator.meter
        assert (world.port.meter.free, world.port.meter.metered) == (meter.free, meter.metered)

    def test_the_limits_of_quickbooks_are_never_met(self, tmp_path: Path) -> None:
        """As fast as possible for more than a minute, against an emulator that counts."""
        with RunningEmulator(tmp_path, limits=True) as running:
            token = running.connection_token()
            clock = SharedClock(running)
            places = endpoints("sandbox", running.base_url, running.discovery_url)
            with QuickBooksClient(
                places, running.realm_id, lambda *, force=False: token * (not force), clock
            ) as client:
                begun = clock.monotonic()
                for _ in range(560):
                    assert client.read("Customer", "1") is None
                # a throttled read would have been sent again
                assert client.meter.total == 560
                assert clock.monotonic() - begun > 60
        assert clock.waited < 80


class SharedClock:
    """The emulator's clock, so that client and emulator see the same minute."""

    def __init__(self, running: RunningEmulator) -> None:
        self._running = running
        self.waited = 0.0

    def now(self) -> datetime:
        """The instant."""
        return self._running.clock.now()

    def monotonic(self) -> float:
        """Seconds so far."""
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Move the emulator on."""
        self.waited += seconds
        self._running.clock.advance(seconds)
