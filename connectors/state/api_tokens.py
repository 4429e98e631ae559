"""Tokens by which programs act for people: made, shown once, and known by their hash afterwards.

A token is 256 random bits, so that its SHA-256 hash needs no salt and no slowness, and is what it
is looked up by: whoever measures how long that takes learns of hashes, not of tokens.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Select, func, insert, select, update

from connectors.database import reading
from connectors.state.people_log import changing, note
from connectors.state.people_rows import people_of, user_by_id
from connectors.state.token_ends import is_good, made_for_others
from models.errors import DecisionError, UsageError, shorten
from models.people import NAME_CHARACTERS_MAX, Actor, Role, User, checked_name, weaker
from models.tables.people import api_tokens, users

#: What a token begins with: scanners of repositories find it by that.
PREFIX: Final = "qbsync_"
DAYS_DEFAULT: Final = 90
DAYS_MAX: Final = 365
#: Tokens of one person that are good at a time.
TOKENS_MAX: Final = 20
#: Tokens that one person has made for others and that are good at a time: so many may end at once.
MADE_FOR_OTHERS_MAX: Final = 500
#: How exactly it is remembered when a token was used: not each call is a write.
_USED_EVERY: Final = timedelta(minutes=1)
_BYTES: Final = 32
#: A longer one is none, and need not be hashed.
_CHARACTERS_MAX: Final = 100

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ApiToken:
    """A token as people see it: all but the token itself."""

    id: int
    name: str
    #: Whom it acts for.
    user: str
    #: What it may at most.
    role: Role
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    #: Who made it; "" where an older program did not keep it.
    made_by: str

    def is_good(self, now: datetime) -> bool:
        """Whether it opens anything, if its person may."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True)
class Caller:
    """A program that has shown a good token."""

    token_id: int
    #: Whom it acts for, with the rights that are left to it.
    user: User

    @property
    def actor(self) -> str:
        """Who did something, for the audit log."""
        return f"{self.user.name[:80]} by token {self.token_id}"


def make_token(
    engine: Engine, user_name: str, name: str, role: Role, days: int, *, actor: Actor
) -> tuple[ApiToken, str]:
    """Make a token for somebody; what is kept of it, and the token, which is nowhere else.

    Raises:
        UsageError: nobody active has this name, or the token could do more than they can, for too
            long, or is one too many.
        DecisionError: the actor may not act for them.
    """
    if not name.strip() or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
        raise UsageError(
            f"the token's name is {shorten(name)!r}: say what it is for, in up to "
            f"{NAME_CHARACTERS_MAX} characters"
        )
    if not 1 <= days <= DAYS_MAX:
        raise UsageError(f"the token is to be good for {days} days: use 1 to {DAYS_MAX}")
    token, now = PREFIX + secrets.token_urlsafe(_BYTES), actor.at
    with changing(engine) as transaction:
        mine = users.c.name == checked_name(user_name)
        row = transaction.execute(select(users).where(mine)).first()
        if row is None or not row.is_active:
            raise UsageError(f"nobody who may sign in has the name {shorten(user_name)!r}")
        _require_acts_for(transaction, actor, people_of(transaction, [row])[0])
        if weaker(Role(row.role), role) is not role:
            raise UsageError(f"{row.name} is {row.role}: a token of theirs cannot be {role}")
        _require_room(transaction, actor, row)
        made = insert(api_tokens).values(
            name=name.strip(),
            token_hash=_hash(token),
            user_id=row.id,
            role=role.value,
            created_at=now,
            expires_at=now + timedelta(days=days),
            made_by=actor.name[:NAME_CHARACTERS_MAX],
        )
        number = transaction.execute(made.returning(api_tokens.c.id)).scalar_one()
        kept = _token_of(transaction, number)
        note(
            transaction, actor, "token.made", token_id=number, name=kept.name, user=kept.user,
            role=role.value, expires_at=kept.expires_at.isoformat(timespec="seconds"),
        )  # fmt: skip
    _LOG.info("token %d of %s is made, as %s", number, row.name, role)
    return kept, token


def _require_room(transaction: Connection, actor: Actor, owner: Row[Any]) -> None:
    """Tokens are counted for whom they act for, and by who made them for others."""
    theirs = (api_tokens.c.user_id == owner.id) & is_good(actor.at)
    if (transaction.scalar(select(func.count()).where(theirs)) or 0) >= TOKENS_MAX:
        raise UsageError(f"{owner.name} has {TOKENS_MAX} tokens, the most: revoke one first")
    who = actor.user
    if who is None or who.id == owner.id:
        return
    others = made_for_others(who) & is_good(actor.at)
    if (transaction.scalar(select(func.count()).where(others)) or 0) >= MADE_FOR_OTHERS_MAX:
        raise UsageError(
            f"{who.name} has made {MADE_FOR_OTHERS_MAX} tokens that act for others, the most: "
            "revoke one first"
        )


def _require_acts_for(transaction: Connection, actor: Actor, user: User) -> None:
    """A token acts for a person: it is for them to make, or for who manages them.

    What the actor may is what the database says now: another admin may have changed it meanwhile.
    """
    if actor.user is None:
        return
    who = user_by_id(transaction, actor.user.id)
    if who is None:
        raise DecisionError(
            f"{actor.user.name} may not sign in any more",
            code="not_theirs",
            fix="Ask another admin.",
        )
    if who.id != user.id and not who.manages(user):
        raise DecisionError(
            f"{user.name} sees companies of which {who.name} is no admin",
            code="not_theirs",
            fix="Make tokens that act for yourself, or for people of your companies.",
        )


def all_tokens(engine: Engine) -> list[ApiToken]:
    """All tokens, those that are good no more too, oldest first."""
    with reading(engine).connect() as connection:
        return [
            token_of(row) for row in connection.execute(tokens_query().order_by(api_tokens.c.id))
        ]


def tokens_query() -> Select[Any]:
    """Tokens with the names of whom they act for."""
    query = select(api_tokens, users.c.name.label("user"))
    return query.join(users, users.c.id == api_tokens.c.user_id)


def _token_of(transaction: Connection, number: int) -> ApiToken:
    return token_of(transaction.execute(tokens_query().where(api_tokens.c.id == number)).one())


def revoke_token(engine: Engine, number: int, *, actor: Actor) -> ApiToken:
    """End a token at once.

    Raises:
        UsageError: there is none with this number, or it is revoked already.
        DecisionError: it acts for somebody whom the actor does not manage.
    """
    with changing(engine) as transaction:
        owner = select(users).join(api_tokens, api_tokens.c.user_id == users.c.id)
        row = transaction.execute(owner.where(api_tokens.c.id == number)).first()
        if row is not None:
            _require_acts_for(transaction, actor, people_of(transaction, [row])[0])
        done = transaction.execute(
            update(api_tokens)
            .where(api_tokens.c.id == number, api_tokens.c.revoked_at.is_(None))
            .values(revoked_at=actor.at)
        )
        if done.rowcount != 1:
            raise UsageError(
                f"token {number} is not there or is revoked already; `tokens list` shows all"
            )
        revoked = _token_of(transaction, number)
        told = {"token_id": number, "name": revoked.name, "user": revoked.user}
        note(transaction, actor, "token.revoked", **told)
    _LOG.info("token %d is revoked", number)
    return revoked


def caller_of(engine: Engine, token: str, now: datetime) -> Caller | None:
    """Who shows this token; None for one that is not good, or whose person may not sign in."""
    if not token.startswith(PREFIX) or len(token) > _CHARACTERS_MAX:
        return None
    hashed = _hash(token)
    mine = api_tokens.c.token_hash == hashed
    with reading(engine).connect() as connection:
        row = connection.execute(select(api_tokens).where(mine)).first()
        if row is None or not hmac.compare_digest(row.token_hash, hashed):
            return None
        if row.revoked_at is not None or row.expires_at <= now:
            return None
        user = user_by_id(connection, row.user_id)
    if user is None:
        return None
    if row.last_used_at is None or now - row.last_used_at >= _USED_EVERY:
        with engine.begin() as transaction:
            transaction.execute(update(api_tokens).where(mine).values(last_used_at=now))
    return Caller(row.id, replace(user, role=weaker(user.role, Role(row.role))))


def token_of(row: Row[Any]) -> ApiToken:
    """The token of a row of `tokens_query`."""
    return ApiToken(
        id=row.id,
        name=row.name,
        user=row.user,
        role=Role(row.role),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
        made_by=row.made_by,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
