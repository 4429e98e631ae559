"""Where webhooks go and how they misbehave, read from JSON or refused in one sentence.

In Intuit's developer portal an application has one endpoint; here the admin API or the command line
sets it. Only addresses of this machine are taken, so that a test can never call out.
Source: dossier section 9.
"""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from emulator.webhooks.events import EVENTS_MAX, SHAPES

_SECONDS_MAX = 86_400


class BadWebhookError(ValueError):
    """Settings that cannot be; the message names the field, the value and the fix."""


@dataclass(frozen=True)
class WebhookSettings:
    """The endpoint of the application, and what to do to it."""

    url: str
    verifier: str = "emulator-verifier"
    shape: str = SHAPES[0]
    #: How long an event waits before it is told; minutes are normal.
    delay_seconds: float = 0
    #: How likely a body that was acknowledged is sent once more.
    duplicates: float = 0
    #: How likely waiting events are told in another order.
    reordering: float = 0
    #: Where chance begins.
    seed: int = 0
    #: How long an answer may take, outside time.
    answer_seconds: float = 3
    #: The most events one body tells.
    events_per_body: int = EVENTS_MAX
    #: Whether one body may tell of several companies (sources disagree).
    mixed_realms: bool = False

    def describe(self) -> dict[str, Any]:
        """Return the settings as the admin API shows them."""
        return asdict(self)


_NUMBER = (int, float, Decimal)
_RANGES = {
    "delay_seconds": (0, _SECONDS_MAX),
    "duplicates": (0, 1),
    "reordering": (0, 1),
    "answer_seconds": (Decimal("0.01"), 60),
    "events_per_body": (1, EVENTS_MAX),
}
_FLOATS = frozenset(_RANGES) - {"events_per_body"}


def parse_settings(source: Any) -> WebhookSettings:
    """Read settings from JSON, or say what is wrong with them."""
    if not isinstance(source, dict):
        raise BadWebhookError(
            f'Webhook settings are a JSON object, not {source!r}: send {{"url": ...}}.'
        )
    for name, value in source.items():
        _check(name, value)
    if "url" not in source:
        raise BadWebhookError("Field url is missing: give the address that webhooks go to.")
    values: dict[str, Any] = {
        name: float(value) if name in _FLOATS else value for name, value in source.items()
    }
    return WebhookSettings(**values)


def _check(name: str, value: Any) -> None:
    declared = {each.name: str(each.type) for each in fields(WebhookSettings)}
    if name not in declared:
        known = ", ".join(declared)
        raise BadWebhookError(f"Field {name} (value {value!r}) is unknown: use one of {known}.")
    kinds: Any = {"str": str, "bool": bool, "int": int, "float": _NUMBER}[declared[name]]
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        raise BadWebhookError(
            f"Field {name} has the value {value!r}: give a value of type {declared[name]}."
        )
    low, high = _RANGES.get(name, (0, 0))
    if name in _RANGES and not low <= value <= high:
        raise BadWebhookError(f"Field {name} has the value {value}: give {low} to {high}.")
    if name == "shape" and value not in SHAPES:
        raise BadWebhookError(f"Field shape has the value {value!r}: use {' or '.join(SHAPES)}.")
    if name == "verifier" and not value:
        raise BadWebhookError("Field verifier has the value '': give the verifier token.")
    if name == "url" and not _is_here(value):
        raise BadWebhookError(
            f"Field url has the value {value!r}: give an http address of this machine, such as "
            "http://127.0.0.1:8000/webhooks."
        )


def _is_here(url: str) -> bool:
    """Say whether an address is plain http on the loopback interface."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme != "http" or port == 0 or not url.isascii() or not url.isprintable():
        return False
    if " " in url or parts.username is not None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
