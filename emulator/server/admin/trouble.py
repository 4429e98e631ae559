"""What is to go wrong, when, and for whom: faults, the clock, switches, webhooks, tokens."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from emulator.clock import parse_instant, stamp
from emulator.injection import KINDS, parse_rule
from emulator.options import Options
from emulator.server.admin.inputs import (
    Actions,
    BadInputError,
    Query,
    fields_of,
    number,
    realm,
    text,
    truth,
)
from emulator.webhooks.settings import parse_settings

if TYPE_CHECKING:
    from emulator.emulator import Emulator

RULES_MAX = 1_000
_ADVANCE_MAX = 20 * 365 * 86_400
_SPEED_MAX = 1_000_000
_NUMBER_MAX = 1_000_000_000
_CLOCK_FIELDS = ("advance_seconds", "to", "speed")


def _show_kinds(_emulator: Emulator, _body: Any, _query: Query) -> Any:
    return {"kinds": KINDS}


def _add_faults(emulator: Emulator, body: Any, _query: Query) -> Any:
    sources = body if isinstance(body, list) else [body]
    rules = [parse_rule(source) for source in sources]
    if len(emulator.injection.rules) + len(rules) > RULES_MAX:
        raise BadInputError(f"There are {RULES_MAX} rules at most: DELETE faults first.")
    emulator.injection.rules.extend(rules)
    return _show_faults(emulator, body, {})


def _show_faults(emulator: Emulator, _body: Any, _query: Query) -> Any:
    return {"faults": [rule.describe() for rule in emulator.injection.rules]}


def _clear_faults(emulator: Emulator, _body: Any, _query: Query) -> Any:
    emulator.injection.rules.clear()
    emulator.mishaps.clear()
    return {"faults": []}


def _show_clock(emulator: Emulator, _body: Any, _query: Query) -> Any:
    return {"time": stamp(emulator.clock.now()), "speed": emulator.clock.speed}


def _move_clock(emulator: Emulator, body: Any, query: Query) -> Any:
    sent = fields_of(body, *_CLOCK_FIELDS)
    if not sent:
        raise BadInputError(
            "Field advance_seconds has the value None: give a number of seconds, or to, or speed."
        )
    clock = emulator.clock
    speed = number(sent, "speed", _SPEED_MAX, "a factor") if "speed" in sent else None
    seconds = 0.0
    if "advance_seconds" in sent:
        seconds = number(sent, "advance_seconds", _ADVANCE_MAX, "a number of seconds")
    if "to" in sent:
        instant = parse_instant(text(sent, "to", "an instant"))
        left = None if instant is None else (instant - clock.now()).total_seconds()
        if left is None or not 0 <= left <= _ADVANCE_MAX:
            raise BadInputError(
                f"Field to has the value {sent['to']!r}: give an instant after "
                f"{stamp(clock.now())}, such as 2026-12-24T09:00:00-08:00."
            )
        seconds += left
    clock.advance(seconds)
    if speed is not None:
        clock.run_at(speed)
    return _show_clock(emulator, body, query)


def _show_options(emulator: Emulator, _body: Any, _query: Query) -> Any:
    return {"options": asdict(emulator.options)}


def _set_options(emulator: Emulator, body: Any, query: Query) -> Any:
    kinds = {declared.name: str(declared.type) for declared in fields(Options)}
    sent = fields_of(body, *kinds)
    values: dict[str, Any] = {}
    for name in sent:
        if kinds[name] == "bool":
            values[name] = truth(sent, name)
            if values[name] is None:
                raise BadInputError(f"Field {name} has the value None: give true or false.")
            continue
        value = number(sent, name, _NUMBER_MAX, "a number")
        if kinds[name] == "int" and not isinstance(sent[name], int):
            raise BadInputError(f"Field {name} has the value {value}: give a whole number.")
        values[name] = int(value) if kinds[name] == "int" else value
    for name, value in values.items():
        setattr(emulator.options, name, value)
    return _show_options(emulator, body, query)


def _show_webhooks(emulator: Emulator, _body: Any, _query: Query) -> Any:
    return {"webhooks": emulator.webhooks.describe(emulator.clock.now())}


def _set_webhooks(emulator: Emulator, body: Any, query: Query) -> Any:
    emulator.webhooks.configure(parse_settings(body))
    return _show_webhooks(emulator, body, query)


def _stop_webhooks(emulator: Emulator, body: Any, query: Query) -> Any:
    emulator.webhooks.configure(None)
    return _show_webhooks(emulator, body, query)


def _token(emulator: Emulator, body: Any, _query: Query) -> Any:
    sent = fields_of(body, "realm_id", "who")
    realm_id = realm(emulator, sent.get("realm_id"))
    access = emulator.tokens.person_token(realm_id, text(sent, "who", "the person's name"))
    return {
        "access_token": access.value,
        "token_type": "bearer",
        "expires_in": 3600,
        "user_id": access.author.user_id,
    }


def _request_ids(emulator: Emulator, body: Any, _query: Query) -> Any:
    sent = fields_of(body, "honour", "forget")
    honour, forget = truth(sent, "honour"), truth(sent, "forget")
    if honour is not None:
        emulator.options.honour_request_ids = honour
    if forget:
        emulator.forget_request_ids()
    return {"honour": emulator.options.honour_request_ids, "remembered": len(emulator.replays)}


ACTIONS: Actions = {
    ("GET", "kinds"): _show_kinds,
    ("GET", "faults"): _show_faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "clock"): _show_clock,
    ("POST", "clock"): _move_clock,
    ("GET", "options"): _show_options,
    ("POST", "options"): _set_options,
    ("GET", "webhooks"): _show_webhooks,
    ("POST", "webhooks"): _set_webhooks,
    ("DELETE", "webhooks"): _stop_webhooks,
    ("POST", "token"): _token,
    ("POST", "request-ids"): _request_ids,
}
