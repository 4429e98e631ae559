"""Notify: tell people of new alerts, on the channels that they have chosen, after a cycle.

It comes after everything that a cycle commits, in transactions of its own, and nothing that goes
wrong with it reaches the cycle. Who was told is kept, so that nobody is told twice of one alert;
one that comes back is another alert, and is told again.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement

from connectors.channels import SECONDS_MAX, send_all
from connectors.database import database_time
from connectors.settings import variable_of
from connectors.state.audit_log import append_notes
from connectors.state.connections import all_connections, connection_named
from connectors.state.notices import (
    TRIED,
    Channel,
    Claim,
    causes_condition,
    channels_of,
    claim,
    claim_trial,
    end_trial,
    forget_channels,
    note_failed,
    note_told,
    note_well,
)
from connectors.state.port import Connection
from connectors.state.sql import SqlState
from models.audit import AuditNote
from models.errors import UsageError
from models.notices import Message, Severity, Told, message_of, trial_of
from models.revision import REVISING
from tasks.bootstrap import Installation
from tasks.cycle import BRAKE_ALERT, CONNECTION_ALERTS
from tasks.record import FILE_NOT_FETCHED
from tasks.recover import OUTCOME_UNKNOWN

#: Cause of the alert about channels that do not take messages.
CHANNEL_FAILED: Final = "channel_failed"
#: Causes for which nothing of a company is synced.
_CRITICAL: Final = frozenset({BRAKE_ALERT, *CONNECTION_ALERTS})
#: Causes that most likely pass by themselves.
_NOTICE: Final = frozenset(
    {
        "waits_for_parent",
        "match_accepted",
        "outdated_reading",
        "stale_row",
        REVISING,
        OUTCOME_UNKNOWN,
        FILE_NOT_FETCHED,
    }
)

_LOG = logging.getLogger(__name__)


@contextmanager
def alerts_told(place: Installation, connection: str = "") -> Iterator[None]:
    """Inside, a cycle of a company runs; its new alerts are told once it has ended, in any way."""
    try:
        yield
    except Exception:
        tell_alerts(place, connection)
        raise
    tell_alerts(place, connection)


def tell_alerts(place: Installation, connection: str = "") -> None:
    """Tell a company's channels of its new alerts; whatever goes wrong stays here.

    connection is its name or realm id; empty where there is only one.
    """
    try:
        _tell(place, connection_named(place.engine, connection))
    except UsageError:
        _LOG.info("%s: nobody can be told of alerts", connection or "no company", exc_info=True)
    except Exception:  # noqa: BLE001 - told in the log; a cycle that went well stays well
        _LOG.exception("%s: people could not be told of alerts", connection)


def tell_all_alerts(place: Installation) -> None:
    """The same for all companies."""
    for each in all_connections(place.engine):
        tell_alerts(place, each.name)


def severity_of(cause: str) -> Severity:
    """How much an alert of a cause matters."""
    if cause in _CRITICAL:
        return Severity.CRITICAL
    return Severity.NOTICE if cause in _NOTICE else Severity.WARNING


def _tell(place: Installation, company: Connection) -> None:
    chosen = company.settings.notify
    known = channels_of(place.engine, company.id)
    failing = {name for name, each in known.items() if each.is_failing}
    has_changed = bool(failing - set(chosen))
    claims = []
    for name, least in sorted(chosen.items()):
        condition = _condition(least, is_failing=name in failing)
        claimed = claim(place.engine, company.id, name, condition, _now(place))
        claims += [claimed] if claimed is not None else []
    messages = [(each.channel, _message(place, company, each)) for each in claims]
    for claimed, error in zip(claims, _sent(place, messages), strict=True):
        is_given_up = _note(place, company, claimed, error)
        has_changed |= is_given_up or (not error and claimed.channel in failing)
    if has_changed:
        _show_failing(place, company)


def _condition(least: Severity, *, is_failing: bool) -> ColumnElement[bool]:
    """The alerts that a channel is told of; a failing one not of itself."""
    itself = frozenset({CHANNEL_FAILED} if is_failing else ())
    if least is Severity.CRITICAL:
        return causes_condition(_CRITICAL, itself)
    return causes_condition(None, itself | (_NOTICE if least is Severity.WARNING else frozenset()))


def _message(place: Installation, company: Connection, claimed: Claim) -> Message:
    """What one channel is told."""
    told = [Told(severity_of(each.cause), each.title, each.fix) for each in claimed.alerts]
    return message_of(company.name, told, _page_url(place, company, "alerts"))


def _sent(place: Installation, messages: Sequence[tuple[str, Message]]) -> list[str]:
    """Send each to its channel, all in the time of one; "" where it was taken, else why not."""
    known = place.settings.notify
    outcomes = {name: f"{variable_of(name)} is not set where this runs" for name, _ in messages}
    there = [(name, message) for name, message in messages if name in known]
    told = send_all([(known[name], message) for name, message in there], SECONDS_MAX)
    outcomes |= {name: error for (name, _), error in zip(there, told, strict=True)}
    return [outcomes[name] for name, _ in messages]


def _note(place: Installation, company: Connection, claimed: Claim, error: str) -> bool:
    """Note how it went; whether it has failed for the last time."""
    if not error:
        note_told(place.engine, claimed, _now(place))
        _LOG.info("%s: %s is told of %d alerts", company.name, claimed.channel, len(claimed.alerts))
        return False
    _LOG.warning("%s: %s is not told of alerts: %s", company.name, claimed.channel, error)
    return note_failed(place.engine, claimed, error, _now(place))


def _show_failing(place: Installation, company: Connection) -> None:
    """Let people see which channels do not take messages; the alert closes once all do."""
    known = channels_of(place.engine, company.id)
    chosen = company.settings.notify
    if set(known) - set(chosen):
        forget_channels(place.engine, company.id, chosen)
    failing = [each for name, each in sorted(known.items()) if each.is_failing and name in chosen]
    with _state(place, company).begin() as unit:
        if not failing:
            unit.close_alerts([CHANNEL_FAILED])
            return
        names = ", ".join(each.name for each in failing)
        unit.alert(
            CHANNEL_FAILED,
            f"{company.name}: nobody is told of alerts on {names}",
            "; ".join(_words(each) for each in failing),
            f"Look at {', '.join(variable_of(each.name) for each in failing)} of the workers, then "
            "send a test message: what is still open is told once it has arrived.",
        )


def _words(each: Channel) -> str:
    missed = "1 alert was" if each.given_up == 1 else f"{each.given_up} alerts were"
    return f"{each.name}: {each.error}; {missed} not told"


def send_trial(
    place: Installation,
    company: Connection,
    channel: str,
    actor: str,
    apart: timedelta = timedelta(0),
) -> str:
    """Send a test message, and log who has; "" where it was taken, else why not.

    A channel that takes it counts as well from then on. apart is the shortest time between two.

    Raises:
        UsageError: there is no such channel.
        DecisionError: it is too soon after the last one, or somebody is sending there.
    """
    place.settings.require_channels([channel])
    until = claim_trial(place.engine, company.id, channel, _now(place), apart)
    message = trial_of(company.name, actor, _page_url(place, company, ""))
    (error,) = _sent(place, [(channel, message)])
    now = _now(place)
    note = AuditNote(TRIED, {"channel": channel, "error": error}, actor=actor)
    with place.engine.begin() as transaction:
        if not error:
            note_well(transaction, company.id, channel, now)
        end_trial(transaction, company.id, channel, until)
        append_notes(transaction, [note], connection_id=company.id, at=now, run_id=None)
    if not error:
        _show_failing(place, company)
    return error


def _page_url(place: Installation, company: Connection, page: str) -> str:
    pages_url = place.settings.pages_url(company.id)
    return f"{pages_url}/{page}".rstrip("/") if pages_url else ""


def _now(place: Installation) -> datetime:
    """Now, by the clock of all workers."""
    return database_time(place.engine, place.clock.now())


def _state(place: Installation, company: Connection) -> SqlState:
    """For the alert only: no lease is held, and no run is noted."""
    return SqlState(place.engine, company, place.clock, uuid.uuid4().hex, "notify")


@dataclass(frozen=True)
class ChannelRow:
    """A channel as people see it."""

    name: str
    #: What the company has chosen; None: it is not told.
    least: Severity | None
    #: Whether the operator has set it up, as far as is known where this runs.
    is_set_up: bool
    #: How it fares; None where it was never tried.
    fares: Channel | None

    def as_row(self) -> dict[str, Any]:
        """A row for people and scripts."""
        fares = self.fares
        return {
            "channel": self.name,
            "told_from": self.least.value if self.least else "",
            "set_up": self.is_set_up,
            "told_at": fares.told_at if fares else None,
            "failures": fares.failures if fares else 0,
            "error": fares.error if fares else "",
            "not_told": fares.given_up if fares else 0,
        }


def channel_rows(place: Installation, company: Connection) -> list[ChannelRow]:
    """All channels that a company has chosen or could choose."""
    set_up, chosen = place.settings.notify, company.settings.notify
    known = channels_of(place.engine, company.id)
    return [
        ChannelRow(name, chosen.get(name), name in set_up, known.get(name))
        for name in sorted({*set_up, *chosen})
    ]
