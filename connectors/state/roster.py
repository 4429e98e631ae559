"""People and tokens as an admin looks through them: page by page, by key, and only theirs."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, Select, and_, or_, select, true

from connectors.database import reading
from connectors.state.api_tokens import ApiToken, token_of, tokens_query
from connectors.state.people_rows import people_of
from models.people import User
from models.tables.people import api_tokens, user_connections, users

#: Rows of one page.
PAGE_ROWS: Final = 50


def people(
    engine: Engine, admin: User, *, after: str = "", rows: int = PAGE_ROWS
) -> tuple[list[User], bool]:
    """People whom an admin manages, and the admin, by name; whether there are more.

    Args:
        engine: the database.
        admin: who asks.
        after: only names after this one.
        rows: how many at most.
    """
    query = _people(admin).where(users.c.name > after).order_by(users.c.name)
    return _some_people(engine, query, rows)


def people_by_number(
    engine: Engine, admin: User, *, after: int, rows: int
) -> tuple[list[User], bool]:
    """The same by number, which is how programs go through them."""
    return _some_people(engine, _people(admin).where(users.c.id > after).order_by(users.c.id), rows)


def person(engine: Engine, admin: User, number: int) -> User | None:
    """One of these people, also one who may not sign in; None for anybody else."""
    found, _ = _some_people(engine, _people(admin).where(users.c.id == number), 1)
    return found[0] if found else None


def tokens(
    engine: Engine, admin: User, *, before: int | None = None
) -> tuple[list[tuple[ApiToken, User]], bool]:
    """Tokens that act for these people, and for whom, the newest first; whether there are more."""
    query = tokens_query().where(_is_seen_by(admin)).order_by(api_tokens.c.id.desc())
    if before is not None:
        query = query.where(api_tokens.c.id < before)
    with reading(engine).connect() as connection:
        rows = connection.execute(query.limit(PAGE_ROWS + 1)).all()
        numbers = {row.user_id for row in rows}
        owners = connection.execute(select(users).where(users.c.id.in_(sorted(numbers)))).all()
        of_number = {each.id: each for each in people_of(connection, owners)}
    found = [(token_of(row), of_number[row.user_id]) for row in rows[:PAGE_ROWS]]
    return found, len(rows) > PAGE_ROWS


def _people(admin: User) -> Select[Any]:
    return select(users).where(_is_seen_by(admin))


def _is_seen_by(admin: User) -> ColumnElement[bool]:
    """Who is an admin's to manage, as `User.manages` has it, or the admin."""
    if admin.connections is None:
        return true()
    table = user_connections.c
    others = select(table.user_id).where(table.connection_id.not_in(sorted(admin.connections)))
    theirs = and_(users.c.sees_all.is_(False), users.c.id.not_in(others))
    return or_(users.c.id == admin.id, theirs)


def _some_people(engine: Engine, query: Select[Any], rows: int) -> tuple[list[User], bool]:
    with reading(engine).connect() as connection:
        found = connection.execute(query.limit(rows + 1)).all()
        return people_of(connection, found[:rows]), len(found) > rows
