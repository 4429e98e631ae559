"""The body of an answer over HTTP, read within its size and its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import urllib3

    from connectors.ports import Clock

_PACKET_BYTES_MAX: Final = 65_536


class BodyTooLargeError(Exception):
    """The body has more bytes than such an answer may have."""


class BodyTooSlowError(Exception):
    """The body was not whole in time: a read times out for silence only, and this one drips."""


def read_body(
    raw: urllib3.HTTPResponse,
    *,
    bytes_max: int,
    deadline: float,
    clock: Clock,
    unfold: bool = True,
) -> bytes:
    """Return the body of an answer; of requests, the `raw` of one asked for with `stream=True`.

    deadline is a second of the clock's `monotonic`. A zipped body is unfolded, and the bytes of
    what is in it are counted; with unfold=False it is taken as it was sent.

    Raises:
        BodyTooLargeError: more than bytes_max bytes came.
        BodyTooSlowError: the deadline passed while it was read.
        urllib3.exceptions.HTTPError: the connection broke, fell silent, or what came is no HTTP.
    """
    content = bytearray()
    # one packet at a time: to wait for a whole chunk would be to wait for one that drips
    while packet := raw.read1(_PACKET_BYTES_MAX, decode_content=unfold):
        content += packet
        if len(content) > bytes_max:
            raise BodyTooLargeError(f"the answer has more than {bytes_max} bytes")
        if clock.monotonic() > deadline:
            raise BodyTooSlowError("the answer dripped")
    return bytes(content)
