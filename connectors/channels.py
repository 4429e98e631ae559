"""Channels: where people are told of alerts, by apprise. Its classes and its log stay in here.

An address holds secrets, and so does what apprise logs of it: nothing of either gets out. Why a
message did not arrive is said in our own words, with the status of an answer and no more.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from models.notices import Message

#: Seconds that sending may take in all; apprise gives up each call after about four.
SECONDS_MAX: Final = 30
#: A part of an address this long is a token; a shorter one may be a word that others use.
_TOKEN_CHARACTERS_MIN: Final = 16

#: Between several addresses, as apprise tells them apart.
_BETWEEN: Final = re.compile(r"[\s,]+(?=[A-Za-z0-9]{1,32}://)")
_STATUS = re.compile(r"\berror=(\d{3})\b")


class _Swallow(logging.Filter):
    """Keeps apprise's log to itself, and of it the status of the last answer in this thread."""

    def __init__(self) -> None:
        super().__init__()
        self.last = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let nothing pass."""
        found = _STATUS.search(record.getMessage())
        if found:
            self.last.status = found[1]
        return False


_SWALLOW: Final = _Swallow()


def parts_to_hide(address: SecretStr) -> list[str]:
    """What must not be shown of addresses: passwords, options, tokens, and each as a whole."""
    text = address.get_secret_value()
    found = [text]
    for each in _BETWEEN.split(text):
        found += [each, each.partition("://")[2]]
        try:
            parts = urlsplit(each)
            password = parts.password or ""
        except ValueError:  # no URL by Python's rules; its parts below are
            continue
        found += [password, unquote(password)]
        found += _values(parts.query)
    found += [each for each in re.split(r"[/:@?&=,\s]", text) if len(each) >= _TOKEN_CHARACTERS_MIN]
    return [each for each in found if each]


def _values(query: str) -> list[str]:
    """The values of an address's options, as they are written and as they are meant."""
    written = [each.partition("=")[2] for each in query.split("&")]
    return [*written, *(value for _, value in parse_qsl(query))]


def send(address: SecretStr, message: Message, seconds_max: float = SECONDS_MAX) -> str:
    """Send a message; "" where it was taken, else why it was not, without the address."""
    return send_all([(address, message)], seconds_max)[0]


def send_all(
    messages: Sequence[tuple[SecretStr, Message]], seconds_max: float = SECONDS_MAX
) -> list[str]:
    """Send messages side by side, in this time for all of them; of each the same as `send`."""
    outcomes = [f"no answer within {seconds_max:g} seconds"] * len(messages)

    def send_one(place: int, address: SecretStr, message: Message) -> None:
        outcomes[place] = _sent(address, message)

    # one that hangs is left behind: it can harm nobody, and ends with the process
    sending = [
        threading.Thread(target=send_one, args=(place, *each), name="notice", daemon=True)
        for place, each in enumerate(messages)
    ]
    for each in sending:
        each.start()
    deadline = time.monotonic() + seconds_max
    for each in sending:
        each.join(max(0.0, deadline - time.monotonic()))
    return list(outcomes)


def _sent(address: SecretStr, message: Message) -> str:
    import apprise  # takes a while, and few runs have anything to tell

    logging.getLogger("apprise").addFilter(_SWALLOW)
    _SWALLOW.last.status = ""
    asset = apprise.AppriseAsset(
        app_id="quickbooks-sync",
        app_desc="QuickBooks sync",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
    )
    try:
        notifier = apprise.Apprise(asset=asset)
        if not notifier.add(address.get_secret_value()) or not len(notifier):
            return "its address is none that apprise knows"
        for each in notifier:
            each.redirects = False
        told = notifier.notify(
            title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT
        )
    except Exception as error:  # noqa: BLE001 - plugins of a hundred vendors; none harms a cycle
        return f"the message could not be sent ({type(error).__name__})"
    if told:
        return ""
    status = _SWALLOW.last.status
    return f"it answered {status}" if status else "it cannot be reached, or refused the message"
