"""Triggers: the change log, versions, and an audit log that takes inserts only.

Other programs write the platform's tables by raw SQL, so only the database itself can see every
change. For each record table, on both databases:

* INSERT, UPDATE and DELETE of a record put one row into `change_log`.
* An UPDATE that leaves `version` as it is raises it by one, and one that leaves `updated_at` as it
  is sets it to now. What the writer set itself stands. So each logged update has a new version,
  which is what the sync's compare-and-swap looks at.
* An INSERT, UPDATE or DELETE of a line counts as an update of its record. Where the record is gone
  (its delete cascades to the lines) nothing happens.
* An UPDATE that sets nothing but `updated_at` is no change and is not logged.

Reading the log
---------------
A cursor on `id` alone would skip changes on PostgreSQL: ids are given out when a row is written,
not when it is committed, so a slow transaction shows a low id late. Therefore each row has its
`transaction_id`, and a reader takes only what no running transaction can still precede, in an order
that never changes:

    SELECT ... FROM change_log
    WHERE company_id = :company_id
      AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      AND (transaction_id, id) > (:transaction_id, :id)      -- the cursor
    ORDER BY transaction_id, id

So a change waits for the oldest transaction that is still writing, and one that stays open delays
all. On SQLite writers queue, all transaction ids are 0, the condition on them is left out and the
rest works as it is. Transaction ids start again in a database that was made from a dump: a
cursor that lies ahead of them all is taken for none there, and everything is read (`knows`).

Writing compare-and-swap
------------------------
Say `SET version = version + 1 ... WHERE version = :seen` rather than leave it to the trigger: on
SQLite RETURNING shows the row before triggers.

The triggers name the columns that they watch. A migration that adds a column to a record table, or
that brings a change made here to databases that exist already, calls `install` (a test compares the
triggers with the tables).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect

from models.tables.record_tables import RECORD_TABLES, RecordTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: What a refused change of the audit log says.
AUDIT_REFUSAL: Final = "the audit log takes inserts only"

#: Setting this column alone is no change.
_SILENT_COLUMN: Final = "updated_at"


@dataclass(frozen=True)
class Logged:
    """A record table whose changes go to the change log, by names only.

    Migrations use it too, and those must not move with today's tables.
    """

    record_type: str
    table: str
    #: Its table of lines and the column there that names the record; "" where it has none.
    lines: str = ""
    parent: str = ""


@dataclass(frozen=True)
class Trigger:
    """One trigger; as a template, ${words} stand for what `filled` is given."""

    name: str
    #: The table that it is on.
    table: str
    #: What follows its name in CREATE TRIGGER.
    body: str

    @property
    def create(self) -> str:
        """The statement that makes it."""
        return f"CREATE TRIGGER {self.name} {self.body}"

    def drop(self, dialect_name: str) -> str:
        """The statement that removes it where it exists."""
        on_table = f" ON {self.table}" if dialect_name == "postgresql" else ""
        return f"DROP TRIGGER IF EXISTS {self.name}{on_table}"

    def filled(self, **words: str) -> Trigger:
        """Return this template with its words filled in."""
        parts = (self.name, self.table, self.body)
        return Trigger(*(Template(part).substitute(words) for part in parts))


def logged(place: RecordTable) -> Logged:
    """What is logged of a record type."""
    lines = "" if place.lines is None else place.lines.name
    parent = "" if place.lines is None else place.line_parent.name
    return Logged(place.record_type, place.table.name, lines, parent)


#: What is logged today.
LOGGED: Final = tuple(logged(place) for place in RECORD_TABLES.values())

_SQLITE_NOW: Final = "strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'"

# _version raises the version where the writer did not; _update logs whenever the version changes.
# So there is one log row per updated row, in whatever order the two fire, and neither can call
# itself, whether the connection has recursive triggers on or off.
_SQLITE_RECORD: Final[tuple[Trigger, ...]] = (
    Trigger(
        "${table}_insert",
        "${table}",
        """AFTER INSERT ON ${table} BEGIN
  INSERT INTO change_log
    (company_id, record_type, record_id, operation, transaction_id, changed_at)
  VALUES (NEW.company_id, '${record_type}', NEW.id, 'insert', 0, ${now});
END""",
    ),
    Trigger(
        "${table}_version",
        "${table}",
        """AFTER UPDATE OF ${columns} ON ${table}
WHEN NEW.version IS OLD.version BEGIN
  UPDATE ${table} SET version = OLD.version + 1 WHERE id = NEW.id;
  UPDATE ${table} SET updated_at = NEW.updated_at
  WHERE id = NEW.id AND NEW.updated_at IS NOT OLD.updated_at;
END""",
    ),
    Trigger(
        "${table}_update",
        "${table}",
        """AFTER UPDATE OF version ON ${table}
WHEN NEW.version IS NOT OLD.version BEGIN
  INSERT INTO change_log
    (company_id, record_type, record_id, operation, transaction_id, changed_at)
  VALUES (NEW.company_id, '${record_type}', NEW.id, 'update', 0, ${now});
  UPDATE ${table} SET updated_at = ${now}
  WHERE id = NEW.id AND NEW.updated_at IS OLD.updated_at;
END""",
    ),
    Trigger(
        "${table}_delete",
        "${table}",
        """AFTER DELETE ON ${table} BEGIN
  INSERT INTO change_log
    (company_id, record_type, record_id, operation, transaction_id, changed_at)
  VALUES (OLD.company_id, '${record_type}', OLD.id, 'delete', 0, ${now});
END""",
    ),
)

_SQLITE_LINES: Final[tuple[Trigger, ...]] = (
    Trigger(
        "${lines}_insert",
        "${lines}",
        """AFTER INSERT ON ${lines} BEGIN
  UPDATE ${table} SET version = version + 1 WHERE id = NEW.${parent};
END""",
    ),
    Trigger(
        "${lines}_update",
        "${lines}",
        """AFTER UPDATE ON ${lines} BEGIN
  UPDATE ${table} SET version = version + 1 WHERE id IN (OLD.${parent}, NEW.${parent});
END""",
    ),
    Trigger(
        "${lines}_delete",
        "${lines}",
        """AFTER DELETE ON ${lines} BEGIN
  UPDATE ${table} SET version = version + 1 WHERE id = OLD.${parent};
END""",
    ),
)

# INSERT OR REPLACE deletes without firing delete triggers, so an existing entry is refused first
_SQLITE_AUDIT: Final[tuple[Trigger, ...]] = (
    Trigger(
        "audit_entries_no_update",
        "audit_entries",
        """BEFORE UPDATE ON audit_entries BEGIN
  SELECT RAISE(ABORT, '${refusal}');
END""",
    ),
    Trigger(
        "audit_entries_no_delete",
        "audit_entries",
        """BEFORE DELETE ON audit_entries BEGIN
  SELECT RAISE(ABORT, '${refusal}');
END""",
    ),
    Trigger(
        "audit_entries_no_replace",
        "audit_entries",
        """BEFORE INSERT ON audit_entries
WHEN EXISTS (
  SELECT 1 FROM audit_entries WHERE connection_id = NEW.connection_id AND number = NEW.number
) BEGIN
  SELECT RAISE(ABORT, '${refusal}');
END""",
    ),
)

# Each function keeps the search path of its creation: whoever writes may have another one
_POSTGRESQL_FUNCTIONS: Final = {
    "qbsync_keep_version": """
CREATE OR REPLACE FUNCTION qbsync_keep_version() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
BEGIN
  IF NEW.version IS NOT DISTINCT FROM OLD.version THEN
    NEW.version := OLD.version + 1;
  END IF;
  IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
    NEW.updated_at := clock_timestamp();
  END IF;
  RETURN NEW;
END
$body$""",
    "qbsync_log_change": """
CREATE OR REPLACE FUNCTION qbsync_log_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
DECLARE
  changed record;
BEGIN
  IF TG_OP = 'DELETE' THEN
    changed := OLD;
  ELSE
    changed := NEW;
  END IF;
  INSERT INTO change_log
    (company_id, record_type, record_id, operation, transaction_id, changed_at)
  VALUES (changed.company_id, TG_ARGV[0], changed.id, lower(TG_OP),
    pg_current_xact_id()::text::bigint, clock_timestamp());
  RETURN NULL;
END
$body$""",
    "qbsync_line_changed": """
CREATE OR REPLACE FUNCTION qbsync_line_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
DECLARE
  parent_before bigint;
  parent_after bigint;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    parent_before := to_jsonb(OLD) ->> TG_ARGV[1];
  END IF;
  IF TG_OP <> 'DELETE' THEN
    parent_after := to_jsonb(NEW) ->> TG_ARGV[1];
  END IF;
  EXECUTE 'UPDATE ' || quote_ident(TG_ARGV[0])
    || ' SET version = version + 1 WHERE id IN ($1, $2)'
    USING parent_before, parent_after;
  RETURN NULL;
END
$body$""",
}

_POSTGRESQL_RECORD: Final[tuple[Trigger, ...]] = (
    Trigger(
        "${table}_version",
        "${table}",
        """BEFORE UPDATE OF ${columns} ON ${table}
FOR EACH ROW EXECUTE FUNCTION qbsync_keep_version()""",
    ),
    Trigger(
        "${table}_change",
        "${table}",
        """AFTER INSERT OR DELETE OR UPDATE OF ${columns} ON ${table}
FOR EACH ROW EXECUTE FUNCTION qbsync_log_change('${record_type}')""",
    ),
)

_POSTGRESQL_LINES: Final[tuple[Trigger, ...]] = (
    Trigger(
        "${lines}_change",
        "${lines}",
        """AFTER INSERT OR DELETE OR UPDATE ON ${lines}
FOR EACH ROW EXECUTE FUNCTION qbsync_line_changed('${table}', '${parent}')""",
    ),
)

_POSTGRESQL_AUDIT_FUNCTIONS: Final = {
    "qbsync_refuse_audit_change": f"""
CREATE OR REPLACE FUNCTION qbsync_refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql AS $body$
BEGIN
  RAISE EXCEPTION '{AUDIT_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
END
$body$""",
}

_POSTGRESQL_AUDIT: Final[tuple[Trigger, ...]] = (
    Trigger(
        "audit_entries_no_change",
        "audit_entries",
        """BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
FOR EACH STATEMENT EXECUTE FUNCTION qbsync_refuse_audit_change()""",
    ),
)


def install(connection: Connection, entries: Iterable[Logged] = LOGGED) -> None:
    """Make the triggers of record tables anew, for the columns that the tables have now.

    A migration passes the record types of its own time, because later ones have no table yet.
    """
    entries = tuple(entries)
    remove(connection, entries)
    if connection.dialect.name == "postgresql":
        _run(connection, _POSTGRESQL_FUNCTIONS.values())
    for entry in entries:
        columns = [column["name"] for column in inspect(connection).get_columns(entry.table)]
        triggers = record_triggers(connection.dialect.name, entry, columns)
        _run(connection, (trigger.create for trigger in triggers))


def remove(connection: Connection, entries: Iterable[Logged] = LOGGED) -> None:
    """Drop the triggers of record tables, where they exist."""
    dialect_name = connection.dialect.name
    for entry in entries:
        triggers = record_triggers(dialect_name, entry, columns=["version"])
        _run(connection, (trigger.drop(dialect_name) for trigger in triggers))


def remove_functions(connection: Connection) -> None:
    """Drop what the triggers of record tables call, after them."""
    if connection.dialect.name == "postgresql":
        _drop_functions(connection, _POSTGRESQL_FUNCTIONS)


def install_audit(connection: Connection) -> None:
    """Make audit_entries a table that takes inserts only."""
    if connection.dialect.name == "postgresql":
        _run(connection, _POSTGRESQL_AUDIT_FUNCTIONS.values())
    _run(connection, (trigger.create for trigger in audit_triggers(connection.dialect.name)))


def remove_audit(connection: Connection) -> None:
    """Drop the triggers of audit_entries."""
    dialect_name = connection.dialect.name
    _run(connection, (trigger.drop(dialect_name) for trigger in audit_triggers(dialect_name)))
    if dialect_name == "postgresql":
        _drop_functions(connection, _POSTGRESQL_AUDIT_FUNCTIONS)


@contextmanager
def audit_deletable(connection: Connection) -> Iterator[None]:
    """Let entries of audit_entries be deleted, for the archive and within its transaction only.

    Needs the table's owner. Nobody else can delete meanwhile: the change is part of the transaction
    and holds a lock on the table until it ends, and a rollback undoes it as well.
    """
    if connection.dialect.name == "postgresql":
        (trigger,) = _POSTGRESQL_AUDIT
        allow, refuse = (
            f"ALTER TABLE {trigger.table} {word} TRIGGER {trigger.name}"
            for word in ("DISABLE", "ENABLE")
        )
    else:
        (trigger,) = (
            each for each in audit_triggers("sqlite") if each.name == "audit_entries_no_delete"
        )
        allow, refuse = trigger.drop("sqlite"), trigger.create
    _run(connection, [allow])
    yield
    _run(connection, [refuse])


def record_triggers(
    dialect_name: str, entry: Logged, columns: Iterable[str]
) -> tuple[Trigger, ...]:
    """Return the triggers of a record table with these columns, and of its lines."""
    sqlite = dialect_name == "sqlite"
    templates = _SQLITE_RECORD if sqlite else _POSTGRESQL_RECORD
    if entry.lines:
        templates += _SQLITE_LINES if sqlite else _POSTGRESQL_LINES
    words = {
        "record_type": entry.record_type,
        "table": entry.table,
        "lines": entry.lines,
        "parent": entry.parent,
        "columns": ", ".join(name for name in columns if name != _SILENT_COLUMN),
        "now": _SQLITE_NOW,
    }
    return tuple(template.filled(**words) for template in templates)


def audit_triggers(dialect_name: str) -> tuple[Trigger, ...]:
    """Return the triggers of audit_entries."""
    templates = _SQLITE_AUDIT if dialect_name == "sqlite" else _POSTGRESQL_AUDIT
    return tuple(template.filled(refusal=AUDIT_REFUSAL) for template in templates)


def _run(connection: Connection, statements: Iterable[str]) -> None:
    """Execute statements as they are."""
    for statement in statements:
        connection.exec_driver_sql(statement)


def _drop_functions(connection: Connection, names: Iterable[str]) -> None:
    """Drop functions of PostgreSQL."""
    _run(connection, (f"DROP FUNCTION IF EXISTS {name}()" for name in names))
