"""Who comes in by single sign-on: people who are users here already, and nobody else.

Somebody is found by their identity at the provider. The first time, a verified e-mail address that
is a user's name binds the identity to that user; another one is never bound in its place, so who
gets an old address of somebody does not become them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, Row, select, update

from connectors.database import upsert
from connectors.state.people_log import changing, note, note_sign_in
from connectors.state.people_rows import user_by_id
from connectors.state.tries import (
    TRIES_FROM_ONE_PLACE_MAX,
    count_tries,
    forget_tries,
    subject_of,
    subject_of_place,
)
from models.errors import SyncError
from models.people import Actor, Identity, User
from models.tables.people import sign_in_failures, users


class NotLetInError(SyncError):
    """Somebody is who they say, and nobody here who may sign in; the message says why."""


def take_attempt(engine: Engine, number: str, place: str, now: datetime) -> bool:
    """Whether a try to sign on comes back for the first time; it counts once.

    It also counts as a try from its place until it was right (`let_in`).

    Raises:
        TooManyTriesError: the place has failed too often lately.
    """
    count_tries(engine, {subject_of_place(place): TRIES_FROM_ONE_PLACE_MAX}, place, now)
    # remembered as long as failures are, which is longer than a try may take
    used = {"subject": _subject_of_attempt(number), "failures": 1, "first_at": now}
    with engine.begin() as transaction:
        added = upsert(transaction, sign_in_failures).values(**used).on_conflict_do_nothing()
        # psycopg counts no rows of an insert
        return transaction.execute(added.returning(sign_in_failures.c.subject)).first() is not None


def forgive_attempt(engine: Engine, number: str, place: str) -> None:
    """A try that failed through no fault of who made it does not count, and leaves nothing behind.

    Nobody was let in, so it may come back: the provider takes its code once in any case. What was
    kept of such tries would fill the table while the provider is down, and keep everybody out.
    """
    with engine.begin() as transaction:
        forget_tries(transaction, [_subject_of_attempt(number)], place)


def _subject_of_attempt(number: str) -> str:
    return subject_of("sign-on", number)


def let_in(engine: Engine, identity: Identity, place: str, now: datetime) -> User:
    """The user who has this identity, or gets it now; an admin's sign-in is logged.

    Raises:
        NotLetInError: there is none, or they may not sign in.
    """
    with engine.begin() as transaction:
        is_known = _row(transaction, users.c.identity == identity.text) is not None
    if not is_known:
        with changing(engine) as transaction:
            # somebody else, or another window of theirs, may have been first
            if _row(transaction, users.c.identity == identity.text) is None:
                _bind_by_name(transaction, identity, now)
    with engine.begin() as transaction:
        row = _row(transaction, users.c.identity == identity.text)
        user = user_by_id(transaction, row.id) if row is not None else None
        if row is None or user is None:
            raise NotLetInError(f"{row.name if row else 'who was known'} may not sign in")
        # the log first: whoever waits for it keeps nobody else from the same place waiting
        note_sign_in(transaction, user, place, now)
        forget_tries(transaction, [], place)
        return user


def _bind_by_name(transaction: Connection, identity: Identity, now: datetime) -> None:
    """The user whose name is the verified e-mail address, from now on with this identity."""
    if not identity.name:
        raise NotLetInError("the provider names no verified e-mail address of theirs")
    row = _row(transaction, users.c.name == identity.name)
    if row is None:
        raise NotLetInError(f"nobody here has the name {identity.name}")
    # checked by the statement that binds: of two that come at once, one does
    is_free = (users.c.id == row.id) & users.c.identity.is_(None) & users.c.is_active
    bound = update(users).where(is_free).values(identity=identity.text)
    if transaction.execute(bound).rowcount != 1:
        raise NotLetInError(f"{row.name} may not sign in, or is somebody else at the provider")
    changed = {"identity": ["", identity.text]}
    note(transaction, Actor(row.name, now), "user.changed", user=row.name, changed=changed)


def _row(transaction: Connection, which: ColumnElement[bool]) -> Row[tuple[int, str]] | None:
    return transaction.execute(select(users.c.id, users.c.name).where(which)).first()
