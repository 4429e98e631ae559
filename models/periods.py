"""Closed periods: whether a record counts on a day whose books are closed (quickbooks-api 8.1).

QuickBooks refuses to write what counts on a closed day, before the write or after it (fault 6210).
Dates are a person's to move: nothing here or elsewhere does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from models.errors import RecordError
from models.record_type import RecordType
from models.records import Content

#: The code of a record that is parked because it counts on a closed day.
CLOSED_PERIOD = "closed_period"
#: QuickBooks's fault for it.
CLOSED_PERIOD_FAULT = "6210"
_FIX = (
    "Open the books in QuickBooks (Account and settings, Advanced, Close the books): it then goes "
    "on by itself. Or give the record a later date yourself; the sync never moves a date."
)


def days_of(record_type: RecordType, contents: Iterable[Content | None]) -> list[date]:
    """The days on which these versions of one record count, earliest first, each once."""
    values = (content.get(record_type.booked_on) for content in contents if content)
    return sorted({value for value in values if isinstance(value, date)})


def closed_day(days: Iterable[date], book_close_date: str) -> date | None:
    """The earliest of the days that is closed; None where none is.

    book_close_date is the last closed day in ISO form, "" where no books are closed.
    """
    if not book_close_date:
        return None
    closed_until = date.fromisoformat(book_close_date)
    return min((day for day in days if day <= closed_until), default=None)


def closed_error(record_type: RecordType, day: date, book_close_date: str) -> RecordError:
    """The error for a record whose day is known to be closed."""
    return RecordError(
        f"{record_type.booked_on} is {day}, and QuickBooks's books are closed up to and including "
        f"{book_close_date}",
        code=CLOSED_PERIOD,
        field=record_type.booked_on,
        value=day,
        fix=_FIX,
    )


def refused_error(
    record_type: RecordType, days: Iterable[date], book_close_date: str
) -> RecordError:
    """The error for a write that QuickBooks refused as closed, whatever the dates say.

    The day of a record that it is linked to may be the closed one.
    """
    days = list(days)
    closed = closed_day(days, book_close_date)
    if closed is not None:
        return closed_error(record_type, closed, book_close_date)
    own = f"{record_type.booked_on} is {days[0]}" if days else "the record has no date of its own"
    until = f"they are closed up to and including {book_close_date}" if book_close_date else ""
    return RecordError(
        f"QuickBooks refuses to write into closed books{': ' + until if until else ''}; {own}",
        code=CLOSED_PERIOD,
        field=record_type.booked_on,
        value=days[0] if days else "",
        fix=_FIX,
    )
