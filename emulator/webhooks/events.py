"""Events and their two wire forms: the classic notification and the array of CloudEvents.

One event for each create, update, delete, void, merge or mailing, the application's own writes
included. An event carries ids only. Attachables, CompanyInfo, tax codes and tax rates have none.
Source: dossier section 9.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from emulator.clock import PACIFIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emulator.company import JournalLine

SHAPES = ("cloudevents", "classic")
#: The most events one body carries.
EVENTS_MAX = 100
_NAMES = frozenset(
    {
        "Account",
        "Bill",
        "BillPayment",
        "Budget",
        "Class",
        "CreditMemo",
        "Customer",
        "Department",
        "Deposit",
        "Employee",
        "Estimate",
        "Invoice",
        "Item",
        "JournalCode",
        "JournalEntry",
        "Payment",
        "PaymentMethod",
        "Preferences",
        "Purchase",
        "PurchaseOrder",
        "RefundReceipt",
        "SalesReceipt",
        "TaxAgency",
        "Term",
        "TimeActivity",
        "Transfer",
        "Vendor",
        "VendorCredit",
    }
)
_RENAMED = {"CompanyCurrency": "Currency"}
#: The journal's operations, in the classic word and in the CloudEvents one.
_WORDS = {
    "create": ("Create", "created"),
    "update": ("Update", "updated"),
    "delete": ("Delete", "deleted"),
    "void": ("Void", "voided"),
    "merge": ("Merge", "merged"),
    "email": ("Emailed", "emailed"),
}
#: What is told as voided (Intuit's developer blog, 2017-05-11); any other void is an update.
_TOLD_AS_VOIDED = frozenset(
    {
        "BillPayment",
        "CreditMemo",
        "Invoice",
        "Payment",
        "Purchase",
        "RefundReceipt",
        "SalesReceipt",
        "Transfer",
    }
)
_NAMESPACE = uuid.UUID("5a1de1f0-8a5c-4b0e-9d0e-0c7e52a0b6f1")


@dataclass(frozen=True)
class Event:
    """One change, as it will be told."""

    #: Stays the same however often the event is sent.
    id: str
    realm_id: str
    name: str
    record_id: str
    operation: str
    at: datetime
    #: The record that a merge made disappear.
    deleted_id: str = ""


def event_of(line: JournalLine, now: datetime) -> Event | None:
    """Return the event for a write that took effect, None if QuickBooks tells nothing of it."""
    name = _RENAMED.get(line.entity, line.entity)
    if line.operation not in _WORDS or (name == line.entity and name not in _NAMES):
        return None
    deleted = line.body.get("deletedId", "") if line.operation == "merge" else ""
    number = f"{line.realm_id}:{line.sequence}:{now.isoformat()}"
    made_id = str(uuid.uuid5(_NAMESPACE, number))
    unsaid = line.operation == "void" and name not in _TOLD_AS_VOIDED
    operation = "update" if unsaid else line.operation
    return Event(made_id, line.realm_id, name, line.id, operation, now, str(deleted))


def body_of(events: Sequence[Event], shape: str) -> bytes:
    """Return the body that tells these events."""
    content = _classic(events) if shape == "classic" else [_cloud_event(each) for each in events]
    return json.dumps(content, separators=(",", ":")).encode()


def signature_of(body: bytes, verifier: str) -> str:
    """Return what the header intuit-signature carries."""
    digest = hmac.new(verifier.encode(), body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def _classic(events: Sequence[Event]) -> dict[str, Any]:
    realms = dict.fromkeys(event.realm_id for event in events)
    return {
        "eventNotifications": [
            {
                "realmId": realm_id,
                "dataChangeEvent": {
                    "entities": [_entity(each) for each in events if each.realm_id == realm_id]
                },
            }
            for realm_id in realms
        ]
    }


def _entity(event: Event) -> dict[str, str]:
    when = event.at.astimezone(PACIFIC).strftime("%Y-%m-%dT%H:%M:%S%z")
    operation = _WORDS[event.operation][0]
    told = {"name": event.name, "id": event.record_id, "operation": operation}
    deleted = {"deletedId": event.deleted_id} if event.deleted_id else {}
    return {**told, "lastUpdated": when, **deleted}


def _cloud_event(event: Event) -> dict[str, Any]:
    # Nanoseconds, as recorded: a reader that takes at most six digits should find out here.
    when = event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": "intuit.qbo-emulator",
        "type": f"qbo.{event.name.lower()}.{_WORDS[event.operation][1]}.v1",
        "datacontenttype": "application/json",
        "time": when,
        "intuitentityid": event.record_id,
        "intuitaccountid": event.realm_id,
        "data": {"deletedid": event.deleted_id} if event.deleted_id else {},
    }
