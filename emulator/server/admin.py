"""The admin API under `/_emulator/`: what happened, and what is to go wrong next.

    GET    health, companies, requests, journal, meter, faults
    POST   faults {rule} or [rules], clock {"advance_seconds": n},
           token {"realm_id", "who"}, request-ids {"honour": true, "forget": true}, reset
    DELETE faults

Bad input is answered with 400 and one sentence naming the field, the value and the fix.
Source: the reliability needs of a sync engine's tests; nothing of this exists in QuickBooks.
"""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from emulator import exact_json
from emulator.clock import stamp
from emulator.injection import BadRuleError, parse_rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from emulator.emulator import Emulator

_LISTED_MAX = 10_000


class BadInputError(ValueError):
    """Admin input that makes no sense."""


async def handle(emulator: Emulator, request: Request) -> Response:
    """Answer one admin request."""
    name = request.path_params["name"]
    action = _ACTIONS.get((request.method, name))
    if action is None:
        known = ", ".join(f"{method} {path}" for method, path in _ACTIONS)
        sentence = f"There is no {request.method} /_emulator/{name}: use one of {known}."
        return _answer({"error": sentence}, 404)
    try:
        body = _body(await request.body())
        with emulator.lock:
            return _answer(action(emulator, body, dict(request.query_params)))
    except (BadInputError, BadRuleError) as error:
        return _answer({"error": str(error)}, 400)


def _answer(content: Any, status: int = 200) -> Response:
    return Response(exact_json.dumps(content), status, media_type="application/json")


def _body(content: bytes) -> Any:
    if not content:
        return {}
    try:
        return exact_json.loads(content)
    except ValueError as error:
        raise BadInputError(f"The body is not JSON ({error}): send an object.") from error


def _health(emulator: Emulator, _body: Any, _query: dict[str, str]) -> Any:
    return {"status": "ok", "time": stamp(emulator.clock.now())}


def _companies(emulator: Emulator, _body: Any, _query: dict[str, str]) -> Any:
    return {
        "companies": [
            {
                "realm_id": realm_id,
                "name": company.name,
                "records": {name: len(rows) for name, rows in company.records.items() if rows},
                "writes": len(company.journal),
            }
            for realm_id, company in emulator.companies.items()
        ]
    }


def _requests(emulator: Emulator, _body: Any, query: dict[str, str]) -> Any:
    after = _whole(query, "after", 0)
    lines = [asdict(line) for line in emulator.log if line.sequence > after]
    return {"counts": dict(emulator.meter.by_class), "requests": lines[-_LISTED_MAX:]}


def _journal(emulator: Emulator, _body: Any, query: dict[str, str]) -> Any:
    after = _whole(query, "after", 0)
    wanted = query.get("realm_id")
    lines = [
        asdict(line)
        for realm_id, company in emulator.companies.items()
        if wanted in (None, realm_id)
        for line in company.journal
        if line.sequence > after
    ]
    return {"journal": lines}


def _meter(emulator: Emulator, _body: Any, _query: dict[str, str]) -> Any:
    meter = emulator.meter
    return {"by_class": dict(meter.by_class), "metered": meter.metered, "free": meter.free}


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal():
        raise BadInputError(f"Parameter {name} has the value {text!r}: give a whole number.")
    return int(text)


def _add_faults(emulator: Emulator, body: Any, _query: dict[str, str]) -> Any:
    sources = body if isinstance(body, list) else [body]
    rules = [parse_rule(source) for source in sources]
    emulator.injection.rules.extend(rules)
    return _show_faults(emulator, body, {})


def _show_faults(emulator: Emulator, _body: Any, _query: dict[str, str]) -> Any:
    return {"faults": [_plain(rule.describe()) for rule in emulator.injection.rules]}


def _plain(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a rule without binary fractions, which the exact encoder refuses."""
    return {**rule, "seconds": Decimal(str(rule["seconds"]))}


def _clear_faults(emulator: Emulator, _body: Any, _query: dict[str, str]) -> Any:
    emulator.injection.rules.clear()
    return {"faults": []}


def _clock(emulator: Emulator, body: Any, _query: dict[str, str]) -> Any:
    seconds = body.get("advance_seconds") if isinstance(body, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or seconds < 0:
        raise BadInputError(
            f"Field advance_seconds has the value {seconds!r}: give a number of seconds, 0 or more."
        )
    emulator.clock.advance(float(seconds))
    return {"time": stamp(emulator.clock.now())}


def _token(emulator: Emulator, body: Any, _query: dict[str, str]) -> Any:
    fields = body if isinstance(body, dict) else {}
    realm_id, who = fields.get("realm_id"), fields.get("who")
    if realm_id is None and len(emulator.companies) == 1:
        realm_id = next(iter(emulator.companies))
    if realm_id not in emulator.companies:
        known = ", ".join(emulator.companies)
        raise BadInputError(f"Field realm_id has the value {realm_id!r}: use one of {known}.")
    if not isinstance(who, str) or not who.strip():
        raise BadInputError(f"Field who has the value {who!r}: give the person's name.")
    access = emulator.tokens.person_token(str(realm_id), who)
    return {
        "access_token": access.value,
        "token_type": "bearer",
        "expires_in": 3600,
        "user_id": access.author.user_id,
    }


def _request_ids(emulator: Emulator, body: Any, _query: dict[str, str]) -> Any:
    fields = body if isinstance(body, dict) else {}
    honour, forget = fields.get("honour"), fields.get("forget", False)
    for name, value in (("honour", honour), ("forget", forget)):
        if value is not None and not isinstance(value, bool):
            raise BadInputError(f"Field {name} has the value {value!r}: give true or false.")
    if honour is not None:
        emulator.options.honour_request_ids = honour
    if forget:
        emulator.forget_request_ids()
    return {"honour": emulator.options.honour_request_ids, "remembered": len(emulator.replays)}


def _reset(emulator: Emulator, _body: Any, _query: dict[str, str]) -> Any:
    emulator.reset()
    return {"status": "ok"}


_ACTIONS: dict[tuple[str, str], Callable[[Emulator, Any, dict[str, str]], Any]] = {
    ("GET", "health"): _health,
    ("GET", "companies"): _companies,
    ("GET", "requests"): _requests,
    ("GET", "journal"): _journal,
    ("GET", "meter"): _meter,
    ("GET", "faults"): _show_faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "clock"): _clock,
    ("POST", "token"): _token,
    ("POST", "request-ids"): _request_ids,
    ("POST", "reset"): _reset,
}
