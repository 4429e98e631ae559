"""What happens in QuickBooks is on the platform soon after, and once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from connectors.state.schedules import is_due_again, take_due
from dashboard import dispatcher
from dashboard.serving import bind
from dashboard.waker import PAUSE_SECONDS, Waker
from models.errors import UsageError
from models.tables.webhook import webhook_events
from models.words import DataType
from tasks.bootstrap import Installation, installation
from tasks.dispatch import CycleEnd, Dispatched, dispatch
from tests.fixtures.company import Office, add_expense, invoice
from tests.fixtures.prefect import ON_PREFECT
from tests.fixtures.webhooks import BOTH_SHAPES, TOKEN, TOKENS, post, receiving, told

SECONDS_MAX = 60.0


class Woken:
    """An installation whose dispatcher is woken by webhooks."""

    def __init__(self, office: Office, place: Installation) -> None:
        self.office, self.place = office, place
        self.done: list[Dispatched] = []
        self.url = ""
        self._one_at_a_time = threading.Lock()

    def start(self) -> None:
        """What a run of the dispatcher does."""
        with self._one_at_a_time:
            self.done.append(dispatch(self.place))

    def ends(self) -> list[CycleEnd]:
        """How all cycles since ended, oldest first."""
        return [each.end for done in self.done for each in done.runs]

    def until(self, look: Callable[[], Any]) -> None:
        """Wait for something that happens by itself."""
        deadline = time.monotonic() + SECONDS_MAX
        while not look():
            assert time.monotonic() < deadline, self.ends()
            time.sleep(0.02)

    def until_told(self, count: int) -> None:
        """Until so many events are stored."""

        def stored() -> bool:
            with self.office.engine.connect() as connection:
                return len(connection.execute(select(webhook_events.c.id)).all()) >= count

        self.until(stored)


@pytest.fixture
def woken(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Woken]:
    """The demo company at rest and not due, with a receiver that QuickBooks sends to."""
    monkeypatch.setenv("QBSYNC_WEBHOOK_VERIFIER_TOKENS", TOKENS)
    with installation() as place:
        dispatch(place)
        made = Woken(office, place)
        with Waker(made.start, pause_seconds=0.05) as waker, receiving(place, waker.wake) as url:
            made.url = url
            yield made
            office.emulator.emulator.webhooks.configure(None)


def arrived(office: Office) -> set[str | None]:
    """QuickBooks's ids of the invoices that the platform has."""
    return {booked for booked, row_id in office.platform.links("invoice").values() if row_id}


@pytest.mark.parametrize("shape", BOTH_SHAPES)
def test_an_invoice_is_on_the_platform_without_anybody_asking(woken: Woken, shape: str) -> None:
    """Entered, changed and deleted in QuickBooks: each arrives by its webhook."""
    office = woken.office
    office.emulator.webhook(url=woken.url, verifier=TOKEN, shape=shape)
    booked = office.books.create("Invoice", invoice("4", 100))["Id"]
    woken.until(lambda: booked in arrived(office))
    row_id = office.platform.id_of("Invoice", booked)
    # QuickBooks tells whole seconds: a change within the same one waits for the schedule
    office.clock.sleep(2)
    office.books.update("Invoice", booked, PrivateNote="by webhook")
    woken.until(lambda: office.platform.row("invoice", row_id)["memo"] == "by webhook")
    office.books.delete("Invoice", booked)
    woken.until(lambda: office.platform.row("invoice", row_id)["deleted_at"])
    assert set(woken.ends()) <= {CycleEnd.MOVED, CycleEnd.IDLE}


def test_our_own_writes_come_back_and_that_is_the_end_of_it(woken: Woken) -> None:
    """An expense goes to QuickBooks, which tells us of it: at most one idle cycle follows."""
    office = woken.office
    office.emulator.webhook(url=woken.url, verifier=TOKEN)
    mark = office.books.mark()
    add_expense(office)
    office.run("sync", "--json")
    written = office.books.written(mark)
    assert [entity for _, entity, _ in written] == ["Purchase"]
    woken.until_told(1)
    time.sleep(0.3)
    ends = woken.ends()
    assert ends in ([], [CycleEnd.IDLE])
    assert office.books.written(mark) == written
    assert take_due(woken.place.engine, woken.place.clock.now()) == []


class RealClock:
    """Time that passes by itself, beside waits that take none."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def test_a_burst_of_one_company_is_a_few_cycles(office: Office, monkeypatch: Any) -> None:
    """500 events within a second: three cycles at most, however they fall."""
    monkeypatch.setenv("QBSYNC_WEBHOOK_VERIFIER_TOKENS", TOKENS)
    monkeypatch.setattr("tasks.dispatch.AGAIN_SECONDS", 2)
    monkeypatch.setattr("tasks.dispatch.WAIT_SECONDS", 0.1)
    with installation(clock=RealClock()) as place:
        dispatch(place)
        made = Woken(office, place)
        with Waker(made.start) as waker, receiving(place, waker.wake) as url:
            realm = office.emulator.realm_id
            started = time.monotonic()
            for number in range(10):
                events = [told(realm, record_id=f"{number}-{each}") for each in range(50)]
                assert post(url, events).status_code == 200
            more = int((time.monotonic() - started) / PAUSE_SECONDS)
            hour, every = timedelta(hours=1), list(DataType)
            made.until(made.ends)
            made.until(lambda: not is_due_again(place.engine, place.clock.now(), hour, every))
    assert 1 <= len(made.ends()) <= 3 + more


def test_it_does_not_start_on_a_port_that_is_taken(
    fresh_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a port that is taken: exit 2, with what to set."""
    monkeypatch.setenv("QBSYNC_WEBHOOK_VERIFIER_TOKENS", TOKENS)
    with bind("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        refused = fresh_office.run("serve", "--port", port, code=2)
    assert f"--port {port}" in refused.stderr


def test_served_as_a_command(fresh_office: Office) -> None:
    """A real process takes a webhook, and ends when it is told to."""
    settings = {"QBSYNC_WEBHOOK_VERIFIER_TOKENS": TOKENS, "PREFECT_API_URL": ""}
    process = fresh_office.start("serve", "--port", "0", **settings)
    try:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(4)]
        assert "PREFECT_API_URL is not set" in said[0]
        assert "users add" in said[3]
        answer = post(said[2].split()[-1], [told("1")])
        assert answer.json()["unknown"] == 1
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0


class TestInPrefect:
    """The run that a webhook asks Prefect for."""

    pytestmark = ON_PREFECT

    @pytest.fixture
    def deployment(
        self, prefect_server: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
    ) -> UUID:
        """A deployment of a flow that nothing else starts."""
        monkeypatch.setattr(dispatcher, "FLOW", "woken")
        with prefect_server() as client:
            flow_id = client.create_flow_from_name("woken")
            made: UUID = client.create_deployment(flow_id, "served", paused=False)
        return made

    def test_one_run_waits_at_a_time(
        self, deployment: UUID, prefect_server: Callable[[], Any]
    ) -> None:
        """One that has not begun will see what is due; one that has begun may have looked."""
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
        from prefect.states import Running

        mine = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
        for _ in range(2):
            dispatcher.start_dispatcher()
        with prefect_server() as client:
            (first,) = client.read_flow_runs(deployment_filter=mine)
            assert first.tags == [dispatcher.TAG]
            assert first.state.is_scheduled()
            client.set_flow_run_state(first.id, Running(), force=True)
        for _ in range(2):
            dispatcher.start_dispatcher()
        with prefect_server() as client:
            assert len(client.read_flow_runs(deployment_filter=mine)) == 2

    def test_a_dispatcher_that_is_not_deployed_or_paused_is_told(
        self,
        deployment: UUID,
        prefect_server: Callable[[], Any],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """With what to do."""
        with prefect_server() as client:
            client.pause_deployment(deployment)
        with pytest.raises(UsageError, match=r"woken has no deployment .* paused; deploy it with"):
            dispatcher.start_dispatcher()
        monkeypatch.setattr(dispatcher, "FLOW", "nowhere")
        with pytest.raises(UsageError, match="nowhere has no deployment"):
            dispatcher.start_dispatcher()
