"""The admin API under `/_emulator/`: what happened, and what is to go wrong next.

    GET    health, companies, requests, journal, meter, faults, kinds, clock, options, webhooks,
           snapshots
    POST   faults {rule} or [rules], clock {"advance_seconds": n} or {"to": instant} or
           {"speed": n}, token {"realm_id", "who"}, request-ids {"honour": true, "forget": true},
           options {name: value}, webhooks {settings}, companies {"realm_id", "folder"},
           snapshots {"name", "file"}, restore {"name"} or {"file"},
           merge {"realm_id", "entity", "winner", "loser", "who"}, reset
    DELETE faults, webhooks, requests, companies?realm_id=R, snapshots?name=N

Bad input is answered with 400 and one sentence naming the field, the value and the fix.
Source: the reliability needs of a sync engine's tests; nothing of this exists in QuickBooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from emulator import exact_json
from emulator.injection import BadRuleError
from emulator.loading import CompanyFolderError
from emulator.saving.snapshots import SnapshotError
from emulator.server.admin import books, happened, trouble
from emulator.server.admin.inputs import BadInputError, plain
from emulator.server.troubles import settle
from emulator.webhooks.settings import BadWebhookError

if TYPE_CHECKING:
    from starlette.requests import Request

    from emulator.emulator import Emulator

_ACTIONS = {**happened.ACTIONS, **trouble.ACTIONS, **books.ACTIONS}
_BAD_INPUT = (BadInputError, BadRuleError, BadWebhookError, CompanyFolderError, SnapshotError)


async def handle(emulator: Emulator, request: Request) -> Response:
    """Answer one admin request."""
    name = request.path_params["name"]
    action = _ACTIONS.get((request.method, name))
    if action is None:
        known = ", ".join(f"{method} {path}" for method, path in _ACTIONS)
        sentence = f"There is no {request.method} /_emulator/{name}: use one of {known}."
        return _answer({"error": sentence}, 404)
    await settle(emulator)
    try:
        body = _body(await request.body())
        with emulator.lock:
            answer = _answer(action(emulator, body, dict(request.query_params)))
    except _BAD_INPUT as error:
        return _answer({"error": str(error)}, 400)
    if name == "clock":
        # What has become due by the clock's move has happened when the mover gets an answer.
        await settle(emulator)
    return answer


def _answer(content: Any, status: int = 200) -> Response:
    return Response(exact_json.dumps(plain(content)), status, media_type="application/json")


def _body(content: bytes) -> Any:
    if not content:
        return {}
    try:
        return exact_json.loads(content)
    except ValueError as error:
        raise BadInputError(f"The body is not JSON ({error}): send an object.") from error
