"""The outermost layer of a call: application limits, scopes, and faults that strike from outside.

The API itself knows nothing of this layer. It changes what goes in (a call that lands later), what
comes out (links missing, another order, skewed times) and when (slowly).
Source: dossier sections 1.1 (scopes), 2 (request ids), 3.2, 5, 6 and 7.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulator import exact_json
from emulator.clock import PACIFIC, parse_instant
from emulator.emulator import Emulator, StoredAnswer
from emulator.injection import OUTER_KINDS, FaultRule, Occasion, fits
from emulator.meter import ApplicationLimits
from emulator.mishaps import drop_links, shift_times
from emulator.server import answers, api
from emulator.server.answers import Answer, DropConnection
from emulator.server.call import Call, item_occasion

if TYPE_CHECKING:
    from emulator.oauth.tokens import AccessToken

SCOPE = "com.intuit.quickbooks.accounting"


@dataclass(frozen=True)
class Landing:
    """A call whose effect is still to come."""

    due: datetime
    call: Call
    access: AccessToken


async def handle(emulator: Emulator, call: Call) -> Answer:
    """Answer one call, with whatever trouble is ordered around it."""
    await settle(emulator)
    access = emulator.tokens.find(call.bearer or "")
    if access is None or emulator.tokens.expired(access):
        return await api.handle(emulator, call)
    if access.connection is not None and SCOPE not in access.scopes:
        _note(emulator, call, access, 403, "")
        return answers.forbidden(emulator.clock.now(), as_json=call.as_json)
    if not emulator.options.limits:
        return await _troubled(emulator, call, access)
    key = (call.realm_id, access.author.client_id or access.author.who)
    limits = emulator.application_limits.setdefault(key, ApplicationLimits())
    if not limits.admit(emulator.clock.now(), batch=call.verb == "batch"):
        _note(emulator, call, access, 429, "")
        return answers.throttled(emulator.clock.now())
    limits.at_once += 1
    try:
        return await _troubled(emulator, call, access)
    finally:
        limits.at_once -= 1


async def _troubled(emulator: Emulator, call: Call, access: AccessToken) -> Answer:
    rules = emulator.injection.strike_each(call.occasions(), OUTER_KINDS)
    for rule in rules:
        if rule.kind == "late_landing":
            due = emulator.clock.now() + timedelta(seconds=rule.seconds)
            emulator.landings.append(Landing(due, call, access))
            _note(emulator, call, access, 0, rule.kind)
            raise DropConnection
    answer = await api.handle(emulator, call)
    if call.verb == "upload":
        with emulator.lock:
            emulator.keep_files(call.realm_id)
    if call.verb == "cdc" and answer.status == 200:
        answer = _distorted(emulator, call, answer)
    for rule in rules:
        _mark(emulator, rule)
        if answer.status < 400:
            answer = _AFTER[rule.kind](emulator, call, rule, answer)
    return answer


def _note(emulator: Emulator, call: Call, access: AccessToken, status: int, struck: str) -> None:
    """Log a call that the API itself does not get to see."""
    emulator.meter.count(call.verb or "other", status)
    emulator.note(
        method=call.method,
        path=f"/v3/company/{call.realm_id}/{'/'.join(call.segments)}",
        query="&".join(f"{name}={value}" for name, value in call.parameters.items()),
        status=status,
        verb=call.verb,
        entity=call.entity_name,
        request_id=call.request_id,
        who=access.author.who,
        struck=struck,
    )


def _mark(emulator: Emulator, rule: FaultRule) -> None:
    """Name a rule in the log line of the call it struck."""
    line = emulator.log[-1]
    emulator.log[-1] = replace(line, struck=f"{line.struck} {rule.kind}".strip())


async def settle(emulator: Emulator) -> None:
    """Let calls land whose time has come."""
    now = emulator.clock.now()
    due = [landing for landing in emulator.landings if landing.due <= now]
    for landing in due:
        if landing not in emulator.landings:
            continue
        emulator.landings.remove(landing)
        # The call was let in when it came; its token may have expired meanwhile.
        fresh = emulator.tokens.again(landing.access)
        try:
            await api.handle(emulator, replace(landing.call, bearer=fresh.value))
        except DropConnection:
            # Another rule took the answer, which nobody waits for any more.
            continue


# What rules do to an answer, by kind


def _distorted(emulator: Emulator, call: Call, answer: Answer) -> Answer:
    if not call.as_json:
        return answer
    body = exact_json.loads(answer.content)
    changed = emulator.mishaps.distort(call.realm_id, body, emulator.clock.now())
    return replace(answer, content=exact_json.dumps(body)) if changed else answer


def _forget(emulator: Emulator, call: Call, _rule: FaultRule, answer: Answer) -> Answer:
    emulator.forget_request_ids(call.realm_id, call.request_id)
    return answer


def _slow(_emulator: Emulator, _call: Call, rule: FaultRule, answer: Answer) -> Answer:
    return replace(answer, seconds=rule.seconds)


def _reorder(_emulator: Emulator, call: Call, rule: FaultRule, answer: Answer) -> Answer:
    if call.verb != "batch" or not call.as_json:
        return answer
    body = exact_json.loads(answer.content)
    items = body.get("BatchItemResponse") or []
    shuffled = list(items)
    random.Random(rule.seed).shuffle(shuffled)  # noqa: S311 - repeatable, not secret
    body["BatchItemResponse"] = shuffled if shuffled != items else items[::-1]
    return replace(answer, content=exact_json.dumps(body))


def _skew(_emulator: Emulator, call: Call, rule: FaultRule, answer: Answer) -> Answer:
    if not call.as_json:
        return answer
    distance = timedelta(seconds=rule.seconds)

    def shift(name: str, text: Any) -> Any:
        instant = parse_instant(text)
        if instant is None:
            return text
        moved = (instant + distance).astimezone(PACIFIC)
        return moved.isoformat(timespec="milliseconds" if name == "time" else "seconds")

    body = shift_times(exact_json.loads(answer.content), shift)
    return replace(answer, content=exact_json.dumps(body))


def _drop_links(emulator: Emulator, call: Call, rule: FaultRule, answer: Answer) -> Answer:
    if call.verb not in {"create", "update", "batch"} or not call.as_json:
        return answer
    body = exact_json.loads(answer.content)
    with emulator.lock:
        if call.verb == "batch":
            _drop_links_of_items(emulator, call, rule, body)
        else:
            _drop_links_of(emulator, call, call.entity_name, body)
        changed = replace(answer, content=exact_json.dumps(body))
        key = (call.realm_id, call.request_id)
        if key in emulator.replays:
            stored = StoredAnswer(changed.status, changed.content, changed.content_type)
            emulator.replays[key] = stored
    return changed


def _drop_links_of_items(
    emulator: Emulator, call: Call, rule: FaultRule, body: dict[str, Any]
) -> None:
    struck = {}
    for item in call.body["BatchItemRequest"]:
        occasion = item_occasion(item) if isinstance(item, dict) else Occasion("", "", "")
        if fits(rule, occasion) and occasion.verb in {"create", "update"}:
            struck[str(item.get("bId", ""))] = occasion.entity
    for item in body["BatchItemResponse"]:
        if item.get("bId") in struck:
            _drop_links_of(emulator, call, struck[item["bId"]], item)
            key = (call.realm_id, call.request_id, str(item["bId"]))
            if key in emulator.item_replays:
                emulator.item_replays[key] = item


def _drop_links_of(emulator: Emulator, call: Call, entity: str, holder: dict[str, Any]) -> None:
    written = holder.get(entity)
    if isinstance(written, dict) and written.get("Id"):
        company = emulator.companies[call.realm_id]
        holder[entity] = drop_links(company, entity, str(written["Id"])) or written


_AFTER = {
    "forget_request_ids": _forget,
    "slow": _slow,
    "batch_reorder": _reorder,
    "clock_skew": _skew,
    "drop_links": _drop_links,
}
