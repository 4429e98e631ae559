"""Traces of a cycle: cycle > step > record > call, with what a person looks for in each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from connectors.tracing import PREFIX, exporting
from tests.fixtures.company import ENCRYPTION_KEY, REPOSITORY, Office
from tests.fixtures.prefect import ON_PREFECT
from tests.fixtures.wire import serving

PROCESS_SECONDS_MAX = 120
REFUSED = {"code": "2050", "message": "String length is not supported"}
PASSING = {"code": "10000", "type": "SystemFault", "message": "An application error"}


class Traced:
    """The spans that ended, and how they hang together."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [each for each in self.spans if each.name == name]

    def one(self, name: str) -> ReadableSpan:
        (found,) = self.named(name)
        return found

    def path_of(self, span: ReadableSpan) -> list[str]:
        """Names from the root down to a span."""
        by_id = {each.context.span_id: each for each in self.spans}
        path = [span.name]
        while span.parent is not None:
            span = by_id[span.parent.span_id]
            path.insert(0, span.name)
        return path


@pytest.fixture
def traced() -> Iterator[Traced]:
    """Collects the spans of this test's thread."""
    made = Traced()
    with exporting(SimpleSpanProcessor(made.exporter)):
        yield made


def own(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes of our own, by their short names."""
    assert span.attributes is not None
    return {
        key.removeprefix(f"{PREFIX}."): value
        for key, value in span.attributes.items()
        if key.startswith(PREFIX)
    }


def add_vendors(office: Office, **fault: Any) -> None:
    """Three vendors, one of which QuickBooks does not take."""
    for number in range(3):
        office.platform.add("vendor", name=f"Supplier {number}")
    office.emulator.faults(
        entity="Vendor", verb="create", match="Supplier 1", kind="fault", count=None, **fault
    )


def test_a_cycle_is_one_tree_down_to_its_calls(office: Office, traced: Traced) -> None:
    """One root; each step below it, each call below its step, each with its attributes."""
    office.platform.add("vendor", name="Supplier 1")
    cycle = office.sync()
    root = traced.one("cycle")
    assert root.parent is None
    assert len({each.context.trace_id for each in traced.spans}) == 1
    rows = [row for each in cycle["data_types"].values() for row in each.values()]
    assert own(root) == {
        "connection": office.status()["connection"],
        "run": cycle["runs"][0],
        "flow": "sync",
        **{name: sum(row[name] for row in rows) for name in rows[0]},
        "requests": cycle["requests"],
    }
    assert own(root)["created"] == 1
    steps = [each.name for each in traced.spans if each.name.startswith("step ")]
    assert steps[:2] == ["step recover", "step post_expenses"]
    for name in ("extract_quickbooks", "extract_platform", "pair", "plan", "load_batch"):
        assert f"step {name}" in steps
    load = own(traced.one("step load_batch"))
    assert (load["record_type"], load["records"], load["failed"]) == ("vendor", 1, 0)
    # twice where the token or the connection was too old for the first one
    paths = [traced.path_of(each) for each in traced.named("GET cdc")]
    assert paths
    assert all(path == ["cycle", "step extract_quickbooks", "GET cdc"] for path in paths)
    call = traced.one("POST vendor")
    assert traced.path_of(call) == ["cycle", "step load_batch", "POST vendor"]
    assert call.kind is SpanKind.CLIENT
    assert call.attributes is not None
    assert call.attributes["http.request.method"] == "POST"
    assert call.attributes["url.template"] == "vendor"
    assert call.attributes["http.response.status_code"] == 200
    assert own(call)["kind"] == "create"
    assert own(call)["intuit_tid"]
    assert call.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("fault", "kind", "code", "tries"),
    [
        # QuickBooks fails for longer than we try: looked for, and tried again
        (PASSING, "OutcomeUnknownError", "fault_10000", 4),
        # refused for itself: once, and then parked
        (REFUSED, "RejectedError", "fault_2050", 1),
    ],
)
def test_a_record_that_failed_has_a_span_with_its_status_and_code(
    office: Office, traced: Traced, fault: dict[str, str], kind: str, code: str, tries: int
) -> None:
    """Only the record that failed has spans of its own, one for each try."""
    add_vendors(office, **fault)
    (parked,) = office.sync(code=3)["parked"]
    records = traced.named("record")
    assert [own(each)["attempt"] for each in records] == list(range(1, tries + 1))
    for each in records:
        assert traced.path_of(each) == ["cycle", "step push_all", "record"]
        assert each.status.status_code is StatusCode.ERROR
        assert each.status.description == kind
        assert own(each)["code"] == code
        assert own(each)["record_type"] == "vendor"
        assert str(own(each)["record"]) == parked["link"]
    assert own(traced.one("step load_batch"))["failed"] == 1


def test_a_fault_is_told_with_what_is_done_about_it(office: Office, traced: Traced) -> None:
    """A read that fails once, and a token that is refused, each as a call of its own."""
    office.emulator.faults({"kind": "status", "status": 503, "verb": "cdc", "count": 1})
    office.emulator.emulator.tokens.expire(office.emulator.realm_id)
    office.sync()
    told = [
        (each.attributes["http.response.status_code"], own(each).get("retry_class", ""))
        for each in traced.named("GET cdc")
        if each.attributes is not None
    ]
    assert sorted(told) == [(200, ""), (401, "fresh_token"), (503, "RetryLaterError")]
    (token,) = [each for each in traced.spans if "tokens/bearer" in each.name]
    assert traced.path_of(token)[0] == "cycle"


def test_a_cycle_that_is_stopped_says_why(office: Office, traced: Traced) -> None:
    """The root has the class of the error and its code."""
    with office.engine.begin() as transaction:
        transaction.exec_driver_sql("UPDATE connections SET realm_id = '1'")
    office.run("sync", code=None)
    root = traced.one("cycle")
    assert root.status.status_code is StatusCode.ERROR
    assert own(root)["code"]


def test_spans_hold_no_ids_queries_tokens_or_bodies(office: Office, traced: Traced) -> None:
    """What is in a trace may be seen by more people than the books."""
    invoice = office.books.one("Invoice", "DocNumber = '1009'")
    office.books.update("Invoice", invoice["Id"], PrivateNote="between us")
    add_vendors(office, **REFUSED)
    office.sync(code=3)
    told = " ".join(
        f"{each.name} {each.status.description} {dict(each.attributes or {})} {each.events}"
        for each in traced.spans
    )
    for secret in (
        "between us",
        "Supplier",
        "SELECT",
        "requestid",
        office.emulator.realm_id,
        office.emulator.client_secret,
        office.emulator.refresh_token,
        ENCRYPTION_KEY,
    ):
        assert secret not in told, secret
    assert all(not each.events for each in traced.spans)


class TestUnderPrefect:
    """Steps are tasks there, and records that failed are pushed in threads."""

    pytestmark = ON_PREFECT

    def test_the_tree_is_the_same(
        self, office: Office, traced: Traced, prefect_server: Callable[[], Any]
    ) -> None:
        from flows.expenses import sync_expenses

        add_vendors(office, **REFUSED)
        state = sync_expenses(return_state=True)
        assert state.name == "CompletedWithErrors"
        paths = {tuple(traced.path_of(each)) for each in traced.spans}
        assert ("cycle", "step push_all", "record") in paths
        assert ("cycle", "step load_batch", "POST batch") in paths
        assert {path[0] for path in paths} == {"cycle"}


def test_spans_go_to_the_collector_that_the_environment_names(office: Office) -> None:
    """A real process posts OTLP; service name and headers are as OpenTelemetry's variables say."""
    with serving((200, b"", {})) as collector:
        process = office.start(
            "sync",
            "--json",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_HEADERS="x-tenant=books",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test",
        )
        _, stderr = process.communicate(timeout=PROCESS_SECONDS_MAX)
    assert process.returncode == 0, stderr
    assert {(each.method, each.path) for each in collector.got} == {("POST", "/v1/traces")}
    assert collector.got[0].headers["x-tenant"] == "books"
    names, resource = [], {}
    for got in collector.got:
        for each in ExportTraceServiceRequest.FromString(got.body).resource_spans:
            resource = {one.key: one.value.string_value for one in each.resource.attributes}
            names += [one.name for scope in each.scope_spans for one in scope.spans]
    assert "cycle" in names
    assert "GET cdc" in names
    assert resource["service.name"] == "quickbooks-sync"
    assert resource["deployment.environment"] == "test"


def test_a_collector_that_is_away_costs_seconds_and_no_cycle(office: Office) -> None:
    """Books are synced whether anybody watches or not."""
    process = office.start(
        "sync",
        "--json",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )
    stdout, stderr = process.communicate(timeout=PROCESS_SECONDS_MAX)
    assert process.returncode == 0, stderr
    assert '"cycles"' in stdout


def test_nothing_of_opentelemetry_is_loaded_where_nobody_watches(office: Office) -> None:
    """A command starts as fast as before."""
    code = (
        "import sys, cli\n"
        "cli.app(['sync', '--json'], standalone_mode=False)\n"
        "print([each for each in sys.modules if each.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**office.environment(), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
