"""What a monitoring system is told: how far behind, what waits and why, and what it costs."""

from __future__ import annotations

import signal
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from connectors.clock import SystemClock
from tests.fixtures.company import FLIGHT_SECONDS, REPOSITORY, Office

WHILE = 300


def read(text: str) -> dict[str, dict[tuple[str, ...], Any]]:
    """Metric -> values of its other labels than the connection -> value."""
    found: dict[str, dict[tuple[str, ...], Any]] = {}
    for family in text_string_to_metric_families(text):
        name = family.name.removeprefix("quickbooks_sync_")
        for sample in family.samples:
            labels = tuple(v for key, v in sample.labels.items() if key != "connection")
            found.setdefault(name, {})[labels] = sample.value
    return found


def shown(office: Office) -> dict[str, dict[tuple[str, ...], Any]]:
    """The figures now."""
    return read(office.run("metrics", "--once").stdout)


def test_a_company_that_is_well(office: Office) -> None:
    """Nothing waits; lag grows with the time since the last cycle."""
    found = shown(office)
    assert found["up"] == {(): 1}
    lag = found["lag_seconds"][()]
    for name in ("parked_oldest_seconds", "conflicts_waiting", "writes_unsettled"):
        assert found[name] == {(): 0}, name
    assert "parked_records" not in found
    assert found["metered_calls_budget"] == {(): 500_000}
    assert found["metered_calls_this_month"][()] > 0
    office.clock.sleep(WHILE)
    assert WHILE - 60 <= shown(office)["lag_seconds"][()] - lag <= WHILE + 60
    # a person who decides about one record is no sync that got through
    office.platform.sql(
        "INSERT INTO runs (id, connection_id, flow, state, started_at, finished_at) "
        "SELECT 'decided', connection_id, 'override', 'completed', :now, :now FROM runs LIMIT 1",
        now=SystemClock().now().strftime("%Y-%m-%d %H:%M:%S.%f"),
    )
    assert shown(office)["lag_seconds"][()] - lag >= WHILE - 60


def test_what_waits_is_counted_with_its_reason(office: Office) -> None:
    """A record that is refused, a conflict that waits, and a write without an answer."""
    office.platform.choose(policy={"invoice": "review"})
    invoice = office.books.one("Invoice", "DocNumber = '1009'")
    row_id = office.platform.id_of("Invoice", invoice["Id"])
    office.books.update("Invoice", invoice["Id"], PrivateNote="books")
    office.platform.edit("invoice", row_id, memo="platform")
    office.platform.add("vendor", name="Supplier A")
    office.emulator.emulator.options.honour_request_ids = False
    # the answer is lost, and nobody can look what became of it
    office.emulator.faults(
        {"kind": "answer_lost", "verb": "create", "entity": "Vendor"},
        {"kind": "status", "status": 503, "verb": "query", "match": "FROM Vendor", "count": None},
    )
    office.sync(code=None)
    office.clock.sleep(FLIGHT_SECONDS - 2)
    found = shown(office)
    assert found["conflicts_waiting"] == {(): 1}
    assert found["parked_records"][("needs_review",)] == 1
    assert found["alerts_open"]
    assert found["writes_unsettled"] == {(): 1}
    assert found["writes_unsettled_oldest_seconds"][()] >= FLIGHT_SECONDS - 2
    assert found["parked_oldest_seconds"][()] >= FLIGHT_SECONDS - 2


def test_the_docs_name_every_figure(office: Office) -> None:
    """docs/operations.md says what each of them means."""
    page = (REPOSITORY / "docs" / "operations.md").read_text()
    for name in shown(office):
        assert f"`{name}" in page, name


def test_served_over_http(office: Office) -> None:
    """A real process on a free port answers a scrape, and a taken port is said so."""
    process = office.start("metrics", "--port", "0")
    try:
        assert process.stderr is not None
        url = process.stderr.readline().partition(";")[0].partition(" ")[2]
        answer = httpx.get(url, timeout=10)
        assert answer.status_code == 200
        assert read(answer.text)["up"] == {(): 1}
        port = url.rpartition(":")[2].partition("/")[0]
        refused = office.run("metrics", "--port", port, code=2)
        assert f"--port {port}" in refused.stderr
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0
