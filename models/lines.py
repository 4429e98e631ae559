"""The lines of a document: one field of the record, replaced as a whole.

QuickBooks replaces the Line array on every update (quickbooks-api 3.2), and its lines carry things
we do not map. So lines are written by overlaying ours on those QuickBooks holds: a line that stays
keeps its Id and its unmapped parts, a new one gets none, a removed one is left out.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from models.errors import FieldError, RecordError
from models.fields import Field, MutableRaw, Raw, Reader, put_at, read_by, readers_of, value_at
from models.records import References, Value
from models.reference_fields import Named, Reference, named_among, references_among
from models.words import Owner, Side


@dataclass(frozen=True, kw_only=True)
class LineShape:
    """One kind of line: how QuickBooks marks it and which fields it has."""

    #: Canonical kind, such as "item".
    kind: str
    #: Value of DetailType (or of the link's TxnType) that marks it; "" matches everything else.
    marker: str
    fields: tuple[Field, ...]
    #: Parts every such line has in QuickBooks, such as its empty detail object.
    constant: Mapping[str, Any]
    #: False: the platform shows it but cannot change or add it.
    writable: bool = True
    #: Paths and the values that such a line must have there; None: it must have none.
    where: tuple[tuple[str, Any], ...] = ()

    @cached_property
    def readers(self) -> dict[Side, tuple[Reader, ...]]:
        """How each side's lines are read."""
        return readers_of(self.fields)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """The fields that refer to other records."""
        return references_among(self.fields)

    @cached_property
    def named(self) -> tuple[Named, ...]:
        """The fields that name entries of lists."""
        return named_among(self.fields)

    @cached_property
    def reference_names(self) -> tuple[str, ...]:
        """Names of the fields that refer to other records."""
        return tuple(field.name for field in self.references)

    def takes(self, line: Raw, marker: str) -> bool:
        """Whether a QuickBooks line is of this kind."""
        return self.marker in (marker, "") and all(
            value_at(line, path) == value for path, value in self.where
        )


@dataclass(frozen=True, kw_only=True)
class Lines(Field):
    """The lines of a document, in order."""

    #: The shapes; the last one takes what no other does.
    shapes: tuple[LineShape, ...]
    #: Path of the marker in a QuickBooks line.
    marker_path: str = "DetailType"
    #: Markers of lines that QuickBooks computes, such as the subtotal.
    ignored: tuple[str, ...] = ()
    #: The platform's line table.
    table: str
    kind: ClassVar[str] = "lines"
    absent_is_none: ClassVar[bool] = False

    @cached_property
    def computed(self) -> frozenset[tuple[str, str]]:
        """Kind of line and name of each field that QuickBooks computes."""
        return frozenset(
            (shape.kind, field.name)
            for shape in self.shapes
            for field in shape.fields
            if field.owner is Owner.QUICKBOOKS
        )

    @cached_property
    def shape_by_word(self) -> dict[str, LineShape]:
        """The shapes by either side's word for them: QuickBooks's marker, and the kind."""
        by_marker = {shape.marker: shape for shape in self.shapes}
        return by_marker | {shape.kind: shape for shape in self.shapes}

    @cached_property
    def reference_names(self) -> dict[str, tuple[str, ...]]:
        """Kind of line -> names of its fields that refer to other records."""
        return {shape.kind: shape.reference_names for shape in self.shapes}

    def cover(self, sent: Value, stored: Value) -> bool:
        """Whether stored lines hold what was sent; they may hold more, and computed figures."""
        lines, others = sent or (), stored or ()
        return len(lines) == len(others) and all(
            all(
                there.get(name) == part
                for name, part in line.items()
                if (line["kind"], name) not in self.computed
            )
            for line, there in zip(lines, others, strict=True)
        )

    def shape_of(self, kind: str) -> LineShape:
        """The shape of a canonical kind.

        Raises:
            FieldError: for a kind that this record type does not have.
        """
        for shape in self.shapes:
            if shape.kind == kind:
                return shape
        raise self.wrong(
            kind,
            f"has a line of kind {kind!r}",
            code="line_kind",
            fix=f"Use one of: {', '.join(shape.kind for shape in self.shapes)}.",
        )

    def _shape_in_quickbooks(self, line: Raw) -> LineShape | None:
        marker = value_at(line, self.marker_path) or ""
        if marker in self.ignored:
            return None
        for shape in self.shapes:
            if shape.takes(line, marker):
                return shape
        raise self.wrong(
            marker,
            f"has a line of the unknown kind {marker!r}",
            code="line_kind",
            fix="Edit this document in QuickBooks only.",
        )

    def mapped_lines(self, raw: Raw) -> list[tuple[LineShape, Raw]]:
        """QuickBooks's lines that have a canonical form, with their shapes."""
        lines = raw.get(self.quickbooks) or []
        if not isinstance(lines, list) or not all(map(_is_object, lines)):
            raise self.wrong(
                lines,
                "is no list of lines",
                code="not_lines",
                fix="Look at this document in QuickBooks, which sent something that is no lines.",
            )
        shaped = ((self._shape_in_quickbooks(line), line) for line in lines)
        return [(shape, line) for shape, line in shaped if shape is not None]

    def from_quickbooks(self, raw: Raw, references: References, currency: str) -> Value:
        """The canonical lines of QuickBooks's JSON."""
        return tuple(
            self._line(shape, Side.QUICKBOOKS, number, line, references, currency)
            for number, (shape, line) in enumerate(self.mapped_lines(raw), start=1)
        )

    def from_platform(self, row: Raw, references: References, currency: str) -> Value:
        """The canonical lines of a platform row, which carries them under "lines"."""
        return tuple(
            self._line(
                self.shape_of(line["kind"]), Side.PLATFORM, number, line, references, currency
            )
            for number, line in enumerate(row.get("lines") or (), start=1)
        )

    def _line(
        self,
        shape: LineShape,
        side: Side,
        number: int,
        raw: Raw,
        references: References,
        currency: str,
    ) -> Value:
        line: dict[str, Value] = {"kind": shape.kind}
        for reader in shape.readers[side]:
            field = reader[0]
            try:
                value = read_by(reader, raw, references, currency)
            except RecordError as error:
                raise _in_line(error, self.name, number) from error
            if value is None and field.required:
                raise FieldError(
                    f"{self.name}[{number}].{field.name} is missing",
                    code="missing",
                    field=f"{self.name}[{number}].{field.name}",
                    fix=f"Enter {field.name} on line {number}.",
                )
            if value is not None:
                line[field.name] = value
        return line

    def into_platform(self, row: MutableRaw, value: Value, references: References) -> None:
        """Put line rows under "lines", numbered from 1."""
        rows = []
        for position, line in enumerate(value or (), start=1):
            line_row: dict[str, Any] = {"position": position, "kind": line["kind"]}
            for field in self.shape_of(line["kind"]).fields:
                field.into_platform(line_row, line.get(field.name), references)
            rows.append(line_row)
        row["lines"] = rows

    def overlay(
        self, value: Value, current: Raw | None, references: References, currency: str
    ) -> list[Raw]:
        """QuickBooks lines for the canonical value, laid over those it holds now.

        Raises:
            RecordError: when a line is added or changed that can only be edited in QuickBooks, or
                its parents have no counterpart.
        """
        held = self.mapped_lines(current) if current else []
        canonical = self.from_quickbooks(current, references, currency) if current else ()
        partners = pair_lines(value, canonical)
        return [
            self._overlaid(
                line,
                None if partner is None else held[partner][1],
                None if partner is None else canonical[partner],
                number,
                references,
            )
            for number, (line, partner) in enumerate(zip(value, partners, strict=True), start=1)
        ]

    def _overlaid(
        self,
        line: Mapping[str, Value],
        held: Raw | None,
        before: Mapping[str, Value] | None,
        number: int,
        references: References,
    ) -> Raw:
        if held is not None and line == before:
            return held
        shape = self.shape_of(line["kind"])
        if not shape.writable:
            raise FieldError(
                f"{self.name}[{number}] is a {shape.kind} line, which can only be edited in "
                "QuickBooks",
                code="line_read_only",
                field=f"{self.name}[{number}]",
                fix="Undo the change on the platform and make it in QuickBooks.",
            )
        body = copy.deepcopy(dict(held)) if held else {}
        for path, constant in shape.constant.items():
            put_at(body, path, constant)
        for field in shape.fields:
            was = None if before is None else before.get(field.name)
            now = line.get(field.name)
            if field.sent_on_create and (now is not None if before is None else now != was):
                try:
                    _write_line_field(field, body, now, references)
                except RecordError as error:
                    raise _in_line(error, self.name, number) from error
        return body

    def into_quickbooks(self, body: MutableRaw, value: Value, references: References) -> None:
        """Write new lines; updates go through `overlay`."""
        body[self.quickbooks] = self.overlay(value or (), None, references, "")

    def load(self, stored: Any) -> Value:
        """Lines from their stored JSON form; none at all is not the same as an unknown base."""
        if stored is None:
            return None
        lines = []
        for line in stored:
            fields = {field.name: field for field in self.shape_of(line["kind"]).fields}
            lines.append(
                {
                    name: fields[name].load(value) if name in fields else value
                    for name, value in line.items()
                }
            )
        return tuple(lines)

    def references_in_quickbooks(self, raw: Raw) -> set[tuple[str, str]]:
        """Record types and ids that the lines refer to in QuickBooks's JSON."""
        targets = (
            field.target_in_quickbooks(line)
            for shape, line in self.mapped_lines(raw)
            for field in shape.references
        )
        return {target for target in targets if target is not None}

    def references_on_platform(self, row: Raw) -> set[tuple[str, str]]:
        """Record types and ids that the lines refer to in a platform row."""
        targets = (
            field.target_on_platform(line)
            for line in row.get("lines") or ()
            for field in self.shape_of(line["kind"]).references
        )
        return {target for target in targets if target is not None}


def _write_line_field(field: Field, body: MutableRaw, value: Value, references: References) -> None:
    """A cleared part of a line is left out: the array is replaced whole, so absence clears it."""
    if value is not None:
        field.into_quickbooks(body, value, references)
        return
    container: Any = body
    *parents, last = field.quickbooks.split(".")
    for part in parents:
        container = container.get(part, {}) if isinstance(container, dict) else {}
    if isinstance(container, dict):
        container.pop(last, None)


def _is_object(value: object) -> bool:
    # asking for a dict first spares nearly all the slower question for any mapping
    return type(value) is dict or isinstance(value, Mapping)


def _in_line(error: RecordError, name: str, number: int) -> RecordError:
    """The same error, naming the line."""
    field = f"{name}[{number}].{error.field}"
    return type(error)(
        f"{name}[{number}].{error}", code=error.code, field=field, value=error.value, fix=error.fix
    )


def pair_lines(
    wanted: Sequence[Mapping[str, Value]], held: Sequence[Mapping[str, Value]]
) -> list[int | None]:
    """For each wanted line the index of the held line it continues, or None for a new one.

    Equal lines pair first, in order; then lines of one kind at the same position; then any left of
    that kind. Each held line is used once.
    """
    partners: list[int | None] = [None] * len(wanted)
    free = dict.fromkeys(range(len(held)))
    for index, line in enumerate(wanted):
        same = index if index in free and held[index] == line else None
        if same is None:
            same = next((other for other in free if held[other] == line), None)
        if same is not None:
            partners[index] = same
            del free[same]
    for index, line in enumerate(wanted):
        if partners[index] is None and index in free and held[index]["kind"] == line["kind"]:
            partners[index] = index
            del free[index]
    for index, line in enumerate(wanted):
        if partners[index] is None:
            left = next((other for other in free if held[other]["kind"] == line["kind"]), None)
            if left is not None:
                partners[index] = left
                del free[left]
    return partners


def holds(field: Field, wanted: Value, held: Value) -> bool:
    """Whether a value is the wanted one; lines may come back with more in them."""
    if isinstance(field, Lines):
        return field.cover(wanted, held)
    return bool(wanted == held)
