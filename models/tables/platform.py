"""The platform's finance and spend module: the tables that its users and other programs write.

These tables are given, not ours: anything may stand in them, so they carry keys and indexes but no
CHECKs on amounts, and most columns may be NULL. The sync reads them through `types.raw_columns` and
parks what it cannot use.

Record types that came later have tables that follow from their declaration (`record_tables`).

Every record table has the same bookkeeping columns. Triggers (triggers.py) keep `version` and
`updated_at` and write `change_log`, for raw SQL too. Lines belong to their record: changing one is
a change of the record.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    false,
    true,
)

from models.tables.shapes import amount, created_at, factor, lines_of, metadata, records, updated_at
from models.tables.types import UTCDateTime

companies = Table(
    "companies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(500), nullable=False),
    Column("currency", String(3), nullable=False),
    created_at(),
    updated_at(),
    sqlite_autoincrement=True,
)

accounts = records(
    "accounts",
    Column("number", String(20)),
    Column("name", String(100), nullable=False),
    Column("type", String(40), nullable=False),
    Column("subtype", String(80)),
    Column("description", String(4000)),
    Column("parent_id", ForeignKey("accounts.id")),
    Column("currency", String(3)),
    Column("active", Boolean, nullable=False, server_default=true()),
    amount("balance"),
    Index(None, "company_id", "number"),
    Index(None, "company_id", "name"),
    Index(None, "parent_id"),
)

customers = records(
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
    amount("balance"),
    Index(None, "company_id", "name"),
    Index(None, "parent_id"),
)

vendors = records(
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
    amount("balance"),
    Index(None, "company_id", "name"),
)

items = records(
    "items",
    Column("name", String(100), nullable=False),
    #: service, non_inventory, inventory, bundle or category
    Column("kind", String(20), nullable=False),
    Column("sku", String(100)),
    Column("description", String(4000)),
    Column("purchase_description", String(4000)),
    factor("unit_price"),
    factor("purchase_cost"),
    Column("income_account_id", ForeignKey("accounts.id")),
    Column("expense_account_id", ForeignKey("accounts.id")),
    Column("asset_account_id", ForeignKey("accounts.id")),
    Column("taxable", Boolean),
    Column("active", Boolean, nullable=False, server_default=true()),
    Index(None, "company_id", "name"),
    Index(None, "company_id", "sku"),
)

invoices = records(
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
    Column("shipped_on", Date),
    Column("tracking_number", String(40)),
    Column("department_id", ForeignKey("departments.id"), index=True),
    Column("currency", String(3)),
    factor("exchange_rate"),
    Column("tax_calculation", String(20)),
    Column("tax_code", String(40)),
    amount("tax_total"),
    amount("total"),
    amount("home_total"),
    amount("deposit"),
    amount("balance"),
    Column("status", String(20), nullable=False, server_default="open"),
    Index(None, "company_id", "number"),
    Index(None, "company_id", "issued_on"),
    Index(None, "customer_id"),
)

invoice_lines = lines_of(
    "invoice_lines",
    "invoice",
    "invoices",
    Column("kind", String(20), nullable=False),
    Column("item_id", ForeignKey("items.id")),
    Column("description", String(4000)),
    factor("quantity"),
    factor("unit_price"),
    amount("amount"),
    amount("gross_amount"),
    Column("tax_code", String(40)),
    Column("class_id", ForeignKey("classes.id"), index=True),
    factor("discount_percent"),
    Column("service_on", Date),
    Index(None, "item_id"),
)

payments = records(
    "payments",
    Column("customer_id", ForeignKey("customers.id")),
    Column("received_on", Date),
    Column("reference", String(21)),
    Column("memo", String(4000)),
    amount("amount"),
    amount("unapplied_amount"),
    Column("currency", String(3)),
    factor("exchange_rate"),
    Column("method", String(40)),
    Column("deposit_account_id", ForeignKey("accounts.id")),
    Column("status", String(20)),
    Index(None, "company_id", "reference"),
    Index(None, "company_id", "received_on"),
    Index(None, "customer_id"),
)

payment_applications = lines_of(
    "payment_applications",
    "payment",
    "payments",
    Column("kind", String(20), nullable=False),
    Column("invoice_id", ForeignKey("invoices.id")),
    Column("credit_memo_id", ForeignKey("credit_memos.id"), index=True),
    Column("reference", String(40)),
    amount("amount"),
    Index(None, "invoice_id"),
)

expenses = records(
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
    Column("department_id", ForeignKey("departments.id"), index=True),
    Column("currency", String(3)),
    factor("exchange_rate"),
    Column("tax_calculation", String(20)),
    amount("tax_total"),
    amount("total"),
    amount("home_total"),
    #: submitted, approved, posted, reimbursed or rejected
    Column("status", String(20), nullable=False, server_default="submitted"),
    #: E-mail address of the employee.
    Column("submitted_by", String(320)),
    #: The bill that it was posted as, and the expense's version that the bill was made from.
    Column("bill_id", ForeignKey("bills.id"), index=True),
    Column("billed_version", Integer),
    Index(None, "company_id", "number"),
    Index(None, "company_id", "spent_on"),
    Index(None, "payee_vendor_id"),
)

expense_lines = lines_of(
    "expense_lines",
    "expense",
    "expenses",
    Column("kind", String(20), nullable=False),
    Column("account_id", ForeignKey("accounts.id")),
    Column("item_id", ForeignKey("items.id")),
    Column("customer_id", ForeignKey("customers.id")),
    Column("description", String(4000)),
    factor("quantity"),
    factor("unit_price"),
    amount("amount"),
    amount("gross_amount"),
    Column("tax_code", String(40)),
    #: billable, not_billable or billed
    Column("billing", String(20)),
    Column("class_id", ForeignKey("classes.id"), index=True),
    Index(None, "account_id"),
    Index(None, "item_id"),
)

receipts = records(
    "receipts",
    Column("file_name", String(500)),
    Column("expense_id", ForeignKey("expenses.id"), index=True),
    Column("bill_id", ForeignKey("bills.id"), index=True),
    Column("vendor_credit_id", ForeignKey("vendor_credits.id"), index=True),
    Column("content_type", String(100)),
    #: Bytes.
    factor("size"),
    Column("note", String(4000)),
    #: Of the file, in hexadecimal; NULL while the file is not there yet.
    Column("sha256", String(64)),
    Index(None, "company_id", "sha256"),
)

#: The files of receipts, apart from them: a receipt is read often, its file once.
receipt_files = Table(
    "receipt_files",
    metadata,
    Column("receipt_id", ForeignKey("receipts.id", ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
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
