"""Who has signed in to the pages: sessions in the database, by the hash of their number.

The browser holds the number; the database holds its hash, so that a copy of the database opens no
session. A session ends by itself when nobody uses it, and after half a day in any case (ASVS 7.3).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, Row, delete, func, insert, or_, select, update

from connectors.database import reading
from connectors.state.people_rows import user_by_id
from models.people import User
from models.tables.people import NOTICE_CHARACTERS_MAX, sessions, users

IDLE_MAX: Final = timedelta(minutes=30)
LENGTH_MAX: Final = timedelta(hours=12)
#: Sessions of one person; the oldest ends when there is one more.
SESSIONS_MAX: Final = 20
#: How exactly it is remembered when a session was used: not each page is a write.
_SEEN_EVERY: Final = timedelta(minutes=1)
#: 256 bits.
_NUMBER_BYTES: Final = 32
MARK_CHARACTERS: Final = 16
#: A longer number is none, and need not be hashed.
_NUMBER_CHARACTERS_MAX: Final = 100


@dataclass(frozen=True)
class Session:
    """One browser in which somebody has signed in."""

    number_hash: str
    user: User
    form_token: str
    consent_state: str
    notice: str
    created_at: datetime
    seen_at: datetime

    @property
    def mark(self) -> str:
        """What it is told apart by on the page of one's sessions; it opens nothing."""
        return self.number_hash[:MARK_CHARACTERS]


def begin_session(engine: Engine, user: User, now: datetime) -> str:
    """Begin a session; its number, which is for the browser alone."""
    number = secrets.token_urlsafe(_NUMBER_BYTES)
    with engine.begin() as transaction:
        # who signs in twice at once is counted once after the other; the person comes before their
        # sessions, as where somebody is changed
        transaction.execute(select(users.c.id).where(users.c.id == user.id).with_for_update())
        # what somebody else ends just now is not waited for
        old = select(sessions.c.number_hash).where(
            or_(sessions.c.seen_at < now - IDLE_MAX, sessions.c.created_at < now - LENGTH_MAX)
        )
        skipping = old.with_for_update(skip_locked=True)
        transaction.execute(delete(sessions).where(sessions.c.number_hash.in_(skipping)))
        theirs = transaction.scalars(
            select(sessions.c.number_hash)
            .where(sessions.c.user_id == user.id)
            .order_by(sessions.c.created_at.desc())
        ).all()
        too_many = theirs[SESSIONS_MAX - 1 :]
        transaction.execute(delete(sessions).where(sessions.c.number_hash.in_(too_many)))
        transaction.execute(
            insert(sessions).values(
                number_hash=_hash(number),
                user_id=user.id,
                form_token=secrets.token_urlsafe(_NUMBER_BYTES),
                consent_state="",
                notice="",
                created_at=now,
                seen_at=now,
            )
        )
    return number


def session_of(engine: Engine, number: str, now: datetime) -> Session | None:
    """The session with this number, if it has not ended; it is used now.

    A notice is told once: it is in this session, and in no later one.
    """
    if not number or len(number) > _NUMBER_CHARACTERS_MAX:
        return None
    mine = sessions.c.number_hash == _hash(number)
    with reading(engine).connect() as connection:
        row = connection.execute(select(sessions).where(mine)).first()
        if row is None or row.seen_at < now - IDLE_MAX or row.created_at < now - LENGTH_MAX:
            return None
        user = user_by_id(connection, row.user_id)
    if user is None:
        return None
    found = _session(row, user)
    if now - row.seen_at < _SEEN_EVERY:
        return found
    with engine.begin() as transaction:
        transaction.execute(update(sessions).where(mine).values(seen_at=now))
    return replace(found, seen_at=now)


def end_session(engine: Engine, session: Session) -> None:
    """Sign out: the number opens nothing any more."""
    with engine.begin() as transaction:
        transaction.execute(delete(sessions).where(sessions.c.number_hash == session.number_hash))


def _session(row: Row[Any], user: User) -> Session:
    return Session(
        number_hash=row.number_hash,
        user=user,
        form_token=row.form_token,
        consent_state=row.consent_state,
        notice=row.notice,
        created_at=row.created_at,
        seen_at=row.seen_at,
    )


def sessions_of(engine: Engine, user: User, now: datetime) -> list[Session]:
    """Where somebody is signed in, the last begun first."""
    lives = (sessions.c.seen_at >= now - IDLE_MAX) & (sessions.c.created_at >= now - LENGTH_MAX)
    query = select(sessions).where(sessions.c.user_id == user.id, lives)
    with reading(engine).connect() as connection:
        rows = connection.execute(query.order_by(sessions.c.created_at.desc())).all()
    return [_session(row, user) for row in rows]


def end_session_marked(engine: Engine, user: User, mark: str) -> bool:
    """End one session of somebody; whether it was there."""
    marked = func.substr(sessions.c.number_hash, 1, MARK_CHARACTERS) == mark
    with engine.begin() as transaction:
        ended = transaction.execute(delete(sessions).where(sessions.c.user_id == user.id, marked))
    return ended.rowcount > 0


def end_other_sessions(engine: Engine, session: Session) -> int:
    """End all sessions of the same person but this one; how many there were."""
    with engine.begin() as transaction:
        others = delete(sessions).where(
            sessions.c.user_id == session.user.id, sessions.c.number_hash != session.number_hash
        )
        return transaction.execute(others).rowcount


def tell(engine: Engine, session: Session, notice: str) -> None:
    """Let the next page say this once; "" when it has."""
    with engine.begin() as transaction:
        transaction.execute(
            update(sessions)
            .where(sessions.c.number_hash == session.number_hash)
            .values(notice=notice[:NOTICE_CHARACTERS_MAX])
        )


def expect_consent(engine: Engine, session: Session, state: str) -> None:
    """This session asks for a consent with this state; an earlier one is void."""
    with engine.begin() as transaction:
        transaction.execute(
            update(sessions)
            .where(sessions.c.number_hash == session.number_hash)
            .values(consent_state=_hash(state))
        )


def expects_consent(session: Session, state: str) -> bool:
    """Whether this session asked for the consent with this state, and has not taken it yet."""
    return bool(state) and hmac.compare_digest(session.consent_state, _hash(state))


def take_consent(engine: Engine, session: Session, state: str) -> bool:
    """Whether this session asked for the consent with this state; it counts once."""
    if not state or len(state) > _NUMBER_CHARACTERS_MAX:
        return False
    with engine.begin() as transaction:
        taken = transaction.execute(
            update(sessions)
            .where(
                sessions.c.number_hash == session.number_hash,
                sessions.c.consent_state == _hash(state),
            )
            .values(consent_state="")
        )
        return taken.rowcount == 1


def _hash(number: str) -> str:
    return hashlib.sha256(number.encode("utf-8", "replace")).hexdigest()
