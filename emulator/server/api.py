"""A call on a company, from the door to the answer.

In order: who is it, is it too fast, does a fault rule strike, was this request id seen, then the
work itself under the lock, then what a fault rule does to the answer.
Source: dossier sections 2 to 8.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from emulator import faults
from emulator.cdc import changes
from emulator.clock import stamp
from emulator.emulator import Emulator, LogLine, StoredAnswer
from emulator.faults import QuickBooksFault
from emulator.presenting import shown
from emulator.query.answer import answer as answer_query
from emulator.rates import rate_on
from emulator.server import answers, services
from emulator.server.answers import Answer, DropConnection
from emulator.server.batch import run_batch
from emulator.writing import pipeline
from emulator.writing.pipeline import WriteContext
from emulator.writing.voiding import is_by_hand_only

if TYPE_CHECKING:
    from emulator.company import Company
    from emulator.entities.declaration import Entity
    from emulator.injection import FaultRule
    from emulator.oauth.tokens import AccessToken
    from emulator.server.call import Call

logger = logging.getLogger(__name__)

REQUEST_ID_LENGTH = 50
_BEARER_LENGTHS = range(20, 4097)
_QUERY_TYPES = frozenset({"text/plain", "application/text", "application/x-www-form-urlencoded"})
_WRITES = frozenset({"create", "update", "delete", "void", "send", "taxservice"})
_EFFECT_KEPT = frozenset({"answer_lost", "timeout", "saved_but_6000", "truncated"})


async def handle(emulator: Emulator, call: Call) -> Answer:
    """Answer one call and write it into the log, whatever becomes of it."""
    status, struck, who = 0, "", ""
    try:
        access, refusal = _authorise(emulator, call)
        if access is None:
            assert refusal is not None, "a call is let in or refused"
            status = refusal.status
            return refusal
        who = access.author.who
        if emulator.options.limits:
            limits = emulator.limits[call.realm_id]
            if not limits.admit(emulator.clock.now(), batch=call.verb == "batch"):
                status = 429
                return answers.throttled(emulator.clock.now())
        rule = emulator.injection.strike(call.occasions())
        struck = rule.kind if rule is not None else ""
        answer = await _answer(emulator, call, access, rule)
        status = answer.status
        return answer
    finally:
        emulator.meter.count(call.verb or "other", status)
        _log(emulator, call, status, who, struck)


def _log(emulator: Emulator, call: Call, status: int, who: str, struck: str) -> None:
    emulator.requests_seen += 1
    query = "&".join(f"{name}={value}" for name, value in call.parameters.items())
    emulator.log.append(
        LogLine(
            sequence=emulator.requests_seen,
            time=stamp(emulator.clock.now()),
            method=call.method,
            path=f"/v3/company/{call.realm_id}/{'/'.join(call.segments)}",
            query=query,
            status=status,
            verb=call.verb,
            entity=call.entity_name,
            request_id=call.request_id,
            who=who,
            struck=struck,
        )
    )


def _authorise(emulator: Emulator, call: Call) -> tuple[AccessToken | None, Answer | None]:
    """Return the access token of a call, or the gateway's refusal."""
    now, as_json = emulator.clock.now(), call.as_json
    if call.bearer is None:
        return None, answers.unauthorized("Missing bearer token", now, as_json=as_json)
    if len(call.bearer) not in _BEARER_LENGTHS:
        detail = "Malformed bearer token: too short or too long"
        return None, answers.unauthorized(detail, now, as_json=as_json)
    access = emulator.tokens.find(call.bearer)
    if access is None:
        return None, answers.unauthorized("Token revoked or unknown", now, as_json=as_json)
    if emulator.tokens.expired(access):
        detail = f"Token expired: {call.bearer[:32]}"
        return None, answers.unauthorized(detail, now, as_json=as_json)
    if access.realm_id != call.realm_id or call.realm_id not in emulator.companies:
        return None, answers.forbidden(now, as_json=as_json)
    return access, None


async def _answer(
    emulator: Emulator, call: Call, access: AccessToken, rule: FaultRule | None
) -> Answer:
    """Answer a call that was let in, with whatever trouble is ordered for it."""
    if rule is not None:
        early = await _trouble_before(emulator, call, rule)
        if early is not None:
            return early
    with emulator.lock:
        answer = _execute(emulator, call, access, rule)
    if rule is None or answer.status >= 400:
        return answer
    return await _trouble_after(emulator, call, rule, answer)


async def _trouble_before(emulator: Emulator, call: Call, rule: FaultRule) -> Answer | None:
    """Do what a rule does before the work; return an answer if there will be no work."""
    now, as_json = emulator.clock.now(), call.as_json
    if rule.kind == "refuse_before":
        raise DropConnection
    if rule.kind == "late":
        await answers.pause(emulator, rule.seconds)
    elif rule.kind == "throttle":
        return answers.throttled(now)
    elif rule.kind == "status" and not rule.after_commit:
        return answers.html(rule.status)
    elif rule.kind in {"fault", "fault_in_200"}:
        refusal = QuickBooksFault(rule.code, rule.message, rule.detail, fault_type=rule.type)
        status = 200 if rule.kind == "fault_in_200" else None
        return answers.fault(refusal, now, as_json=as_json, status=status)
    elif rule.kind == "expire_tokens":
        emulator.tokens.expire(call.realm_id)
        detail = f"Token expired: {(call.bearer or '')[:32]}"
        return answers.unauthorized(detail, now, as_json=as_json)
    return None


async def _trouble_after(emulator: Emulator, call: Call, rule: FaultRule, answer: Answer) -> Answer:
    """Spoil the answer of work that is done."""
    if rule.kind == "answer_lost":
        raise DropConnection
    if rule.kind == "timeout":
        await answers.pause(emulator, rule.seconds)
    elif rule.kind == "status":
        return answers.html(rule.status)
    elif rule.kind == "saved_but_6000":
        now = emulator.clock.now()
        return answers.fault(faults.saved_but_failed(), now, as_json=call.as_json)
    elif rule.kind == "truncated":
        half = answer.content[: len(answer.content) // 2]
        return Answer(answer.status, half, answer.content_type)
    return answer


def _execute(emulator: Emulator, call: Call, access: AccessToken, rule: FaultRule | None) -> Answer:
    """Do the work of a call, or replay the answer to its request id."""
    as_json = call.as_json
    key = (call.realm_id, call.request_id)
    # A batch remembers its items, each under its own bId.
    replayable = bool(call.request_id) and call.verb in _WRITES
    ignored = rule is not None and rule.kind == "ignore_request_ids"
    if replayable and emulator.options.honour_request_ids and not ignored:
        stored = emulator.replays.get(key)
        if stored is not None:
            return Answer(stored.status, stored.content, stored.content_type)
    try:
        made = _dispatch(emulator, emulator.companies[call.realm_id], call, access)
        answer = (
            made
            if isinstance(made, Answer)
            else answers.business(made, emulator.clock.now(), as_json=as_json)
        )
    except QuickBooksFault as refusal:
        answer = answers.fault(refusal, emulator.clock.now(), as_json=as_json)
    except Exception:
        # A bug of the emulator: told in the log, and answered as QuickBooks tells its own.
        logger.exception("the emulator failed on %s %s", call.method, "/".join(call.segments))
        answer = answers.fault(faults.application_error(), emulator.clock.now(), as_json=as_json)
    if replayable and (answer.status < 400 or emulator.options.replay_faults):
        emulator.replays[key] = StoredAnswer(answer.status, answer.content, answer.content_type)
    return answer


def _dispatch(
    emulator: Emulator, company: Company, call: Call, access: AccessToken
) -> dict[str, Any] | Answer:
    """Return the payload of a call's answer, or the answer itself where it has no envelope."""
    company.base_url = call.base_url
    context = WriteContext(
        author=access.author,
        request_id=call.request_id,
        include=frozenset(call.parameters.get("include", "").lower().split(",")),
    )
    if call.verb == "batch" and call.method == "POST":
        return run_batch(emulator, company, call, context)
    if len(call.request_id) > REQUEST_ID_LENGTH:
        raise faults.wrong_length("requestid", REQUEST_ID_LENGTH, len(call.request_id))
    if call.verb == "query":
        if call.method == "POST" and call.content_type not in _QUERY_TYPES:
            raise faults.unsupported(f"query with content type {call.content_type or 'none'}")
        return {"QueryResponse": answer_query(company, call.statement)}
    if call.verb == "cdc" and call.method == "GET":
        parameters = call.parameters
        return changes(company, parameters.get("entities", ""), parameters.get("changedSince", ""))
    if call.verb in services.SERVICES:
        return services.serve(company, call, context)
    return _serve_entity(company, call, context)


def _serve_entity(company: Company, call: Call, context: WriteContext) -> dict[str, Any] | Answer:
    entity = call.entity
    if entity is None:
        raise faults.unsupported("/".join(call.segments) or "nothing")
    if call.verb == "read" and len(call.segments) == 3 and call.segments[2].lower() == "pdf":
        return services.printed(company, entity, call.segments[1])
    if call.verb == "read":
        record = _read(company, call, entity)
    elif call.verb == "send":
        record = services.send(company, entity, call, context)
    else:
        record = _write(company, call, entity, context)
    return {entity.key: shown(company, entity, record)}


def _read(company: Company, call: Call, entity: Entity) -> dict[str, Any]:
    if entity.group == "single" and len(call.segments) <= 2:
        wanted = call.segments[1] if len(call.segments) > 1 else ""
        if entity.name == "CompanyInfo" and wanted not in {call.realm_id, "1"}:
            raise faults.not_found()
        return company.single(entity.name)
    if entity.name == "ExchangeRate" and len(call.segments) == 1:
        return rate_on(company, call.parameters)
    if len(call.segments) != 2:
        raise faults.unsupported("read " + "/".join(call.segments))
    return pipeline.read(company, entity, call.segments[1])


def _write(company: Company, call: Call, entity: Entity, context: WriteContext) -> dict[str, Any]:
    if len(call.segments) != 1:
        raise faults.unsupported("/".join(call.segments[1:]) + f" {entity.name}")
    if call.body is None:
        raise faults.malformed_text() if _garbled(call.content) else faults.unreadable_json()
    if call.verb == "delete":
        return pipeline.delete(company, entity, call.body, context)
    if call.verb == "void":
        wanted = "void" if call.parameters["operation"].lower() == "void" else "void_by_update"
        if wanted not in entity.verbs and not is_by_hand_only(entity):
            raise faults.unsupported(f"Void {entity.name}")
        return pipeline.void(company, entity, call.body, context)
    if call.verb == "update" and isinstance(call.body, dict) and not call.body.get("Id"):
        raise faults.missing("Id")
    return pipeline.save(company, entity, call.body, context)


def _garbled(content: bytes) -> bool:
    """Say whether a body is no UTF-8 at all."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False
