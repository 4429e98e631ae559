"""Runs the migrations on the connection that the caller gives (connectors.database.migrate).

There is no ini file and no second way to connect. The transaction is the caller's too, so a
migration happens as a whole or not at all, on SQLite as well.

To write a new one, copy the newest file in versions/ and raise its number: revisions are numbers in
one line, and the file's name starts with it. Change tables by models.tables.rebuilding.altered
and call models.tables.triggers.install afterwards: rebuilding a table on SQLite loses its triggers.
"""

from __future__ import annotations

from alembic import context

from models.tables import metadata

connection = context.config.attributes["connection"]
assert connection is not None, "migrations run through connectors.database.migrate only"
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
