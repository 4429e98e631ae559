"""Snapshots: the books of every company as they stood, by name, in memory or in a file.

A snapshot holds records, sequences, journals and remembered request ids. It does not hold tokens,
rules, logs or the clock: whoever is connected stays connected, and time never goes back.
Source: the needs of tests; nothing of this exists in QuickBooks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.saving.codec import UnreadableStateError, decode, encode

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.company import Company

#: What a company shares with the emulator, or makes anew.
SHARED = frozenset({"clock", "options", "listeners", "_undo", "_index"})
_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAMES_MAX = 100

State = dict[str, Any]


class SnapshotError(ValueError):
    """A snapshot that cannot be; the message is one sentence for the user."""


def check_name(name: object) -> str:
    """Return the name of a snapshot, or refuse it."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise SnapshotError(
        f"Field name has the value {name!r}: give up to 64 letters, digits, dots, dashes or "
        "underscores."
    )


def state_of(company: Company) -> State:
    """Return everything a company holds, copied."""
    return {name: copied(value) for name, value in vars(company).items() if name not in SHARED}


def put_back(company: Company, state: State) -> None:
    """Make a company hold what `state_of` returned, and nothing else."""
    unknown = set(state) - set(vars(company))
    if unknown or not isinstance(state.get("records"), dict):
        raise SnapshotError(f"The snapshot does not fit this emulator (it has {sorted(unknown)}).")
    records = copied(state["records"])
    for entity in company.records:
        company.records[entity] = {}
    vars(company)["_index"] = {}
    for entity, rows in records.items():
        for record in rows.values():
            company.put(entity, record)
    for name, value in state.items():
        if name != "records":
            setattr(company, name, copied(value))


def copied(value: Any) -> Any:
    """Return a copy of nested containers; what is inside them is never changed in place."""
    if isinstance(value, dict):
        return type(value)((key, copied(member)) for key, member in value.items())
    if isinstance(value, list):
        return [copied(member) for member in value]
    return set(value) if isinstance(value, set) else value


def write_file(path: Path, state: State) -> None:
    """Write a snapshot to a file."""
    try:
        path.write_text(encode({"version": _VERSION, "state": state}), encoding="ascii")
    except OSError as error:
        raise SnapshotError(f"The file {path} cannot be written ({error}).") from error


def read_file(path: Path) -> State:
    """Read a snapshot from a file."""
    try:
        content = decode(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError, UnreadableStateError) as error:
        raise SnapshotError(f"The file {path} cannot be read ({error}).") from error
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        raise SnapshotError(f"The file {path} is not a snapshot of this version.")
    state: State = content["state"]
    return state
