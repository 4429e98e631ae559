"""What forms and addresses carry. Each form says its fields; one with any other is refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Form, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from models.errors import UsageError, shorten
from models.numbers import NUMBER_MAX, number_in

#: A number that a row is known by.
Number = Annotated[int, Field(ge=1, le=NUMBER_MAX)]
#: The same in an address; where a list goes on, or what it is about.
NumberInAddress = Annotated[int | None, Query(ge=1, le=NUMBER_MAX)]


class Plain(BaseModel):
    """A form with the session's token and nothing else; what all forms begin with."""

    model_config = ConfigDict(extra="forbid")

    form_token: SecretStr


PlainForm = Annotated[Plain, Form()]


def place_text(at: datetime, number: int) -> str:
    """Where a list that is sorted by an instant goes on, as an address carries it."""
    return f"{at.isoformat()}_{number}"


def place_of(text: str) -> tuple[datetime, int] | None:
    """The same from an address; None where it names none.

    Raises:
        UsageError: it is no such place.
    """
    if not text:
        return None
    instant, _, digits = text.rpartition("_")
    number = number_in(digits)
    try:
        at = datetime.fromisoformat(instant)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or number is None:
        raise UsageError(f"the place in the list is {shorten(text)!r}: follow a link of the page")
    return at, number
