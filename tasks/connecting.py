"""What people do with a connection: pause it, let it go on, end it. Links and settings always stay.

Connecting is `tasks.bootstrap.connect_company`.
"""

from __future__ import annotations

import uuid

from sqlalchemy import Connection as SqlConnection

from connectors.state.connections import change_status
from connectors.state.port import Connection
from connectors.state.sql import SqlState
from tasks.bootstrap import Installation
from tasks.cycle import CONNECTION_ALERTS
from tasks.keep_connected import ENDS


def pause(place: Installation, connection: Connection, actor: str) -> bool:
    """Start no more runs of a company; one that runs comes to its end.

    Returns False where it is paused already.

    Raises:
        DecisionError: it is not connected.
    """
    with place.engine.begin() as transaction:
        return change_status(transaction, connection, "paused", actor, place.clock.now())


def resume(place: Installation, connection: Connection, actor: str) -> bool:
    """Let a paused company be synced again, at once.

    Returns False where it is not paused.

    Raises:
        DecisionError: it is not connected.
    """
    with place.engine.begin() as transaction:
        return change_status(transaction, connection, "connected", actor, place.clock.now())


def disconnect(place: Installation, connection: Connection, actor: str) -> bool:
    """Revoke the permission at Intuit and forget it; a run that is under way fails, and stops.

    What it left open is settled when the company is connected again. Returns False where it is
    disconnected already.

    Raises:
        RetryLaterError: Intuit cannot be reached; nothing has changed.
    """
    changed = False

    def note(transaction: SqlConnection) -> None:
        nonlocal changed
        now = place.clock.now()
        changed = change_status(transaction, connection, "disconnected", actor, now)

    place.tokens(connection.environment).disconnect(connection.id, note)
    # nobody has to do anything about its permission any more
    state = SqlState(place.engine, connection, place.clock, uuid.uuid4().hex, "disconnect")
    with state.begin() as unit:
        unit.close_alerts([ENDS, *CONNECTION_ALERTS])
    return changed
