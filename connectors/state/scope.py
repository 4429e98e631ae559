"""What all parts of a unit share: the transaction, whose state it is, and what time it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection as SqlConnection

from connectors.state.port import Connection


@dataclass(frozen=True)
class Scope:
    """One transaction of one run on one connection's state."""

    sql: SqlConnection
    connection: Connection
    run_id: str
    epoch: int
    now: datetime
    #: What Prefect calls the flow run; "" where there is none.
    flow_run_id: str = ""


class Rows:
    """A part of a unit: the rows of some tables that belong to its connection."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._sql = scope.sql
        self._id = scope.connection.id
        self._now = scope.now
