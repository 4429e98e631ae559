"""A backfill: a range of days that a person lets be read again on both sides, part by part."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from models.errors import UsageError
from models.words import DataType, Side

#: Days in one part unless a person says otherwise: a month's books fit into one cycle.
PART_DAYS: Final = 31
PART_DAYS_MAX: Final = 366
#: More parts than this are a mistake in a year.
PARTS_MAX: Final = 1_000


@dataclass(frozen=True)
class Part:
    """Days that one cycle reads, both ends included; None: what has no day of its own."""

    days: tuple[date, date] | None

    def __str__(self) -> str:
        if self.days is None:
            return "lists"
        return f"{self.days[0]} to {self.days[1]}"


@dataclass(frozen=True)
class Asked:
    """What a person asked for."""

    data_types: frozenset[DataType]
    since: date
    until: date
    #: Sides that may be written.
    write_to: frozenset[Side] = frozenset(Side)
    part_days: int = PART_DAYS

    def checked(self) -> Asked:
        """The same, if it can be carried out.

        Raises:
            UsageError: naming what cannot be, and what would be right.
        """
        if self.until < self.since:
            raise UsageError(f"until is {self.until}, before since, {self.since}; swap the two")
        if not 1 <= self.part_days <= PART_DAYS_MAX:
            raise UsageError(f"part days are {self.part_days}; give 1 to {PART_DAYS_MAX}")
        if not self.write_to:
            raise UsageError(f"no side may be written; give {' or '.join(Side)}, or a dry run")
        if not self.data_types:
            raise UsageError(f"no data type is given; give some of {', '.join(DataType)}")
        count = (self.until - self.since).days // self.part_days + 1
        if count > PARTS_MAX:
            raise UsageError(
                f"{self.since} to {self.until} is {count} parts of {self.part_days} days; "
                f"{PARTS_MAX} are allowed: take longer parts, or fewer years"
            )
        return self

    def within(self, switched_on: frozenset[DataType]) -> Asked:
        """The same, of the data types that the company syncs.

        Raises:
            UsageError: it syncs none of them.
        """
        both = self.data_types & switched_on
        if not both:
            names = ", ".join(sorted(self.data_types))
            raise UsageError(
                f"{names}: switched off for this company; switch it on in its settings"
            )
        return replace(self, data_types=both)

    def parts(self) -> list[Part]:
        """Lists first, because documents refer to them; then the days in order."""
        found, first = [Part(None)], self.since
        while first <= self.until:
            last = min(first + timedelta(days=self.part_days - 1), self.until)
            found.append(Part((first, last)))
            first = last + timedelta(days=1)
        return found

    def as_json(self) -> str:
        """The stored form; the same question is the same text."""
        return json.dumps(
            {
                "data_types": sorted(self.data_types),
                "since": self.since.isoformat(),
                "until": self.until.isoformat(),
                "write_to": sorted(self.write_to),
                "part_days": self.part_days,
            },
            sort_keys=True,
        )
