"""The accounts that a company can choose as default accounts, and the check of what was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, select, update

from connectors.database import reading
from connectors.state.port import Connection
from models.account_choices import DEFAULT_ACCOUNTS, Account, called, wanted_types, why_not
from models.default_accounts import WAITS_FOR_DEFAULT, names_with_defaults
from models.errors import shorten
from models.settings import ConnectionSettings, WrongSettingsError
from models.tables import sync as tables
from models.tables.platform import accounts
from models.words import DefaultAccount

#: No name of an account is longer, on either side.
_NAME_CHARACTERS_MAX = 200


def accounts_of(engine: Engine, company: Connection) -> dict[int, Account]:
    """All accounts of a company's platform, deleted ones too, by their numbers there."""
    with reading(engine).connect() as connection:
        return _accounts(connection, company)


def _accounts(connection: SqlConnection, company: Connection) -> dict[int, Account]:
    columns = (accounts.c.id, accounts.c.number, accounts.c.name, accounts.c.parent_id)
    rows = connection.execute(
        select(
            *columns,
            accounts.c.type,
            accounts.c.currency,
            (accounts.c.active & accounts.c.deleted_at.is_(None)).label("live"),
        ).where(accounts.c.company_id == company.company_id)
    ).all()
    links = tables.links
    linked = set(
        connection.scalars(
            select(links.c.platform_id).where(
                links.c.connection_id == company.id,
                links.c.record_type == "account",
                links.c.quickbooks_id.is_not(None),
                links.c.deleted_at.is_(None),
            )
        )
    )
    # as stored by whatever program: also what no page could show as it is
    names = {
        row.id: (shorten(row.name or "", characters_max=_NAME_CHARACTERS_MAX), row.parent_id)
        for row in rows
    }
    return {
        row.id: Account(
            id=row.id,
            number=shorten(row.number or ""),
            name=_full_name(row.id, names),
            type=shorten(row.type or ""),
            currency=shorten(row.currency or company.home_currency),
            active=bool(row.live),
            linked=str(row.id) in linked,
        )
        for row in rows
    }


def _full_name(account_id: int, names: Mapping[int, tuple[str, int | None]]) -> str:
    """The name below those of the accounts above it; each is named once, also in a circle."""
    above: dict[int, str] = {}
    current: int | None = account_id
    while current is not None and current in names and current not in above:
        above[current], current = names[current]
    return ":".join(reversed(above.values()))


def check_default_accounts(
    transaction: SqlConnection,
    company: Connection,
    before: ConnectionSettings,
    after: ConnectionSettings,
) -> dict[str, str]:
    """Refuse default accounts that cannot be; what the old and new ones are called, by number.

    One that was chosen before stays, whatever became of it: where it is used says so.

    Raises:
        WrongSettingsError: naming each setting, its account and what can be chosen.
    """
    old, new = before.default_accounts, after.default_accounts
    if old == new:
        return {}
    known = _accounts(transaction, company)
    mistakes: dict[DefaultAccount, str] = {}
    for setting, account_id in new.items():
        if old.get(setting) != account_id:
            reason = _refusal(setting, account_id, known, company.home_currency)
            if reason is not None:
                mistakes[setting] = reason
    if mistakes:
        setting, words = next(iter(mistakes.items()))
        name = called(new[setting], known)
        raise WrongSettingsError(
            f"settings: default_accounts.{setting} is {name}: {words}",
            {f"default_accounts.{each}": reason for each, reason in mistakes.items()},
        )
    return {str(each): called(each, known) for each in {*old.values(), *new.values()}}


def _refusal(
    setting: DefaultAccount, account_id: int, known: Mapping[int, Account], home: str
) -> str | None:
    """What is wrong with a choice; an account that holds money is for records in its currency."""
    account = known.get(account_id)
    holds_money = account is not None and DEFAULT_ACCOUNTS[setting].holds_money
    reason = why_not(setting, account, account.currency if account and holds_money else home, home)
    return None if reason is None else f"it {reason}; choose {wanted_types(setting)}"


def release_waiting(engine: Engine, company: Connection, now: datetime) -> None:
    """Let records that a default account was missing for be tried in the next cycle."""
    table = tables.parked
    waiting = (
        table.c.connection_id == company.id,
        table.c.code.in_(WAITS_FOR_DEFAULT),
        table.c.record_type.in_(names_with_defaults()),
    )
    with engine.begin() as transaction:
        transaction.execute(update(table).where(*waiting).values(next_attempt_at=now))
