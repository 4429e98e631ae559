"""Notices: who is told of new alerts, from which severity on, and in which words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import StringConstraints

from models.errors import shorten

#: Characters of a channel's name, which stands in the name of an environment variable.
CHANNEL_CHARACTERS_MAX: Final = 40
#: What a channel may be called.
CHANNEL_NAME: Final = re.compile(rf"[a-z0-9_]{{1,{CHANNEL_CHARACTERS_MAX}}}")
#: A channel as settings name it.
ChannelName = Annotated[str, StringConstraints(pattern=f"^{CHANNEL_NAME.pattern}$")]
#: Channels that one company may choose.
CHANNELS_MAX: Final = 20

#: Tries of one message; after the last one its alerts are given up, and people see that.
TRIES_MAX: Final = 5
#: Wait after the first try that failed, doubled each time up to the last try; the next cycle after
#: it tries again, also where the channel has failed for good.
WAIT_FIRST: Final = timedelta(minutes=1)
#: Alerts that a message spells out; of the others it has the number.
SHOWN_MAX: Final = 10
#: Characters of one text of an alert in a message.
TEXT_CHARACTERS_MAX: Final = 300

#: What chat programs would take for a link, a mention or a format of their own.
_HARMLESS: Final = str.maketrans({"<": "‹", ">": "›", "@": "@\u200b", "`": "'"})  # noqa: RUF001


class Severity(StrEnum):
    """How much an alert matters, the least first."""

    #: It goes on by itself, most likely.
    NOTICE = "notice"
    #: A person has to do something; all else goes on.
    WARNING = "warning"
    #: Nothing of the company is synced until a person does something.
    CRITICAL = "critical"

    def reaches(self, least: Severity) -> bool:
        """Whether it is at least as much as that."""
        order = list(Severity)
        return order.index(self) >= order.index(least)


@dataclass(frozen=True)
class Told:
    """An alert, as far as a message tells of it."""

    severity: Severity
    title: str
    fix: str


@dataclass(frozen=True)
class Message:
    """What is sent to a channel."""

    title: str
    body: str


def message_of(company: str, alerts: Sequence[Told], page_url: str) -> Message:
    """One message about all new alerts of a company, those that matter most first."""
    order = list(Severity)
    by_weight = sorted(alerts, key=lambda each: -order.index(each.severity))
    parts = [
        f"{_plain(each.title)}\nWhat to do: {_plain(each.fix or 'Look at the page.')}"
        for each in by_weight[:SHOWN_MAX]
    ]
    more = len(alerts) - SHOWN_MAX
    if more > 0:
        parts.append(f"And {more} more.")
    parts.append(page_url or "`quickbooks-sync status` shows them.")
    count = "1 new alert" if len(alerts) == 1 else f"{len(alerts)} new alerts"
    return Message(f"{_plain(company)}: {count}", "\n\n".join(parts))


def trial_of(company: str, actor: str, page_url: str) -> Message:
    """A message that only shows that messages arrive."""
    words = f"{_plain(actor)} has sent this to see whether it arrives. There is nothing to do."
    body = f"{words}\n\n{page_url}".rstrip()
    return Message(f"{_plain(company)}: test message", body)


def wait_after(tries: int) -> timedelta:
    """How long after this many tries that failed the next one waits."""
    return WAIT_FIRST * (1 << (tries - 1))


def _plain(text: str) -> str:
    """One line that no chat program reads as anything but words."""
    return shorten(text, characters_max=TEXT_CHARACTERS_MAX).translate(_HARMLESS)
