"""Channels: where people are told of alerts, by apprise. Its classes and its log stay in here.

An address holds secrets, and so does what apprise logs of it: nothing of either gets out. Why a
message did not arrive is said in our own words, with the status of an answer and no more.
"""

from __future__ import annotations

import logging
import re
import threading
from typing import Final
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from models.notices import Message

#: Seconds that sending one message may take in all; apprise gives up each call after about four.
SECONDS_MAX: Final = 30
#: A part of an address this long is a token; a shorter one may be a word that others use.
_TOKEN_CHARACTERS_MIN: Final = 16

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
    """What must not be shown of an address: the whole of it, its password, and its tokens."""
    text = address.get_secret_value()
    found = [text, text.partition("://")[2]]
    try:
        password = urlsplit(text).password or ""
    except ValueError:  # no URL by Python's rules; its parts below are
        password = ""
    found += [password, unquote(password)]
    found += [each for each in re.split(r"[/:@?&=,\s]", text) if len(each) >= _TOKEN_CHARACTERS_MIN]
    return [each for each in found if each]


def send(address: SecretStr, message: Message, seconds_max: float = SECONDS_MAX) -> str:
    """Send a message; "" where it was taken, else why it was not, without the address."""
    outcome: list[str] = []
    # one that hangs is left behind: it can harm nobody, and ends with the process
    sending = threading.Thread(
        target=lambda: outcome.append(_sent(address, message)), name="notice", daemon=True
    )
    sending.start()
    sending.join(seconds_max)
    return outcome[0] if outcome else f"no answer within {seconds_max:g} seconds"


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
