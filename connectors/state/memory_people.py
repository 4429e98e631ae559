"""People and other programs that write the platform's tables directly, past the sync.

`PlatformPeople` is the same for every database, so that a simulator runs on any of them. Each call
is a transaction of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from connectors.ports import Clock
from connectors.state.memory_columns import PLACES, PlaceRules, RefusedValueError
from connectors.state.memory_platform import MemoryPlatform, refused
from connectors.state.memory_store import MemoryDatabase, Undo
from connectors.state.platform_port import Row
from models.record_type import catalog

#: Column values, without lines.
Values = Mapping[str, Any]
#: Column values of lines; positions are counted from 1 where they are not given.
LineValues = Sequence[Mapping[str, Any]]


class PlatformPeople(Protocol):
    """Whoever writes the platform's tables without knowing of the sync.

    Every call but `all` raises RecordError where the database refuses it, and LookupError where
    there is no such row. Each write sets `updated_at` to now, unless it is among the values.
    """

    def insert(self, record_type: str, values: Values, lines: LineValues = ()) -> str:
        """Add a record with its lines; its id."""
        ...

    def update(self, record_type: str, row_id: str, values: Values) -> None:
        """Change columns of a record."""
        ...

    def replace_lines(self, record_type: str, row_id: str, lines: LineValues) -> None:
        """Delete the lines of a record and add others."""
        ...

    def delete(self, record_type: str, row_id: str) -> None:
        """Remove a record and its lines for good."""
        ...

    def mark_deleted(self, record_type: str, row_id: str) -> None:
        """Say that a record is gone, and keep it."""
        ...

    def attach(self, record_type: str, row_id: str, content: bytes) -> None:
        """Give a record its file, in place of what was there."""
        ...

    def all(self, record_type: str) -> list[Row]:
        """All records with their lines, those marked as deleted too, in order of id."""
        ...


def numbered(lines: LineValues) -> list[dict[str, Any]]:
    """Lines with a position each."""
    return [{"position": number, **line} for number, line in enumerate(lines, start=1)]


class MemoryPeople:
    """Implements `PlatformPeople` on a `MemoryDatabase`."""

    def __init__(self, database: MemoryDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def insert(self, record_type: str, values: Values, lines: LineValues = ()) -> str:
        """Add a record with its lines; its id."""
        place = PLACES[record_type]
        platform = self._platform()
        try:
            bound, bound_lines = self._bound(place, values, lines)
            row = platform.insert(place, bound, bound_lines if place.lines else None)
        except RefusedValueError as error:
            raise refused(record_type, error) from error
        self._set_time(platform, place, row, values)
        return row.id

    def update(self, record_type: str, row_id: str, values: Values) -> None:
        """Change columns of a record."""
        place, before = PLACES[record_type], self._row(record_type, row_id)
        platform = self._platform()
        try:
            bound = place.record.bound(values)
            row = platform.update(place, before, bound, None, touched=bool(bound))
        except RefusedValueError as error:
            raise refused(record_type, error) from error
        self._set_time(platform, place, row, values)

    def replace_lines(self, record_type: str, row_id: str, lines: LineValues) -> None:
        """Delete the lines of a record and add others."""
        place, before = PLACES[record_type], self._row(record_type, row_id)
        platform = self._platform()
        try:
            _, bound_lines = self._bound(place, {}, lines)
            row = platform.update(place, before, {}, bound_lines, touched=False)
        except RefusedValueError as error:
            raise refused(record_type, error) from error
        self._set_time(platform, place, row, {})

    def delete(self, record_type: str, row_id: str) -> None:
        """Remove a record and its lines for good."""
        before = self._row(record_type, row_id)
        try:
            self._platform().delete(PLACES[record_type], before)
        except RefusedValueError as error:
            raise refused(record_type, error) from error

    def mark_deleted(self, record_type: str, row_id: str) -> None:
        """Say that a record is gone, and keep it."""
        self.update(record_type, row_id, {"deleted_at": self._clock.now()})

    def attach(self, record_type: str, row_id: str, content: bytes) -> None:
        """Give a record its file, in place of what was there."""
        rules = catalog()[record_type].file
        assert rules is not None, f"a {record_type} has no file"
        self.update(record_type, row_id, {rules.sha256: hashlib.sha256(content).hexdigest()})
        self._database.files[record_type, int(row_id)] = content

    def all(self, record_type: str) -> list[Row]:
        """All records with their lines, in order of id."""
        return list(self._database.rows[record_type].values())

    def _platform(self) -> MemoryPlatform:
        assert self._database.open_unit is None, "the sync's transaction is open: people wait"
        # Each call checks everything before it changes anything: nothing needs to be taken back
        unneeded: Undo = []
        return MemoryPlatform(self._database, unneeded, self._clock.now())

    def _row(self, record_type: str, row_id: str) -> Row:
        row = self._database.rows[record_type].get(int(row_id))
        if row is None:
            raise LookupError(f"there is no {record_type} {row_id}")
        return row

    @staticmethod
    def _bound(
        place: PlaceRules, values: Values, lines: LineValues
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        assert place.lines is not None or not lines, f"{place.record_type} has no lines"
        rules = place.lines
        bound_lines = [rules.bound(each) for each in numbered(lines)] if rules else []
        return place.record.bound(values), bound_lines

    def _set_time(
        self, platform: MemoryPlatform, place: PlaceRules, row: Row, values: Values
    ) -> None:
        """Set `updated_at` alone, which is no change: a line's trigger may have set it before."""
        at = values.get("updated_at") or self._clock.now()
        bound = place.record.bound({"updated_at": at})
        if row.updated_at != bound["updated_at"]:
            platform.update(place, row, bound, None)
