"""Files on the wire: the parts of an upload, its answers, and the bounds of a download."""

from __future__ import annotations

import email.parser
import email.policy
import json
import logging
import time
from typing import Any

import pytest

from connectors.ports import RemoteFile, RemoteWrite
from models.errors import (
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryLaterError,
)
from models.words import Operation
from tests.fixtures.fake_clock import FakeClock
from tests.fixtures.wire import REALM, TOKEN, Got, client_for, downloading, fault, ok, serving

#: Bytes that a careless body spoils.
CONTENT = b"\x89PNG\r\n\x1a\n\r\n--x--\r\n\x00\xff\n"
LIMIT = 10_000


def upload(name: str = "Beleg Zoë.png") -> RemoteWrite:
    """A new receipt of a purchase with its file."""
    owner = [{"EntityRef": {"type": "Purchase", "value": "95"}}]
    body = {"FileName": name, "AttachableRef": owner, "Note": "ü\nQS-1"}
    file = RemoteFile(name, "image/png", CONTENT)
    return RemoteWrite("Attachable", Operation.CREATE, body, "r-1", file=file)


def answered(**item: Any) -> tuple[int, bytes, dict[str, str]]:
    """QuickBooks's answer to an upload of one file."""
    return ok({"AttachableResponse": [item]}, intuit_tid="1-up")


def parts_of(got: Got) -> list[email.message.Message]:
    """The parts of a multipart body, as a mail program reads them."""
    head = f"Content-Type: {got.headers['content-type']}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + got.body)
    return list(message.iter_parts())  # type: ignore[attr-defined]


# -- uploads --


def test_an_upload_is_two_parts_with_exact_bytes() -> None:
    record = {"Id": "5000000000000000001", "FileName": "a", "Size": len(CONTENT)}
    with serving(answered(Attachable=record)) as script:
        with client_for(script.url) as client:
            answer = client.post(upload())
            assert (client.meter.free, client.meter.metered) == (1, 0)
        (got,) = script.got
    assert (answer.record, answer.intuit_tid) == (record, "1-up")
    assert (got.method, got.path) == ("POST", f"/v3/company/{REALM}/upload")
    assert got.query == {"requestid": ["r-1"], "minorversion": ["75"]}
    assert got.headers["authorization"] == f"Bearer {TOKEN}-0"
    assert int(got.headers["content-length"]) == len(got.body)
    metadata, content = parts_of(got)
    assert metadata.get_param("name", header="content-disposition") == "file_metadata_01"
    assert metadata.get_content_type() == "application/json"
    assert json.loads(metadata.get_payload(decode=True)) == dict(upload().body)  # type: ignore[arg-type]
    assert content.get_param("name", header="content-disposition") == "file_content_01"
    assert content.get_content_type() == "image/png"
    # Read by hand: a mail program mends line ends
    assert got.body.count(b"\r\n\r\n" + CONTENT + b"\r\n--") == 1
    assert b"\n" not in got.body.split(b"\r\n\r\n")[0].replace(b"\r\n", b"")


def test_a_file_name_cannot_add_headers() -> None:
    record = {"Id": "1"}
    with serving(answered(Attachable=record)) as script:
        with client_for(script.url) as client:
            client.post(upload('a"\r\nX-Evil: 1\r\n\r\n.png'))
        (got,) = script.got
    assert b"\r\nX-Evil" not in got.body


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            answered(
                Fault={"type": "ValidationFault", "Error": [{"code": "6041", "Message": "m"}]}
            ),
            RejectedError,
        ),
        (fault(400, "6050"), RejectedError),
        (ok({"AttachableResponse": []}), OutcomeUnknownError),
        (ok({"AttachableResponse": [{}, {}]}), OutcomeUnknownError),
        (answered(Attachable={"FileName": "no id"}), OutcomeUnknownError),
        (ok({"Attachable": {"Id": "1"}}), OutcomeUnknownError),
        (fault(503, "1"), OutcomeUnknownError),
        (None, OutcomeUnknownError),
    ],
    ids=["kind", "size", "empty", "two", "no id", "other shape", "busy", "dropped"],
)
def test_what_an_upload_is_answered(answer: Any, error: type[RemoteError]) -> None:
    with serving(answer) as script, client_for(script.url) as client:
        got = client.post(upload())
        assert type(got.error) is error
        assert len(script.got) == 1


def test_a_refused_token_sends_the_whole_file_again() -> None:
    with (
        serving((401, b"", {}), answered(Attachable={"Id": "7"})) as script,
        client_for(script.url) as client,
    ):
        assert client.post(upload()).record == {"Id": "7"}
        assert [got.body.count(CONTENT) for got in script.got] == [1, 1]


def test_an_upload_that_drips_out_ends_in_time() -> None:
    clock = FakeClock()
    with serving(answered(Attachable={"Id": "7"})) as script:
        with client_for(script.url, clock=clock, total_seconds=-1.0) as client:
            assert type(client.post(upload()).error) is OutcomeUnknownError
        assert script.got == []


def test_a_file_never_goes_in_a_batch() -> None:
    with serving(ok({})) as script, client_for(script.url) as client:
        with pytest.raises(AssertionError, match="batch"):
            client.batch([upload(), upload()], "b-1")
        assert script.got == []


# -- downloads --


def test_a_download_asks_for_the_address_and_goes_there_without_the_token() -> None:
    with serving(downloading((200, CONTENT, {}))) as script, client_for(script.url) as client:
        assert client.download("5/1", bytes_max=len(CONTENT)) == CONTENT
        assert (client.meter.free, client.meter.metered) == (0, 1)
        asked, fetched = script.got
    assert asked.path == f"/v3/company/{REALM}/download/5%2F1"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}-0"
    assert (fetched.path, fetched.query) == ("/_files/9", {"Signature": ["secret-of-a-file"]})
    assert "authorization" not in fetched.headers
    assert "cookie" not in fetched.headers


def dribble(handler: Any, _got: Got) -> None:
    """More bytes than were asked for, of an unsaid length."""
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * (LIMIT + 1))


def cut(handler: Any, _got: Got) -> None:
    """Fewer bytes than declared."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort")


def silent(_handler: Any, _got: Got) -> None:
    """Nothing for longer than anybody waits."""
    time.sleep(1.0)


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        ((200, b"x" * (LIMIT + 1), {}), RejectedError, "file_too_large"),
        (dribble, RejectedError, "file_too_large"),
        ((302, b"", {"Location": "https://127.0.0.1/elsewhere"}), RejectedError, "file_address"),
        ((404, b"", {}), GoneError, "file_gone"),
        ((403, b"Request has expired", {}), RetryLaterError, "file_refused"),
        ((503, b"", {}), RetryLaterError, "file_refused"),
        ((206, b"part", {}), RejectedError, "unknown"),
        (cut, RetryLaterError, "timeout"),
        (silent, RetryLaterError, "timeout"),
        (None, RetryLaterError, "timeout"),
    ],
    ids=[
        *("declared", "undeclared", "redirect", "gone", "expired", "busy", "part", "cut"),
        *("silent", "dropped"),
    ],
)
def test_a_download_is_bounded(answer: Any, error: type[RemoteError], code: str) -> None:
    with (
        serving(downloading(answer)) as script,
        client_for(script.url, read_seconds=0.3) as client,
    ):
        with pytest.raises(error) as raised:
            client.download("9", bytes_max=LIMIT)
        assert [got.path for got in script.got][-1] == "/_files/9"
        assert len(script.got) == 2
    assert type(raised.value) is error
    assert raised.value.fault.code == code
    assert raised.value.fault.fix


def test_a_zipped_answer_is_not_unfolded() -> None:
    zipped = (200, b"\x1f\x8b not even gzip", {"Content-Encoding": "gzip"})
    with serving(downloading(zipped)) as script, client_for(script.url) as client:
        assert client.download("9", bytes_max=LIMIT) == zipped[1]


@pytest.mark.parametrize(
    ("answer", "error"),
    [(fault(400, "610"), GoneError), ((200, b"", {}), RetryLaterError), (ok({}), RetryLaterError)],
    ids=["fault", "empty", "json"],
)
def test_no_address_no_download(answer: Any, error: type[RemoteError]) -> None:
    with serving(answer) as script, client_for(script.url) as client, pytest.raises(error):
        client.download("9", bytes_max=LIMIT)


def test_the_signed_address_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        serving(downloading((403, b"", {}))) as script,
        client_for(script.url) as client,
        pytest.raises(RetryLaterError) as raised,
    ):
        client.download("9", bytes_max=LIMIT)
    assert "secret-of-a-file" not in caplog.text
    assert "secret-of-a-file" not in f"{raised.value!r} {raised.value.fault}"
