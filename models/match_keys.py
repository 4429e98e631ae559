"""Match keys: which records have the same key, and which links stand for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from models.record_type import RecordType
from models.records import Content, canonical_json

Key = tuple[object, ...]
Id = TypeVar("Id")


def exact_pairs(
    record_type: RecordType,
    fields: tuple[str, ...],
    quickbooks: Mapping[str, Content],
    platform: Mapping[str, Content],
) -> dict[str, str]:
    """QuickBooks id -> platform id, where exactly one on each side has the same key."""

    def key_of(content: Content) -> Key | None:
        values = (content.get(name) for name in fields)
        own = tuple(each.casefold() if isinstance(each, str) else each for each in values)
        return completed(record_type, fields, content, own)

    theirs, ours = grouped(quickbooks, key_of), grouped(platform, key_of)
    return {
        ids[0]: ours[key][0]
        for key, ids in theirs.items()
        if len(ids) == 1 and len(ours.get(key, ())) == 1
    }


def completed(
    record_type: RecordType, fields: tuple[str, ...], content: Content, values: Key
) -> Key | None:
    """The values of a key's fields, with all that tells the record apart; None where nothing does.

    It needs its first field. A document about no money that has no number is only the same where
    its lines are.
    """
    if not content.get(fields[0]):
        return None
    numbered = record_type.label in fields and content.get(record_type.label)
    if record_type.amount not in fields or not is_about_no_money(record_type, content) or numbered:
        return values
    lines = lines_key(record_type, content)
    return (*values, lines) if lines else None


def is_about_no_money(record_type: RecordType, content: Content) -> bool:
    """Whether a document moves no money, such as a payment that applies a credit to an invoice.

    Parties, a day and an amount of nothing do not tell two of them apart; their lines do.
    """
    return bool(record_type.amount) and content.get(record_type.amount) == 0


def lines_key(record_type: RecordType, content: Content) -> str:
    """The lines as text that is the same for the same lines; "" where there are none."""
    lines = content.get(record_type.lines.name) if record_type.lines else None
    return canonical_json(lines) if lines else ""


def grouped(
    contents: Mapping[Id, Content], key_of: Callable[[Content], Key | None]
) -> dict[Key, list[Id]]:
    """Key -> ids of the records that have it, in their order; those without a key are left out."""
    groups: dict[Key, list[Id]] = {}
    for each, content in contents.items():
        key = key_of(content)
        if key is not None:
            groups.setdefault(key, []).append(each)
    return groups


def listed(names: Sequence[str]) -> str:
    """Names as people list them: "number, customer and total"."""
    plain = [each.replace("_", " ") for each in names]
    return " and ".join(part for part in (", ".join(plain[:-1]), plain[-1]) if part)


def united(groups: Iterable[Iterable[int]]) -> dict[int, int]:
    """Link -> the smallest link of all that it is grouped with, directly or not."""
    parent: dict[int, int] = {}

    def root(link_id: int) -> int:
        parent.setdefault(link_id, link_id)
        while parent[link_id] != link_id:
            parent[link_id] = parent[parent[link_id]]
            link_id = parent[link_id]
        return link_id

    for group in groups:
        for one, other in pairwise(group):
            low, high = sorted((root(one), root(other)))
            parent[high] = low
    return {link_id: root(link_id) for link_id in parent}
