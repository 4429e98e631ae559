"""The server itself, over a real socket: where one message ends, and what it says of itself."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from dashboard.house import SIGN_IN_PATH
from tests.fixtures.guarded import Guarded
from tests.fixtures.served import served

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
HIDDEN = f"GET {SIGN_IN_PATH}?smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
POST = f"POST {SIGN_IN_PATH} HTTP/1.1\r\nHost: localhost\r\n{FORM}"
#: Requests that two programs could cut in two places -> how many answers there may be at most.
AMBIGUOUS = {
    "two lengths": (f"{POST}Content-Length: 4\r\nContent-Length: 40\r\n\r\na=b&{HIDDEN}", 1),
    "a length that is none": (f"{POST}Content-Length: +4\r\n\r\na=b&{HIDDEN}", 1),
    "chunks and a length": (
        f"{POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n4\r\na=bc\r\n0\r\n\r\n",
        1,
    ),
    "unknown coding": (f"{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}", 1),
    "coding twice": (
        f"{POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}",
        1,
    ),
    "space before the colon": (f"{POST}Content-Length : 4\r\n\r\na=b&{HIDDEN}", 1),
    "folded header": (f"{POST}X: y\r\n Content-Length: 4\r\n\r\n{HIDDEN}", 2),
    "chunk that is no number": (
        f"{POST}Transfer-Encoding: chunked\r\n\r\n0x4\r\na=bc\r\n0\r\n\r\n{HIDDEN}",
        1,
    ),
    "bare line feeds in a name": (f"{POST}X\n: y\r\nContent-Length: 0\r\n\r\n{HIDDEN}", 1),
}


def told(address: str, request: str) -> str:
    """All that comes back until the server closes, or has nothing more to say."""
    host, _, port = address.removeprefix("http://").partition(":")
    said = b""
    with socket.create_connection((host, int(port)), timeout=5) as there, suppress(TimeoutError):
        there.sendall(request.encode())
        while part := there.recv(65_536):
            said += part
            there.settimeout(0.3)
    return said.decode(errors="replace")


@pytest.mark.asvs("4.2.1")
def test_a_message_ends_in_one_place(guarded: Guarded) -> None:
    """What could be read in two ways is refused, or read as the standard has it; nothing that is
    hidden in a body is answered as a request."""
    with served(guarded.app) as address:
        for name, (request, answers_max) in AMBIGUOUS.items():
            answer = told(address, request)
            statuses = [line for line in answer.splitlines() if line.startswith("HTTP/1.1 ")]
            assert 1 <= len(statuses) <= answers_max, (name, answer[:2_000])
            if answers_max == 1:
                assert statuses[0].split()[1] in ("400", "401", "422", "501"), (name, statuses)
        assert "HTTP/1.1 200" in told(address, HIDDEN)


@pytest.mark.asvs("13.4.2", "13.4.5")
def test_it_says_nothing_of_itself(guarded: Guarded) -> None:
    """Neither name nor version, and no pages for who develops it."""
    assert guarded.app.debug is False
    assert guarded.app.openapi_url is None
    with served(guarded.app) as address:
        for path in (SIGN_IN_PATH, "/nothing"):
            answer = told(address, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = answer.partition("\r\n\r\n")[0].lower()
            assert "server:" not in head
            assert "uvicorn" not in answer.lower()
            assert "x-powered-by" not in head
