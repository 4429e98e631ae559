"""Tables of refund receipts, and the deposits that take them along.

Revision: 0007, after 0006. Deposits are read anew from QuickBooks: what they took along of refund
receipts was told by its id only, and refers to a record now.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from models.tables.rebuilding import altered
from models.tables.triggers import Logged, install, remove
from models.tables.types import ExactDecimal, UTCDateTime, utc_now

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DEPOSIT = Logged("deposit", "deposits", "deposit_lines", "deposit_id")
_REFUND_RECEIPT = Logged(
    "refund_receipt", "refund_receipts", "refund_receipt_lines", "refund_receipt_id"
)
_COLUMN = "refund_receipt_id"


def upgrade() -> None:
    connection = op.get_bind()
    # a table that is rebuilt loses them
    remove(connection, (_DEPOSIT,))
    _new_tables()
    with altered("deposit_lines") as batch:
        key = sa.ForeignKey("refund_receipts.id", name=f"fk_deposit_lines_{_COLUMN}")
        batch.add_column(sa.Column(_COLUMN, sa.Integer, key))
    op.create_index(f"ix_deposit_lines_{_COLUMN}", "deposit_lines", [_COLUMN])
    _forget_deposits()
    install(connection, (_DEPOSIT, _REFUND_RECEIPT))


def downgrade() -> None:
    connection = op.get_bind()
    remove(connection, (_DEPOSIT, _REFUND_RECEIPT))
    _forget_deposits()
    with altered("deposit_lines") as batch:
        batch.drop_index(f"ix_deposit_lines_{_COLUMN}")
        batch.drop_constraint(f"fk_deposit_lines_{_COLUMN}", type_="foreignkey")
        batch.drop_column(_COLUMN)
    op.drop_table("refund_receipt_lines")
    op.drop_table("refund_receipts")
    install(connection, (_DEPOSIT,))


def _forget_deposits() -> None:
    """Have them all read again, whatever version of them was seen."""
    op.execute("DELETE FROM cursors WHERE record_type = 'deposit' AND side = 'quickbooks'")
    op.execute("UPDATE links SET quickbooks_version = NULL WHERE record_type = 'deposit'")


def _refers(name: str, to: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(f"{to}.id"), index=True)


def _new_tables() -> None:
    op.create_table(
        "refund_receipts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("company_id", sa.Integer, sa.ForeignKey("companies.id"), nullable=False),
        sa.Column("number", sa.String(500)),
        _refers("customer_id", "customers"),
        sa.Column("refunded_on", sa.Date),
        sa.Column("reference", sa.String(500)),
        sa.Column("memo", sa.String(4000)),
        sa.Column("customer_message", sa.String(4000)),
        sa.Column("email", sa.String(500)),
        sa.Column("method", sa.String(100)),
        _refers("payment_account_id", "accounts"),
        _refers("department_id", "departments"),
        sa.Column("currency", sa.String(3)),
        sa.Column("exchange_rate", ExactDecimal(19, 7)),
        sa.Column("tax_calculation", sa.String(40)),
        sa.Column("tax_code", sa.String(100)),
        sa.Column("tax_total", ExactDecimal(19, 5)),
        sa.Column("total", ExactDecimal(19, 5)),
        sa.Column("home_total", ExactDecimal(19, 5)),
        sa.Column("status", sa.String(40)),
        sa.Column("version", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("created_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("updated_at", UTCDateTime, nullable=False, server_default=utc_now()),
        sa.Column("deleted_at", UTCDateTime),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_refund_receipts_company_id_number", "refund_receipts", ["company_id", "number"]
    )
    owner = sa.ForeignKey("refund_receipts.id", ondelete="CASCADE")
    op.create_table(
        "refund_receipt_lines",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(_COLUMN, sa.Integer, owner, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
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
        sa.UniqueConstraint(_COLUMN, "position"),
        sqlite_autoincrement=True,
    )
