"""What the application's role may do on PostgreSQL: its work, and nothing to the audit log but add.

Triggers refuse changes of the log to everybody, but the owner of a table can take its triggers
away. So the application runs as another role than the one that owns the tables and migrates.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, text

from connectors.database import reading
from models.errors import UsageError
from models.tables import metadata

#: Tables on which the application may do less than everything.
_LESS: Final = {
    "audit_entries": "SELECT, INSERT",
    "audit_heads": "SELECT, INSERT, UPDATE",
    "audit_checkpoints": "SELECT, INSERT, UPDATE",
    "audit_anchors": "SELECT",
    "alembic_version": "SELECT",
}
_WORK: Final = "SELECT, INSERT, UPDATE, DELETE"
#: What numbers the rows of tables.
_SEQUENCES: Final = """
SELECT sequence.relname
FROM pg_class AS sequence
JOIN pg_depend ON pg_depend.objid = sequence.oid
JOIN pg_class AS owner ON owner.oid = pg_depend.refobjid
WHERE sequence.relkind = 'S'
  AND owner.relnamespace = current_schema()::regnamespace
  AND owner.relname = ANY(:tables)
ORDER BY sequence.relname
"""


def grants(engine: Engine, role: str) -> list[str]:
    """The statements that give a role what the sync needs, and take away all else.

    They are for the owner of the tables, and right whenever the schema is the newest.

    Raises:
        UsageError: not on PostgreSQL, no such role, or one that could do everything anyway.
    """
    if engine.dialect.name != "postgresql":
        raise UsageError("roles are PostgreSQL's; on SQLite the file's permissions are what counts")
    with reading(engine).connect() as connection:
        _check_role(connection, role)
        return _statements(connection, role)


def apply(engine: Engine, role: str) -> list[str]:
    """Run the statements as the role that owns the tables, all or nothing, and look at the effect.

    Raises:
        UsageError: as `grants`; or this role is not the owner.
    """
    statements = grants(engine, role)
    with engine.begin() as connection:
        _check_owner(connection)
        for statement in statements:
            connection.exec_driver_sql(statement)
        _check_effect(connection, role)
    return statements


def _statements(connection: Connection, role: str) -> list[str]:
    """Only our own tables are touched: other programs may keep theirs in the same schema."""
    quoted = connection.dialect.identifier_preparer.quote_identifier
    to = quoted(role)
    schema = quoted(str(connection.scalar(text("SELECT current_schema()"))))
    names = [*sorted(metadata.tables), "alembic_version"]
    statements = [f"GRANT USAGE ON SCHEMA {schema} TO {to}"]
    for name in names:
        table = f"{schema}.{quoted(name)}"
        # What everybody may do, the application may do as well
        revoked = f"PUBLIC, {to}" if name in _LESS else to
        statements.append(f"REVOKE ALL ON {table} FROM {revoked}")
        statements.append(f"GRANT {_LESS.get(name, _WORK)} ON {table} TO {to}")
    sequences = connection.scalars(text(_SEQUENCES), {"tables": names})
    return statements + [
        f"GRANT USAGE, SELECT ON SEQUENCE {schema}.{quoted(name)} TO {to}" for name in sequences
    ]


def _check_role(connection: Connection, role: str) -> None:
    row = connection.execute(
        text("SELECT rolsuper, oid FROM pg_roles WHERE rolname = :role"), {"role": role}
    ).first()
    if row is None:
        raise UsageError(
            f"there is no role {role!r}; make it as an administrator with CREATE ROLE ... LOGIN"
        )
    owner = _owner(connection)
    # A superuser is a member of every role, too
    is_owner = connection.scalar(
        text("SELECT pg_has_role(:role, :owner, 'MEMBER')"), {"role": role, "owner": owner}
    )
    if is_owner:
        raise UsageError(
            f"role {role!r} is, or can become, {owner}, who owns the tables and can take their "
            "triggers away; use a role of its own for the application"
        )


def _check_owner(connection: Connection) -> None:
    owner = _owner(connection)
    if not connection.scalar(text("SELECT pg_has_role(:owner, 'USAGE')"), {"owner": owner}):
        raise UsageError(
            f"the tables belong to {owner}; run this with QBSYNC_DATABASE_URL naming {owner}"
        )


def _owner(connection: Connection) -> str:
    owner = connection.scalar(
        text("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'audit_entries'::regclass")
    )
    return str(owner)


def _check_effect(connection: Connection, role: str) -> None:
    """What the role may do to the log now, however it came to it: by itself or through others."""
    of_columns = ("SELECT", "INSERT", "UPDATE")
    may = {
        privilege
        for privilege in (*of_columns, "DELETE", "TRUNCATE", "TRIGGER")
        if connection.scalar(
            text(
                f"SELECT has_{'any_column' if privilege in of_columns else 'table'}_privilege("
                "CAST(:role AS name), 'audit_entries', :privilege)"
            ),
            {"role": role, "privilege": privilege},
        )
    }
    if may != {"SELECT", "INSERT"}:
        raise UsageError(
            f"role {role!r} could still {', '.join(sorted(may - {'SELECT', 'INSERT'}))} "
            "audit_entries through another role; take it out of that role, then run this again"
        )
