"""Webhooks: is a body from Intuit, and which records does it say have changed?

Intuit signs each body with the verifier token of the app and sends it in one of two shapes: the
older notification, or an array of CloudEvents (quickbooks-api, section 9). Both carry ids only.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, TypeAdapter
from pydantic import ValidationError as PydanticError

from models.errors import UsageError, shorten
from models.tables.webhook import EVENT_ID_CHARACTERS_MAX, WORD_CHARACTERS_MAX

#: The header that carries the signature.
SIGNATURE_HEADER: Final = "intuit-signature"
#: A longer body is refused; Intuit's hold a few dozen events, some hundred bytes each.
BODY_BYTES_MAX: Final = 2**20

_Word = Annotated[str, StringConstraints(pattern=rf"^[!-~]{{1,{WORD_CHARACTERS_MAX}}}$")]
_EventId = Annotated[str, StringConstraints(pattern=rf"^[!-~]{{1,{EVENT_ID_CHARACTERS_MAX}}}$")]


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the instant has no place in the calendar") from error


_Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]


@dataclass(frozen=True)
class WebhookEvent:
    """One record that QuickBooks says has changed."""

    #: The same however often it is told.
    id: str
    realm_id: str
    #: In either spelling: invoice, Invoice.
    entity: str
    quickbooks_id: str
    #: The shape's own word: created, Create.
    operation: str
    happened_at: datetime

    @property
    def is_create(self) -> bool:
        """Whether the record is new."""
        return self.operation.lower() in ("create", "created")

    @property
    def is_delete(self) -> bool:
        """Whether the record is gone."""
        return self.operation.lower() in ("delete", "deleted")


def is_signed(body: bytes, signature: str, tokens: Sequence[str]) -> bool:
    """Whether a body was signed with one of the verifier tokens.

    The time that it takes tells nothing about the right signature, nor which token it is.
    """
    given = signature.encode("utf-8", "surrogatepass")
    found = [
        hmac.compare_digest(base64.b64encode(hmac.digest(token.encode(), body, "sha256")), given)
        for token in tokens
    ]
    return any(found)


def events_in(body: bytes) -> list[WebhookEvent]:
    """The events of a body in either shape, in its order.

    Raises:
        UsageError: a body in neither shape, naming the first field that is not as it should be.
    """
    cloud_events = body.lstrip()[:1] == b"["
    try:
        if cloud_events:
            return [each.event() for each in _CLOUD_EVENTS.validate_json(body)]
        told = _Notifications.model_validate_json(body).notifications
    except PydanticError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(each) for each in first["loc"]) or "the body"
        value = shorten(first["input"])
        shape = "an array of CloudEvents" if cloud_events else "an object with eventNotifications"
        raise UsageError(f"{place} is {value!r}: {first['msg']}; send {shape}") from error
    return [entity.event(each.realm_id) for each in told for entity in each.change.entities]


# -- the array of CloudEvents --


class _CloudEvent(BaseModel):
    id: _EventId
    #: Such as qbo.invoice.created.v1.
    type: Annotated[
        str, StringConstraints(pattern=rf"^qbo(\.[\w-]{{1,{WORD_CHARACTERS_MAX}}}){{3}}$")
    ]
    time: _Instant
    quickbooks_id: _Word = Field(alias="intuitentityid")
    realm_id: _Word = Field(alias="intuitaccountid")

    def event(self) -> WebhookEvent:
        _, entity, operation, _ = self.type.split(".")
        return WebhookEvent(
            self.id, self.realm_id, entity, self.quickbooks_id, operation, self.time
        )


_CLOUD_EVENTS: Final[TypeAdapter[list[_CloudEvent]]] = TypeAdapter(list[_CloudEvent])


# -- the older notification --


class _Entity(BaseModel):
    name: _Word
    quickbooks_id: _Word = Field(alias="id")
    operation: _Word
    last_updated: _Instant = Field(alias="lastUpdated")

    def event(self, realm_id: str) -> WebhookEvent:
        happened_at = self.last_updated
        parts: list[Any] = [self.name, self.quickbooks_id, self.operation, happened_at.isoformat()]
        told = " ".join([realm_id, *parts])
        made_id = f"sha256:{hashlib.sha256(told.encode()).hexdigest()}"
        return WebhookEvent(
            made_id, realm_id, self.name, self.quickbooks_id, self.operation, happened_at
        )


class _Change(BaseModel):
    entities: list[_Entity]


class _Notification(BaseModel):
    realm_id: _Word = Field(alias="realmId")
    change: _Change = Field(alias="dataChangeEvent")


class _Notifications(BaseModel):
    notifications: list[_Notification] = Field(alias="eventNotifications")
