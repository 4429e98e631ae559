"""A conflict's three versions as people compare them: what is the same is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

from dashboard.shown import words

#: The versions in the order in which they are read: before, and on each side.
VERSIONS: Final = ("base", "quickbooks", "platform")
#: Characters of a value, and lines, that a list shows; the record's page has all of it.
CHARACTERS_MAX: Final = 400
LINES_MAX: Final = 20


@dataclass(frozen=True)
class Version:
    """What one side holds, or what both held before."""

    #: One text a line; none where nothing is there.
    texts: Sequence[str]
    #: Whether it is another one than before.
    is_changed: bool


def versions_of(row: Mapping[str, Any]) -> dict[str, Version]:
    """Base, QuickBooks's and the platform's version of a stored conflict."""
    loaded = {name: _loaded(row[name]) for name in VERSIONS}
    if any(_is_lines(value) for value in loaded.values()):
        texts = _lines(loaded)
    else:
        texts = {name: _texts(value) for name, value in loaded.items()}
    return {name: Version(texts[name], loaded[name] != loaded["base"]) for name in VERSIONS}


def _loaded(text: str | None) -> Any:
    return None if text is None else json.loads(text, parse_float=Decimal)


def _is_lines(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _texts(value: Any) -> list[str]:
    if value in (None, "", [], {}):
        return []
    return [_text(value)]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, "", [], {}):
        return "nothing"
    plain = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return plain if len(plain) <= CHARACTERS_MAX else f"{plain[:CHARACTERS_MAX]} ..."


def _lines(loaded: Mapping[str, Any]) -> dict[str, list[str]]:
    """For each version its lines that are not in all three alike, with what differs."""
    found: dict[str, list[str]] = {name: [] for name in VERSIONS}
    columns = [loaded[name] or [] for name in VERSIONS]
    same = 0
    for number, lines in enumerate(zip_longest(*columns), start=1):
        if lines[0] == lines[1] == lines[2]:
            same += 1
            continue
        for name, line in zip(VERSIONS, lines, strict=True):
            found[name].append(f"Line {number}: {_line(line, lines)}")
    for texts in found.values():
        more = len(texts) - LINES_MAX
        del texts[LINES_MAX:]
        if more > 0:
            texts.append(f"{more} more lines differ")
        if same:
            texts.append(f"{same} {'line is' if same == 1 else 'lines are'} the same")
    return found


def _line(line: Any, lines: Sequence[Any]) -> str:
    """A line's fields that are not the same in all versions, or all where one has no such line."""
    if not isinstance(line, dict):
        return "not there"
    others = [each for each in lines if isinstance(each, dict)]
    names = {name for each in others for name in each}
    if len(others) == len(lines):
        names = {name for name in names if any(_other(name, line, each) for each in others)}
    else:  # some do not have it at all: what it says
        names = {name for name in names if line.get(name) not in (None, "", [], {})}
    return ", ".join(f"{words(name)} {_text(line.get(name))}" for name in sorted(names))


def _other(name: str, line: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(line.get(name) != other.get(name))
