"""Nobody but Intuit is heard, nobody learns the token, and nobody can fill the memory."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import Request
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.quickbooks.webhooks import BODY_BYTES_MAX, is_signed
from dashboard.webhooks import Receiver
from emulator.webhooks.events import body_of, signature_of
from tests.fixtures.webhooks import BOTH_SHAPES, OLD_TOKEN, TOKEN, place_of, receiving, signed, told

if TYPE_CHECKING:
    from sqlalchemy import Engine

TOKENS = (OLD_TOKEN, TOKEN)
BODIES = [body_of([told("1"), told("2", "Bill", "12")], shape) for shape in BOTH_SHAPES]
SIGNATURE_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_ \n\0é"


@pytest.mark.parametrize("body", BODIES, ids=BOTH_SHAPES)
@pytest.mark.parametrize("token", TOKENS, ids=["old", "new"])
@pytest.mark.asvs("webhooks")
def test_every_changed_byte_is_refused(body: bytes, token: str) -> None:
    """Each byte of the body, each to the next value, and each left out."""
    signature = signature_of(body, token)
    assert is_signed(body, signature, TOKENS)
    for place in range(len(body)):
        changed = bytearray(body)
        changed[place] = (changed[place] + 1) % 256
        assert not is_signed(bytes(changed), signature, TOKENS)
        assert not is_signed(body[:place] + body[place + 1 :], signature, TOKENS)


@given(body=st.binary(max_size=300), other=st.binary(max_size=300))
@example(body=b"", other=b"\0")
@pytest.mark.asvs("webhooks")
def test_a_signature_is_good_for_one_body(body: bytes, other: bytes) -> None:
    """And for no other."""
    assert is_signed(body, signature_of(body, TOKEN), TOKENS)
    assert is_signed(other, signature_of(body, TOKEN), TOKENS) is (body == other)


@given(place=st.integers(0, 43), character=st.sampled_from(SIGNATURE_CHARACTERS))
@pytest.mark.asvs("webhooks")
def test_every_changed_character_of_the_signature_is_refused(place: int, character: str) -> None:
    """Also where base64 would read the same bytes from it."""
    signature = signature_of(BODIES[0], TOKEN)
    changed = signature[:place] + character + signature[place + 1 :]
    assert is_signed(BODIES[0], changed, TOKENS) is (changed == signature)


@given(st.text(max_size=60))
@example("")
@example("=")
@example("\ud800")
@pytest.mark.asvs("webhooks")
def test_no_text_is_a_signature_or_breaks_anything(signature: str) -> None:
    """Whatever a header may hold."""
    assert not is_signed(BODIES[0], signature, TOKENS)
    assert not is_signed(BODIES[0], signature_of(BODIES[0], TOKEN) + signature + " ", TOKENS)


@pytest.mark.asvs("webhooks")
def test_no_token_signs_nothing() -> None:
    """A receiver without tokens does not start; were it to, it would hear nobody."""
    assert not is_signed(b"", signature_of(b"", ""), ())


@pytest.mark.asvs("webhooks")
def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With hmac.compare_digest, for each token, whichever of them is right."""
    compared: list[tuple[Any, Any]] = []
    real = hmac.compare_digest

    def watched(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr("connectors.quickbooks.webhooks.hmac.compare_digest", watched)
    for token in (*TOKENS, "another"):
        compared.clear()
        signature = signature_of(b"x", token)
        assert is_signed(b"x", signature, TOKENS) is (token in TOKENS)
        assert [other for _, other in compared] == [signature.encode()] * 2


def request_of(parts: Sequence[bytes], read: list[int], headers: dict[str, str]) -> Request:
    """A request whose body comes in parts; notes each part that is read."""
    coming = iter(parts)

    async def receive() -> dict[str, Any]:
        part = next(coming)
        read.append(len(part))
        return {"type": "http.request", "body": part, "more_body": True}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


@pytest.mark.parametrize("declared", [{}, {"content-length": "10"}, {"content-length": "x"}])
@pytest.mark.asvs("webhooks")
def test_a_long_body_is_not_read_to_its_end(
    sqlite_engine: Engine, declared: dict[str, str]
) -> None:
    """Whatever length it has declared: reading stops where it is too long."""
    receiver = Receiver(place_of(sqlite_engine), lambda: None)
    read: list[int] = []
    part = b"x" * 2**16
    answer = asyncio.run(receiver.receive(request_of([part] * 10_000, read, declared)))
    assert answer.status_code == 413
    assert sum(read) == BODY_BYTES_MAX + len(part)


@pytest.mark.asvs("webhooks")
def test_no_token_is_told(sqlite_engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the log, at any level, nor in an answer, nor in how things show themselves."""
    place = place_of(sqlite_engine)
    said = []
    with (
        caplog.at_level(logging.DEBUG),
        receiving(place) as url,
        httpx.Client(timeout=10, verify=False) as client,
    ):
        for body in (b"", b"x", b"{}", b"[1]", BODIES[0], b"x" * (BODY_BYTES_MAX + 1)):
            for headers in ({}, {"intuit-signature": "x"}, signed(body), signed(body, "z")):
                answer = client.post(url, content=body, headers=headers)
                said += [answer.text, str(answer.headers)]
    text = "\n".join([caplog.text, *said, repr(place.settings), str(place)])
    assert "is not the signature" in text
    for token in TOKENS:
        assert token not in text
        for body in BODIES:
            assert signature_of(b"[1]", token) not in text
            assert signature_of(body, token) not in text
