"""The inbox of webhooks: what was told is kept once, and makes its company due.

A body is stored whole or not at all: what is answered as received is in the database, and its
company is due.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, delete, func, or_, select

from connectors.database import upsert
from connectors.platform.sql import chunks
from connectors.quickbooks.webhooks import WebhookEvent
from connectors.state.schedules import make_due
from models.record_type import of_entity
from models.tables import sync as tables
from models.tables.webhook import webhook_events
from models.words import DataType

#: How long an event is known again, and how many of them are kept at most.
KEPT_FOR: Final = timedelta(days=30)
KEPT_MAX: Final = 500_000
#: Events that one transaction forgets, and transactions of one call.
_FORGOTTEN_AT_ONCE: Final = 10_000
_FORGETTING_MAX: Final = 200


@dataclass
class Inbox:
    """What became of the events of one body."""

    #: New events of companies that are connected.
    stored: int = 0
    #: Those that were told before.
    repeated: int = 0
    #: Of those stored, what the links held already, as with what the sync itself wrote.
    known: int = 0
    #: Number of a company that is not connected -> its events.
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def made_due(self) -> bool:
        """Whether a company is due by it."""
        return self.stored > self.known


@dataclass
class _Stored:
    """One company's events, by their ids."""

    #: Not told before; an inbox takes its own out.
    new: set[str]
    #: What the links held already, new or not.
    known: set[str]


def store_events(
    engine: Engine, bodies: Sequence[Sequence[WebhookEvent]], now: datetime
) -> list[Inbox]:
    """Keep events that are new, and let their companies be due with what they are about.

    Bodies that are stored together cost little more than one: all of them in one transaction.

    Args:
        engine: the database.
        bodies: the events of each, of any companies; those of one that is not connected are
            counted and left out.
        now: when they came, by the clock that dispatchers use.

    Returns:
        What became of each body, as if they were stored one after the other.
    """
    of_realm: dict[str, list[WebhookEvent]] = {}
    for each in chain.from_iterable(bodies):
        of_realm.setdefault(each.realm_id, []).append(each)
    with engine.begin() as transaction:
        stored = {
            realm_id: _store(transaction, connection_id, of_realm[realm_id], now)
            for connection_id, realm_id in _locked(transaction, of_realm)
        }
    return [_inbox(events, stored) for events in bodies]


def _inbox(events: Iterable[WebhookEvent], stored: Mapping[str, _Stored]) -> Inbox:
    """What became of a body; it takes what is new from those that follow."""
    inbox = Inbox()
    for each in events:
        company = stored.get(each.realm_id)
        if company is None:
            inbox.unknown[each.realm_id] = inbox.unknown.get(each.realm_id, 0) + 1
        elif each.id in company.new:
            company.new.remove(each.id)
            inbox.stored += 1
            inbox.known += each.id in company.known
        else:
            inbox.repeated += 1
    return inbox


def _locked(transaction: SqlConnection, realm_ids: Collection[str]) -> list[tuple[int, str]]:
    """Connections of these companies, in an order that all keep who lock several."""
    connections = tables.connections
    found = [
        (row.id, row.realm_id)
        for some in chunks(realm_ids)
        for row in transaction.execute(
            select(connections.c.id, connections.c.realm_id)
            .where(connections.c.realm_id.in_(some))
            .order_by(connections.c.id)
            .with_for_update(key_share=True)
        )
    ]
    return sorted(found)


def _store(
    transaction: SqlConnection, connection_id: int, told: Sequence[WebhookEvent], now: datetime
) -> _Stored:
    """One company's events."""
    known = _known(transaction, connection_id, told)
    new = _inserted(transaction, connection_id, told, known, now)
    wanted = _data_types(each for each in told if each.id in new - known)
    if wanted:
        make_due(transaction, connection_id, now, wanted)
    return _Stored(new, known)


def _data_types(events: Iterable[WebhookEvent]) -> set[DataType]:
    """What to sync; all where an entity belongs to none, for it may be why others change."""
    wanted: set[DataType] = set()
    for entity in {each.entity for each in events}:
        wanted |= {each.data_type for each in of_entity(entity)} or set(DataType)
    return wanted


def _inserted(
    transaction: SqlConnection,
    connection_id: int,
    told: Sequence[WebhookEvent],
    known: Collection[str],
    now: datetime,
) -> set[str]:
    """Ids of the events that were not there."""
    rows = {
        each.id: {
            "connection_id": connection_id,
            "event_id": each.id,
            "entity": each.entity,
            "quickbooks_id": each.quickbooks_id,
            "operation": each.operation,
            "happened_at": each.happened_at,
            "received_at": now,
            "known": each.id in known,
        }
        for each in told
    }
    new: set[str] = set()
    for some in chunks(rows):
        adding = upsert(transaction, webhook_events).values([rows[each] for each in some])
        returned = adding.on_conflict_do_nothing().returning(webhook_events.c.event_id)
        new.update(transaction.scalars(returned))
    return new


# -- what the links hold already --


def _known(
    transaction: SqlConnection, connection_id: int, told: Sequence[WebhookEvent]
) -> set[str]:
    """Ids of events about what the links hold already: what the sync wrote itself comes back.

    A wrong yes costs time only: the schedule finds what was passed over.
    """
    ids = {each.quickbooks_id for each in told if of_entity(each.entity)}
    links = tables.links
    held: dict[tuple[str, str], Any] = {}
    for some in chunks(ids):
        query = select(
            links.c.record_type,
            links.c.quickbooks_id,
            links.c.quickbooks_version,
            links.c.deleted_at,
        ).where(links.c.connection_id == connection_id, links.c.quickbooks_id.in_(some))
        for row in transaction.execute(query):
            held[row.record_type, row.quickbooks_id] = row
    return {
        each.id
        for each in told
        for record_type in of_entity(each.entity)
        for row in [held.get((record_type.name, each.quickbooks_id))]
        if row is not None and _holds(row.quickbooks_version, row.deleted_at, each)
    }


def _holds(version: str | None, deleted_at: datetime | None, event: WebhookEvent) -> bool:
    """Whether a link was brought up to date with the record as it was after the event, or later.

    Versions tell whole seconds. A second change within one is left to the schedule.
    """
    if event.is_delete:
        return deleted_at is not None
    token, _, stated = (version or "").partition("|")
    if event.is_create:
        return bool(token)
    try:
        edited_at = datetime.fromisoformat(stated)
    except ValueError:
        # a version without a time, as a record has that only one side holds
        return False
    return edited_at.tzinfo is not None and event.happened_at.replace(microsecond=0) <= edited_at


# -- what is not needed any more --


def forget_events(engine: Engine, now: datetime) -> int:
    """Forget events that are older than 30 days or beyond the newest 500,000; how many.

    What is not forgotten by one call is by the next ones.
    """
    table = webhook_events
    newest = select(func.max(table.c.id)).scalar_subquery()
    old = or_(table.c.received_at < now - KEPT_FOR, table.c.id <= newest - KEPT_MAX)
    some = select(table.c.id).where(old).order_by(table.c.id).limit(_FORGOTTEN_AT_ONCE)
    forgotten = 0
    for _ in range(_FORGETTING_MAX):
        with engine.begin() as transaction:
            gone = transaction.execute(delete(table).where(table.c.id.in_(some))).rowcount
        forgotten += gone
        if gone < _FORGOTTEN_AT_ONCE:
            break
    return forgotten
