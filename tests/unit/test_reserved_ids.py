"""Ids that are given to new rows of SQLite are those that SQLite would give."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, delete, insert, select

from connectors.database import reserved_ids


@pytest.mark.parametrize("never_twice", [True, False])
@pytest.mark.parametrize("deleted", [[], [2], [3], [2, 3], [1, 2, 3]])
def test_they_are_those_that_sqlite_gives_next(deleted: list[int], *, never_twice: bool) -> None:
    """Also where the last rows are gone: an AUTOINCREMENT table gives no id twice."""
    table = Table(
        "rows",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("value", Integer),
        sqlite_autoincrement=never_twice,
    )
    engine = create_engine("sqlite://")
    with engine.begin() as transaction:
        table.metadata.create_all(transaction)
        assert list(reserved_ids(transaction, table, 3) or ()) == [1, 2, 3]
        transaction.execute(insert(table), [{"value": each} for each in (1, 2, 3)])
        transaction.execute(delete(table).where(table.c.id.in_(deleted)))
        ours = reserved_ids(transaction, table, 2)
        assert ours is not None
        savepoint = transaction.begin_nested()
        transaction.execute(insert(table), [{"value": 4}, {"value": 5}])
        theirs = select(table.c.id).where(table.c.value > 3).order_by(table.c.value)
        assert list(ours) == list(transaction.scalars(theirs))
        savepoint.rollback()
        transaction.execute(insert(table), [{"id": each, "value": each} for each in ours])
        transaction.execute(delete(table))
        following = reserved_ids(transaction, table, 1)
        assert following == (range(ours[-1] + 1, ours[-1] + 2) if never_twice else range(1, 2))
