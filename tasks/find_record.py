"""Find record: which link a person means by a number, a label, or an id on a side."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from connectors.state import queries
from models.errors import UsageError
from models.record_type import record_type_named
from models.words import Side

#: Records that a message lists to choose from.
CANDIDATES_MAX = 10


def find_link(engine: Engine, connection_id: int, record: str) -> int:
    """The link that a person means by "12", "invoice:1037" or "invoice:quickbooks:145".

    Raises:
        UsageError: none or several; the message lists candidates.
    """
    text = record.strip()
    if text.isdigit():
        found = queries.links_found(engine, connection_id, link=int(text))
        return _only(found, text, list)
    name, _, wanted = text.partition(":")
    if not wanted:
        raise UsageError(
            f"record {record!r} is not one: give a link number as `status` shows it, or "
            "invoice:1037, invoice:quickbooks:145 or invoice:platform:12"
        )
    record_type = record_type_named(name).name
    first, _, side_id = wanted.partition(":")
    if first in tuple(Side) and side_id:
        found = queries.links_found(
            engine, connection_id, record_type=record_type, side=Side(first), side_id=side_id
        )
    else:
        found = queries.links_found(engine, connection_id, record_type=record_type, label=wanted)
    return _only(found, text, lambda: _alike(engine, connection_id, record_type, wanted))


def _only(found: list[dict[str, Any]], text: str, alike: Callable[[], list[dict[str, Any]]]) -> int:
    if len(found) == 1:
        return int(found[0]["link"])
    if found:
        raise UsageError(
            f"{text!r} is more than one record; give the link number of one: {_listed(found)}"
        )
    others = alike()
    hint = f"did you mean {_listed(others)}?" if others else "see `status` and `plan`"
    raise UsageError(f"the sync knows no record {text!r} (yet); {hint}")


def _alike(
    engine: Engine, connection_id: int, record_type: str, wanted: str
) -> list[dict[str, Any]]:
    """Records of the type that are called nearly so."""
    known = queries.links_found(engine, connection_id, record_type=record_type)
    by_label = {str(each["record"]).casefold(): each for each in reversed(known)}
    needle = wanted.rpartition(":")[2].casefold()
    close = difflib.get_close_matches(needle, by_label, n=CANDIDATES_MAX)
    within = [label for label in by_label if needle in label]
    return [by_label[label] for label in dict.fromkeys([*within, *close])]


def _listed(found: list[dict[str, Any]]) -> str:
    words = [
        f"{each['link']} ({each['record_type']} {each['record']}, QuickBooks "
        f"{each['quickbooks_id'] or 'none'}, platform {each['platform_id'] or 'none'})"
        for each in found[:CANDIDATES_MAX]
    ]
    more = f" and {len(found) - CANDIDATES_MAX} more" if len(found) > CANDIDATES_MAX else ""
    return ", ".join(words) + more
