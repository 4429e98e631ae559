"""The stored permission of each connection, renewed by one caller at a time.

Intuit ends a connection whose refresh token is used twice at once, so a renewal holds the
connection's row in the database (FOR UPDATE on PostgreSQL, BEGIN IMMEDIATE on SQLite), reads it
again after it got the lock, and stores what came back in the same transaction before anybody uses
it. When no answer comes, nothing is stored and the old token stays. Source: reference
quickbooks-api, section 1.2, and reliability, section 5.2.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import delete, insert, select, update

from connectors.database import reading
from connectors.quickbooks.faults import local_error
from connectors.quickbooks.oauth import TokenSet, is_refused_grant
from connectors.quickbooks.vault import TokenKind, Vault
from models.errors import DisconnectedError
from models.tables.sync import tokens as token_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine, Row

    from connectors.ports import Clock

_LOG = logging.getLogger(__name__)

#: A token is handed out only if it is good for this much longer.
FRESH_FOR = timedelta(minutes=5)
#: Intuit refuses good tokens during outages: one more try after this wait.
REFUSED_WAIT_SECONDS = 3.0
#: After the second refusal nobody asks again for this long.
REFUSED_REST_SECONDS = 60.0


class TokenService(Protocol):
    """What the store needs of `oauth.IntuitOAuth`."""

    def prepare(self) -> None:
        """Do what a renewal needs beforehand, outside of the database lock."""
        ...

    def refresh(self, refresh_token: str) -> TokenSet:
        """Renew a permission."""
        ...

    def revoke(self, refresh_token: str) -> None:
        """End a permission."""
        ...


@dataclass(frozen=True)
class Permission:
    """Until when a company lets us in."""

    refreshed_at: datetime
    #: Ends then unless it is renewed before.
    unused_ends_at: datetime | None
    #: Ends then in any case; None where the service has not said.
    hard_ends_at: datetime | None


class TokenStore:
    """Encrypted tokens of all connections; safe to share between threads and processes.

    Args:
        engine: the database with the table `tokens`.
        encryption_keys: Fernet keys, newest first.
        clock: time.
        service: renews and revokes permissions.
    """

    def __init__(
        self, engine: Engine, encryption_keys: Sequence[str], clock: Clock, service: TokenService
    ) -> None:
        self._engine = engine
        self._vault = Vault(encryption_keys)
        self._clock = clock
        self._service = service
        self._lock = threading.Lock()
        self._queues: dict[int, threading.Lock] = {}
        self._refused: dict[int, tuple[int, float, DisconnectedError]] = {}

    def __repr__(self) -> str:
        return "TokenStore()"

    def provider(self, connection_id: int) -> ConnectionTokens:
        """Return what a client asks for tokens."""
        return ConnectionTokens(self, connection_id)

    def save(
        self, connection_id: int, token_set: TokenSet, *, transaction: Connection | None = None
    ) -> None:
        """Store a new permission, in the caller's transaction where one is given."""
        values = self._values(connection_id, token_set, self._clock.now())
        with nullcontext(transaction) if transaction else self._engine.begin() as connection:
            changed = connection.execute(
                update(token_rows)
                .where(token_rows.c.connection_id == connection_id)
                .values(**values, generation=token_rows.c.generation + 1)
            )
            if changed.rowcount == 0:
                row = {"connection_id": connection_id, "generation": 1, **values}
                connection.execute(insert(token_rows).values(row))
        with self._lock:
            self._refused.pop(connection_id, None)

    def fresh_access_token(
        self, connection_id: int, *, force: bool = False, refused: str = ""
    ) -> str:
        """Return an access token that is good for five more minutes, renewing it if need be.

        Args:
            connection_id: whose token.
            force: renew although the token looks good, because QuickBooks refused it.
            refused: the token that QuickBooks refused; another one is not renewed again.

        Raises:
            DisconnectedError: a person must reconnect.
            RetryLaterError: Intuit cannot be reached; the old permission is kept.
        """
        with reading(self._engine).connect() as connection:
            seen = self._row(connection, connection_id)
        if not force and self._lasts(seen, _spare(seen)):
            return self._access_token(seen)
        self._service.prepare()
        with self._queue(connection_id):
            self._rest(connection_id, seen.generation)
            try:
                return self._renew(connection_id, seen.generation, force=force, refused=refused)
            except DisconnectedError as error:
                if not is_refused_grant(error):
                    raise
            self._clock.sleep(REFUSED_WAIT_SECONDS)
            try:
                return self._renew(connection_id, seen.generation, force=force, refused=refused)
            except DisconnectedError as error:
                self._remember(connection_id, seen.generation, error)
                raise

    def permission(self, connection_id: int) -> Permission:
        """Return until when the permission lasts, for a warning in time.

        Raises:
            DisconnectedError: there is none.
        """
        with reading(self._engine).connect() as connection:
            row = self._row(connection, connection_id)
        return Permission(row.refreshed_at, row.refresh_expires_at, row.hard_expires_at)

    def rotate(self) -> int:
        """Encrypt all tokens with the newest key; return how many connections have been done."""
        with reading(self._engine).connect() as connection:
            ids = list(connection.scalars(select(token_rows.c.connection_id)))
        return sum(self._rotate(connection_id) for connection_id in ids)

    def disconnect(
        self, connection_id: int, also: Callable[[Connection], object] = lambda _: None
    ) -> None:
        """End the permission at Intuit and forget its tokens, where there is one.

        Args:
            connection_id: whose permission.
            also: what else is written, before it and in the same transaction.

        Raises:
            RetryLaterError: Intuit cannot be reached; nothing is forgotten, or written.
        """
        self._service.prepare()
        with self._engine.begin() as connection:
            also(connection)
            mine = token_rows.c.connection_id == connection_id
            row = connection.execute(select(token_rows).where(mine).with_for_update()).first()
            if row is None:
                return
            self._service.revoke(self._refresh_token(row))
            connection.execute(delete(token_rows).where(mine))

    def _renew(self, connection_id: int, generation: int, *, force: bool, refused: str) -> str:
        """Renew a permission under the row's lock, unless somebody else just has."""
        with self._locked(connection_id) as (connection, row):
            if self._renewed_meanwhile(row, generation, force=force, refused=refused):
                return self._access_token(row)
            asked_at = self._clock.now()
            answer = self._service.refresh(self._refresh_token(row))
            changed = connection.execute(
                update(token_rows)
                .where(
                    token_rows.c.connection_id == connection_id,
                    token_rows.c.generation == row.generation,
                )
                .values(
                    **self._values(connection_id, answer, asked_at),
                    generation=row.generation + 1,
                )
            )
            assert changed.rowcount == 1, "the row is locked, so its generation cannot move"
        _LOG.info("connection %d: permission renewed (%d)", connection_id, row.generation + 1)
        return answer.access_token

    def _renewed_meanwhile(
        self, row: Row[Any], generation: int, *, force: bool, refused: str
    ) -> bool:
        """Tell whether the row, read under its lock, already holds a token to use."""
        if not force:
            return self._lasts(row, _spare(row))
        if not self._lasts(row, timedelta(0)):
            return False
        if refused:
            return self._access_token(row) != refused
        return bool(row.generation != generation)

    def _lasts(self, row: Row[Any], spare: timedelta) -> bool:
        """Tell whether a row's access token is good for longer than spare."""
        if row.access_token_encrypted is None or row.access_expires_at is None:
            return False
        return bool(row.access_expires_at > self._clock.now() + spare)

    def _rotate(self, connection_id: int) -> int:
        """Encrypt one connection's tokens with the newest key."""
        with self._locked(connection_id) as (connection, row):
            access = row.access_token_encrypted
            connection.execute(
                update(token_rows)
                .where(token_rows.c.connection_id == connection_id)
                .values(
                    refresh_token_encrypted=self._vault.rotate(
                        connection_id, TokenKind.REFRESH, row.refresh_token_encrypted
                    ),
                    access_token_encrypted=access
                    and self._vault.rotate(connection_id, TokenKind.ACCESS, access),
                )
            )
        return 1

    def _values(
        self, connection_id: int, token_set: TokenSet, asked_at: datetime
    ) -> dict[str, Any]:
        """Return a permission as columns; lifetimes count from before it was asked for."""
        seal = self._vault.seal
        ends = token_set.hard_seconds
        hard = {} if ends is None else {"hard_expires_at": asked_at + timedelta(seconds=ends)}
        return {
            **hard,
            "refresh_token_encrypted": seal(
                connection_id, TokenKind.REFRESH, token_set.refresh_token
            ),
            "access_token_encrypted": seal(connection_id, TokenKind.ACCESS, token_set.access_token),
            "access_expires_at": asked_at + timedelta(seconds=token_set.access_seconds),
            "refresh_expires_at": asked_at + timedelta(seconds=token_set.refresh_seconds),
            "refreshed_at": asked_at,
        }

    @contextmanager
    def _locked(self, connection_id: int) -> Iterator[tuple[Connection, Row[Any]]]:
        """A transaction that holds a connection's row, with the row as it is now."""
        with self._engine.begin() as connection:
            yield connection, self._row(connection, connection_id, lock=True)

    def _row(self, connection: Connection, connection_id: int, *, lock: bool = False) -> Row[Any]:
        """Read a connection's row; SQLite has locked the whole file when the transaction began."""
        query = select(token_rows).where(token_rows.c.connection_id == connection_id)
        row = connection.execute(query.with_for_update() if lock else query).one_or_none()
        if row is None:
            raise local_error("no_tokens", f"connection {connection_id}", write=False)
        return row

    def _access_token(self, row: Row[Any]) -> str:
        """Decrypt a row's access token."""
        return self._vault.open(row.connection_id, TokenKind.ACCESS, row.access_token_encrypted)

    def _refresh_token(self, row: Row[Any]) -> str:
        """Decrypt a row's refresh token."""
        return self._vault.open(row.connection_id, TokenKind.REFRESH, row.refresh_token_encrypted)

    def _queue(self, connection_id: int) -> threading.Lock:
        """Return the lock that lets one thread of this process go for the row at a time."""
        with self._lock:
            return self._queues.setdefault(connection_id, threading.Lock())

    def _rest(self, connection_id: int, generation: int) -> None:
        """Answer at once with a refusal that is still young, instead of asking Intuit again."""
        with self._lock:
            refusal = self._refused.get(connection_id)
        if refusal is None:
            return
        refused_generation, until, error = refusal
        if refused_generation == generation and self._clock.monotonic() < until:
            raise DisconnectedError(error.fault)

    def _remember(self, connection_id: int, generation: int, error: DisconnectedError) -> None:
        """Keep a second refusal for those who wait in the queue."""
        with self._lock:
            until = self._clock.monotonic() + REFUSED_REST_SECONDS
            self._refused[connection_id] = (generation, until, error)


def _spare(row: Row[Any]) -> timedelta:
    """Return how much longer a token must last: five minutes, or half of a short life."""
    if row.access_expires_at is None:
        return FRESH_FOR
    life: timedelta = row.access_expires_at - row.refreshed_at
    return min(FRESH_FOR, life / 2)


class ConnectionTokens:
    """One connection's tokens, as a client asks for them; implements `client.TokenProvider`."""

    def __init__(self, store: TokenStore, connection_id: int) -> None:
        self._store = store
        self._connection_id = connection_id
        self._handed_out = threading.local()

    def __repr__(self) -> str:
        return f"ConnectionTokens(connection_id={self._connection_id})"

    def __call__(self, *, force: bool = False) -> str:
        """Return a token that is valid now; with force not the one this thread got last."""
        refused = getattr(self._handed_out, "token", "") if force else ""
        token = self._store.fresh_access_token(self._connection_id, force=force, refused=refused)
        self._handed_out.token = token
        return token
