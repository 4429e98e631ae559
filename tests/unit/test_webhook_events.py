"""Webhooks are read in both shapes, and what is in neither is refused with its place."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import Any

import pytest

from connectors.quickbooks.webhooks import WebhookEvent, events_in
from emulator.webhooks.events import body_of
from models.errors import UsageError
from tests.fixtures.webhooks import BOTH_SHAPES, NOON, told

CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "88cd52aa-33b6-4351-9aa4-47572edbd068",
    "source": "intuit.dsnBgbseACLLRZNxo2dfc4evmEJdxde58xeeYcZliOU=",
    "type": "qbo.account.created.v1",
    "datacontenttype": "application/json",
    "time": "2026-11-16T12:00:00.123456789Z",
    "intuitentityid": "1234",
    "intuitaccountid": "310687",
    "data": {},
}
ENTITY = {
    "name": "Customer",
    "id": "1",
    "operation": "Create",
    "lastUpdated": "2026-11-16T05:00:00-0700",
}


def notification(**changed: Any) -> dict[str, Any]:
    """A body of the older shape, with some members of its entity changed."""
    entity = {**ENTITY, **changed}
    told = {"realmId": "310687", "dataChangeEvent": {"entities": [entity]}}
    return {"eventNotifications": [told]}


def read(body: Any) -> list[WebhookEvent]:
    """The events of a body."""
    return events_in(json.dumps(body).encode())


def test_a_cloud_event() -> None:
    """Nanoseconds are cut, never refused."""
    assert read([CLOUD_EVENT]) == [
        WebhookEvent(
            id=str(CLOUD_EVENT["id"]),
            realm_id="310687",
            entity="account",
            quickbooks_id="1234",
            operation="created",
            happened_at=NOON + timedelta(microseconds=123_456),
        )
    ]


def test_a_notification() -> None:
    """The id that it lacks is made of what it says: the same for the same, another for another."""
    (event,) = read(notification())
    assert (event.realm_id, event.entity, event.quickbooks_id) == ("310687", "Customer", "1")
    assert (event.operation, event.happened_at) == ("Create", NOON)
    assert event.id.startswith("sha256:")
    assert read(notification(unheard_of=1)) == [event]
    ids = {event.id}
    for changed in (
        {"id": "2"},
        {"name": "Vendor"},
        {"operation": "Update"},
        {"lastUpdated": "2026-11-16T05:00:01-0700"},
    ):
        ids.add(read(notification(**changed))[0].id)
    assert len(ids) == 5


@pytest.mark.parametrize("shape", BOTH_SHAPES)
def test_many_companies_and_events_in_one_body(shape: str) -> None:
    """All of them, whatever their order."""
    events = [told(realm, "Bill", str(number)) for number in range(50) for realm in ("1", "2")]
    found = events_in(b" \n" + body_of(events, shape))
    assert sorted((each.realm_id, each.quickbooks_id) for each in found) == sorted(
        (each.realm_id, each.record_id) for each in events
    )
    assert {each.entity.lower() for each in found} == {"bill"}
    assert {each.happened_at for each in found} == {NOON}
    assert all(each.happened_at.tzinfo is UTC for each in found)


@pytest.mark.parametrize(
    ("word", "is_create", "is_delete"),
    [
        ("create", True, False),
        ("delete", False, True),
        ("void", False, False),
        ("merge", False, False),
        ("update", False, False),
    ],
)
@pytest.mark.parametrize("shape", BOTH_SHAPES)
def test_what_is_new_or_gone(shape: str, word: str, is_create: bool, is_delete: bool) -> None:
    """Each shape has its own word for it."""
    (event,) = events_in(body_of([told("1", operation=word)], shape))
    assert (event.is_create, event.is_delete) == (is_create, is_delete)


@pytest.mark.parametrize("body", [b"[]", b'{"eventNotifications": []}'])
def test_a_body_without_events(body: bytes) -> None:
    """Such as a test message."""
    assert events_in(body) == []


def without(name: str) -> list[dict[str, Any]]:
    """A CloudEvent that lacks a member."""
    return [{key: value for key, value in CLOUD_EVENT.items() if key != name}]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("", "the body"),
        ("x", "the body"),
        ("null", "the body"),
        ("12", "the body"),
        ('"a"', "the body"),
        ("{}", "eventNotifications"),
        ("[1]", "0"),
        ("[" * 10_000, "the body"),
        (without("id"), "0.id"),
        (without("time"), "0.time"),
        (without("type"), "0.type"),
        (without("intuitaccountid"), "0.intuitaccountid"),
        (without("intuitentityid"), "0.intuitentityid"),
        ([CLOUD_EVENT, {**CLOUD_EVENT, "id": 5}], "1.id"),
        ([{**CLOUD_EVENT, "id": "x" * 101}], "0.id"),
        ([{**CLOUD_EVENT, "id": "x\0"}], "0.id"),
        ([{**CLOUD_EVENT, "intuitentityid": "\ud800"}], "the body"),
        ([{**CLOUD_EVENT, "time": "0001-01-01T00:00:00+14:00"}], "0.time"),
        (
            notification(lastUpdated="9999-12-31T23:59:59-11:00"),
            "eventNotifications.0.dataChangeEvent.entities.0.lastUpdated",
        ),
        ([{**CLOUD_EVENT, "intuitentityid": "1 OR 1=1"}], "0.intuitentityid"),
        ([{**CLOUD_EVENT, "intuitaccountid": ""}], "0.intuitaccountid"),
        ([{**CLOUD_EVENT, "type": "qbo.invoice"}], "0.type"),
        ([{**CLOUD_EVENT, "type": "payroll.employee.created.v1"}], "0.type"),
        ([{**CLOUD_EVENT, "time": "2026-11-16T12:00:00"}], "0.time"),
        ([{**CLOUD_EVENT, "time": "soon"}], "0.time"),
        (notification(lastUpdated=""), "lastUpdated"),
        (notification(name=None), "name"),
        (notification(id="a" * 41), "id"),
        ({"eventNotifications": [{"realmId": "1"}]}, "dataChangeEvent"),
        ({"eventNotifications": {}}, "eventNotifications"),
    ],
)
def test_what_cannot_be_read_is_named(body: Any, place: str) -> None:
    """Field, value and what to send; a long value is cut."""
    text = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(UsageError) as refused:
        events_in(text.encode())
    message = str(refused.value)
    assert place in message.partition(" is ")[0]
    assert "send an " in message
    assert len(message) < 500
