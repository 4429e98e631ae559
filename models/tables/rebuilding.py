"""Changing a table in a migration, without losing on SQLite what rebuilding it loses.

SQLite changes most things by making the table anew (op.batch_alter_table): it then no longer counts
ids by itself, and would give out again those of deleted rows, so that a link to a deleted record
found another one. Triggers are for the migration to `triggers.install` afterwards.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from alembic import op
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.operations import BatchOperations


@contextmanager
def altered(table: str) -> Iterator[BatchOperations]:
    """A batch of changes to a table of ours; ids go on where they were."""
    connection = op.get_bind()
    counts = connection.dialect.name == "sqlite"
    name = {"name": table}
    last = None
    if counts:
        last = connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :name"), name)
    with op.batch_alter_table(table, table_kwargs={"sqlite_autoincrement": True}) as batch:
        yield batch
    if counts and last is not None:
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), name)
        add = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)")
        connection.execute(add, {**name, "last": last})
