"""Many companies: who is due is synced, side by side, and one that fails keeps nobody else."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connectors.clock import SystemClock
from connectors.state import queries
from connectors.state.connections import all_connections, connection_named, save_settings
from connectors.state.schedules import make_due, take_due
from connectors.state.sql import SqlState
from models.settings import ConnectionSettings
from models.tables import sync as tables
from models.words import DataType
from tasks import bootstrap
from tasks.bootstrap import Installation, installation
from tasks.dispatch import AGAIN_SECONDS, CycleEnd, Dispatched, dispatch
from tasks.keep_connected import keep_connected
from tests.fixtures.companies import add_companies, all_are_due, realm_of
from tests.fixtures.company import Office

COMPANIES = 4
QUARTER = 15 * 60


@pytest.fixture
def place(own_office: Office, tmp_path: Path) -> Iterator[Installation]:
    """An installation with companies that were synced once, and are not due."""
    add_companies(own_office, COMPANIES, tmp_path)
    with installation() as made:
        first = dispatch(made)
        assert first.count(CycleEnd.MOVED) == COMPANIES
        rest(own_office, made)
        yield made


def rest(office: Office, place: Installation) -> None:
    """Let all companies come to rest."""
    for _ in range(3):
        all_are_due(office)
        if dispatch(place).count(CycleEnd.IDLE) == COMPANIES:
            return
    raise AssertionError("the companies do not come to rest")


def ends(done: Dispatched) -> dict[str, CycleEnd]:
    """How each company ended."""
    return {each.connection: each.end for each in done.runs}


def test_who_is_due_is_synced_once(own_office: Office, place: Installation) -> None:
    """Right after a cycle nobody is due; a quarter of an hour later everybody is, and an idle
    company costs one metered call."""
    assert dispatch(place).runs == []
    all_are_due(own_office)
    done = dispatch(place)
    assert set(ends(done).values()) == {CycleEnd.IDLE}
    assert sorted(ends(done)) == [each.name for each in all_connections(place.engine)]
    assert done.as_json()["metered_calls"] == COMPANIES
    assert dispatch(place).runs == []


def test_two_dispatchers_share_the_work(own_office: Office, place: Installation) -> None:
    """Both run at the same moment: each company is taken up by one of them."""
    all_are_due(own_office)
    found: list[Dispatched] = []
    threads = [
        threading.Thread(target=lambda: found.append(dispatch(place, at_a_time=2)))
        for _ in range(2)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=60)
    names = [name for done in found for name in ends(done)]
    assert sorted(names) == [each.name for each in all_connections(place.engine)]
    assert {each.end for done in found for each in done.runs} == {CycleEnd.IDLE}


def test_a_company_that_fails_keeps_nobody_else(own_office: Office, place: Installation) -> None:
    """One is not let in any more, one is being worked on: the others are synced, the first has an
    alert, and the second stays due until that work has ended."""
    refused, busy, *others = (each.name for each in all_connections(place.engine))
    emulator = own_office.emulator.emulator
    granted = emulator.tokens.open_connection(own_office.emulator.client_id, realm_of(1))
    granted.revoked = True
    connection = connection_named(place.engine, busy)
    holder = SqlState(place.engine, connection, SystemClock(), "a" * 32, "somebody else")
    own_office.clock.sleep(QUARTER * 5)  # the access token is over, too
    all_are_due(own_office)
    holder.take_lease(timedelta(minutes=5))
    done = dispatch(place)
    assert ends(done) == {
        refused: CycleEnd.DISCONNECTED,
        **dict.fromkeys(others, CycleEnd.IDLE),
    }
    (alert,) = own_office.run("status", "--connection", refused, "--json").json["alerts"]
    assert alert["cause"] == "disconnected"
    assert "connect" in alert["fix"]
    assert [each.connection for each in done.to_look_at] == [refused]
    assert own_office.run("status", "--connection", busy, "--json").json["alerts"] == []
    holder.release_lease()
    assert ends(dispatch(place)) == {busy: CycleEnd.IDLE}


def test_a_company_that_somebody_was_faster_with_stays_due(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run takes it just after it was taken up: it is synced once that one has ended, not
    a slot later."""
    connection = all_connections(place.engine)[0]
    holder = SqlState(place.engine, connection, SystemClock(), "a" * 32, "somebody else")
    real = bootstrap.open_cycle

    def late(place: Installation, name: str, *more: Any) -> Any:
        holder.take_lease(timedelta(minutes=5))
        return real(place, name, *more)

    monkeypatch.setattr("tasks.dispatch.open_cycle", late)
    with place.engine.begin() as transaction:
        make_due(transaction, connection.id, place.clock.now(), [DataType.INVOICES])
    assert ends(dispatch(place)) == {connection.name: CycleEnd.BUSY}
    monkeypatch.setattr("tasks.dispatch.open_cycle", real)
    assert dispatch(place).runs == []
    holder.release_lease()
    (run,) = dispatch(place).runs
    assert (run.end, run.data_types) == (CycleEnd.IDLE, (DataType.INVOICES,))


def test_what_becomes_due_during_a_cycle_is_synced_after_it(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The company is being synced when something happens in it, twice: one more cycle follows in
    the same run, some seconds after the first."""
    connection = all_connections(place.engine)[0]
    real = bootstrap.open_cycle
    opened: list[float] = []

    def watched(place: Installation, name: str, *more: Any) -> Any:
        opened.append(place.clock.monotonic())
        for _ in range(2 if len(opened) == 1 else 0):
            with place.engine.begin() as transaction:
                make_due(transaction, connection.id, place.clock.now())
        return real(place, name, *more)

    monkeypatch.setattr("tasks.dispatch.open_cycle", watched)
    with place.engine.begin() as transaction:
        make_due(transaction, connection.id, place.clock.now())
    done = dispatch(place)
    assert [each.end for each in done.runs] == [CycleEnd.IDLE, CycleEnd.IDLE]
    first, second = opened
    assert AGAIN_SECONDS <= second - first <= AGAIN_SECONDS + 60


def test_settings_that_nobody_can_read_stop_one_company(
    own_office: Office, place: Installation
) -> None:
    """As an older program may have left them: that company is named, and the others are synced,
    forecast and kept connected."""
    spoilt, *others = (each.name for each in all_connections(place.engine))
    with place.engine.begin() as transaction:
        transaction.execute(
            update(tables.connections)
            .where(tables.connections.c.name == spoilt)
            .values(settings='{"policy": {"invoice.no_such_field": "latest"}}')
        )
    all_are_due(own_office)
    done = dispatch(place)
    assert ends(done) == {spoilt: CycleEnd.FAILED, **dict.fromkeys(others, CycleEnd.IDLE)}
    (failed,) = done.to_look_at
    assert "no_such_field" in failed.message
    (alert,) = queries.alerts(place.engine, failed.connection_id)
    assert alert["title"] == f"{spoilt}: its settings cannot be read"
    assert "no_such_field" in alert["message"]
    assert "the version of quickbooks-sync" in alert["fix"]
    kept = {each.connection: each.state for each in keep_connected(place, lambda _words: None)}
    assert kept == dict.fromkeys(others, "fresh")
    assert "metered_calls_expected" in own_office.run("metrics", "--once").stdout


def test_a_slow_company_keeps_its_own_place_only(
    own_office: Office, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One company's cycle goes on and on; meanwhile the others are synced twice, in one run."""
    slow, *others = (each.name for each in all_connections(place.engine))
    go_on = threading.Event()
    counts = Counter[str]()
    real = bootstrap.open_cycle

    def watched(place: Installation, name: str, *more: Any) -> Any:
        counts[name] += 1
        if name == slow:
            assert go_on.wait(60)
        elif all(counts[each] >= 2 for each in others):
            go_on.set()
        elif all(counts[each] >= 1 for each in others):
            with place.engine.begin() as transaction:
                for each in all_connections(place.engine)[1:]:
                    make_due(transaction, each.id, place.clock.now())
        return real(place, name, *more)

    monkeypatch.setattr("tasks.dispatch.open_cycle", watched)
    monkeypatch.setattr("tasks.dispatch.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("tasks.dispatch.AGAIN_SECONDS", 0)
    all_are_due(own_office)
    runs = Counter(each.connection for each in dispatch(place, at_a_time=2).runs)
    assert runs[slow] >= 1
    assert all(runs[each] >= 2 for each in others)


def test_what_a_user_switches_is_what_is_due(own_office: Office, place: Installation) -> None:
    """A changed setting is due at once; a data type that is off never is; each data type has its
    own frequency."""
    connection = all_connections(place.engine)[0]
    chosen = ConnectionSettings(
        data_types=frozenset({DataType.FINANCIALS, DataType.INVOICES}),
        frequency_minutes=60,
        frequency_minutes_of={DataType.INVOICES: 5},
    )
    save_settings(place.engine, connection, chosen, "controller", place.clock.now())
    (run,) = dispatch(place).runs
    assert run.data_types == (DataType.FINANCIALS, DataType.INVOICES)
    own_office.clock.sleep(5 * 60)
    taken = {each.name: each for each in take_due(place.engine, place.clock.now())}
    assert taken[connection.name].data_types == {DataType.INVOICES}


def test_who_is_paused_is_not_due(own_office: Office, place: Installation) -> None:
    """A paused company waits; the others go on."""
    paused = all_connections(place.engine)[0]
    table = tables.connections
    with place.engine.begin() as transaction:
        transaction.execute(update(table).where(table.c.id == paused.id).values(status="paused"))
    all_are_due(own_office)
    assert paused.name not in ends(dispatch(place))


def test_a_short_budget_makes_cycles_rarer(
    own_office: Office, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of the month does not suffice: everything is due later, and the run says so."""
    small = place.settings.model_copy(update={"metered_calls_per_month": 1})
    monkeypatch.setattr(place, "settings", small)
    all_are_due(own_office)
    slowed = dispatch(place)
    assert len(slowed.runs) == COMPANIES
    assert slowed.forecast.stretch == 24
    own_office.clock.sleep(QUARTER)
    assert dispatch(place).runs == []
