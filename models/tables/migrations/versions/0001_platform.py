"""The platform's finance and spend tables, and the log of their changes.

Revision: 0001, after nothing.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from models.tables import triggers
from models.tables.triggers import Logged
from models.tables.types import ExactDecimal, UTCDateTime, utc_now

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

#: What this revision logs; later revisions bring their own.
LOGGED = (
    Logged("account", "accounts"),
    Logged("customer", "customers"),
    Logged("vendor", "vendors"),
    Logged("item", "items"),
    Logged("invoice", "invoices", "invoice_lines", "invoice_id"),
    Logged("payment", "payments", "payment_applications", "payment_id"),
    Logged("expense", "expenses", "expense_lines", "expense_id"),
)


def upgrade() -> None:
    _change_log()
    _companies()
    _accounts()
    _customers()
    _vendors()
    _expenses()
    _invoices()
    _items()
    _payments()
    _expense_lines()
    _invoice_lines()
    _payment_applications()
    triggers.install(op.get_bind(), LOGGED)


def downgrade() -> None:
    triggers.remove(op.get_bind(), LOGGED)
    triggers.remove_functions(op.get_bind())
    op.drop_table("payment_applications")
    op.drop_table("invoice_lines")
    op.drop_table("expense_lines")
    op.drop_table("payments")
    op.drop_table("items")
    op.drop_table("invoices")
    op.drop_table("expenses")
    op.drop_table("vendors")
    op.drop_table("customers")
    op.drop_table("accounts")
    op.drop_table("companies")
    op.drop_table("change_log")


def _change_log() -> None:
    op.create_table(
        "change_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("company_id", sa.Integer, nullable=False),
        sa.Column("record_type", sa.String(40), nullable=False),
        sa.Column("record_id", sa.Integer, nullable=False),
        sa.Column("operation", sa.String(10), nullable=False),
        sa.Column("transaction_id", sa.BigInteger, nullable=False),
        sa.Column("changed_at", UTCDateTime, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_change_log_company_id_transaction_id_id",
        "change_log",
        ["company_id", "transaction_id", "id"],
    )


def _companies() -> None:
    op.create_table(
        "companies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sqlite_autoincrement=True,
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("number", sa.String(20)),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("subtype", sa.String(80)),
        sa.Column("description", sa.String(4000)),
        sa.Column("parent_id", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("currency", sa.String(3)),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("balance", ExactDecimal(19, 5)),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("deleted_at", UTCDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_accounts_company_id_name", "accounts", ["company_id", "name"])
    op.create_index("ix_accounts_company_id_number", "accounts", ["company_id", "number"])
    op.create_index("ix_accounts_parent_id", "accounts", ["parent_id"])


def _customers() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("company_name", sa.String(500)),
        sa.Column("given_name", sa.String(100)),
        sa.Column("family_name", sa.String(100)),
        sa.Column("email", sa.String(320)),
        sa.Column("phone", sa.String(40)),
        sa.Column("notes", sa.String(4000)),
        sa.Column("parent_id", sa.Integer, sa.ForeignKey("customers.id")),
        sa.Column("billing_line1", sa.String(500)),
        sa.Column("billing_line2", sa.String(500)),
        sa.Column("billing_city", sa.String(255)),
        sa.Column("billing_region", sa.String(255)),
        sa.Column("billing_postal_code", sa.String(40)),
        sa.Column("billing_country", sa.String(255)),
        sa.Column("currency", sa.String(3)),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("balance", ExactDecimal(19, 5)),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("deleted_at", UTCDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_customers_company_id_name", "customers", ["company_id", "name"])
    op.create_index("ix_customers_parent_id", "customers", ["parent_id"])


def _vendors() -> None:
    op.create_table(
        "vendors",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("company_name", sa.String(500)),
        sa.Column("given_name", sa.String(100)),
        sa.Column("family_name", sa.String(100)),
        sa.Column("email", sa.String(320)),
        sa.Column("phone", sa.String(40)),
        sa.Column("account_number", sa.String(100)),
        sa.Column("currency", sa.String(3)),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("balance", ExactDecimal(19, 5)),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("deleted_at", UTCDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_vendors_company_id_name", "vendors", ["company_id", "name"])


def _expenses() -> None:
    op.create_table(
        "expenses",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("number", sa.String(21)),
        sa.Column("payee_vendor_id", sa.Integer, sa.ForeignKey("vendors.id")),
        sa.Column("payee_customer_id", sa.Integer, sa.ForeignKey("customers.id")),
        sa.Column("payee_name", sa.String(500)),
        sa.Column("payment_account_id", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("payment_method", sa.String(20), nullable=False),
        sa.Column("is_refund", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("spent_on", sa.Date),
        sa.Column("memo", sa.String(4000)),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        sa.Column("total", ExactDecimal(19, 5)),
        sa.Column("status", sa.String(20), nullable=False, server_default="submitted"),
        sa.Column("submitted_by", sa.String(320)),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("deleted_at", UTCDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_expenses_company_id_number", "expenses", ["company_id", "number"])
    op.create_index("ix_expenses_company_id_spent_on", "expenses", ["company_id", "spent_on"])
    op.create_index("ix_expenses_payee_vendor_id", "expenses", ["payee_vendor_id"])


def _invoices() -> None:
    op.create_table(
        "invoices",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("number", sa.String(21)),
        sa.Column("customer_id", sa.Integer, sa.ForeignKey("customers.id")),
        sa.Column("issued_on", sa.Date),
        sa.Column("due_on", sa.Date),
        sa.Column("terms", sa.String(40)),
        sa.Column("memo", sa.String(4000)),
        sa.Column("customer_message", sa.String(1000)),
        sa.Column("email", sa.String(320)),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        sa.Column("tax_code", sa.String(40)),
        sa.Column("tax_total", ExactDecimal(19, 5)),
        sa.Column("total", ExactDecimal(19, 5)),
        sa.Column("balance", ExactDecimal(19, 5)),
        sa.Column("status", sa.String(20), nullable=False, server_default="open"),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("deleted_at", UTCDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_invoices_company_id_issued_on", "invoices", ["company_id", "issued_on"])
    op.create_index("ix_invoices_company_id_number", "invoices", ["company_id", "number"])
    op.create_index("ix_invoices_customer_id", "invoices", ["customer_id"])


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("sku", sa.String(100)),
        sa.Column("description", sa.String(4000)),
        sa.Column("purchase_description", sa.String(4000)),
        sa.Column("unit_price", ExactDecimal(19, 7)),
        sa.Column("purchase_cost", ExactDecimal(19, 7)),
        sa.Column("income_account_id", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("expense_account_id", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("asset_account_id", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("taxable", sa.Boolean),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("deleted_at", UTCDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_items_company_id_name", "items", ["company_id", "name"])
    op.create_index("ix_items_company_id_sku", "items", ["company_id", "sku"])


def _payments() -> None:
    op.create_table(
        "payments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("customer_id", sa.Integer, sa.ForeignKey("customers.id")),
        sa.Column("received_on", sa.Date),
        sa.Column("reference", sa.String(21)),
        sa.Column("memo", sa.String(4000)),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.Column("unapplied_amount", ExactDecimal(19, 5)),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        sa.Column("method", sa.String(40)),
        sa.Column("deposit_account_id", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("deleted_at", UTCDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_payments_company_id_received_on", "payments", ["company_id", "received_on"])
    op.create_index("ix_payments_company_id_reference", "payments", ["company_id", "reference"])
    op.create_index("ix_payments_customer_id", "payments", ["customer_id"])


def _expense_lines() -> None:
    op.create_table(
        "expense_lines",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "expense_id",
            sa.Integer,
            sa.ForeignKey("expenses.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("account_id", sa.Integer, sa.ForeignKey("accounts.id")),
        sa.Column("item_id", sa.Integer, sa.ForeignKey("items.id")),
        sa.Column("customer_id", sa.Integer, sa.ForeignKey("customers.id")),
        sa.Column("description", sa.String(4000)),
        sa.Column("quantity", ExactDecimal(19, 7)),
        sa.Column("unit_price", ExactDecimal(19, 7)),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.Column("tax_code", sa.String(40)),
        sa.Column("billable", sa.Boolean),
        sa.UniqueConstraint("expense_id", "position"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_expense_lines_account_id", "expense_lines", ["account_id"])
    op.create_index("ix_expense_lines_item_id", "expense_lines", ["item_id"])


def _invoice_lines() -> None:
    op.create_table(
        "invoice_lines",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "invoice_id",
            sa.Integer,
            sa.ForeignKey("invoices.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("item_id", sa.Integer, sa.ForeignKey("items.id")),
        sa.Column("description", sa.String(4000)),
        sa.Column("quantity", ExactDecimal(19, 7)),
        sa.Column("unit_price", ExactDecimal(19, 7)),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.Column("tax_code", sa.String(40)),
        sa.Column("discount_percent", ExactDecimal(19, 7)),
        sa.Column("service_on", sa.Date),
        sa.UniqueConstraint("invoice_id", "position"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_invoice_lines_item_id", "invoice_lines", ["item_id"])


def _payment_applications() -> None:
    op.create_table(
        "payment_applications",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "payment_id",
            sa.Integer,
            sa.ForeignKey("payments.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("invoice_id", sa.Integer, sa.ForeignKey("invoices.id")),
        sa.Column("reference", sa.String(40)),
        sa.Column("amount", ExactDecimal(19, 5)),
        sa.UniqueConstraint("payment_id", "position"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_payment_applications_invoice_id", "payment_applications", ["invoice_id"])
