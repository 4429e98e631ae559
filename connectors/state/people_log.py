"""The log of people and tokens: who changed what somebody may, and who came in as an admin.

These concern no company, or several, so they are in the installation's own chain. No entry has a
password, a token, or a hash of either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select

from connectors.state.audit_log import append_notes, lock_chain
from models.audit import AuditNote
from models.people import Actor, Role, User
from models.tables.sync import INSTALLATION, audit_entries, connections

SIGNED_IN: Final = "user.signed_in"
#: Somebody has failed to sign in too often.
BLOCKED: Final = "sign_in.blocked"
#: Entries of this kind within a day: whoever tries passwords cannot fill the log.
BLOCKED_MAX: Final = 50
_DAY: Final = timedelta(days=1)


@contextmanager
def changing(engine: Engine) -> Iterator[Connection]:
    """A transaction that changes people or tokens; these come one after the other.

    So what one of them makes sure of, such as that an admin is left, holds until it is done.
    """
    with engine.begin() as transaction:
        lock_chain(transaction, INSTALLATION)
        yield transaction


def note(transaction: Connection, actor: Actor, kind: str, **particulars: Any) -> None:
    """Log what is done in this transaction."""
    note_each(transaction, actor, kind, [particulars])


def note_each(
    transaction: Connection, actor: Actor, kind: str, each: Iterable[dict[str, Any]]
) -> None:
    """Log what is done in this transaction to several things, in an entry for each."""
    lock_chain(transaction, INSTALLATION)
    entries = [AuditNote(kind, particulars, actor=actor.name) for particulars in each]
    append_notes(transaction, entries, connection_id=INSTALLATION, at=actor.at, run_id=None)


def note_sign_in(transaction: Connection, user: User, place: str, now: datetime) -> None:
    """Log that an admin has signed in, from where; of others the process's log tells."""
    if user.role is Role.ADMIN:
        note(transaction, Actor(user.name, now), SIGNED_IN, user=user.name, address=place)


def note_blocked(transaction: Connection, user: str, place: str, now: datetime) -> None:
    """Log that nobody gets in with a name, or from an address, for some time.

    Args:
        transaction: what counts the try.
        user: whose name it is; "" where it is nobody's, whatever was typed.
        place: where the last try came from.
        now: the time.
    """
    lock_chain(transaction, INSTALLATION)
    table = audit_entries.c
    since = (now - _DAY).isoformat(timespec="microseconds")
    lately = (
        select(table.at)
        .where(table.connection_id == INSTALLATION, table.kind == BLOCKED)
        .order_by(table.number.desc())
        .limit(BLOCKED_MAX)
    ).subquery()
    query = select(func.count()).select_from(lately).where(lately.c.at > since)
    count = transaction.scalar(query) or 0
    if count >= BLOCKED_MAX:
        return
    particulars = {"user": user, "address": place, "last_of_the_day": count + 1 == BLOCKED_MAX}
    note(transaction, Actor("sign-in", now), BLOCKED, **particulars)


def companies_named(transaction: Connection, seen: Collection[int] | None) -> str | list[str]:
    """Companies as an entry names them: "all", or their names."""
    if seen is None:
        return "all"
    wanted = select(connections.c.name).where(connections.c.id.in_(sorted(seen)))
    return sorted(transaction.scalars(wanted))
