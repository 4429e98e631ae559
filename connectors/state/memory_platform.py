"""The platform's tables in memory: what `SqlPlatform` and the triggers do, without a database.

A row is handed out as it is kept: it is never changed, a write puts a new one in its place. Whoever
gets it must not change it either.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from connectors.state.memory_columns import (
    PLACES,
    REFERRERS,
    PlaceRules,
    RefusedValueError,
    TableRules,
)
from connectors.state.memory_store import MISSING, MemoryRows
from connectors.state.platform_port import (
    PlatformChanges,
    PlatformWrite,
    Row,
    StaleRowError,
    Written,
    outcome_of,
)
from models.errors import RecordError, shorten
from models.file_rules import FileRules
from models.record_type import RecordType
from models.words import Operation

#: Setting this column alone is no change.
_SILENT = frozenset({"updated_at"})


class MemoryPlatform(MemoryRows):
    """Implements `connectors.state.port.PlatformPort`."""

    __slots__ = ()

    # -- reading the change log --

    def position(self) -> str:
        """The end of the change log now."""
        return f"0:{len(self._db.change_log)}"

    def knows(self, position: str) -> bool:
        """Whether a position is one of this change log."""
        return int(position.partition(":")[0]) <= 0

    def changes(self, record_types: Collection[str], after: str) -> PlatformChanges:
        """Changed ids after a position."""
        log = self._db.change_log
        transaction_id, entry_id = (int(part) for part in after.split(":"))
        start = max(entry_id, 0) if transaction_id == 0 else (len(log) if transaction_id > 0 else 0)
        if start >= len(log):
            return PlatformChanges({name: [] for name in record_types}, after)
        ids: dict[str, dict[str, None]] = {name: {} for name in record_types}
        for record_type, row_id, _ in log[start:]:
            if record_type in ids:
                ids[record_type][row_id] = None
        return PlatformChanges({name: list(each) for name, each in ids.items()}, f"0:{len(log)}")

    # -- reading rows --

    def ids(self, record_type: RecordType) -> list[str]:
        """Ids of all live rows."""
        return [row.id for row in self._db.rows[record_type.name].values() if row.live]

    def booked(self, record_type: RecordType, since: date, until: date) -> list[str]:
        """Ids of live rows that count on a day of a range, both ends included."""
        column = record_type.by_name[record_type.booked_on].column
        rows = (row for row in self._db.rows[record_type.name].values() if row.live)
        days = ((row.id, row.values[column]) for row in rows)
        return [row_id for row_id, day in days if isinstance(day, date) and since <= day <= until]

    def rows(self, record_type: RecordType, ids: Collection[str]) -> dict[str, Row]:
        """Rows with their lines, in order of id."""
        rows = self._db.rows[record_type.name]
        wanted = [int(each) for each in ids]
        if len(wanted) > 1:
            wanted = sorted(set(wanted))
        found = (rows.get(each) for each in wanted)
        return {row.id: row for row in found if row is not None}

    def taken(
        self, record_type: RecordType, column: str, values: Collection[str]
    ) -> dict[str, list[str]]:
        """Ids of live rows by value, compared without case."""
        wanted = {each.lower() for each in values}
        found: dict[str, list[str]] = {}
        for row in self._db.rows[record_type.name].values():
            value = row.values[column]
            if value is not None and row.live and value.lower() in wanted:
                found.setdefault(value.lower(), []).append(row.id)
        return found

    def referring(self, record_type: RecordType, column: str, ids: Collection[str]) -> list[str]:
        """Ids of all rows whose column names one of these rows, in order."""
        wanted = {int(each) for each in ids}
        rows = self._db.rows[record_type.name].values()
        return [str(each) for each in sorted(int(r.id) for r in rows if r.values[column] in wanted)]

    # -- writing --

    def write(self, write: PlatformWrite) -> Written:
        """Apply one write; a refused one leaves the rest standing."""
        record_type = write.record_type.name
        place = PLACES[record_type]
        try:
            bound = place.record.bound(write.values)
            lines = _bound_lines(place, write.values)
            if write.operation is Operation.CREATE:
                row = self.insert(place, bound, lines)
                return row.id, row.version
            assert write.id is not None, "an update names its row"
            before = self._db.rows[record_type].get(int(write.id))
            if before is None or before.version != write.expected_version:
                raise StaleRowError(
                    f"the platform's row {write.id} was changed since it was read",
                    code="stale_row",
                    fix="Nothing to do: it is read and merged again.",
                )
            if write.operation is Operation.DELETE:
                bound["deleted_at"] = before.values["deleted_at"] or self.now
            row = self.update(place, before, bound, lines)
        except RefusedValueError as error:
            raise refused(record_type, error) from error
        return row.id, row.version

    def write_all(self, writes: Sequence[PlatformWrite]) -> list[Written | RecordError]:
        """Apply many writes in their order."""
        return [outcome_of(self.write, each) for each in writes]

    # -- files --

    def without_file(self, record_type: RecordType) -> list[str]:
        """Ids of live rows with an empty SHA-256, in order of id."""
        column = _rules(record_type).sha256
        rows = self._db.rows[record_type.name].values()
        return [row.id for row in rows if row.live and not row.values[column]]

    def file_size(self, record_type: RecordType, row_id: str) -> int | None:
        """Bytes of a row's file as stored."""
        content = self.file_of(record_type, row_id)
        return None if content is None else len(content)

    def file_of(self, record_type: RecordType, row_id: str) -> bytes | None:
        """A row's file."""
        return self._db.files.get((record_type.name, int(row_id)))

    def put_file(
        self,
        record_type: RecordType,
        row_id: str,
        expected_version: int,
        content: bytes,
        sha256: str,
    ) -> int:
        """Store a row's file in place of what was there, and its SHA-256."""
        values = {_rules(record_type).sha256: sha256}
        write = PlatformWrite(record_type, Operation.UPDATE, row_id, expected_version, values)
        _, version = self.write(write)
        self._put(self._db.files, (record_type.name, int(row_id)), content)
        return version

    # -- rows, for people too --

    def insert(
        self, place: PlaceRules, bound: Mapping[str, Any], lines: Sequence[Mapping[str, Any]] | None
    ) -> Row:
        """Add a row of bound values.

        Raises:
            RefusedValueError: before anything is changed.
        """
        db, rules = self._db, place.record
        row_id = db.last_ids.get(rules.name, 0) + 1
        values = dict(rules.blank)
        for name in rules.stamped:
            values[name] = self.now
        values["id"], values["company_id"] = row_id, db.connection.company_id
        values.update(rules.checked(bound))
        rules.check_complete(values)
        self._check_parents(rules, bound, itself=(place.record_type, row_id))
        values["lines"] = [] if lines is None else self._new_lines(place, row_id, lines)
        events = len(values["lines"])
        if events:
            values["version"] += events
            values["updated_at"] = self.now
        self._put(db.last_ids, rules.name, row_id)
        return self._store(place, row_id, values, ["insert", *["update"] * events])

    def update(
        self,
        place: PlaceRules,
        before: Row,
        bound: Mapping[str, Any],
        lines: Sequence[Mapping[str, Any]] | None,
        *,
        touched: bool = True,
    ) -> Row:
        """Change a row to bound values, and replace its lines where they are given.

        touched is False where the lines alone are written and not the row.

        Raises:
            RefusedValueError: before anything is changed.
        """
        row_id, version = int(before.id), before.version
        checked = place.record.checked(bound)
        self._check_parents(place.record, bound, itself=(place.record_type, row_id))
        values: dict[str, Any] = {**before.values, **checked}
        events = 0
        if lines is not None:
            values["lines"] = self._new_lines(place, row_id, lines)
            events = len(before.values["lines"]) + len(values["lines"])
        log = ["update"] * events
        if touched and checked.keys() != _SILENT:
            # What the writer set itself stands, as with the triggers
            version = values["version"] if values["version"] != version else version + 1
            log.append("update")
        values["version"] = version + events
        if events or (log and values["updated_at"] == before.values["updated_at"]):
            values["updated_at"] = self.now
        return self._store(place, row_id, values, log)

    def delete(self, place: PlaceRules, before: Row) -> None:
        """Remove a row with its lines.

        Raises:
            RefusedValueError: another row refers to it.
        """
        row_id = int(before.id)
        for referrer in REFERRERS[place.record_type]:
            for row in self._db.rows[referrer.record_type].values():
                is_itself = referrer.record_type == place.record_type and row.id == before.id
                holders = row.values["lines"] if referrer.in_lines else [row.values]
                if not is_itself and any(each[referrer.column] == row_id for each in holders):
                    raise RefusedValueError(f"{referrer.record_type} {row.id} refers to it")
        self._drop(self._db.rows[place.record_type], row_id)
        if (place.record_type, row_id) in self._db.files:
            self._drop(self._db.files, (place.record_type, row_id))
        self._append(self._db.change_log, [(place.record_type, before.id, "delete")])

    def _store(
        self, place: PlaceRules, row_id: int, values: dict[str, Any], log: Iterable[str]
    ) -> Row:
        row = Row(
            record_type=place.record_type,
            id=str(row_id),
            version=values["version"],
            updated_at=values["updated_at"],
            live=values["deleted_at"] is None,
            values=values,
        )
        self._put(self._db.rows[place.record_type], row_id, row)
        self._append(self._db.change_log, [(place.record_type, row.id, each) for each in log])
        return row

    def _new_lines(
        self, place: PlaceRules, row_id: int, lines: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Rows of lines with new ids, in order of position."""
        rules = place.lines
        assert rules is not None, f"{place.record_type} has no lines"
        if not lines:
            return []
        made: list[dict[str, Any]] = []
        line_id = self._db.last_ids.get(rules.name, 0)
        for bound in lines:
            line_id += 1
            line = {**rules.blank, "id": line_id, place.line_parent: row_id}
            line.update(rules.checked(bound))
            rules.check_complete(line)
            self._check_parents(rules, bound, itself=(place.record_type, row_id))
            made.append(line)
        if len({line["position"] for line in made}) < len(made):
            raise RefusedValueError(f"two lines of {rules.name} have one position")
        self._put(self._db.last_ids, rules.name, line_id)
        made.sort(key=lambda line: line["position"])
        return made

    def _check_parents(
        self, rules: TableRules, bound: Mapping[str, Any], *, itself: tuple[str, int]
    ) -> None:
        """Refuse what refers to a row that is not there."""
        for column, record_type in rules.parents.items():
            value = bound.get(column)
            if value is None or value in self._db.rows[record_type]:
                continue
            if (record_type, value) != itself:
                raise RefusedValueError(
                    f"{rules.name}.{column} is {value}, and there is no such {record_type}"
                )


def _rules(record_type: RecordType) -> FileRules:
    assert record_type.file is not None, f"a {record_type.name} has no file"
    return record_type.file


def _bound_lines(place: PlaceRules, values: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The lines that are to replace others; None where they stay as they are."""
    lines = values.get("lines", MISSING)
    if place.lines is None or lines is MISSING:
        return None
    return [place.lines.bound(each) for each in lines]


def refused(record_type: str, error: RefusedValueError) -> RecordError:
    """The database's refusal, as the steps know it."""
    reason = shorten(str(error).splitlines()[0])
    return RecordError(
        f"the platform's database refuses this {record_type}: {reason}",
        code="refused_by_database",
        value=reason,
        fix="Correct the record in QuickBooks so that it fits the platform's columns, or have the "
        "platform's table widened.",
    )
