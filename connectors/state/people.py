"""People of the pages in the database, and their passwords.

A password is kept as its argon2id hash. Whoever tries passwords is slowed down by name and by
address (`tries`), and learns nothing about which of the two was wrong, nor by the time it takes.
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from connectors.database import reading
from connectors.state.people_log import (
    changing,
    companies_named,
    note,
    note_sign_in,
)
from connectors.state.people_rows import people_of, row_named, user_by_id
from connectors.state.token_ends import end_tokens_outgrown
from connectors.state.tries import (
    TRIES_FROM_ONE_PLACE_MAX,
    TRIES_MAX,
    count_tries,
    forget_tries,
    subject_of,
    subject_of_place,
)
from models.errors import DecisionError, UsageError, shorten
from models.people import (
    Actor,
    Role,
    User,
    checked_name,
    checked_password,
    require_gives,
    require_manages,
)
from models.tables import sync as sync_tables
from models.tables.people import sessions, sign_in_failures, user_connections, users

USERS_MAX: Final = 10_000
#: Each hash takes 64 MiB: the memory of a burst of tries is bounded.
_HASHES_AT_A_TIME: Final = threading.BoundedSemaphore(4)

#: Of a password that is made here: 144 bits.
_MADE_BYTES: Final = 18

_HASHER: Final = PasswordHasher()
#: Of a password that nobody has: for names that nobody has, so that they take as long.
_NOBODYS: Final = _HASHER.hash("the password of nobody at all")


def add_user(
    engine: Engine,
    name: str,
    password: str,
    role: Role,
    connections: Collection[int] | None = None,
    *,
    actor: Actor,
) -> User:
    """Make somebody who may sign in; connections are the companies they see, None for all.

    Raises:
        UsageError: the name is taken or none, or the password is too weak.
        DecisionError: the actor may not give so much.
    """
    name = checked_name(name)
    hashed = _hashed(checked_password(password, [name]))
    seen = None if connections is None else frozenset(connections)
    require_gives(actor, role, seen)
    with changing(engine) as transaction:
        if transaction.scalar(select(users.c.id).where(users.c.name == name)) is not None:
            raise UsageError(f"user {name!r} is there already; use another name")
        count = transaction.scalar(select(func.count()).select_from(users)) or 0
        if count >= USERS_MAX:
            raise UsageError(f"there are {count} users, which is the most there can be")
        made = insert(users).values(
            name=name,
            role=role.value,
            password_hash=hashed,
            sees_all=connections is None,
            is_active=True,
        )
        user_id = transaction.execute(made.returning(users.c.id)).scalar_one()
        _give(transaction, user_id, connections or ())
        companies = companies_named(transaction, seen)
        note(transaction, actor, "user.added", user=name, role=role.value, companies=companies)
    return User(user_id, name, role, seen)


def change_user(
    engine: Engine,
    name: str,
    *,
    role: Role | None = None,
    connections: Collection[int] | None = None,
    sees_all: bool | None = None,
    is_active: bool | None = None,
    identity: str | None = None,
    actor: Actor,
) -> User:
    """Change what somebody may; they are signed out, so that it holds at once.

    Tokens end that others made for them and that would open more now, and those that they made for
    others and could not make now (`end_tokens_outgrown`).

    identity is who they are at the OpenID provider (`Identity.text`), "" for not known yet.

    Raises:
        UsageError: nobody has this name, or somebody else is this at the provider.
        DecisionError: nobody would be left who may administer, or it is not the actor's to change.
    """
    with changing(engine) as transaction:
        before = _named(transaction, name)
        require_manages(actor, before)
        values: dict[str, Any] = {"role": role.value} if role is not None else {}
        if is_active is not None:
            values["is_active"] = is_active
        if identity is not None:
            _require_free(transaction, before, identity)
            values["identity"] = identity or None
        if sees_all is not None or connections is not None:
            values["sees_all"] = bool(sees_all)
            transaction.execute(
                delete(user_connections).where(user_connections.c.user_id == before.id)
            )
            _give(transaction, before.id, connections or ())
        if values:
            transaction.execute(update(users).where(users.c.id == before.id).values(**values))
        transaction.execute(delete(sessions).where(sessions.c.user_id == before.id))
        after = _named(transaction, name)
        require_gives(actor, after.role, after.connections)
        if _is_admin(before) and not _is_admin(after):
            _require_an_admin(transaction)
        particulars = {"user": after.name, "changed": _differences(transaction, before, after)}
        note(transaction, actor, "user.changed", **particulars)
        end_tokens_outgrown(transaction, before, after, actor)
    return after


def _differences(transaction: Connection, before: User, after: User) -> dict[str, list[Any]]:
    """What became of a person: name of the thing -> before and after."""
    told = [
        {
            "role": each.role.value,
            "companies": companies_named(transaction, each.connections),
            "may_sign_in": each.is_active,
            "identity": each.identity,
        }
        for each in (before, after)
    ]
    return {key: [told[0][key], told[1][key]] for key in told[0] if told[0][key] != told[1][key]}


def made_password() -> str:
    """A password that nobody chose, to be shown once."""
    return secrets.token_urlsafe(_MADE_BYTES)


def set_password(engine: Engine, name: str, password: str, *, actor: Actor) -> None:
    """Give somebody another password; all their sessions end.

    Raises:
        UsageError: nobody has this name, or the password is too weak.
        DecisionError: it is not the actor's to set.
    """
    name = checked_name(name)
    hashed = _hashed(checked_password(password, [name]))
    with changing(engine) as transaction:
        user = _named(transaction, name)
        require_manages(actor, user)
        _keep_password(transaction, user, hashed)
        note(transaction, actor, "user.password_set", user=user.name)


def change_password(
    engine: Engine, user: User, old: str, password: str, place: str, now: datetime
) -> None:
    """Let somebody choose another password themselves; all their sessions end.

    Raises:
        UsageError: the old one is wrong, or the new one is too weak.
        TooManyTriesError: it was tried too often.
    """
    checked = checked_password(password, [user.name])
    if _proven(engine, user.name, old, place, now) is None:
        raise UsageError("the old password is wrong: nothing was changed; type it again")
    hashed = _hashed(checked)
    with changing(engine) as transaction:
        _keep_password(transaction, user, hashed)
        note(transaction, Actor(user.name, now), "user.password_changed", user=user.name)


def _keep_password(transaction: Connection, user: User, hashed: str) -> None:
    transaction.execute(update(users).where(users.c.id == user.id).values(password_hash=hashed))
    transaction.execute(delete(sessions).where(sessions.c.user_id == user.id))
    subject = subject_of("name", user.name)
    transaction.execute(delete(sign_in_failures).where(sign_in_failures.c.subject == subject))


def end_sessions(engine: Engine, name: str, *, actor: Actor) -> int:
    """Sign somebody out everywhere; how many sessions there were.

    Raises:
        UsageError: nobody has this name.
        DecisionError: they are not the actor's to end.
    """
    with changing(engine) as transaction:
        user = _named(transaction, name)
        require_manages(actor, user)
        theirs = delete(sessions).where(sessions.c.user_id == user.id)
        count = transaction.execute(theirs).rowcount
        note(transaction, actor, "user.sessions_ended", user=user.name, sessions=count)
    return count


def all_users(engine: Engine) -> list[User]:
    """Everybody, by name."""
    with reading(engine).connect() as connection:
        rows = connection.execute(select(users).order_by(users.c.name)).all()
        return people_of(connection, rows)


def signed_in(engine: Engine, name: str, password: str, place: str, now: datetime) -> User | None:
    """Whoever has this name and password; None for a wrong one.

    Args:
        engine: the database.
        name: as typed.
        password: as typed; longer ones than any password are wrong.
        place: the address that the try comes from.
        now: the time, for how long failures are remembered.

    Raises:
        TooManyTriesError: the name, or the place, has failed too often lately.
    """
    user = _proven(engine, name, password, place, now)
    if user is not None:
        # before any session begins: an admin who cannot be logged does not get in
        with engine.begin() as transaction:
            note_sign_in(transaction, user, place, now)
    return user


def _proven(engine: Engine, name: str, password: str, place: str, now: datetime) -> User | None:
    """Whoever has this name and password, without saying that they sign in."""
    name = name.strip().lower()
    # as it was kept: some keyboards send an accent as a character of its own
    password = unicodedata.normalize("NFC", password)
    tried = {
        subject_of("name", name): TRIES_MAX,
        subject_of_place(place): TRIES_FROM_ONE_PLACE_MAX,
    }
    # counted before it is checked: tries side by side are not free
    count_tries(engine, tried, place, now, name)
    row = row_named(engine, name)
    is_right = _is_right(row.password_hash if row is not None else _NOBODYS, password)
    if row is None or not is_right or not row.is_active:
        return None
    with engine.begin() as transaction:
        # a try that was right is no failure: not of the name, nor of the place
        forget_tries(transaction, [subject_of("name", name)], place)
        # a password that was changed while this one was checked is another one
        same = (users.c.id == row.id) & (users.c.password_hash == row.password_hash)
        if transaction.scalar(select(users.c.id).where(same)) is None:
            return None
        return user_by_id(transaction, row.id)


def _is_right(hashed: str, password: str) -> bool:
    with _HASHES_AT_A_TIME:
        try:
            return _HASHER.verify(hashed, password.encode("utf-8", "replace"))
        except (VerificationError, InvalidHashError):
            return False


def _hashed(password: str) -> str:
    with _HASHES_AT_A_TIME:
        return _HASHER.hash(password)


def _named(connection: Connection, name: str) -> User:
    row = connection.execute(select(users).where(users.c.name == checked_name(name))).first()
    if row is None:
        raise UsageError(f"nobody has the name {shorten(name)!r}; `users list` shows who is there")
    return people_of(connection, [row])[0]


def _require_free(transaction: Connection, user: User, identity: str) -> None:
    taken = (users.c.identity == identity) & (users.c.id != user.id)
    other = transaction.scalar(select(users.c.name).where(taken))
    if other is not None:
        raise UsageError(
            f"{shorten(identity)} is {other} already; let it be forgotten there first, on the page "
            f"of {other} or by `users change {other} --forget-subject`"
        )


def _is_admin(user: User) -> bool:
    return user.is_active and user.role is Role.ADMIN and user.connections is None


def _require_an_admin(transaction: Connection) -> None:
    left = transaction.scalar(
        select(func.count())
        .select_from(users)
        .where(users.c.is_active, users.c.role == Role.ADMIN.value, users.c.sees_all)
    )
    if not left:
        raise DecisionError(
            "nobody would be left who may administer all companies",
            code="last_admin",
            fix="Make somebody else an admin of all companies first.",
        )


def _give(transaction: Connection, user_id: int, connections: Collection[int]) -> None:
    known = set(transaction.scalars(select(sync_tables.connections.c.id)))
    unknown = sorted(set(connections) - known)
    if unknown:
        raise UsageError(f"connection {unknown[0]} is not known")
    rows = [{"user_id": user_id, "connection_id": each} for each in sorted(set(connections))]
    if rows:
        transaction.execute(insert(user_connections), rows)
