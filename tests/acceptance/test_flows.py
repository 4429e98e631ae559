"""The flows in Prefect: what a person sees there of a run with a record that fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from connectors.clock import SystemClock
from connectors.state.connections import connection_named
from connectors.state.sql import SqlState
from models.errors import CorruptStateError
from models.tables.sync import connections
from tests.fixtures.companies import add_companies, all_are_due
from tests.fixtures.company import Office
from tests.fixtures.prefect import ON_PREFECT

pytestmark = ON_PREFECT

#: What QuickBooks's throttle asks to wait for (quickbooks-api, section 7).
QUICKBOOKS_ASKS_SECONDS = 60

#: Task runs are recorded a moment after they end.
RECORDED_SECONDS_MAX = 20
#: After so long there are none: the recorder writes every second.
NONE_RECORDED_SECONDS = 4


def run_flow(flow: Any) -> Any:
    """Run a flow in this process; its final state."""
    return flow(return_state=True)


def task_runs(
    server: Callable[[], Any],
    flow_run_id: Any,
    prefix: str,
    *,
    until: Collection[str] = (),
    within: float = RECORDED_SECONDS_MAX,
) -> list[Any]:
    """Task runs of a flow run by the beginning of their name, once they are all recorded.

    until holds beginnings of names, one of each of which must be among them: Prefect records them
    some at a time. within is how many seconds they may take; it is waited for where there are none.
    """
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id]))
    deadline = time.monotonic() + within
    found: list[Any] = []
    while time.monotonic() < deadline:
        with server() as client:
            found = client.read_task_runs(flow_run_filter=wanted)
        ended = all(each.state and each.state.is_final() for each in found)
        there = all(any(each.name.startswith(name) for each in found) for name in until)
        if found and ended and there:
            break
        time.sleep(0.5)
    return [each for each in found if each.name.startswith(prefix)]


def artifacts(server: Callable[[], Any], flow_run_id: Any) -> dict[str, Any]:
    """Artifacts of a flow run, by key."""
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
    with server() as client:
        return {each.key: each for each in client.read_artifacts(artifact_filter=wanted)}


@pytest.mark.parametrize(
    ("fault", "runs"),
    [
        # QuickBooks fails for a moment longer than we try: all attempts are made
        ({"code": "10000", "type": "SystemFault", "message": "An application error"}, 4),
        # the record itself is refused: nothing is tried again
        ({"code": "2050", "message": "String length is not supported"}, 1),
    ],
)
def test_one_bad_record_among_thirty_has_a_task_run_of_its_own(
    office: Office,
    prefect_server: Callable[[], Any],
    fault: dict[str, str],
    runs: int,
) -> None:
    """29 are applied; the bad one is one named task run with its retries, and one alert."""
    from flows.expenses import sync_expenses

    for number in range(30):
        office.platform.add("vendor", name=f"Supplier {number:02}")
    office.emulator.faults(
        entity="Vendor", verb="create", match="Supplier 17", kind="fault", count=None, **fault
    )
    state = run_flow(sync_expenses)

    assert state.name == "CompletedWithErrors"
    assert len(office.books.find("Vendor", "DisplayName LIKE 'Supplier%'")) == 29
    flow_run_id = state.state_details.flow_run_id
    pushes = task_runs(prefect_server, flow_run_id, "push", until={"push"})
    assert [(each.name, each.state.type.value, each.run_count) for each in pushes] == [
        ("push vendor Supplier 17", "FAILED", runs)
    ]
    alerts = office.status()["alerts"]
    assert len(alerts) == 1
    assert "Supplier 17" in alerts[0]["title"]
    assert alerts[0]["fix"]
    shown = artifacts(prefect_server, flow_run_id)
    assert {"plan", "totals", "failures"} <= set(shown)
    assert "Supplier 17" in str(shown["failures"].data)


def test_a_record_that_quickbooks_asks_to_wait_for_is_tried_again(
    office: Office, prefect_server: Callable[[], Any]
) -> None:
    """A throttle costs time, not records: as long as it asks for, and then Prefect's own retry."""
    from flows.expenses import sync_expenses

    office.platform.add("vendor", name="Supplier")
    throttled = {"kind": "throttle", "entity": "Vendor", "verb": "create", "count": 2}
    office.emulator.faults(throttled)
    state = run_flow(sync_expenses)
    assert state.is_completed()
    assert state.name != "CompletedWithErrors"
    assert len(office.books.find("Vendor", "DisplayName = 'Supplier'")) == 1
    pushes = task_runs(prefect_server, state.state_details.flow_run_id, "push", until={"push"})
    assert [(each.name, each.state.type.value) for each in pushes] == [
        ("push vendor Supplier", "COMPLETED")
    ]
    assert max(office.clock.waited) >= QUICKBOOKS_ASKS_SECONDS


def test_a_state_that_cannot_be_ends_a_flow_at_once(
    office: Office, prefect_server: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is nothing about the record whose task run finds it: no other one is tried either."""
    from flows.expenses import sync_expenses

    def corrupt(*_: Any) -> None:
        raise CorruptStateError("link 7 is gone")

    assert prefect_server
    office.platform.add("vendor", name="Supplier")
    office.emulator.faults({"kind": "throttle", "entity": "Vendor", "verb": "create"})
    monkeypatch.setattr("tasks.prefect_steps.push_watched", corrupt)
    state = run_flow(sync_expenses)
    assert state.is_failed()
    assert "link 7 is gone" in state.message
    assert office.status()["parked"] == []
    assert "link 7 is gone" in office.status()["alerts"][0]["title"]


def test_a_flow_shows_its_conflicts(office: Office, prefect_server: Callable[[], Any]) -> None:
    """A conflict is an artifact with all three versions and the winner."""
    from flows.invoices import sync_invoices

    invoice = office.books.one("Invoice", "DocNumber = '1009'")
    row_id = office.platform.id_of("Invoice", invoice["Id"])
    office.books.update("Invoice", invoice["Id"], PrivateNote="books")
    office.platform.edit("invoice", row_id, memo="platform")
    state = run_flow(sync_invoices)

    assert state.is_completed()
    shown = artifacts(prefect_server, state.state_details.flow_run_id)
    assert "books" in str(shown["conflicts"].data)
    assert "platform" in str(shown["conflicts"].data)


def test_a_flow_waits_for_another_run_of_the_company(
    office: Office, prefect_server: Callable[[], Any]
) -> None:
    """A person starts it just when the dispatcher has the company: it is synced after that."""
    from flows.invoices import sync_invoices

    assert prefect_server
    holder = SqlState(
        office.engine, connection_named(office.engine), SystemClock(), "a" * 32, "the dispatcher"
    )
    row_id = office.platform.id_of("Invoice", "7")
    office.platform.edit("invoice", row_id, memo="waited for")
    holder.take_lease(timedelta(seconds=25))
    state = run_flow(sync_invoices)
    assert state.is_completed()
    assert office.clock.waited
    assert office.books.read("Invoice", "7")["PrivateNote"] == "waited for"


def test_artifacts_and_events_lead_to_the_pages(
    office: Office, prefect_server: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is known where the pages are, each row of a plan, a conflict and a record that was
    set aside leads to its record, and events to what a person should look at."""
    from flows.invoices import sync_invoices

    pages = "https://sync.example.com/settings/integrations/quickbooks/1"
    monkeypatch.setenv("QBSYNC_DASHBOARD_URL", "https://sync.example.com/")
    invoice = office.books.one("Invoice", "DocNumber = '1009'")
    row_id = office.platform.id_of("Invoice", invoice["Id"])
    office.books.update("Invoice", invoice["Id"], PrivateNote="books")
    office.platform.edit("invoice", row_id, memo="platform")
    office.platform.add("customer", name="Refused Ltd", currency="USD")
    office.emulator.faults(
        entity="Customer", verb="create", kind="fault", code="2050", message="too long", count=None
    )
    began = datetime.now(UTC)
    flow_run_id = run_flow(sync_invoices).state_details.flow_run_id

    links = office.platform.links("invoice")
    link = next(each for each, (_, row) in links.items() if row == row_id)
    (parked,) = office.parked()
    shown = {
        key: json.loads(each.data)
        for key, each in artifacts(prefect_server, flow_run_id).items()
        if key != "totals"
    }
    of_invoice, of_customer = (f"[open]({pages}/records/{each})" for each in (link, parked["link"]))
    assert [row["page"] for row in shown["conflicts"]] == [of_invoice]
    assert [row["page"] for row in shown["failures"]] == [of_customer]
    assert {row["page"] for row in shown["plan"]} == {of_invoice, of_customer}
    found = events(prefect_server, {"conflict.decided", "record.parked", "cycle.finished"}, began)
    assert {name: each["payload"]["page"] for name, each in found.items()} == {
        "conflict.decided": f"{pages}/records/{link}",
        "record.parked": f"{pages}/records/{parked['link']}",
        "cycle.finished": pages,
    }


def test_an_unknown_connection_fails_the_run_with_a_message_that_helps(
    office: Office, prefect_server: Callable[[], Any]
) -> None:
    """Bad input names the value and what would be right."""
    from flows.financials import sync_financials

    state = sync_financials(connection="Nobody Ltd", return_state=True)

    assert state.is_failed()
    assert "Nobody Ltd" in state.message
    assert "use one of" in state.message


def test_the_dispatcher_shows_what_it_wrote_and_for_whom(
    own_office: Office, prefect_server: Callable[[], Any], tmp_path: Path
) -> None:
    """Two companies are due in one run: batches and failed records are task runs of it, named
    after the company; an idle one has none, and nothing runs where nobody is due."""
    from flows.due import sync_due
    from flows.financials import sync_financials

    add_companies(own_office, 2, tmp_path)
    first = run_flow(sync_due)
    assert first.is_completed()
    assert first.message == "2 companies, 0 of them idle"
    both = {"Company 0001", "Company 0002"}
    run_id = first.state_details.flow_run_id
    names = {each.name for each in task_runs(prefect_server, run_id, "Company", until=both)}
    assert {name.partition(":")[0] for name in names} == both
    shown = artifacts(prefect_server, first.state_details.flow_run_id)
    assert "Company 0002" in str(shown["companies"].data)
    assert "budget 500000" in str(shown["companies-summary"].data)

    all_are_due(own_office)
    run_flow(sync_financials)  # without a company: all that are due, of this data type
    all_are_due(own_office)
    idle = run_flow(sync_due)
    assert idle.message == "2 companies, 2 of them idle"
    run_id = idle.state_details.flow_run_id
    assert task_runs(prefect_server, run_id, "Company", within=NONE_RECORDED_SECONDS) == []
    assert run_flow(sync_due).message == "no company was due"

    # one whose settings nobody can read is named, and keeps no other company's events
    with own_office.engine.begin() as connection:
        spoilt = update(connections).where(connections.c.name == "Company 0001")
        connection.execute(spoilt.values(settings='{"colour": "red"}'))
    all_are_due(own_office)
    failed = run_flow(sync_due)
    assert (failed.name, failed.message.partition(";")[0]) == (
        "CompletedWithErrors",
        "1 of 2 companies need a look",
    )


def test_automations_hear_of_what_happened(
    office: Office, prefect_server: Callable[[], Any]
) -> None:
    """A record that is set aside, a conflict that is decided, a cycle that is stopped: events under
    our own names, with the company as their resource."""
    from flows.invoices import sync_invoices

    invoice = office.books.one("Invoice", "DocNumber = '1009'")
    row_id = office.platform.id_of("Invoice", invoice["Id"])
    office.books.update("Invoice", invoice["Id"], PrivateNote="books")
    office.platform.edit("invoice", row_id, memo="platform")
    office.platform.add("customer", name="Refused Ltd", currency="USD")
    office.emulator.faults(
        entity="Customer", verb="create", kind="fault", code="2050", message="too long", count=None
    )
    run_flow(sync_invoices)
    with office.engine.begin() as transaction:
        transaction.execute(text("UPDATE connections SET realm_id = '1'"))
    assert run_flow(sync_invoices).is_failed()

    names = {"conflict.decided", "record.parked", "cycle.finished", "cycle.stopped"}
    found = events(prefect_server, names)
    assert found["record.parked"]["payload"]["record"] == "Refused Ltd"
    assert found["conflict.decided"]["payload"]["field"] == "memo"
    assert found["cycle.finished"]["payload"]["parked"] == 1
    assert found["cycle.stopped"]["payload"]["reason"] in ("stopped", "disconnected", "failed")
    resources = {each["resource"]["prefect.resource.id"] for each in found.values()}
    assert resources == {"quickbooks-sync.connection.1"}


def events(
    server: Callable[[], Any], names: set[str], since: datetime | None = None
) -> dict[str, dict[str, Any]]:
    """The newest event of each name; they are stored a moment after they were told."""
    wanted: dict[str, Any] = {"event": {"name": [f"quickbooks-sync.{name}" for name in names]}}
    if since is not None:
        wanted["occurred"] = {"since": since.isoformat()}
    deadline = time.monotonic() + RECORDED_SECONDS_MAX
    found: dict[str, dict[str, Any]] = {}
    while time.monotonic() < deadline and set(found) != names:
        with server() as client:
            answer = client.request("POST", "/events/filter", json={"filter": wanted}).json()
        found = {each["event"].partition(".")[2]: each for each in reversed(answer["events"])}
        time.sleep(0.5)
    return found
