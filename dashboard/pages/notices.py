"""Who is told of new alerts: people choose among the channels that the operator has named.

A page knows channels by their names only. Where their messages go stands in the environment, so no
form can make the server call a host.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Response
from pydantic import Field

from connectors.state.connections import save_settings
from dashboard.forms import Plain
from dashboard.house import ROOT, Administer, See
from dashboard.pages.settings import changes_lately, stored_settings
from models.errors import DecisionError
from models.notices import CHANNEL_NAME, Severity
from tasks.notify import channel_rows, send_trial

router = APIRouter()

_PAGE: Final = "settings/notices"
_PATH: Final = ROOT + "/{connection_id}/" + _PAGE
#: The shortest time between two test messages of a company to one channel.
TRIAL_APART: Final = timedelta(minutes=1)
#: Nobody is told of anything.
NOBODY: Final = ""
#: From which severity on -> what that means.
CHOICES: Final = {
    NOBODY: "of nothing",
    Severity.CRITICAL: "only when nothing is synced until somebody acts",
    Severity.WARNING: "of all that somebody has to act on",
    Severity.NOTICE: "of everything, also of what goes on by itself",
}

ChannelField = Annotated[str, Field(pattern=f"^{CHANNEL_NAME.pattern}$")]


class Choose(Plain):
    """From which severity on a channel is told, and what the person saw before."""

    channel: ChannelField
    least: Severity | Literal[""] = NOBODY
    based_on: Severity | Literal[""] = NOBODY


class Try(Plain):
    """A channel is sent a test message."""

    channel: ChannelField


@router.get(_PATH)
def notices(visit: See) -> Response:
    """The channels, what each is told of, and how it fares."""
    return visit.page(
        "notices.html",
        channels=channel_rows(visit.place, visit.company),
        choices=CHOICES,
        lately=changes_lately(visit),
    )


@router.post(_PATH)
def choose(visit: Administer, form: Annotated[Choose, Form()]) -> Response:
    """Store what a channel is told of.

    Raises:
        UsageError: there is no such channel.
        DecisionError: somebody else has chosen for it meanwhile.
    """
    place, before = visit.place, stored_settings(visit)
    if form.least != NOBODY:
        place.settings.require_channels([form.channel])
    if before.notify.get(form.channel, NOBODY) != form.based_on:
        raise DecisionError(
            f"what {form.channel} is told of was changed by somebody else meanwhile",
            code="changed_meanwhile",
            fix="Look at the page again, then choose.",
        )
    chosen = {name: least for name, least in before.notify.items() if name != form.channel}
    if form.least != NOBODY:
        chosen[form.channel] = Severity(form.least)
    after = before.model_copy(update={"notify": chosen})
    seen = replace(visit.company, settings=before)
    save_settings(place.engine, seen, after, visit.user.name, place.clock.now())
    return visit.done(f"{form.channel} is told {CHOICES[form.least]}.", _PAGE)


@router.post(_PATH + "/test")
def test(visit: Administer, form: Annotated[Try, Form()]) -> Response:
    """Send a test message to a channel.

    Raises:
        UsageError: there is no such channel.
        DecisionError: it was sent one within the last minute, or a message is on its way there.
    """
    error = send_trial(visit.place, visit.company, form.channel, visit.user.name, TRIAL_APART)
    said = f"The message did not arrive: {error}." if error else "The message was taken."
    return visit.done(f"{form.channel}: {said}", _PAGE)
