"""What the client does on the wire, and what it makes of every way in which a wire can fail.

Method: a small server on this machine plays a script of answers and keeps what it was sent. The
emulator's behaviour is tested in tests/contract; here are the failures below it.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import logging
import socket
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from connectors.ports import RemoteWrite
from connectors.quickbooks.client import QuickBooksClient
from connectors.quickbooks.endpoints import endpoints
from connectors.quickbooks.queries import quote
from models.errors import (
    DisconnectedError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryLaterError,
    StaleRecordError,
    UsageError,
)
from models.words import Operation
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.wire import (
    REALM,
    TOKEN,
    Got,
    Tokens,
    client_for,
    fault,
    ok,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def create(body: dict[str, Any] | None = None, request_id: str = "r-1") -> RemoteWrite:
    """A new invoice."""
    return RemoteWrite("Invoice", Operation.CREATE, body or {"DocNumber": "1042"}, request_id)


def write_of(operation: Operation, entity: str = "Invoice") -> RemoteWrite:
    """A write to a record that exists."""
    body = {"Id": "12", "SyncToken": "3", "PrivateNote": "x"}
    return RemoteWrite(entity, operation, body, "r-1")


# --- what is sent ---------------------------------------------------------------------------------


def test_a_write_goes_out_once_with_exact_amounts_and_all_it_needs() -> None:
    with serving(ok({"Invoice": {"Id": "12"}}, intuit_tid="1-abc")) as script:
        with client_for(script.url) as client:
            body = {"Line": [{"Amount": Decimal("100.10")}], "PrivateNote": "Zoë"}
            answer = client.post(create(body))
        assert answer.record == {"Id": "12"}
        assert answer.intuit_tid == "1-abc"
        (got,) = script.got
        assert got.body.decode("utf-8") == '{"Line":[{"Amount":100.10}],"PrivateNote":"Zoë"}'
        assert (got.method, got.path) == ("POST", f"/v3/company/{REALM}/invoice")
        assert got.query == {"requestid": ["r-1"], "minorversion": ["75"]}
        assert got.headers["authorization"] == f"Bearer {TOKEN}-0"
        assert got.headers["accept"] == "application/json"
        assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("write", "query", "body"),
    [
        (
            write_of(Operation.UPDATE),
            {},
            {"sparse": True, "Id": "12", "SyncToken": "3", "PrivateNote": "x"},
        ),
        (
            write_of(Operation.DELETE),
            {"operation": ["delete"]},
            {"Id": "12", "SyncToken": "3"},
        ),
        (write_of(Operation.VOID), {"operation": ["void"]}, {"Id": "12", "SyncToken": "3"}),
        *(
            (
                write_of(Operation.VOID, entity),
                {"operation": ["update"], "include": ["void"]},
                {"Id": "12", "SyncToken": "3", "sparse": True},
            )
            for entity in ("Payment", "SalesReceipt", "BillPayment")
        ),
    ],
    ids=lambda value: f"{value.operation} {value.entity}" if isinstance(value, RemoteWrite) else "",
)
def test_updates_are_sparse_deletes_are_bare_and_voids_take_their_own_form(
    write: RemoteWrite, query: dict[str, list[str]], body: dict[str, Any]
) -> None:
    with serving(ok({write.entity: {"Id": "12"}})) as script:
        with client_for(script.url) as client:
            assert client.post(write).error is None
        (got,) = script.got
        assert json.loads(got.body) == body
        assert got.query == {**query, "requestid": ["r-1"], "minorversion": ["75"]}


def test_what_cannot_be_sent_is_refused_before_anything_is_sent() -> None:
    with serving(ok({})) as script, client_for(script.url) as client:
        void = client.post(write_of(Operation.VOID, "Bill"))
        floating = client.post(create({"Line": [{"Amount": 0.1}]}))
        assert script.got == []
    assert isinstance(void.error, RejectedError)
    assert isinstance(floating.error, RejectedError)
    assert floating.error.fault.element == "Line[0].Amount"
    assert "float" in floating.error.fault.detail


def test_a_batch_keeps_places_leaves_out_the_unsendable_and_never_takes_silence_for_success() -> (
    None
):
    answers = {
        "BatchItemResponse": [
            {"bId": "3", "Payment": {"Id": "7", "TotalAmt": 0}},
            {"bId": "0", "Invoice": {"Id": "1"}},
            {
                "bId": "2",
                "Fault": {"type": "ValidationFault", "Error": [{"code": "5010", "Message": "s"}]},
            },
            {"bId": "99", "Invoice": {"Id": "5"}},
            {"bId": "5"},
        ]
    }
    writes = [
        create({"DocNumber": "1"}),
        create({"Line": [{"Amount": 1.5}]}),
        write_of(Operation.UPDATE),
        write_of(Operation.VOID, "Payment"),
        write_of(Operation.DELETE),
        create({"DocNumber": "2"}),
    ]
    with serving(ok(answers, intuit_tid="1-b")) as script, client_for(script.url) as client:
        got = client.batch(writes, "batch-1")
        assert (client.meter.metered, client.meter.free) == (1, 0)
        assert script.got[0].query["requestid"] == ["batch-1"]
        sent = json.loads(script.got[0].body)["BatchItemRequest"]
    assert [item["bId"] for item in sent] == ["0", "2", "3", "4", "5"]
    assert sent[2] == {
        "bId": "3",
        "operation": "update",
        "optionsData": "void",
        "Payment": {"Id": "12", "SyncToken": "3", "sparse": True},
    }
    assert sent[3]["Invoice"] == {"Id": "12", "SyncToken": "3"}
    assert [type(answer.error) for answer in got] == [
        type(None),
        RejectedError,
        StaleRecordError,
        type(None),
        OutcomeUnknownError,
        OutcomeUnknownError,
    ]
    assert got[3].record == {"Id": "7", "TotalAmt": 0}
    assert {answer.intuit_tid for answer in got} >= {"1-b"}


def test_change_tracking_sends_an_offset_and_reads_blocks_by_name() -> None:
    answer = {
        "CDCResponse": [
            {
                "QueryResponse": [
                    {},
                    {
                        "Invoice": [{"Id": "1"}, {"Id": "2", "status": "Deleted"}],
                        "maxResults": 2,
                        "startPosition": 1,
                    },
                ]
            }
        ]
    }
    since = datetime(2026, 9, 30, 23, 59, 59, 999_999, timezone(timedelta(hours=-7)))
    with serving(ok(answer)) as script, client_for(script.url) as client:
        changes = client.changes(["Invoice", "Customer"], since)
        assert script.got[0].query["changedSince"] == ["2026-10-01T06:59:59+00:00"]
        assert script.got[0].query["entities"] == ["Invoice,Customer"]
        with pytest.raises(AssertionError):
            client.changes(["Invoice"], datetime(2026, 9, 30))  # noqa: DTZ001
    assert changes.records == {"Invoice": [{"Id": "1"}], "Customer": []}
    assert changes.deleted == {"Invoice": ["2"], "Customer": []}
    assert changes.server_time == datetime(2026, 10, 1, 7, 0, 0, 123_000, UTC)
    assert changes.overflowed == frozenset()


@pytest.mark.parametrize(
    ("counts", "expected"),
    [((1_000, 0), {"Invoice", "Customer"}), ((400, 600), {"Invoice", "Customer"}), ((9, 9), set())],
)
def test_a_full_answer_of_change_tracking_is_marked(
    counts: tuple[int, int], expected: set[str]
) -> None:
    blocks = [
        {entity: [{"Id": str(i)} for i in range(count)]}
        for entity, count in zip(("Invoice", "Customer"), counts, strict=True)
    ]
    with (
        serving(ok({"CDCResponse": [{"QueryResponse": blocks}]})) as script,
        client_for(script.url) as client,
    ):
        changes = client.changes(["Invoice", "Customer"], datetime(2026, 10, 1, tzinfo=UTC))
    assert changes.overflowed == expected


def list_of(ids: list[int], *, gone_after_first_page: int = 0) -> Callable[..., Any]:
    """Answer queries by position over a list, from which one record goes between two pages."""

    def play(_: BaseHTTPRequestHandler, got: Got) -> Any:
        words = got.body.decode().split()
        start, most = (int(words[words.index(w) + 1]) for w in ("STARTPOSITION", "MAXRESULTS"))
        rows = [{"Id": str(one)} for one in ids[start - 1 : start - 1 + most]]
        if gone_after_first_page in ids:
            ids.remove(gone_after_first_page)
        return ok({"QueryResponse": {"Invoice": rows} if rows else {}})

    return play


@pytest.mark.parametrize("count", [0, 1, 999, 1_000, 1_001, 2_500])
def test_a_query_reads_all_pages_once(count: int) -> None:
    with serving(list_of(list(range(1, count + 1)))) as script:
        with client_for(script.url) as client:
            records, at = client.query("Invoice", "TotalAmt > '1'")
        first = script.got[0]
    assert [record["Id"] for record in records] == [str(i) for i in range(1, count + 1)]
    assert at == datetime(2026, 10, 1, 7, 0, 0, 123_000, UTC)
    assert first.body == (
        b"SELECT * FROM Invoice WHERE TotalAmt > '1' ORDERBY Id STARTPOSITION 1 MAXRESULTS 1000"
    )
    assert first.headers["content-type"] == "application/text"


def test_a_record_that_goes_between_two_pages_hides_no_other() -> None:
    """Plain paging would skip record 1001: it has moved to the page that was read already."""
    with (
        serving(list_of(list(range(1, 1_500)), gone_after_first_page=3)) as script,
        client_for(script.url) as client,
    ):
        records, _ = client.query("Invoice")
    assert [int(record["Id"]) for record in records] == [1, 2, *range(4, 1_500)]


def test_a_list_that_never_holds_still_is_given_up() -> None:
    ids = list(range(1, 3_000))

    def play(handler: BaseHTTPRequestHandler, got: Got) -> Any:
        del ids[0]
        return list_of(ids)(handler, got)

    with serving(play) as script, client_for(script.url) as client:
        with pytest.raises(RetryLaterError, match="kept changing"):
            client.query("Invoice")
        assert len(script.got) == 6


def test_name_lists_are_asked_for_with_their_inactive_records() -> None:
    with serving(ok({"QueryResponse": {}})) as script, client_for(script.url) as client:
        client.query("Customer", "Balance > '0'")
        client.query("Customer", "Active = false")
        client.query("Customer", all_states=False)
        client.query("Invoice")
        wheres = [got.body.decode().partition(" ORDERBY")[0] for got in script.got]
    assert wheres == [
        "SELECT * FROM Customer WHERE Balance > '0' AND Active IN (true,false)",
        "SELECT * FROM Customer WHERE Active = false",
        "SELECT * FROM Customer",
        "SELECT * FROM Invoice",
    ]


def test_values_are_quoted_so_that_they_cannot_end_the_literal() -> None:
    assert quote("O'Neil") == r"'O\'Neil'"
    assert quote("\\' OR Id = '1") == r"'\\\' OR Id = \'1'"


# --- what goes wrong ------------------------------------------------------------------------------


def hang_up(_: BaseHTTPRequestHandler, __: Got) -> None:
    """Take the request and close the connection without a word."""


def keep_silent(_: BaseHTTPRequestHandler, __: Got) -> None:
    """Take the request and say nothing for longer than the client waits."""
    time.sleep(0.3)


def break_off(handler: BaseHTTPRequestHandler, _: Got) -> None:
    """Promise more bytes than are sent."""
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"Invoice": {"Id"')


UNKNOWN_ENDINGS = {
    "hangs up": hang_up,
    "keeps silent": keep_silent,
    "breaks off": break_off,
    "502": (502, b"<html>Bad Gateway</html>", {}),
    "empty": (200, b"", {}),
    "cut off but whole": (200, b'{"Invoice": {"Id"', {}),
    "no record": ok({}),
    "another record": ok({"Customer": {"Id": "1"}}),
    "redirect": (307, b"", {"Location": "https://quickbooks.api.intuit.com/v3/"}),
}


@pytest.mark.parametrize("ending", UNKNOWN_ENDINGS.values(), ids=UNKNOWN_ENDINGS.keys())
def test_a_write_without_a_proper_answer_is_unknown_and_never_repeated(ending: Any) -> None:
    with serving(ending) as script, client_for(script.url, read_seconds=0.2) as client:
        answer = client.post(create())
        batch = client.batch([create(), create()], "b-1")
        assert len(script.got) == 2
    for one in (answer, *batch):
        assert type(one.error) is OutcomeUnknownError
        assert one.error.fault.fix
        assert one.record is None


@pytest.mark.parametrize("ending", UNKNOWN_ENDINGS.values(), ids=UNKNOWN_ENDINGS.keys())
def test_a_read_without_a_proper_answer_is_repeated_within_bounds(ending: Any) -> None:
    clock = FakeClock()
    with (
        serving(ending) as script,
        client_for(script.url, clock=clock, read_seconds=0.2) as client,
    ):
        with pytest.raises(RetryLaterError):
            client.read("Invoice", "12")
        assert len(script.got) in {1, 4}
    # the waits double; a whole answer without the record is not asked for again
    assert clock.sleeps in ([1.0, 2.0, 4.0], [])


def test_a_connection_that_was_never_made_sent_nothing() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with client_for(url) as client:
        assert type(client.post(create()).error) is RetryLaterError
        assert type(client.batch([create()], "b-1")[0].error) is RetryLaterError
        with pytest.raises(RetryLaterError, match="No connection"):
            client.read("Invoice", "12")


def test_an_answer_that_is_too_large_or_drips_is_not_waited_for() -> None:
    with (
        serving(ok({"x": "y" * 100_000})) as script,
        client_for(script.url, answer_bytes_max=70_000) as client,
    ):
        error = client.post(create()).error
    assert type(error) is OutcomeUnknownError
    assert error.fault.code == "unreadable"

    class Fast(FakeClock):
        def monotonic(self) -> float:
            self.seconds += 1
            return self.seconds

    sent = 0

    def drip(handler: BaseHTTPRequestHandler, _: Got) -> None:
        """A byte now and then, for ever as far as the client knows."""
        nonlocal sent
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                handler.wfile.write(b" ")
                sent += 1
                time.sleep(0.01)

    with (
        serving(drip) as script,
        client_for(script.url, clock=Fast(), total_seconds=2.0) as client,
    ):
        error = client.post(create()).error
    assert type(error) is OutcomeUnknownError
    assert error.fault.code == "timeout"
    assert sent < 100, "it was waited for to the end"


def plain(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """An answer of a length that is told."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n"
    handler.wfile.write(head.encode() + content)


def zipped(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """The same, zipped, as QuickBooks answers who can read that."""
    small = gzip.compress(content)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(small)}\r\n\r\n"
    handler.wfile.write(head.encode() + small)


def in_pieces(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Zipped, in pieces, and of a length that is not told before."""
    head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    handler.wfile.write(head.encode())
    small = gzip.compress(content)
    for place in range(0, len(small), 7):
        piece = small[place : place + 7]
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    handler.wfile.write(b"0\r\n\r\n")


@pytest.mark.parametrize("send", [plain, zipped, in_pieces])
def test_an_answer_is_read_whole_and_its_connection_kept(send: Any) -> None:
    """Goal: no new connection for each call, however an answer comes."""
    invoice = {"Id": "12", "PrivateNote": "ä" * 100_000}
    connections = set()

    def answer(handler: BaseHTTPRequestHandler, _: Got) -> bool:
        connections.add(handler.client_address)
        send(handler, json.dumps({"Invoice": invoice}).encode())
        return True

    with serving(answer, answer, answer) as script, client_for(script.url) as client:
        for _ in range(3):
            assert client.read("Invoice", "12") == invoice
    assert len(connections) == 1


def test_a_refused_token_is_renewed_once_and_the_same_write_goes_out_again() -> None:
    tokens = Tokens()
    with (
        serving((401, b"", {}), ok({"Invoice": {"Id": "12"}})) as script,
        client_for(script.url, tokens=tokens) as client,
    ):
        assert client.post(create()).error is None
    assert [got.headers["authorization"][-1] for got in script.got] == ["0", "1"]
    assert [got.query["requestid"] for got in script.got] == [["r-1"], ["r-1"]]
    assert script.got[0].body == script.got[1].body


def test_a_token_that_stays_refused_ends_the_connection() -> None:
    tokens = Tokens()
    with serving((401, b"", {})) as script, client_for(script.url, tokens=tokens) as client:
        assert type(client.post(create()).error) is DisconnectedError
        with pytest.raises(DisconnectedError):
            client.read("Invoice", "1")
        assert len(script.got) == 4
    assert tokens.forced == 2


def test_no_token_at_all_is_an_answer_for_writes_and_an_error_for_reads() -> None:
    from connectors.quickbooks.faults import local_error

    class Refusing(Tokens):
        def __call__(self, *, force: bool = False) -> str:
            del force
            raise local_error("invalid_grant", write=False)

    with serving(ok({})) as script, client_for(script.url, tokens=Refusing()) as client:
        assert type(client.post(create()).error) is DisconnectedError
        assert type(client.batch([create()], "b")[0].error) is DisconnectedError
        with pytest.raises(DisconnectedError):
            client.read("Invoice", "1")
        assert script.got == []


def test_a_throttled_read_waits_a_minute_and_everything_else_waits_with_it() -> None:
    clock = FakeClock()
    with (
        serving(fault(429, "3001"), ok({"Invoice": {"Id": "12"}})) as script,
        client_for(script.url, clock=clock) as client,
    ):
        assert client.read("Invoice", "12") == {"Id": "12"}
    assert clock.sleeps == [pytest.approx(60)]


def test_a_throttled_write_is_given_back_with_the_wait() -> None:
    with serving(fault(429, "3001")) as script, client_for(script.url) as client:
        error = client.post(create()).error
        assert len(script.got) == 1
    assert type(error) is RetryLaterError
    assert error.wait_seconds == 60


def test_a_fault_of_the_record_is_in_the_answer_with_its_transaction_id() -> None:
    with serving(fault(400, "6240")) as script, client_for(script.url) as client:
        answer = client.post(create())
    assert type(answer.error) is RejectedError
    assert answer.intuit_tid == "1-tid"


def test_deleted_records_read_as_none() -> None:
    with serving(fault(400, "610")) as script, client_for(script.url) as client:
        assert client.read("Invoice", "12") is None


def test_the_company_is_read_by_its_number_not_by_its_id() -> None:
    info = {"CompanyInfo": {"Id": "1", "CompanyName": "Acme"}}
    with serving(ok(info)) as script, client_for(script.url) as client:
        assert client.read("CompanyInfo", "1") == info["CompanyInfo"]
        assert script.got[0].path.endswith(f"/{REALM}/companyinfo/{REALM}")


def test_a_query_that_is_refused_is_not_repeated() -> None:
    with serving(fault(400, "4001")) as script, client_for(script.url) as client:
        with pytest.raises(RejectedError):
            client.query("Invoice", "Nonsense = '1'")
        assert len(script.got) == 1


def test_the_meter_counts_by_class() -> None:
    with (
        serving(ok({"Invoice": {"Id": "1"}, "QueryResponse": {}})) as script,
        client_for(script.url) as client,
    ):
        client.post(create())
        client.post(write_of(Operation.DELETE))
        client.read("Invoice", "1")
        client.query("Invoice")
        client.batch([create()], "b")
    assert client.meter.by_kind == {"create": 1, "delete": 1, "read": 1, "query": 1, "batch": 1}
    assert (client.meter.free, client.meter.metered, client.meter.total) == (2, 3, 5)


def test_company_ids_and_names_cannot_change_the_address() -> None:
    with pytest.raises(UsageError):
        QuickBooksClient(endpoints("sandbox"), "../1", Tokens(), FakeClock())
    with serving(ok({"Invoice": {"Id": "1"}})) as script, client_for(script.url) as client:
        client.read("Invoice", "../customer/1?x=")
        assert script.got[0].path == f"/v3/company/{REALM}/invoice/..%2Fcustomer%2F1%3Fx%3D"
        for call in (
            lambda: client.read("a/b", "1"),
            lambda: client.query("Invoice WHERE"),
            lambda: client.query("Invoice", order_by="Id;"),
            lambda: client.batch([create()] * 31, "b"),
            lambda: client.batch([create()], "b" * 37),
            lambda: client.post(create(request_id="")),
        ):
            with pytest.raises(AssertionError):
                call()


def test_tokens_never_show_in_logs_errors_or_names(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("requests_oauthlib.oauth2_session").setLevel(logging.DEBUG)
    shown: list[str] = []
    quoted = json.dumps({"fault": {"error": [{"code": "3200", "detail": f"Token: {TOKEN}"}]}})
    for ending in ((401, quoted.encode(), {}), hang_up, (502, TOKEN.encode(), {})):
        with serving(ending) as script, client_for(script.url) as client:
            shown.append(repr(client) + repr(client._transport))
            answer = client.post(create())
            shown.append(repr(answer) + str(answer.error) + repr(answer.error))
            with pytest.raises(RemoteError) as caught:
                client.read("Invoice", "1")
            shown.append(str(caught.value) + repr(caught.value.fault))
    assert "secret-access-token" not in "".join(shown) + caplog.text
    # something was logged, so the search means something
    assert "POST /v3/company" in caplog.text
