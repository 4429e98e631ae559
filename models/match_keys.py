"""Match keys: which records have the same key, and which links stand for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from models.records import Content

Key = tuple[object, ...]
Id = TypeVar("Id")


def exact_pairs(
    fields: tuple[str, ...], quickbooks: Mapping[str, Content], platform: Mapping[str, Content]
) -> dict[str, str]:
    """QuickBooks id -> platform id, where exactly one on each side has the same key."""
    theirs = grouped(quickbooks, lambda content: _exact_key(content, fields))
    ours = grouped(platform, lambda content: _exact_key(content, fields))
    return {
        ids[0]: ours[key][0]
        for key, ids in theirs.items()
        if len(ids) == 1 and len(ours.get(key, ())) == 1
    }


def _exact_key(content: Content, fields: tuple[str, ...]) -> Key | None:
    """The values of the key's fields without case; None where the first one is empty."""
    if not content.get(fields[0]):
        return None
    values = (content.get(name) for name in fields)
    return tuple(each.casefold() if isinstance(each, str) else each for each in values)


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
