"""The platform's finance and spend module: the tables that its users and other programs write.

These tables are given, not ours: anything may stand in them, so they carry keys and indexes but no
CHECKs on amounts, and most columns may be NULL. The sync reads them through `types.raw_columns` and
parks what it cannot use.

Every record table has the same bookkeeping columns. Triggers (triggers.py) keep `version` and
`updated_at` and write `change_log`, for raw SQL too. Lines belong to their record: changing one is
a change of the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
    true,
)

from models.tables.types import ExactDecimal, UTCDateTime, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def _amount(name: str) -> Column[Any]:
    """Money; its currency is the record's, or the company's where that is NULL."""
    return Column(name, ExactDecimal(19, 5))


def _factor(name: str) -> Column[Any]:
    """A quantity, a unit price or a rate: what amounts are multiplied by."""
    return Column(name, ExactDecimal(19, 7))


def _created_at() -> Column[Any]:
    """When the row came to be."""
    return Column("created_at", UTCDateTime, nullable=False, server_default=utc_now())


def _updated_at() -> Column[Any]:
    """When the row last changed."""
    return Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now())


def _record(name: str, *content: Column[Any] | Index) -> Table:
    """A table of records: the bookkeeping columns and its own."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column("company_id", ForeignKey("companies.id"), nullable=False),
        *(item for item in content if isinstance(item, Column)),
        Column("version", Integer, nullable=False, server_default=text("1")),
        _created_at(),
        _updated_at(),
        Column("deleted_at", UTCDateTime),
        *(item for item in content if isinstance(item, Index)),
        # An id is never given out twice: a link to a deleted record must not find another one
        sqlite_autoincrement=True,
    )


def _lines(name: str, parent: str, *content: Column[Any] | Index) -> Table:
    """A table of lines: owned by a record of the table parent + 's', in order of position."""
    return Table(
        name,
        metadata,
        Column("id", Integer, primary_key=True),
        Column(f"{parent}_id", ForeignKey(f"{parent}s.id", ondelete="CASCADE"), nullable=False),
        Column("position", Integer, nullable=False),
        *content,
        UniqueConstraint(f"{parent}_id", "position"),
        sqlite_autoincrement=True,
    )


companies = Table(
    "companies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(500), nullable=False),
    Column("currency", String(3), nullable=False),
    _created_at(),
    _updated_at(),
    sqlite_autoincrement=True,
)

accounts = _record(
    "accounts",
    Column("number", String(20)),
    Column("name", String(100), nullable=False),
    Column("type", String(40), nullable=False),
    Column("subtype", String(80)),
    Column("description", String(4000)),
    Column("parent_id", ForeignKey("accounts.id")),
    Column("currency", String(3)),
    Column("active", Boolean, nullable=False, server_default=true()),
    _amount("balance"),
    Index(None, "company_id", "number"),
    Index(None, "company_id", "name"),
    Index(None, "parent_id"),
)

customers = _record(
    "customers",
    Column("name", String(500), nullable=False),
    Column("company_name", String(500)),
    Column("given_name", String(100)),
    Column("family_name", String(100)),
    Column("email", String(320)),
    Column("phone", String(40)),
    Column("notes", String(4000)),
    Column("parent_id", ForeignKey("customers.id")),
    Column("billing_line1", String(500)),
    Column("billing_line2", String(500)),
    Column("billing_city", String(255)),
    Column("billing_region", String(255)),
    Column("billing_postal_code", String(40)),
    Column("billing_country", String(255)),
    Column("currency", String(3)),
    Column("active", Boolean, nullable=False, server_default=true()),
    _amount("balance"),
    Index(None, "company_id", "name"),
    Index(None, "parent_id"),
)

vendors = _record(
    "vendors",
    Column("name", String(500), nullable=False),
    Column("company_name", String(500)),
    Column("given_name", String(100)),
    Column("family_name", String(100)),
    Column("email", String(320)),
    Column("phone", String(40)),
    Column("account_number", String(100)),
    Column("currency", String(3)),
    Column("active", Boolean, nullable=False, server_default=true()),
    _amount("balance"),
    Index(None, "company_id", "name"),
)

items = _record(
    "items",
    Column("name", String(100), nullable=False),
    #: service, non_inventory, inventory, bundle or category
    Column("kind", String(20), nullable=False),
    Column("sku", String(100)),
    Column("description", String(4000)),
    Column("purchase_description", String(4000)),
    _factor("unit_price"),
    _factor("purchase_cost"),
    Column("income_account_id", ForeignKey("accounts.id")),
    Column("expense_account_id", ForeignKey("accounts.id")),
    Column("asset_account_id", ForeignKey("accounts.id")),
    Column("taxable", Boolean),
    Column("active", Boolean, nullable=False, server_default=true()),
    Index(None, "company_id", "name"),
    Index(None, "company_id", "sku"),
)

invoices = _record(
    "invoices",
    Column("number", String(21)),
    # May be NULL: other programs can lose the customer; such an invoice is parked, not refused
    Column("customer_id", ForeignKey("customers.id")),
    Column("issued_on", Date),
    Column("due_on", Date),
    Column("terms", String(40)),
    Column("memo", String(4000)),
    Column("customer_message", String(1000)),
    Column("email", String(320)),
    Column("currency", String(3)),
    _factor("exchange_rate"),
    Column("tax_code", String(40)),
    _amount("tax_total"),
    _amount("total"),
    _amount("balance"),
    Column("status", String(20), nullable=False, server_default="open"),
    Index(None, "company_id", "number"),
    Index(None, "company_id", "issued_on"),
    Index(None, "customer_id"),
)

invoice_lines = _lines(
    "invoice_lines",
    "invoice",
    Column("kind", String(20), nullable=False),
    Column("item_id", ForeignKey("items.id")),
    Column("description", String(4000)),
    _factor("quantity"),
    _factor("unit_price"),
    _amount("amount"),
    Column("tax_code", String(40)),
    _factor("discount_percent"),
    Column("service_on", Date),
    Index(None, "item_id"),
)

payments = _record(
    "payments",
    Column("customer_id", ForeignKey("customers.id")),
    Column("received_on", Date),
    Column("reference", String(21)),
    Column("memo", String(4000)),
    _amount("amount"),
    _amount("unapplied_amount"),
    Column("currency", String(3)),
    _factor("exchange_rate"),
    Column("method", String(40)),
    Column("deposit_account_id", ForeignKey("accounts.id")),
    Index(None, "company_id", "reference"),
    Index(None, "company_id", "received_on"),
    Index(None, "customer_id"),
)

payment_applications = _lines(
    "payment_applications",
    "payment",
    Column("kind", String(20), nullable=False),
    Column("invoice_id", ForeignKey("invoices.id")),
    Column("reference", String(40)),
    _amount("amount"),
    Index(None, "invoice_id"),
)

expenses = _record(
    "expenses",
    Column("number", String(21)),
    Column("payee_vendor_id", ForeignKey("vendors.id")),
    Column("payee_customer_id", ForeignKey("customers.id")),
    Column("payee_name", String(500)),
    Column("payment_account_id", ForeignKey("accounts.id")),
    #: cash, check or credit_card
    Column("payment_method", String(20), nullable=False),
    Column("is_refund", Boolean, nullable=False, server_default=false()),
    Column("spent_on", Date),
    Column("memo", String(4000)),
    Column("currency", String(3)),
    _factor("exchange_rate"),
    _amount("total"),
    #: submitted, approved, posted or rejected
    Column("status", String(20), nullable=False, server_default="submitted"),
    Column("submitted_by", String(320)),
    Index(None, "company_id", "number"),
    Index(None, "company_id", "spent_on"),
    Index(None, "payee_vendor_id"),
)

expense_lines = _lines(
    "expense_lines",
    "expense",
    Column("kind", String(20), nullable=False),
    Column("account_id", ForeignKey("accounts.id")),
    Column("item_id", ForeignKey("items.id")),
    Column("customer_id", ForeignKey("customers.id")),
    Column("description", String(4000)),
    _factor("quantity"),
    _factor("unit_price"),
    _amount("amount"),
    Column("tax_code", String(40)),
    Column("billable", Boolean),
    Index(None, "account_id"),
    Index(None, "item_id"),
)

#: What happened to records, in order; written by triggers only, read by the rule in triggers.py. No
#: foreign keys: the entry about a deleted record stays.
change_log = Table(
    "change_log",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("company_id", Integer, nullable=False),
    Column("record_type", String(40), nullable=False),
    Column("record_id", Integer, nullable=False),
    #: insert, update or delete
    Column("operation", String(10), nullable=False),
    #: PostgreSQL: the writing transaction; SQLite, where writers queue: 0.
    Column("transaction_id", BigInteger, nullable=False),
    Column("changed_at", UTCDateTime, nullable=False),
    Index(None, "company_id", "transaction_id", "id"),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True)
class RecordTable:
    """Where one record type is kept."""

    #: The record type, such as "invoice".
    record_type: str
    #: One row per record.
    table: Table
    #: One row per line; None where the record type has none.
    lines: Table | None = None

    @property
    def line_parent(self) -> Column[Any]:
        """The column of lines that names the record."""
        assert self.lines is not None, f"{self.record_type} has no lines"
        column: Column[Any] = self.lines.columns[f"{self.record_type}_id"]
        return column


#: Record type -> its tables; parents stand before what refers to them.
RECORD_TABLES: Final[Mapping[str, RecordTable]] = MappingProxyType(
    {
        place.record_type: place
        for place in (
            RecordTable("account", accounts),
            RecordTable("customer", customers),
            RecordTable("vendor", vendors),
            RecordTable("item", items),
            RecordTable("invoice", invoices, invoice_lines),
            RecordTable("payment", payments, payment_applications),
            RecordTable("expense", expenses, expense_lines),
        )
    }
)
