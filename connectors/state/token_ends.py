"""Tokens that end because somebody's rights have changed: none outlives those of who made it.

Who made a token may have kept it. It opens what its person may, so it ends when they get more than
its maker could give; and a token that somebody made for others ends when they could not make it
any more. Tokens that people made for themselves need none of this: they may what their person may.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, select, update

from connectors.state.people_log import note_each
from connectors.state.people_rows import people_of
from models.people import Actor, User, weaker
from models.tables.people import api_tokens, users


def is_good(now: datetime) -> ColumnElement[bool]:
    """Whether a token opens anything, if its person may."""
    return api_tokens.c.revoked_at.is_(None) & (api_tokens.c.expires_at > now)


def made_for_others(user: User) -> ColumnElement[bool]:
    """Whether somebody made a token that acts for somebody else."""
    return (api_tokens.c.made_by == user.name) & (api_tokens.c.user_id != user.id)


def end_tokens_outgrown(transaction: Connection, before: User, after: User, actor: Actor) -> None:
    """End the tokens that what somebody may now leaves to nobody to have made; each is logged.

    Args:
        transaction: the change of the person.
        before: what they might.
        after: what they may.
        actor: who changes it.
    """
    ending: list[Row[Any]] = []
    if _has_more(after, before):
        of_others = (api_tokens.c.user_id == after.id) & (api_tokens.c.made_by != after.name)
        ending += _good_tokens(transaction, of_others, actor.at)
    if not after.is_active or _has_more(before, after):
        made = _good_tokens(transaction, made_for_others(after), actor.at)
        managed = _managed(transaction, after, {row.user_id for row in made})
        ending += [row for row in made if row.user_id not in managed]
    _end(transaction, ending, actor)


def _has_more(one: User, other: User) -> bool:
    """Whether what somebody may at one time is more than at the other, in anything."""
    return not other.covers(one.connections) or weaker(one.role, other.role) is not one.role


def _good_tokens(
    transaction: Connection, which: ColumnElement[bool], now: datetime
) -> Sequence[Row[Any]]:
    """Tokens that still open something, with the names of whom they act for."""
    tokens = api_tokens.c
    query = select(tokens.id, tokens.name, tokens.user_id, users.c.name.label("user"))
    mine = query.join(users, users.c.id == tokens.user_id).where(which, is_good(now))
    return transaction.execute(mine.order_by(tokens.id)).all()


def _managed(transaction: Connection, admin: User, numbers: set[int]) -> set[int]:
    """Those of these people for whom somebody may make tokens now."""
    rows = transaction.execute(select(users).where(users.c.id.in_(sorted(numbers)))).all()
    return {each.id for each in people_of(transaction, rows) if admin.manages(each)}


def _end(transaction: Connection, ending: Sequence[Row[Any]], actor: Actor) -> None:
    if not ending:
        return
    one = update(api_tokens).where(api_tokens.c.id == bindparam("number"))
    at = [{"number": row.id, "ended_at": actor.at} for row in ending]
    transaction.execute(one.values(revoked_at=bindparam("ended_at")), at)
    told = [{"token_id": row.id, "name": row.name, "user": row.user} for row in ending]
    note_each(transaction, actor, "token.revoked", told)
