"""Consent on the command line: what keeps it from listening is named, with what to do."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from connectors.quickbooks.consent import wait_for_consent
from models.errors import UsageError


class Asked:
    """A token service that only says where to go."""

    def authorization_url(self) -> tuple[str, str]:
        """An address and a state."""
        return "https://example.com/consent", "state"


def refused(redirect_url: str) -> str:
    """What somebody is told who connects with this redirect URL."""
    asked: Any = Asked()
    with pytest.raises(UsageError) as caught:
        wait_for_consent(asked, redirect_url, lambda _words: None)
    return str(caught.value)


@pytest.mark.parametrize(
    "redirect_url",
    [
        "",
        "http://localhost/cb",
        "http://localhost:87a5/cb",
        "http://[::1/cb",
        "https://x.com:8765/",
    ],
)
def test_a_redirect_url_that_is_not_on_this_machine(redirect_url: str) -> None:
    told = refused(redirect_url)
    assert f"QBSYNC_REDIRECT_URL is {redirect_url!r}" in told
    assert "http://localhost:PORT/PATH" in told


def test_a_port_that_is_taken() -> None:
    """By another `connect`, say."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refused(f"http://localhost:{port}/cb")
    assert f"port {port} cannot be listened on" in told
    assert "Address already in use" in told
