"""What tables are made of: the columns that many of them have, and money."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

from models.tables.types import ExactDecimal, UTCDateTime, utc_now

#: All tables of the one database; models/tables/sync.py adds the sync's own.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def amount(name: str) -> Column[Any]:
    """Money; its currency is the record's, or the company's where that is NULL."""
    return Column(name, ExactDecimal(19, 5))


def factor(name: str) -> Column[Any]:
    """A quantity, a unit price or a rate: what amounts are multiplied by."""
    return Column(name, ExactDecimal(19, 7))


def connection_column(*, primary_key: bool = False, ondelete: str | None = None) -> Column[Any]:
    """The connection that a row belongs to."""
    return Column(
        "connection_id",
        ForeignKey("connections.id", ondelete=ondelete),
        primary_key=primary_key,
        nullable=False,
        autoincrement=False,
    )


def instant(name: str) -> Column[Any]:
    """An instant that is always known."""
    return Column(name, UTCDateTime, nullable=False)


def created_at() -> Column[Any]:
    """When the row came to be."""
    return Column("created_at", UTCDateTime, nullable=False, server_default=utc_now())


def updated_at() -> Column[Any]:
    """When the row last changed."""
    return Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now())


def records(name: str, *content: Column[Any] | Index) -> Table:
    """A table of records: the bookkeeping columns and its own."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("company_id", ForeignKey("companies.id"), nullable=False),
        *(item for item in content if isinstance(item, Column)),
        Column("version", Integer, nullable=False, server_default=text("1")),
        created_at(),
        updated_at(),
        Column("deleted_at", UTCDateTime),
        *(item for item in content if isinstance(item, Index)),
        # An id is never given out twice: a link to a deleted record must not find another one
        sqlite_autoincrement=True,
    )


def lines_of(name: str, parent: str, owners: str, *content: Column[Any] | Index) -> Table:
    """A table of lines: each owned by a parent, a row of owners; by position."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column(f"{parent}_id", ForeignKey(f"{owners}.id", ondelete="CASCADE"), nullable=False),
        Column("position", Integer, nullable=False),
        *content,
        UniqueConstraint(f"{parent}_id", "position"),
        sqlite_autoincrement=True,
    )
