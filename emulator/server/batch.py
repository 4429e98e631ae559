"""Batches: up to thirty items, each with its own answer, none seeing the others.

A batch is not atomic: an item that fails leaves the rest alone. With a request id, items whose bId
was seen before under that id are answered from memory; a bId longer than ten characters is not
remembered, as the documentation warns.
Source: dossier sections 2 (request ids in batches), 3.4 (void) and 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.faults import QuickBooksFault
from emulator.presenting import shown
from emulator.query.answer import answer as answer_query
from emulator.server.call import Call, item_entity, item_occasion, item_verb
from emulator.writing import pipeline

if TYPE_CHECKING:
    from emulator.company import Company
    from emulator.emulator import Emulator
    from emulator.injection import FaultRule
    from emulator.writing.pipeline import WriteContext

ITEMS_MAX = 30
REQUEST_ID_LENGTH = 36
ITEM_ID_LENGTH = 10


def run_batch(
    emulator: Emulator, company: Company, call: Call, context: WriteContext
) -> dict[str, Any]:
    """Execute every item and return the batch answer."""
    if not isinstance(call.body, dict) or not isinstance(call.body.get("BatchItemRequest"), list):
        raise faults.unreadable_json()
    items = call.body["BatchItemRequest"]
    if len(items) > ITEMS_MAX:
        raise QuickBooksFault(
            "2090",
            "Invalid value",
            f"The batch has {len(items)} items; the maximum number of payloads is {ITEMS_MAX}.",
            "BatchItemRequest",
        )
    if len(context.request_id) > REQUEST_ID_LENGTH:
        raise faults.wrong_length("requestid", REQUEST_ID_LENGTH, len(context.request_id))
    answers = [_run_item(emulator, company, item, context) for item in items]
    return {"BatchItemResponse": [answer for answer in answers if answer is not None]}


def _run_item(
    emulator: Emulator, company: Company, item: Any, context: WriteContext
) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        return {"Fault": faults.unreadable_json().body()}
    item_id = str(item.get("bId", ""))
    rule = emulator.injection.strike([item_occasion(item)], items=True)
    kind = rule.kind if rule is not None else ""
    key = (company.realm_id, context.request_id, item_id)
    remembers = bool(context.request_id) and 0 < len(item_id) <= ITEM_ID_LENGTH
    honoured = emulator.options.honour_request_ids and kind != "ignore_request_ids"
    if remembers and honoured and key in emulator.item_replays:
        return dict(emulator.item_replays[key])
    answer, committed = _answer_item(company, item, context, rule)
    answer = {"bId": item_id, **answer}
    if remembers and (committed or emulator.options.replay_faults):
        emulator.item_replays[key] = answer
    if kind == "saved_but_6000":
        return {"bId": item_id, "Fault": faults.saved_but_failed().body()}
    return None if kind == "batch_drop_item" else answer


def _answer_item(
    company: Company, item: dict[str, Any], context: WriteContext, rule: FaultRule | None
) -> tuple[dict[str, Any], bool]:
    if rule is not None and rule.kind == "fault":
        ordered = QuickBooksFault(rule.code, rule.message, rule.detail, fault_type=rule.type)
        return {"Fault": ordered.body()}, False
    try:
        return _execute(company, item, context), True
    except QuickBooksFault as refusal:
        return {"Fault": refusal.body()}, False


def _execute(company: Company, item: dict[str, Any], context: WriteContext) -> dict[str, Any]:
    verb = item_verb(item)
    if verb == "query":
        return {"QueryResponse": answer_query(company, str(item["Query"]))}
    entity = item_entity(item)
    if entity is None:
        raise faults.unsupported(f"{verb or 'batch'} of an unknown entity")
    body = next(
        value
        for name, value in item.items()
        if name.lower() in {entity.name.lower(), entity.key.lower()} and isinstance(value, dict)
    )
    if verb == "create":
        body = {name: value for name, value in body.items() if name != "Id"}
        return {entity.key: shown(company, entity, pipeline.save(company, entity, body, context))}
    if verb == "update":
        if body.get("Id") in (None, ""):
            raise faults.missing("Id")
        return {entity.key: shown(company, entity, pipeline.save(company, entity, body, context))}
    if verb == "delete":
        return {entity.key: pipeline.delete(company, entity, body, context)}
    if verb == "void":
        return {entity.key: pipeline.void(company, entity, body, context)}
    raise faults.unsupported(f"{verb} {entity.name}")
