"""Keep connected: renew permissions that are not used, and say in time when one ends for good.

Intuit ends a permission that was not renewed for 100 days, which happens to paused companies, and
every one five years after it was given, whatever is renewed (reference quickbooks-api, section
1.2).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from connectors.quickbooks.tokens import Permission
from connectors.state.connections import all_connections
from connectors.state.port import Connection
from connectors.state.sql import SqlState
from models.errors import DisconnectedError, RemoteError, SyncError
from tasks.bootstrap import Installation

_LOG = logging.getLogger(__name__)

#: A permission that nobody has renewed for this long is renewed.
RENEWED_AFTER: Final = timedelta(days=7)
#: How long before its end a person is told.
TOLD_BEFORE: Final = timedelta(days=30)
#: Cause of the alert about the end.
ENDS: Final = "permission_ends"
#: Companies whose permission is kept; what is disconnected has none.
_KEPT: Final = frozenset({"connected", "paused"})


@dataclass(frozen=True)
class Kept:
    """What became of one company's permission."""

    connection: str
    state: str
    #: When it ends: for good, or unless it is renewed before.
    ends_at: datetime | None
    message: str = ""

    def as_row(self) -> dict[str, Any]:
        """A row for people."""
        return {
            "connection": self.connection,
            "state": self.state,
            "ends_at": self.ends_at.isoformat(timespec="minutes") if self.ends_at else "",
            "message": self.message,
        }

    @property
    def needs_a_look(self) -> bool:
        """Whether a person has to do something."""
        return self.state in ("refused", "ends soon")


def keep_connected(place: Installation, progress: Callable[[str], None]) -> list[Kept]:
    """Look after the permission of every company; one that is refused keeps no other."""
    known = [each for each in all_connections(place.engine) if each.status in _KEPT]
    return [_looked_after(place, each, progress) for each in known]


def _looked_after(
    place: Installation, connection: Connection, progress: Callable[[str], None]
) -> Kept:
    """One company's permission; whatever goes wrong stays with it."""
    try:
        return _kept(place, connection, progress)
    except Exception as error:  # noqa: BLE001 - told, and counted as refused
        _LOG.exception("%s: its permission could not be looked after", connection.name)
        known = str(error) if isinstance(error, SyncError) else type(error).__name__
        return Kept(connection.name, "refused", None, known)


def _kept(place: Installation, connection: Connection, progress: Callable[[str], None]) -> Kept:
    store, now = place.tokens(connection.environment), place.clock.now()
    state, message = "fresh", ""
    try:
        if store.permission(connection.id).refreshed_at + RENEWED_AFTER <= now:
            store.fresh_access_token(connection.id, force=True)
            state = "renewed"
            progress(f"{connection.name}: permission renewed")
    except DisconnectedError as error:
        title = f"{connection.name}: {error}"
        _alert(place, connection, "disconnected", (title, str(error), error.fault.fix))
        return Kept(connection.name, "refused", None, str(error))
    except RemoteError as error:
        # the next run asks again, long before anything ends
        state, message = "not reached", str(error)
    ends_at, words = end_of(store.permission(connection.id))
    if ends_at is not None and ends_at - now <= TOLD_BEFORE:
        day = f"{ends_at:%Y-%m-%d}"
        title = f"{connection.name}: QuickBooks's permission ends on {day}"
        fix = f"Connect {connection.name} again before that day; links and settings stay."
        _alert(place, connection, ENDS, (title, words, fix))
        return Kept(connection.name, "ends soon", ends_at, f"{words} {fix}")
    with _state(place, connection).begin() as unit:
        unit.close_alerts([ENDS])
    return Kept(connection.name, state, ends_at, message)


def permission_of(place: Installation, connection: Connection) -> Permission | None:
    """Until when a company lets us in, as far as is known without asking; None: not at all."""
    try:
        return place.tokens(connection.environment).permission(connection.id)
    except DisconnectedError as error:
        if error.fault.code != "no_tokens":
            raise
        return None


def end_of(permission: Permission) -> tuple[datetime | None, str]:
    """When a permission ends, and why."""
    hard, unused = permission.hard_ends_at, permission.unused_ends_at
    if hard is not None and (unused is None or hard <= unused):
        return hard, "Intuit ends every permission five years after it was given."
    renewed = f"{permission.refreshed_at:%Y-%m-%d}"
    return unused, f"It was last renewed on {renewed}, and Intuit ends what nobody renews."


def _alert(
    place: Installation, connection: Connection, cause: str, words: tuple[str, str, str]
) -> None:
    with _state(place, connection).begin() as unit:
        unit.alert(cause, *words)


def _state(place: Installation, connection: Connection) -> SqlState:
    """For alerts only: no lease is held, and no run is noted."""
    return SqlState(place.engine, connection, place.clock, uuid.uuid4().hex, "keep-connected")
