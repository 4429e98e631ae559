"""Records in canonical form, for the oracle: each version is decoded once, not in each schedule.

Most records of a schedule are those of the company it began with, and no version of a record is
ever changed. What a record means also depends on what it refers to, so each answer is kept with
all that decoding asked, and counts only while the same questions have the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.codecs import decode
from models.record_type import RecordType
from models.records import Content, References
from models.words import Side

#: More would be records of schedules that have ended.
_KEPT_MAX = 20_000


@dataclass(frozen=True)
class _Known:
    """A decoded record, with what was asked about the records it refers to."""

    raw: Mapping[str, Any]
    asked: list[tuple[str, tuple[Any, ...], Any]]
    content: Content

    def holds(self, raw: Mapping[str, Any], references: References) -> bool:
        """Whether it is this record, and what it refers to is what it was."""
        return self.raw is raw and all(
            getattr(references, question)(*about) == answer
            for question, about, answer in self.asked
        )


#: By home currency, side and number of the raw record.
_KNOWN: dict[tuple[str, Side, int], _Known] = {}


class _Noted:
    """References that note what is asked of them; implements `References`."""

    def __init__(self, inner: References) -> None:
        self._inner = inner
        self.home_currency = inner.home_currency
        self.multi_currency = inner.multi_currency
        self.asked: list[tuple[str, tuple[Any, ...], Any]] = []

    def _ask(self, question: str, *about: Any) -> Any:
        answer = getattr(self._inner, question)(*about)
        self.asked.append((question, about, answer))
        return answer

    def link_of(self, record_type: str, side: Side, side_id: str) -> int | None:
        """Pass on, and note."""
        return self._ask("link_of", record_type, side, side_id)  # type: ignore[no-any-return]

    def side_id_of(self, link_id: int, side: Side) -> str | None:
        """Pass on, and note."""
        return self._ask("side_id_of", link_id, side)  # type: ignore[no-any-return]

    def label_of(self, link_id: int) -> str:
        """Pass on, and note."""
        return self._ask("label_of", link_id)  # type: ignore[no-any-return]

    def name_of(self, entity: str, quickbooks_id: str) -> str | None:
        """Pass on, and note."""
        return self._ask("name_of", entity, quickbooks_id)  # type: ignore[no-any-return]

    def id_of_name(self, entity: str, name: str) -> str | None:
        """Pass on, and note."""
        return self._ask("id_of_name", entity, name)  # type: ignore[no-any-return]


def decoded(
    record_type: RecordType, side: Side, raw: Mapping[str, Any], references: References
) -> Content:
    """What a record holds in canonical form, without the fields that cannot be read."""
    key = (references.home_currency, side, id(raw))
    known = _KNOWN.get(key)
    if known is not None and known.holds(raw, references):
        return known.content
    noted = _Noted(references)
    content = decode(record_type, side, raw, noted).content
    if len(_KNOWN) >= _KEPT_MAX:
        _KNOWN.clear()
    _KNOWN[key] = _Known(raw, noted.asked, content)
    return content
