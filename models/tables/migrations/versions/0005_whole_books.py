"""Tables of the record types that came with all of the books, and columns for what they need.

Revision: 0005, after 0004.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from models.tables.rebuilding import altered
from models.tables.triggers import Logged, install, remove
from models.tables.types import ExactDecimal, UTCDateTime, utc_now

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CHANGED = (
    Logged("account", "accounts"),
    Logged("customer", "customers"),
    Logged("vendor", "vendors"),
    Logged("item", "items"),
    Logged("invoice", "invoices", "invoice_lines", "invoice_id"),
    Logged("payment", "payments", "payment_applications", "payment_id"),
    Logged("expense", "expenses", "expense_lines", "expense_id"),
)
_NEW = (
    Logged("class", "classes"),
    Logged("department", "departments"),
    Logged("company", "company_information"),
    Logged("transfer", "transfers"),
    Logged("journal_entry", "journal_entries", "journal_entry_lines", "journal_entry_id"),
    Logged("bill", "bills", "bill_lines", "bill_id"),
    Logged("credit_memo", "credit_memos", "credit_memo_lines", "credit_memo_id"),
    Logged("vendor_credit", "vendor_credits", "vendor_credit_lines", "vendor_credit_id"),
    Logged("bill_payment", "bill_payments", "bill_payment_applications", "bill_payment_id"),
    Logged("deposit", "deposits", "deposit_lines", "deposit_id"),
    Logged("receipt", "receipts"),
)
#: Table -> new columns, each with its type or the table that it refers to.
_ADDED = {
    "invoices": (
        ("shipped_on", sa.Date),
        ("tracking_number", sa.String(40)),
        ("department_id", "departments"),
        ("tax_calculation", sa.String(20)),
        ("home_total", ExactDecimal(19, 5)),
        ("deposit", ExactDecimal(19, 5)),
    ),
    "invoice_lines": (
        ("gross_amount", ExactDecimal(19, 5)),
        ("class_id", "classes"),
    ),
    "payments": (("status", sa.String(20)),),
    "payment_applications": (("credit_memo_id", "credit_memos"),),
    "expenses": (
        ("department_id", "departments"),
        ("tax_calculation", sa.String(20)),
        ("tax_total", ExactDecimal(19, 5)),
        ("home_total", ExactDecimal(19, 5)),
        ("bill_id", "bills"),
        ("billed_version", sa.Integer),
    ),
    "expense_lines": (
        ("gross_amount", ExactDecimal(19, 5)),
        ("billing", sa.String(20)),
        ("class_id", "classes"),
    ),
}


def upgrade() -> None:
    _forget_company_cursor()
    # A table that is rebuilt loses them
    remove(op.get_bind(), _CHANGED)
    _new_tables()
    for table, columns in _ADDED.items():
        with altered(table) as batch:
            for name, what in columns:
                batch.add_column(_added(table, name, what))
        for name, what in columns:
            if isinstance(what, str):
                op.create_index(f"ix_{table}_{name}", table, [name])
    # Percentages of invoices had the kind of discounts that are amounts
    op.execute(
        "UPDATE invoice_lines SET kind = 'percent_discount'"
        " WHERE kind = 'discount' AND discount_percent IS NOT NULL"
    )
    with altered("expense_lines") as batch:
        batch.drop_column("billable")
    install(op.get_bind(), (*_CHANGED, *_NEW))


def downgrade() -> None:
    connection = op.get_bind()
    _forget_company_cursor()
    remove(connection, (*_CHANGED, *_NEW))
    op.execute("UPDATE invoice_lines SET kind = 'discount' WHERE kind = 'percent_discount'")
    with altered("expense_lines") as batch:
        batch.add_column(sa.Column("billable", sa.Boolean))
    for table, columns in _ADDED.items():
        with altered(table) as batch:
            for name, what in columns:
                if isinstance(what, str):
                    batch.drop_index(f"ix_{table}_{name}")
                    batch.drop_constraint(f"fk_{table}_{name}", type_="foreignkey")
                batch.drop_column(name)
    op.drop_table("receipt_files")
    for entry in reversed(_NEW):
        if entry.lines:
            op.drop_table(entry.lines)
        op.drop_table(entry.table)
    install(connection, _CHANGED)


def _forget_company_cursor() -> None:
    """Under this name stood when the company was last seen; now it is a record type's own."""
    op.execute("DELETE FROM cursors WHERE record_type = 'company'")


def _added(table: str, name: str, what: Any) -> sa.Column[Any]:
    if not isinstance(what, str):
        return sa.Column(name, what)
    key = sa.ForeignKey(f"{what}.id", name=f"fk_{table}_{name}")
    return sa.Column(name, sa.Integer, key)


def _refers(name: str, to: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(f"{to}.id"), index=True)


def _records(name: str, *content: sa.Column[Any]) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        *content,
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("deleted_at", UTCDateTime),
        sqlite_autoincrement=True,
    )


def _lines(name: str, parent: str, records: str, *content: sa.Column[Any]) -> None:
    owner = sa.ForeignKey(f"{records}.id", ondelete="CASCADE")
    op.create_table(
        name,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(f"{parent}_id", sa.Integer, owner, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        *content,
        sa.UniqueConstraint(f"{parent}_id", "position"),
        sqlite_autoincrement=True,
    )


def _new_tables() -> None:
    _records(
        "classes",
        sa.Column("name", sa.String(500)),
        _refers("parent_id", "classes"),
        sa.Column("active", sa.Boolean, server_default=sa.true()),
    )
    op.create_index("ix_classes_company_id_name", "classes", ["company_id", "name"])
    _records(
        "departments",
        sa.Column("name", sa.String(500)),
        _refers("parent_id", "departments"),
        sa.Column("active", sa.Boolean, server_default=sa.true()),
    )
    op.create_index("ix_departments_company_id_name", "departments", ["company_id", "name"])
    _records(
        "company_information",
        sa.Column("name", sa.String(4000)),
        sa.Column("legal_name", sa.String(4000)),
        sa.Column("email", sa.String(4000)),
        sa.Column("phone", sa.String(4000)),
        sa.Column("website", sa.String(4000)),
        sa.Column("address_line1", sa.String(4000)),
        sa.Column("address_line2", sa.String(4000)),
        sa.Column("address_city", sa.String(4000)),
        sa.Column("address_region", sa.String(4000)),
        sa.Column("address_postal_code", sa.String(4000)),
        sa.Column("country", sa.String(4000)),
        sa.Column("fiscal_year_starts_in", sa.String(4000)),
        sa.Column("currency", sa.String(3)),
    )
    _records(
        "transfers",
        _refers("from_account_id", "accounts"),
        _refers("to_account_id", "accounts"),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.Column("transferred_on", sa.Date),
        sa.Column("memo", sa.String(4000)),
        _refers("class_id", "classes"),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
    )
    _records(
        "journal_entries",
        sa.Column("number", sa.String(500)),
        sa.Column("entered_on", sa.Date),
        sa.Column("memo", sa.String(4000)),
        sa.Column("is_adjustment", sa.Boolean, server_default=sa.false()),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        sa.Column("tax_total", ExactDecimal(19, 5)),
    )
    _lines(
        "journal_entry_lines",
        "journal_entry",
        "journal_entries",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("posting", sa.String(40)),
        _refers("account_id", "accounts"),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.Column("description", sa.String(4000)),
        _refers("customer_id", "customers"),
        _refers("vendor_id", "vendors"),
        _refers("class_id", "classes"),
        _refers("department_id", "departments"),
        sa.Column("tax_code", sa.String(100)),
    )
    op.create_index(
        "ix_journal_entries_company_id_number", "journal_entries", ["company_id", "number"]
    )
    _records(
        "bills",
        sa.Column("number", sa.String(500)),
        _refers("vendor_id", "vendors"),
        sa.Column("issued_on", sa.Date),
        sa.Column("due_on", sa.Date),
        sa.Column("terms", sa.String(100)),
        sa.Column("memo", sa.String(4000)),
        _refers("payable_account_id", "accounts"),
        _refers("department_id", "departments"),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        sa.Column("tax_calculation", sa.String(40)),
        sa.Column("tax_total", ExactDecimal(19, 5)),
        sa.Column("total", ExactDecimal(19, 5)),
        sa.Column("home_total", ExactDecimal(19, 5)),
        sa.Column("balance", ExactDecimal(19, 5)),
        sa.Column("status", sa.String(40)),
    )
    _lines(
        "bill_lines",
        "bill",
        "bills",
        sa.Column("kind", sa.String(20), nullable=False),
        _refers("account_id", "accounts"),
        sa.Column("description", sa.String(4000)),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.Column("gross_amount", ExactDecimal(19, 5)),
        sa.Column("tax_code", sa.String(100)),
        _refers("customer_id", "customers"),
        sa.Column("billing", sa.String(40)),
        _refers("class_id", "classes"),
        _refers("item_id", "items"),
        sa.Column("quantity", ExactDecimal(19, 7)),
        sa.Column("unit_price", ExactDecimal(19, 7)),
    )
    op.create_index("ix_bills_company_id_number", "bills", ["company_id", "number"])
    _records(
        "credit_memos",
        sa.Column("number", sa.String(500)),
        _refers("customer_id", "customers"),
        sa.Column("issued_on", sa.Date),
        sa.Column("memo", sa.String(4000)),
        sa.Column("customer_message", sa.String(4000)),
        sa.Column("email", sa.String(500)),
        _refers("department_id", "departments"),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        sa.Column("tax_calculation", sa.String(40)),
        sa.Column("tax_code", sa.String(100)),
        sa.Column("tax_total", ExactDecimal(19, 5)),
        sa.Column("total", ExactDecimal(19, 5)),
        sa.Column("home_total", ExactDecimal(19, 5)),
        sa.Column("remaining", ExactDecimal(19, 5)),
        sa.Column("status", sa.String(40)),
    )
    _lines(
        "credit_memo_lines",
        "credit_memo",
        "credit_memos",
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.Column("tax_code", sa.String(100)),
        _refers("item_id", "items"),
        sa.Column("description", sa.String(4000)),
        sa.Column("quantity", ExactDecimal(19, 7)),
        sa.Column("unit_price", ExactDecimal(19, 7)),
        sa.Column("gross_amount", ExactDecimal(19, 5)),
        _refers("class_id", "classes"),
        sa.Column("service_on", sa.Date),
        sa.Column("discount_percent", ExactDecimal(19, 7)),
    )
    op.create_index("ix_credit_memos_company_id_number", "credit_memos", ["company_id", "number"])
    _records(
        "vendor_credits",
        sa.Column("number", sa.String(500)),
        _refers("vendor_id", "vendors"),
        sa.Column("issued_on", sa.Date),
        sa.Column("memo", sa.String(4000)),
        _refers("payable_account_id", "accounts"),
        _refers("department_id", "departments"),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        sa.Column("tax_calculation", sa.String(40)),
        sa.Column("tax_total", ExactDecimal(19, 5)),
        sa.Column("total", ExactDecimal(19, 5)),
        sa.Column("home_total", ExactDecimal(19, 5)),
        sa.Column("remaining", ExactDecimal(19, 5)),
    )
    _lines(
        "vendor_credit_lines",
        "vendor_credit",
        "vendor_credits",
        sa.Column("kind", sa.String(20), nullable=False),
        _refers("account_id", "accounts"),
        sa.Column("description", sa.String(4000)),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.Column("gross_amount", ExactDecimal(19, 5)),
        sa.Column("tax_code", sa.String(100)),
        _refers("customer_id", "customers"),
        sa.Column("billing", sa.String(40)),
        _refers("class_id", "classes"),
        _refers("item_id", "items"),
        sa.Column("quantity", ExactDecimal(19, 7)),
        sa.Column("unit_price", ExactDecimal(19, 7)),
    )
    op.create_index(
        "ix_vendor_credits_company_id_number", "vendor_credits", ["company_id", "number"]
    )
    _records(
        "bill_payments",
        sa.Column("number", sa.String(500)),
        _refers("vendor_id", "vendors"),
        sa.Column("paid_on", sa.Date),
        sa.Column("method", sa.String(40)),
        _refers("bank_account_id", "accounts"),
        _refers("card_account_id", "accounts"),
        sa.Column("memo", sa.String(4000)),
        _refers("department_id", "departments"),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.Column("status", sa.String(40)),
    )
    _lines(
        "bill_payment_applications",
        "bill_payment",
        "bill_payments",
        sa.Column("kind", sa.String(20), nullable=False),
        _refers("bill_id", "bills"),
        sa.Column("amount", ExactDecimal(19, 5)),
        _refers("vendor_credit_id", "vendor_credits"),
        sa.Column("reference", sa.String(4000)),
    )
    op.create_index("ix_bill_payments_company_id_number", "bill_payments", ["company_id", "number"])
    _records(
        "deposits",
        _refers("deposit_account_id", "accounts"),
        sa.Column("deposited_on", sa.Date),
        sa.Column("memo", sa.String(4000)),
        _refers("department_id", "departments"),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        _refers("cash_back_account_id", "accounts"),
        sa.Column("cash_back_amount", ExactDecimal(19, 5)),
        sa.Column("cash_back_memo", sa.String(4000)),
        sa.Column("total", ExactDecimal(19, 5)),
    )
    _lines(
        "deposit_lines",
        "deposit",
        "deposits",
        sa.Column("kind", sa.String(20), nullable=False),
        _refers("payment_id", "payments"),
        sa.Column("amount", ExactDecimal(19, 5)),
        _refers("account_id", "accounts"),
        sa.Column("description", sa.String(4000)),
        _refers("customer_id", "customers"),
        _refers("vendor_id", "vendors"),
        sa.Column("method", sa.String(100)),
        sa.Column("check_number", sa.String(500)),
        _refers("class_id", "classes"),
        sa.Column("reference", sa.String(4000)),
    )
    _records(
        "receipts",
        sa.Column("file_name", sa.String(500)),
        _refers("expense_id", "expenses"),
        _refers("bill_id", "bills"),
        _refers("vendor_credit_id", "vendor_credits"),
        sa.Column("content_type", sa.String(100)),
        sa.Column("size", ExactDecimal(19, 7)),
        sa.Column("note", sa.String(4000)),
        sa.Column("sha256", sa.String(64)),
    )
    op.create_index("ix_receipts_company_id_sha256", "receipts", ["company_id", "sha256"])
    op.create_table(
        "receipt_files",
        sa.Column(
            "receipt_id",
            sa.Integer,
            sa.ForeignKey("receipts.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
