"""People as rows of the database say who they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, select

from connectors.database import reading
from models.errors import UsageError
from models.people import Role, User, checked_name
from models.tables.people import user_connections, users

#: People whose companies are asked for by name; of more, all are read.
_AT_ONCE: Final = 100


def user_by_id(connection: Connection, user_id: int) -> User | None:
    """Somebody by number; None where they are gone or may not sign in any more."""
    row = connection.execute(select(users).where(users.c.id == user_id)).first()
    if row is None or not row.is_active:
        return None
    return people_of(connection, [row])[0]


def people_of(connection: Connection, rows: Sequence[Row[Any]]) -> list[User]:
    """People of rows of `users`, with the companies that they see."""
    found = [
        User(
            id=row.id,
            name=row.name,
            role=Role(row.role),
            connections=None if row.sees_all else frozenset(),
            is_active=row.is_active,
            identity=row.identity or "",
        )
        for row in rows
    ]
    table = user_connections
    query = select(table.c.user_id, table.c.connection_id)
    if len(rows) <= _AT_ONCE:
        query = query.where(table.c.user_id.in_([row.id for row in rows]))
    of_user: dict[int, set[int]] = {}
    for user_id, connection_id in connection.execute(query):
        of_user.setdefault(user_id, set()).add(connection_id)
    return [
        each
        if each.connections is None
        else replace(each, connections=frozenset(of_user.get(each.id, ())))
        for each in found
    ]


def row_named(engine: Engine, name: str) -> Row[Any] | None:
    """The row of a name as typed; what cannot be a name is nobody's, and no database sees it."""
    try:
        name = checked_name(name)
    except UsageError:
        return None
    with reading(engine).connect() as connection:
        return connection.execute(select(users).where(users.c.name == name)).first()
