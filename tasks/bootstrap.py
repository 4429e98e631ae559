"""From settings and a connection's name to a cycle that is ready to run.

The only place where the ports meet their adapters.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from connectors.clock import SteadyClock, SystemClock
from connectors.database import create_database_engine, database_time, migrate
from connectors.log_fields import known
from connectors.logs import set_up
from connectors.ports import Clock
from connectors.quickbooks.bounded_auth import AppKeys
from connectors.quickbooks.client import ClientSettings, QuickBooksClient
from connectors.quickbooks.connect import connect
from connectors.quickbooks.limits import Limiter
from connectors.quickbooks.oauth import IntuitOAuth, TokenSet
from connectors.quickbooks.scrub import hide
from connectors.quickbooks.tokens import TokenStore
from connectors.quickbooks.transport import TransportLimits
from connectors.settings import Settings, read_settings
from connectors.state.checkpoints import CheckpointLog
from connectors.state.connections import (
    all_connections,
    connection_named,
    facts_of,
    store_connection,
)
from connectors.state.port import Connection
from connectors.state.schedules import count_calls
from connectors.state.sql import SqlState
from connectors.tracing import exporting
from models.errors import UsageError
from models.words import DataType
from tasks.context import Cycle, CycleReferences
from tasks.seal import sealed

#: Where Prefect says, to the process that it starts for a flow run, which one it is.
FLOW_RUN_VARIABLE: Final = "PREFECT__FLOW_RUN_ID"
#: New objects after which Python looks for circles among them (700 by default). A cycle makes them
#: by the million and drops next to none before it ends: to look at them so often took an eighth of
#: a first sync and found nothing.
COLLECTED_AFTER: Final = 50_000

_LOG = logging.getLogger(__name__)


@dataclass
class Installation:
    """The database, the token store and the clock of this process."""

    settings: Settings
    engine: Engine
    clock: Clock
    #: Environment -> token store; one each, so that a refused grant is not asked for again.
    _stores: dict[str, TokenStore] = field(default_factory=dict)
    #: Connection -> the company's share of calls, kept from one cycle to the next.
    _limiters: dict[int, Limiter] = field(default_factory=dict)

    @property
    def checkpoints(self) -> CheckpointLog | None:
        """The file of the audit log's checkpoints; None where it is not set up.

        Raises:
            UsageError: a key that is none.
        """
        path, verifier = self.settings.audit_checkpoint_file, self.settings.audit_verifier
        if path is None or verifier is None:
            return None
        return CheckpointLog(self.engine, self.clock, path, verifier, self.settings.audit_signer)

    def limiter(self, connection_id: int) -> Limiter:
        """What keeps this process within QuickBooks's limits for a company."""
        return self._limiters.setdefault(connection_id, Limiter(self.clock))

    def oauth(self, environment: str, redirect_url: str = "") -> IntuitOAuth:
        """Intuit's token service for an environment.

        redirect_url is where it sends people back to, QBSYNC_REDIRECT_URL unless given; a consent
        and the exchange of its code must name the same.
        """
        keys = AppKeys(
            client_id=self.settings.intuit_client_id,
            client_secret=self.settings.intuit_client_secret.get_secret_value(),
            redirect_uri=redirect_url or self.settings.redirect_url,
        )
        return IntuitOAuth(self.settings.endpoints_of(environment), keys)

    def tokens(self, environment: str) -> TokenStore:
        """The store of encrypted tokens."""
        if environment not in self._stores:
            self._stores[environment] = TokenStore(
                self.engine, self.settings.fernet_keys, self.clock, self.oauth(environment)
            )
        return self._stores[environment]


@contextmanager
def installation(
    settings: Settings | None = None, clock: Clock | None = None
) -> Iterator[Installation]:
    """Open the installation; the database is brought up to date first.

    From here on nothing is logged with a secret of it, and what is done is traced where the
    environment wants it.

    Raises:
        UsageError: settings that cannot be used.
    """
    settings = settings or read_settings()
    hide(*settings.secrets)
    set_up(settings.log_format)
    gc.set_threshold(COLLECTED_AFTER)
    engine = create_database_engine(settings.database_url)
    try:
        migrate(engine)
        with exporting():
            yield Installation(settings, engine, clock or SystemClock())
    finally:
        engine.dispose()


def connect_company(
    place: Installation,
    *,
    realm_id: str,
    refresh_token: str = "",
    code: str = "",
    company: str = "",
    environment: str = "",
    redirect_url: str = "",
    actor: str = "sync",
) -> Connection:
    """Pair a company with QuickBooks: prove the permission, store it, remember who it is.

    redirect_url is the one that a code was asked for with, and actor who did it, for the log.

    Raises:
        UsageError: the input or settings cannot be used, or the company is another one.
        DisconnectedError: the permission is refused.
        RetryLaterError: QuickBooks cannot be reached.
    """
    if not realm_id:
        raise UsageError("realm id is missing: it is QuickBooks's number of the company")
    environment = environment or place.settings.default_environment
    store = place.tokens(environment)
    known = {
        (each.environment, each.realm_id): each.id for each in all_connections(place.engine)
    }.get((environment, realm_id))

    def keep(tokens: TokenSet) -> None:
        """A renewed token replaces the old one at once, whatever comes after.

        A code has replaced none, and may be of another company than is said: it is proven first.
        """
        if known is not None and not code:
            store.save(known, tokens)

    connected = connect(
        place.settings.endpoints_of(environment),
        place.oauth(environment, redirect_url),
        place.clock,
        realm_id,
        refresh_token=refresh_token,
        code=code,
        keep=keep,
    )
    with place.engine.begin() as transaction:
        connection_id = store_connection(
            transaction, connected.company, environment, company, place.clock.now(), actor
        )
        store.save(connection_id, connected.tokens, transaction=transaction)
    return connection_named(place.engine, connected.company.realm_id)


@contextmanager
def open_cycle(
    place: Installation,
    connection_name: str = "",
    data_types: Iterable[DataType] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Cycle]:
    """A cycle of one connection, ready to run; what it logged is signed when it ends.

    Raises:
        UsageError: an unknown connection, data types that are switched off, or a key that is none.
    """
    checkpoints = place.checkpoints
    progress = progress or (lambda _words: None)
    connection = connection_named(place.engine, connection_name)
    wanted = _data_types(connection, data_types)
    _require_connected(connection)
    state = state_of(place, connection)
    with (
        known(connection=connection.name, run=state.run_id),
        sealed(checkpoints, state, progress),
        _cycle(place, state, wanted) as cycle,
    ):
        cycle.progress = progress
        yield cycle


@contextmanager
def open_look(
    place: Installation, connection: Connection, patience: ClientSettings
) -> Iterator[Cycle]:
    """A cycle of all data types for who only looks: it signs nothing when it ends.

    Args:
        place: the installation.
        connection: whose records are looked at.
        patience: how long, and how often, QuickBooks is asked.

    Raises:
        UsageError: the company is paused or not connected.
    """
    _require_connected(connection)
    state = state_of(place, connection)
    with (
        known(connection=connection.name, run=state.run_id),
        _cycle(place, state, connection.settings.data_types, patience) as cycle,
    ):
        yield cycle


def _require_connected(connection: Connection) -> None:
    if connection.status != "connected":
        raise UsageError(
            f"{connection.name} is {connection.status}; connect it again or end the pause first"
        )


def state_of(place: Installation, connection: Connection) -> SqlState:
    """The state of a connection, for a run of its own that need not ask QuickBooks."""
    clock = SteadyClock(database_time(place.engine, place.clock.now()), place.clock)
    return SqlState(
        place.engine,
        connection,
        clock,
        uuid.uuid4().hex,
        _holder(),
        flow_run_id=os.environ.get(FLOW_RUN_VARIABLE, ""),
    )


@contextmanager
def _cycle(
    place: Installation,
    state: SqlState,
    data_types: frozenset[DataType],
    patience: ClientSettings | None = None,
) -> Iterator[Cycle]:
    """A cycle over a state and a client of QuickBooks, whose calls are counted."""
    connection, settings = state.connection, place.settings
    facts = facts_of(place.engine, connection.id)
    limits = TransportLimits(read_seconds=settings.read_timeout_seconds)
    with (
        QuickBooksClient(
            settings.endpoints_of(connection.environment),
            connection.realm_id,
            place.tokens(connection.environment).provider(connection.id),
            place.clock,
            limiter=place.limiter(connection.id),
            settings=patience or ClientSettings(transport=limits),
        ) as client,
        _counted(place, connection.id, client),
    ):
        with state.begin() as unit:
            names = unit.named_references()
        yield Cycle(
            state=state,
            quickbooks=client,
            reports=client,
            clock=state.clock,
            facts=facts,
            references=CycleReferences(facts, names),
            new_id=lambda: uuid.uuid4().hex,
            data_types=data_types,
            flight=timedelta(seconds=settings.flight_seconds),
            pages_url=settings.pages_url(connection.id),
        )


@contextmanager
def _counted(
    place: Installation, connection_id: int, quickbooks: QuickBooksClient
) -> Iterator[None]:
    """Add what was asked of QuickBooks inside to the month's calls, however it ended."""
    try:
        yield
    finally:
        if quickbooks.meter.total:
            try:
                count_calls(place.engine, connection_id, place.clock.now(), quickbooks.meter)
            except DBAPIError:
                # a figure is not worth a cycle, nor the error that it may have ended with
                _LOG.warning("connection %d: calls were not counted", connection_id, exc_info=True)


def _data_types(connection: Connection, wanted: Iterable[DataType] | None) -> frozenset[DataType]:
    switched_on = connection.settings.data_types
    chosen = frozenset(wanted) if wanted is not None else switched_on
    off = sorted(chosen - switched_on)
    if off:
        raise UsageError(
            f"{', '.join(off)}: switched off for {connection.name}; switch it on in its settings"
        )
    return chosen


def _holder() -> str:
    """Who holds the lease, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"[:80]
