"""Which alerts each channel was told of, in SQL.

Sending takes a channel for itself, notes what it is going to tell, sends, and notes how it went.
Whoever dies in between has perhaps told: after a while another worker tells it again. So people
are told of each alert at least once, and hardly ever twice.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    delete,
    func,
    insert,
    select,
    true,
    update,
)

from connectors.database import reading, upsert
from models.errors import DecisionError
from models.notices import TRIES_MAX, wait_after
from models.tables import sync as tables
from models.tables.notices import ERROR_CHARACTERS_MAX, notice_channels, notices
from models.tables.sync import audit_entries

#: Alerts that one message tells of; the next cycle tells of more.
AT_ONCE_MAX: Final = 1_000
#: How long a worker has a channel for itself: longer than sending may take.
CLAIM: Final = timedelta(minutes=5)
#: The same for a test message, which somebody waits for.
TRIAL_CLAIM: Final = timedelta(minutes=1)

#: What the audit log calls a test message.
TRIED: Final = "channel.tried"

_SENDING: Final = "sending"
_TOLD: Final = "told"
_GIVEN_UP: Final = "given_up"


@dataclass(frozen=True)
class Channel:
    """How a company's channel fares."""

    name: str
    failures: int
    failed_since: datetime | None
    #: Why the last try failed; "" where it went well.
    error: str
    told_at: datetime | None
    #: Alerts that are still open, and that it could not be told of.
    given_up: int

    @property
    def is_failing(self) -> bool:
        """Whether it was tried as often as one message is."""
        return self.failures >= TRIES_MAX


@dataclass(frozen=True)
class Claim:
    """A channel that this worker has for itself, and what it is going to tell there."""

    connection_id: int
    channel: str
    until: datetime
    #: id, cause, title and fix of alerts.
    alerts: Sequence[Row[Any]]


def channels_of(engine: Engine, connection_id: int) -> dict[str, Channel]:
    """The channels of a company that were ever tried."""
    alerts = tables.alerts
    given_up = (
        select(func.count())
        .select_from(notices.join(alerts, alerts.c.id == notices.c.alert_id))
        .where(
            notices.c.connection_id == notice_channels.c.connection_id,
            notices.c.channel == notice_channels.c.channel,
            notices.c.state == _GIVEN_UP,
            alerts.c.closed_at.is_(None),
        )
        .scalar_subquery()
    )
    query = select(notice_channels, given_up.label("given_up")).where(
        notice_channels.c.connection_id == connection_id
    )
    with reading(engine).connect() as connection:
        rows = connection.execute(query).all()
    return {
        row.channel: Channel(
            row.channel, row.failures, row.failed_since, row.error, row.told_at, row.given_up
        )
        for row in rows
    }


def claim(
    engine: Engine, connection_id: int, channel: str, causes: ColumnElement[bool], now: datetime
) -> Claim | None:
    """Take a channel for what it is to be told; None where there is nothing, or it is not its time.

    causes says which alerts are meant. What could not be told before is among it, unless its cause
    is gone by now.
    """
    new = _untold(connection_id, channel, causes)
    waiting = _waiting(connection_id, channel)
    with reading(engine).connect() as connection:
        # the usual case costs two looks and no transaction that others would wait for
        if not any(connection.execute(each.limit(1)).first() for each in (new, waiting)):
            return None
    mine = _is(connection_id, channel)
    with engine.begin() as transaction:
        _note_channel(transaction, connection_id, channel)
        row = transaction.execute(select(notice_channels).where(mine).with_for_update()).one()
        if any(each and each > now for each in (row.claimed_until, row.next_try_at)):
            return None
        _note_sending(transaction, channel, new, waiting, now)
        alerts = transaction.execute(waiting.order_by(tables.alerts.c.id).limit(AT_ONCE_MAX)).all()
        if not alerts:
            return None
        until = now + CLAIM
        transaction.execute(update(notice_channels).where(mine).values(claimed_until=until))
    return Claim(connection_id, channel, until, alerts)


def _is(connection_id: int, channel: str) -> ColumnElement[bool]:
    table = notice_channels
    return and_(table.c.connection_id == connection_id, table.c.channel == channel)


def _untold(connection_id: int, channel: str, causes: ColumnElement[bool]) -> Select[Any]:
    """Open alerts of which a channel was never told."""
    alerts = tables.alerts
    known = and_(notices.c.alert_id == alerts.c.id, notices.c.channel == channel)
    return (
        select(alerts.c.id, alerts.c.connection_id)
        .select_from(alerts.outerjoin(notices, known))
        .where(
            alerts.c.connection_id == connection_id,
            alerts.c.closed_at.is_(None),
            notices.c.alert_id.is_(None),
            causes,
        )
    )


def _waiting(connection_id: int, channel: str) -> Select[Any]:
    """Open alerts of which it is being told, or was not yet because it failed."""
    alerts = tables.alerts
    return (
        select(alerts.c.id, alerts.c.cause, alerts.c.title, alerts.c.fix)
        .select_from(alerts.join(notices, notices.c.alert_id == alerts.c.id))
        .where(
            notices.c.connection_id == connection_id,
            notices.c.channel == channel,
            notices.c.state == _SENDING,
            alerts.c.closed_at.is_(None),
        )
    )


def _note_channel(transaction: Connection, connection_id: int, channel: str) -> None:
    row = {"connection_id": connection_id, "channel": channel}
    transaction.execute(upsert(transaction, notice_channels).values(row).on_conflict_do_nothing())


def _note_sending(
    transaction: Connection, channel: str, new: Select[Any], waiting: Select[Any], now: datetime
) -> None:
    """Note what is going to be told, as far as one message holds it."""
    free = AT_ONCE_MAX - len(transaction.execute(waiting.limit(AT_ONCE_MAX)).all())
    query = new.order_by(tables.alerts.c.id).limit(free)
    rows = [
        {
            "alert_id": row.id,
            "channel": channel,
            "connection_id": row.connection_id,
            "state": _SENDING,
            "at": now,
        }
        for row in transaction.execute(query)
    ]
    if rows:
        transaction.execute(insert(notices), rows)


def note_told(engine: Engine, claimed: Claim, now: datetime) -> None:
    """What was sent was taken: it is never told again."""
    with engine.begin() as transaction:
        _close(transaction, claimed, _TOLD, now)
        note_well(transaction, claimed.connection_id, claimed.channel, now)


def note_well(transaction: Connection, connection_id: int, channel: str, now: datetime) -> None:
    """A channel takes messages: what it could not be told, and is still open, is told next."""
    _note_channel(transaction, connection_id, channel)
    transaction.execute(
        update(notices)
        .where(
            notices.c.connection_id == connection_id,
            notices.c.channel == channel,
            notices.c.state == _GIVEN_UP,
        )
        .values(state=_SENDING, at=now)
    )
    transaction.execute(
        update(notice_channels)
        .where(_is(connection_id, channel))
        .values(
            claimed_until=None,
            failures=0,
            failed_since=None,
            error="",
            next_try_at=None,
            told_at=now,
        )
    )


def note_failed(engine: Engine, claimed: Claim, error: str, now: datetime) -> bool:
    """What was sent was not taken; whether that was the last try, and its alerts are given up."""
    mine = _is(claimed.connection_id, claimed.channel)
    held = and_(mine, notice_channels.c.claimed_until == claimed.until)
    with engine.begin() as transaction:
        row = transaction.execute(select(notice_channels).where(held).with_for_update()).first()
        if row is None:  # it took so long that another worker has taken over
            return False
        failures: int = row.failures + 1
        is_last = failures >= TRIES_MAX
        if is_last:
            _close(transaction, claimed, _GIVEN_UP, now)
        transaction.execute(
            update(notice_channels)
            .where(mine)
            .values(
                claimed_until=None,
                failures=failures,
                failed_since=row.failed_since or now,
                error=error[:ERROR_CHARACTERS_MAX],
                next_try_at=now + wait_after(min(failures, TRIES_MAX)),
            )
        )
    return is_last


def _close(transaction: Connection, claimed: Claim, state: str, now: datetime) -> None:
    """What becomes of the alerts that were claimed."""
    ids = [row.id for row in claimed.alerts]
    for start in range(0, len(ids), 500):
        transaction.execute(
            update(notices)
            .where(
                notices.c.alert_id.in_(ids[start : start + 500]),
                notices.c.channel == claimed.channel,
            )
            .values(state=state, at=now)
        )


def claim_trial(
    engine: Engine, connection_id: int, channel: str, now: datetime, apart: timedelta
) -> datetime:
    """Take a channel for a test message that comes so long after the last one; until when.

    Raises:
        DecisionError: it is too soon, or somebody is sending there.
    """
    mine = _is(connection_id, channel)
    with engine.begin() as transaction:
        _note_channel(transaction, connection_id, channel)
        row = transaction.execute(select(notice_channels).where(mine).with_for_update()).one()
        if row.claimed_until and row.claimed_until > now:
            raise _too_soon(f"a message is on its way to {channel} just now", row.claimed_until)
        last = _last_trial(transaction, connection_id, channel, now - apart)
        if last is not None:
            raise _too_soon(
                f"{channel} was sent a test message at {last:%H:%M:%S}, UTC", last + apart
            )
        until = now + TRIAL_CLAIM
        transaction.execute(update(notice_channels).where(mine).values(claimed_until=until))
    return until


def _last_trial(
    transaction: Connection, connection_id: int, channel: str, since: datetime
) -> datetime | None:
    """When a channel was last sent a test message after an instant; None for not at all."""
    entries = audit_entries.c
    query = select(entries.at, entries.body).where(
        entries.connection_id == connection_id,
        entries.at > since.isoformat(timespec="microseconds"),
        entries.kind == TRIED,
    )
    found = [
        at for at, body in transaction.execute(query) if json.loads(body)["channel"] == channel
    ]
    return datetime.fromisoformat(max(found)) if found else None


def _too_soon(message: str, again: datetime) -> DecisionError:
    return DecisionError(
        message, code="too_soon", fix=f"Send a test message after {again:%H:%M:%S}, UTC."
    )


def end_trial(transaction: Connection, connection_id: int, channel: str, until: datetime) -> None:
    """A test message was sent to a channel that was taken until then: others may send again."""
    held = and_(_is(connection_id, channel), notice_channels.c.claimed_until == until)
    transaction.execute(update(notice_channels).where(held).values(claimed_until=None))


def forget_channels(engine: Engine, connection_id: int, but: Collection[str]) -> None:
    """Forget how channels fare that the company has not chosen any more."""
    table = notice_channels
    with engine.begin() as transaction:
        transaction.execute(
            delete(table).where(
                table.c.connection_id == connection_id, table.c.channel.not_in(list(but))
            )
        )


def causes_condition(only: Collection[str] | None, but: Collection[str]) -> ColumnElement[bool]:
    """Which alerts are meant: those of some causes, or those of all but some."""
    cause = tables.alerts.c.cause
    wanted = true() if only is None else cause.in_(list(only))
    return and_(wanted, cause.not_in(list(but))) if but else wanted
