"""A store on SQLite: the books survive a restart, kill or no kill.

Each write is one transaction: the records it touched, the journal lines it added, and the small
things a company keeps beside them (sequences, numbers). Tokens are kept too, so that whoever was
connected still is. Rules, logs, webhooks and remembered request ids are not kept.
Source: the needs of a local stand-in; nothing of this exists in QuickBooks.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from emulator.saving.codec import UnreadableStateError, decode, encode
from emulator.saving.snapshots import SHARED, State, put_back, state_of

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.company import Company

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    realm TEXT NOT NULL, entity TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (realm, entity, id)
);
CREATE TABLE IF NOT EXISTS touched (
    realm TEXT NOT NULL, part TEXT NOT NULL, entity TEXT NOT NULL, id TEXT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (realm, part, entity, id)
);
CREATE TABLE IF NOT EXISTS journal (
    realm TEXT NOT NULL, sequence INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (realm, sequence)
);
CREATE TABLE IF NOT EXISTS parts (
    realm TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (realm, name)
);
"""
#: What is kept record by record, and therefore not as a part.
_BY_RECORD = frozenset(
    {"records", "tombstones", "transaction_types", "modified_by", "files", "journal"}
)
#: What is not worth keeping: it follows from the next call.
_PASSING = frozenset({"base_url"})
#: Parts of the emulator itself stand under a realm that no company can have.
_EMULATOR = ""


class StoreError(Exception):
    """A store that cannot be used; the message is one sentence for the user."""


class Store:
    """One SQLite file."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it; nobody else may use it meanwhile."""
        self._path = path
        self._known: dict[tuple[str, str], str] = {}
        self._lines: dict[str, int] = {}
        try:
            self._database = sqlite3.connect(
                path, timeout=1, isolation_level=None, check_same_thread=False
            )
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise StoreError(
                f"The store {path} cannot be used ({error}): give another file, or stop the "
                "emulator that has it open."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def realms(self) -> list[str]:
        """Return the companies in the store, first come first."""
        rows = self._database.execute("SELECT realm FROM parts WHERE name = 'name' ORDER BY rowid")
        return [str(realm) for (realm,) in rows]

    def save(self, company: Company) -> None:
        """Keep a company as a whole, in place of what was kept of it."""
        realm = company.realm_id
        with self._transaction():
            for table in ("records", "touched", "journal", "parts"):
                self._database.execute(f"DELETE FROM {table} WHERE realm = ?", (realm,))  # noqa: S608
            self._known = {key: text for key, text in self._known.items() if key[0] != realm}
            self._lines[realm] = 0
            everything = {
                (entity, record_id)
                for kept in (company.records, company.tombstones)
                for entity, rows in kept.items()
                for record_id in rows
            }
            self._write(company, everything | set(company.modified_by))

    def write(self, company: Company, touched: set[tuple[str, str]]) -> None:
        """Keep what one write changed."""
        with self._transaction():
            self._write(company, touched)

    def forget(self, realm: str) -> None:
        """Keep nothing of a company any more."""
        with self._transaction():
            for table in ("records", "touched", "journal", "parts"):
                self._database.execute(f"DELETE FROM {table} WHERE realm = ?", (realm,))  # noqa: S608
        self._known = {key: text for key, text in self._known.items() if key[0] != realm}

    def keep(self, name: str, value: Any) -> None:
        """Keep something of the emulator itself, such as its tokens."""
        with self._transaction():
            self._keep_part(_EMULATOR, name, value)

    def kept(self, name: str) -> Any:
        """Return what `keep` was given, None if it never was."""
        row = self._database.execute(
            "SELECT body FROM parts WHERE realm = ? AND name = ?", (_EMULATOR, name)
        ).fetchone()
        return None if row is None else self._decode(row[0])

    def load(self, company: Company) -> None:
        """Fill a company with what is kept of it."""
        realm = company.realm_id
        state = state_of(company)
        state["records"] = {entity: {} for entity in company.records}
        rows = self._database.execute(
            "SELECT entity, id, body FROM records WHERE realm = ? ORDER BY rowid", (realm,)
        )
        for entity, record_id, body in rows:
            state["records"].setdefault(entity, {})[record_id] = self._decode(body)
        rows = self._database.execute(
            "SELECT part, entity, id, body FROM touched WHERE realm = ?", (realm,)
        )
        for part, entity, record_id, body in rows:
            if part == "tombstones":
                state[part].setdefault(entity, {})[record_id] = self._decode(body)
            elif part == "files":
                state[part][record_id] = self._decode(body)
            else:
                state[part][entity, record_id] = self._decode(body)
        rows = self._database.execute(
            "SELECT body FROM journal WHERE realm = ? ORDER BY sequence", (realm,)
        )
        state["journal"] = [self._decode(body) for (body,) in rows]
        rows = self._database.execute("SELECT name, body FROM parts WHERE realm = ?", (realm,))
        for name, body in rows:
            self._known[realm, name] = body
            state[name] = self._decode(body)
        del state["transaction_types"]
        self._lines[realm] = len(state["journal"])
        put_back(company, state)

    def _decode(self, text: str) -> Any:
        try:
            return decode(text)
        except UnreadableStateError as error:
            raise StoreError(
                f"The store {self._path} holds what cannot be read: {error}"
            ) from error

    def _transaction(self) -> _Transaction:
        return _Transaction(self._database)

    def _write(self, company: Company, touched: set[tuple[str, str]]) -> None:
        realm = company.realm_id
        for entity, record_id in touched:
            record = company.records[entity].get(record_id)
            self._replace("records", (realm, entity, record_id), record)
            died_at = company.tombstones[entity].get(record_id)
            self._replace("touched", (realm, "tombstones", entity, record_id), died_at)
            who = company.modified_by.get((entity, record_id))
            self._replace("touched", (realm, "modified_by", entity, record_id), who)
            if entity == "Attachable":
                content = company.files.get(record_id)
                self._replace("touched", (realm, "files", entity, record_id), content)
        for line in company.journal[self._lines.get(realm, 0) :]:
            row = (realm, line.sequence, encode(line))
            self._database.execute("INSERT OR REPLACE INTO journal VALUES (?, ?, ?)", row)
        self._lines[realm] = len(company.journal)
        for name, value in state_of_parts(company).items():
            self._keep_part(realm, name, value)

    def _replace(self, table: str, key: tuple[str, ...], value: Any) -> None:
        columns = ("realm", "entity", "id") if table == "records" else _TOUCHED_KEY
        if value is None:
            where = " AND ".join(f"{column} = ?" for column in columns)
            self._database.execute(f"DELETE FROM {table} WHERE {where}", key)  # noqa: S608
            return
        marks = ", ".join("?" for _ in (*key, value))
        # Updated in place where it stands: the order of records is the order they were made in.
        statement = (
            f"INSERT INTO {table} VALUES ({marks}) "  # noqa: S608
            f"ON CONFLICT ({', '.join(columns)}) DO UPDATE SET body = excluded.body"
        )
        self._database.execute(statement, (*key, encode(value)))

    def _keep_part(self, realm: str, name: str, value: Any) -> None:
        text = encode(value)
        if self._known.get((realm, name)) != text:
            self._database.execute(
                "INSERT INTO parts VALUES (?, ?, ?) "
                "ON CONFLICT (realm, name) DO UPDATE SET body = excluded.body",
                (realm, name, text),
            )
            self._known[realm, name] = text


_TOUCHED_KEY = ("realm", "part", "entity", "id")


def state_of_parts(company: Company) -> State:
    """Return what a company keeps beside its records and its journal."""
    return {
        name: value
        for name, value in vars(company).items()
        if name not in SHARED | _BY_RECORD | _PASSING
    }


class _Transaction:
    """All or nothing, in the file as in the books."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database.execute("BEGIN")

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._database.execute("COMMIT" if kind is None else "ROLLBACK")
