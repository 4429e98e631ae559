"""What a record's content refers to, and how references move when a list entry is merged away."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from models.record_type import RecordType
from models.records import Content


def references_in(record_type: RecordType, content: Content | None) -> Iterator[tuple[str, str]]:
    """Field and canonical reference of all that a record refers to; lines count as their field."""
    if content is None:
        return
    for name in record_type.reference_names:
        if content.get(name):
            yield name, content[name]
    lines = record_type.lines
    if lines is None:
        return
    for line in content.get(lines.name) or ():
        for name in lines.reference_names.get(line["kind"], ()):
            if line.get(name):
                yield lines.name, line[name]


def with_replaced(
    record_type: RecordType, content: Content, replaced: Mapping[str, str]
) -> Content:
    """The same content with some references replaced by others."""
    changed = _replaced(record_type.reference_names, content, replaced)
    lines = record_type.lines
    if lines is not None and changed.get(lines.name):
        names = lines.reference_names
        changed[lines.name] = tuple(
            _replaced(names.get(line["kind"], ()), line, replaced) for line in changed[lines.name]
        )
    return changed


def replacements(
    record_type: RecordType, before: Content, now: Content, gone: Collection[str]
) -> Iterator[tuple[str, str]]:
    """What stands now where references to gone records stood, place by place.

    Lines are compared only while there are as many of the same kinds: else nobody can say which is
    which.
    """
    yield from _moved(record_type.reference_names, before, now, gone)
    lines = record_type.lines
    if lines is None:
        return
    old, new = before.get(lines.name) or (), now.get(lines.name) or ()
    if [line["kind"] for line in old] != [line["kind"] for line in new]:
        return
    for line, there in zip(old, new, strict=True):
        yield from _moved(lines.reference_names.get(line["kind"], ()), line, there, gone)


def _replaced(
    names: Collection[str], values: Mapping[str, Any], replaced: Mapping[str, str]
) -> dict[str, Any]:
    return {
        name: replaced.get(value, value) if name in names and value else value
        for name, value in values.items()
    }


def _moved(
    names: Collection[str], before: Mapping[str, Any], now: Mapping[str, Any], gone: Collection[str]
) -> Iterator[tuple[str, str]]:
    for name in names:
        old, new = before.get(name), now.get(name)
        if old is not None and old in gone and new and new not in gone:
            yield old, new
