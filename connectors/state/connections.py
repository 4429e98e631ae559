"""Which company is paired with which QuickBooks company: the rows of `connections`."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, delete, insert, select, true, update
from sqlalchemy import Connection as SqlConnection

from connectors.database import reading
from connectors.ports import CompanyFacts
from connectors.state.account_choices import check_default_accounts, release_waiting
from connectors.state.audit_log import append_notes
from connectors.state.port import COMPANY_CURSOR, Connection
from connectors.state.schedules import make_due
from models.audit import AuditNote
from models.errors import DecisionError, UsageError, shorten
from models.policy import Policy, changed_policy
from models.settings import ConnectionSettings, settings_from_json
from models.tables import sync as tables
from models.tables.platform import companies
from models.words import Side

_LOG = logging.getLogger(__name__)

#: Companies that a message names.
NAMES_MAX = 20
#: Companies of the platform that one can choose from.
COMPANIES_MAX = 1_000

#: Status -> those it may follow on, and what the audit log calls it.
_WAYS = {
    "paused": ({"connected"}, "connection.paused"),
    "connected": ({"paused"}, "connection.resumed"),
    "disconnected": ({"connected", "paused", "reconnect"}, "connection.disconnected"),
}


def connection_named(engine: Engine, name: str = "") -> Connection:
    """The connection with this name or realm id; the only one where no name is given.

    Raises:
        UsageError: no such connection, or several to choose from.
    """
    if name:
        table = tables.connections
        named = _connections(engine, (table.c.name == name) | (table.c.realm_id == name))
        if named:
            return next((each for each in named if each.name == name), named[0])
    found = all_connections(engine)
    if not found:
        raise UsageError("no company is connected yet; run `quickbooks-sync connect` first")
    if name:
        raise UsageError(
            f"connection {shorten(name)!r} is not known; use one of: {_some_names(found)}"
        )
    if len(found) > 1:
        raise UsageError(f"several companies are connected; say which one: {_some_names(found)}")
    return found[0]


def connection_by_id(engine: Engine, number: int) -> Connection | None:
    """A connection by its number; None where there is none."""
    return next(iter(_connections(engine, tables.connections.c.id == number)), None)


def _some_names(found: Sequence[Connection]) -> str:
    """The first names, and how many more there are."""
    names = ", ".join(each.name for each in found[:NAMES_MAX])
    more = len(found) - NAMES_MAX
    return f"{names} and {more} more" if more > 0 else names


def all_connections(engine: Engine) -> list[Connection]:
    """All connections, by name."""
    return _connections(engine, true())


def _connections(engine: Engine, condition: ColumnElement[bool]) -> list[Connection]:
    query = select(tables.connections).where(condition).order_by(tables.connections.c.name)
    with reading(engine).connect() as connection:
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        try:
            found.append(_connection(row))
        except UsageError as error:
            # one company's settings that nobody can read stop no other company
            _LOG.error("%s is left out: %s", row.name, error)
    return found


def with_usual_settings(engine: Engine, connection_id: int) -> Connection:
    """A connection as if nothing were set: for an alert about settings that cannot be read."""
    query = select(tables.connections).where(tables.connections.c.id == connection_id)
    with reading(engine).connect() as connection:
        return _connection(connection.execute(query).one(), ConnectionSettings())


def facts_of(engine: Engine, connection_id: int) -> CompanyFacts:
    """What QuickBooks said about the company when it was last asked."""
    with reading(engine).connect() as connection:
        stored = connection.scalar(
            select(tables.connections.c.facts).where(tables.connections.c.id == connection_id)
        )
    return CompanyFacts(**json.loads(stored or "{}"))


@dataclass(frozen=True)
class PlatformCompany:
    """A company of the platform."""

    name: str
    #: Its connection; None where it was never connected.
    connection_id: int | None


def platform_companies(engine: Engine) -> list[PlatformCompany]:
    """The companies of the platform, by name: what can be connected."""
    table = tables.connections
    query = (
        select(companies.c.name, table.c.id)
        .join(table, table.c.company_id == companies.c.id, isouter=True)
        .order_by(companies.c.name)
        .limit(COMPANIES_MAX)
    )
    with reading(engine).connect() as connection:
        return [PlatformCompany(row.name, row.id) for row in connection.execute(query)]


def connected_at(engine: Engine, connection_id: int) -> datetime | None:
    """When a company was connected first."""
    table = tables.connections
    with reading(engine).connect() as connection:
        return connection.scalar(select(table.c.created_at).where(table.c.id == connection_id))


def change_status(
    transaction: SqlConnection, connection: Connection, status: str, actor: str, now: datetime
) -> bool:
    """Let a company be "connected", "paused" or "disconnected", with an audit entry.

    Returns False where it is so already: then nothing is written.

    Raises:
        DecisionError: it cannot become so from what it is.
    """
    before, kind = _WAYS[status]
    mine = tables.connections.c.id == connection.id
    query = select(tables.connections.c.status).where(mine).with_for_update()
    stored = str(transaction.execute(query).scalar_one())
    if stored == status:
        return False
    if stored not in before:
        raise DecisionError(
            f"{connection.name} is {stored}", code="not_connected", fix="Connect it again first."
        )
    transaction.execute(
        update(tables.connections).where(mine).values(status=status, updated_at=now)
    )
    if status == "connected":
        make_due(transaction, connection.id, now)
    body: dict[str, object] = {
        "realm_id": connection.realm_id,
        "environment": connection.environment,
    }
    note = AuditNote(kind, body, actor=actor)
    append_notes(transaction, [note], connection_id=connection.id, at=now, run_id=None)
    return True


def store_connection(
    transaction: SqlConnection,
    facts: CompanyFacts,
    environment: str,
    company: str,
    now: datetime,
    actor: str = "sync",
) -> int:
    """Pair a platform company with a QuickBooks company, or renew the pairing; the row's id.

    company names the platform's company; where it is empty the only one is taken, and where there
    is none yet it is made from QuickBooks's name. actor is who did it, for the log.

    Raises:
        UsageError: the company is paired with another QuickBooks company already.
    """
    company_id, company_name = _platform_company(transaction, company, facts)
    row = transaction.execute(
        select(tables.connections).where(tables.connections.c.company_id == company_id)
    ).first()
    if row is not None and (row.environment, row.realm_id) != (environment, facts.realm_id):
        raise UsageError(
            f"{company_name} is connected with QuickBooks company {row.realm_id} "
            f"({row.environment}), not {facts.realm_id}; its links would point into foreign books. "
            "Connect the same QuickBooks company again, or use another platform company."
        )
    stored = json.dumps(asdict(facts), sort_keys=True)
    if row is not None:
        transaction.execute(
            update(tables.connections)
            .where(tables.connections.c.id == row.id)
            .values(status="connected", facts=stored, updated_at=now)
        )
        connection_id = int(row.id)
    else:
        connection_id = transaction.execute(
            insert(tables.connections)
            .values(
                company_id=company_id,
                name=_free_name(transaction, company_name),
                environment=environment,
                realm_id=facts.realm_id,
                status="connected",
                settings=ConnectionSettings().model_dump_json(),
                facts=stored,
                created_at=now,
                updated_at=now,
            )
            .returning(tables.connections.c.id)
        ).scalar_one()
    _note_checked(transaction, connection_id, now)
    make_due(transaction, connection_id, now)
    note = AuditNote(
        "connection.connected",
        {"realm_id": facts.realm_id, "environment": environment, "company": facts.name},
        actor=actor,
    )
    append_notes(transaction, [note], connection_id=connection_id, at=now, run_id=None)
    return connection_id


def _note_checked(transaction: SqlConnection, connection_id: int, now: datetime) -> None:
    """The company behind the token was read just now, so the next cycle need not ask again."""
    key = {
        "connection_id": connection_id,
        "record_type": COMPANY_CURSOR,
        "side": Side.QUICKBOOKS.value,
    }
    cursors = tables.cursors
    transaction.execute(
        delete(cursors).where(*(cursors.c[name] == value for name, value in key.items()))
    )
    transaction.execute(insert(cursors).values(**key, position=now.isoformat(), updated_at=now))


def _platform_company(
    transaction: SqlConnection, company: str, facts: CompanyFacts
) -> tuple[int, str]:
    rows = transaction.execute(select(companies.c.id, companies.c.name)).all()
    if not rows:
        name = company or facts.name
        created = insert(companies).values(name=name, currency=facts.home_currency)
        return transaction.execute(created.returning(companies.c.id)).scalar_one(), name
    if not company and len(rows) == 1:
        return rows[0].id, rows[0].name
    for row in rows:
        if company == row.name:
            return row.id, row.name
    known = ", ".join(row.name for row in rows)
    raise UsageError(
        f"platform company {company!r} is not known; use one of: {known}"
        if company
        else f"the platform has several companies; say which one: {known}"
    )


def _free_name(transaction: SqlConnection, wanted: str) -> str:
    taken = set(transaction.scalars(select(tables.connections.c.name)))
    candidates = [wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3))]
    return next(each for each in candidates if each not in taken)


def save_settings(
    engine: Engine, connection: Connection, settings: ConnectionSettings, actor: str, now: datetime
) -> None:
    """Store a connection's settings, with an audit entry that names what changed.

    Raises:
        WrongSettingsError: a default account that was chosen cannot be one.
        DecisionError: somebody else has changed them since the connection was read.
    """
    before, after = _in_order(connection.settings), _in_order(settings)
    changed = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
    if not changed:
        return
    mine = tables.connections.c.id == connection.id
    with engine.begin() as transaction:
        if _stored_settings(transaction, mine) != connection.settings:
            raise DecisionError(
                f"the settings of {connection.name} were changed by somebody else meanwhile",
                code="changed_meanwhile",
                fix="Look at them with `quickbooks-sync settings`, then set yours again.",
            )
        names = check_default_accounts(transaction, connection, connection.settings, settings)
        transaction.execute(
            update(tables.connections)
            .where(mine)
            .values(settings=settings.model_dump_json(), updated_at=now)
        )
        # a data type that is switched on, or a shorter interval, is not waited for
        make_due(transaction, connection.id, now)
        body: dict[str, object] = {"changed": changed}
        if names:
            body["accounts"] = names
        note = AuditNote("settings.changed", body, actor=actor)
        append_notes(transaction, [note], connection_id=connection.id, at=now, run_id=None)
    if {"default_accounts", "write_to"} & set(changed):
        # by itself: a cycle takes rows of records first, and what refers to the connection then
        release_waiting(engine, connection, now)


def _in_order(settings: ConnectionSettings) -> dict[str, Any]:
    """Settings as they are logged; what is a set has one order."""
    values = settings.model_dump(mode="json")
    return {name: sorted(each) if isinstance(each, list) else each for name, each in values.items()}


def _stored_settings(transaction: SqlConnection, mine: ColumnElement[bool]) -> ConnectionSettings:
    """The settings as they are; the row stays locked, so that what was read is what is replaced."""
    query = select(tables.connections.c.settings).where(mine).with_for_update()
    return settings_from_json(transaction.execute(query).scalar_one())


def change_policy(
    engine: Engine,
    connection: Connection,
    chosen: Mapping[str, str],
    dropped: Collection[str],
    actor: str,
    now: datetime,
) -> Policy:
    """Store a person's rules under the next version, with an audit entry; the policy after it.

    Raises:
        UsageError: a key or rule that is none, or a field that has an owner.
        DecisionError: somebody else has changed the policies since the connection was read.
    """
    seen = connection.settings.policy_version
    mine = tables.connections.c.id == connection.id
    with engine.begin() as transaction:
        stored = _stored_settings(transaction, mine)
        if stored.policy_version != seen:
            raise DecisionError(
                f"the policies were changed by somebody else meanwhile: version "
                f"{stored.policy_version}, not {seen}",
                code="changed_meanwhile",
                fix="Look at them with `quickbooks-sync policy`, then set yours again.",
            )
        before = stored.conflict_policy()
        after = changed_policy(before, chosen, dropped)
        if after.version == before.version:
            return before
        rules = {key: rule.value for key, rule in after.rules.items()}
        settings = stored.model_copy(update={"policy": rules, "policy_version": after.version})
        transaction.execute(
            update(tables.connections)
            .where(mine)
            .values(settings=settings.model_dump_json(), updated_at=now)
        )
        touched = sorted(set(chosen) | set(dropped))
        body: dict[str, object] = {
            "version": [before.version, after.version],
            "changed": {
                key: [before.rules.get(key), after.rules.get(key)]
                for key in touched
                if before.rules.get(key) != after.rules.get(key)
            },
        }
        note = AuditNote("policy.changed", body, actor=actor)
        append_notes(transaction, [note], connection_id=connection.id, at=now, run_id=None)
    return after


def _connection(row: Row[Any], settings: ConnectionSettings | None = None) -> Connection:
    facts: Mapping[str, Any] = json.loads(row.facts or "{}")
    return Connection(
        id=row.id,
        company_id=row.company_id,
        name=row.name,
        environment=row.environment,
        realm_id=row.realm_id,
        status=row.status,
        settings=settings or settings_from_json(row.settings),
        home_currency=str(facts.get("home_currency", "")),
    )
