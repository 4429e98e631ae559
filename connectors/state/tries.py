"""Tries to get in: how many have failed lately by name and by place, and when it is enough."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, select, update

from connectors.database import upsert
from connectors.state.people_log import note_blocked
from connectors.state.people_rows import row_named
from models.errors import SyncError
from models.tables.people import sign_in_failures

#: Tries with one name, and from one address, within the time that failures are remembered.
TRIES_MAX: Final = 10
TRIES_FROM_ONE_PLACE_MAX: Final = 100
FAILURES_KEPT_FOR: Final = timedelta(minutes=15)
#: What one customer of a provider has of IPv6 addresses, at the least.
_IPV6_PREFIX: Final = 64
#: Failures that are remembered at most: a flood of invented names must not fill the disk.
_FAILURES_MAX: Final = 100_000


class TooManyTriesError(SyncError):
    """Somebody has tried too often; attribute `seconds` says how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many failed tries; try again in {max(1, seconds // 60)} minutes")
        self.seconds = seconds


class _FirstTooManyError(TooManyTriesError):
    """The same, raised once within the time that failures are remembered."""


def count_tries(
    engine: Engine, tried: dict[str, int], place: str, now: datetime, name: str = ""
) -> None:
    """One more try of each subject; that one of them is closed from now on is logged, once.

    Args:
        engine: the database.
        tried: subject -> tries that it has.
        place: the address that the try comes from.
        now: the time.
        name: as typed, where one was.

    Raises:
        TooManyTriesError: one of them has had too many.
    """
    try:
        _count(engine, tried, now)
    except _FirstTooManyError:
        known = row_named(engine, name)
        with engine.begin() as transaction:
            note_blocked(transaction, known.name if known is not None else "", place, now)
        raise


def _count(engine: Engine, tried: dict[str, int], now: datetime) -> None:
    """Count, and tell the first one too many apart from those after it."""
    table = sign_in_failures
    first_wait = 0
    old = select(table.c.subject).where(table.c.first_at <= now - FAILURES_KEPT_FOR)
    # taken in the order in which they are counted
    old = old.order_by(table.c.subject).with_for_update()
    with engine.begin() as transaction:
        transaction.execute(delete(table).where(table.c.subject.in_(old)))
        kept = transaction.scalar(select(func.count()).select_from(table)) or 0
    if kept >= _FAILURES_MAX:
        raise TooManyTriesError(int(FAILURES_KEPT_FOR.total_seconds()))
    with engine.begin() as transaction:
        # counted and read by one statement, in one order: tries side by side wait for each other.
        # The first one too many is counted, so that it is logged once; later ones take their own
        # count back
        for subject in sorted(tried):
            added = upsert(transaction, table).values(subject=subject, failures=1, first_at=now)
            counted = added.on_conflict_do_update(
                index_elements=["subject"], set_={"failures": table.c.failures + 1}
            ).returning(table.c.failures, table.c.first_at)
            failures, first_at = transaction.execute(counted).one()
            seconds = int((first_at + FAILURES_KEPT_FOR - now).total_seconds()) + 1
            if failures > tried[subject] + 1:
                raise TooManyTriesError(seconds)
            if failures > tried[subject]:
                first_wait = max(first_wait, seconds)
    if first_wait:
        raise _FirstTooManyError(first_wait)


def forget_tries(transaction: Connection, subjects: Collection[str], place: str) -> None:
    """Forget all failures of these subjects, and the last one of a place, which others share.

    In the order in which tries are counted: who took the same rows in another one and a try side by
    side would wait for each other.
    """
    table, at_place = sign_in_failures, subject_of_place(place)
    for subject in sorted({*subjects, at_place}):
        mine = table.c.subject == subject
        if subject != at_place:
            transaction.execute(delete(table).where(mine))
        elif not transaction.execute(delete(table).where(mine, table.c.failures <= 1)).rowcount:
            others = update(table).where(mine, table.c.failures > 0)
            transaction.execute(others.values(failures=table.c.failures - 1))


def subject_of(kind: str, text: str) -> str:
    """What stands for a name or an address: bounded, and no list of people's addresses."""
    return hashlib.sha256(f"{kind}:{text}".encode("utf-8", "replace")).hexdigest()


def subject_of_place(place: str) -> str:
    """What stands for the place that tries come from: an IPv4 address, or an IPv6 network.

    Who has IPv6 has a network of 2^64 addresses at the least, and may try from each of them.
    """
    try:
        address = ip_address(place)
    except ValueError:
        return subject_of("place", place)
    if isinstance(address, IPv6Address):
        # IPv4 in the clothes of IPv6 would be one network for all of it
        inner = address.ipv4_mapped
        network = IPv6Network((int(address), _IPV6_PREFIX), strict=False)
        return subject_of("place", str(inner or network))
    return subject_of("place", str(address))
