"""The OAuth endpoints: discovery, consent, tokens, revocation, user info, keys.

All URLs in the discovery document point back at this server, by the Host of the request, so that a
client that is given the discovery URL finds everything else by itself. An id token carries the
machine's time, not the emulator's clock, because the client judges it by its own.
Source: dossier sections 1.1 to 1.4.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from starlette.responses import HTMLResponse, RedirectResponse, Response

from emulator import exact_json
from emulator.emulator import Emulator
from emulator.injection import FaultRule, Occasion
from emulator.oauth import keys
from emulator.oauth.tokens import AccessToken, OAuthError
from emulator.server import answers
from emulator.server.answers import DropConnection

if TYPE_CHECKING:
    from starlette.requests import Request

_CONSENT_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Authorize access</title></head>
<body><h1>Connect {client} to QuickBooks</h1>
<form method="get" action="/connect/oauth2">{hidden}
<label for="realm">Company</label>
<select id="realm" name="realm_id">{companies}</select>
<button name="consent" value="given">Connect</button>
<button name="consent" value="refused">Cancel</button>
</form></body></html>
"""
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9a-fA-F:]+\](:[0-9]{1,5})?")
SCOPES = frozenset(
    {
        "com.intuit.quickbooks.accounting",
        "com.intuit.quickbooks.payment",
        "openid",
        "profile",
        "email",
        "phone",
        "address",
    }
)
_WEB = ("http://", "https://")
_PASSED_ON = ("client_id", "redirect_uri", "response_type", "scope", "state")


def base_url(request: Request) -> str:
    """Return the base of this server as the client sees it."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        server = request.scope.get("server") or ("127.0.0.1", None)
        host = f"{server[0]}:{server[1]}"
    return f"http://{host}"


def discovery(request: Request) -> Response:
    """Return the discovery document."""
    base = base_url(request)
    return _json(
        {
            "issuer": f"{base}/op/v1",
            "authorization_endpoint": f"{base}/connect/oauth2",
            "token_endpoint": f"{base}/oauth2/v1/tokens/bearer",
            "userinfo_endpoint": f"{base}/v1/openid_connect/userinfo",
            "revocation_endpoint": f"{base}/v2/oauth2/tokens/revoke",
            "jwks_uri": f"{base}/op/v1/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": sorted(SCOPES),
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "claims_supported": ["aud", "exp", "iat", "iss", "realmid", "sub"],
        }
    )


def key_set(_request: Request) -> Response:
    """Return the public keys."""
    return _json(keys.key_set())


def _json(content: dict[str, Any], status: int = 200) -> Response:
    headers = {"cache-control": "no-cache, no-store", "pragma": "no-cache"}
    return Response(exact_json.dumps(content), status, headers, answers.JSON_TYPE)


def consent(emulator: Emulator, request: Request) -> Response:
    """Send the browser back with a code, after asking when ?consent=ask."""
    parameters = dict(request.query_params)
    realm_id = parameters.get("realm_id") or next(iter(emulator.companies), "")
    mistake = _consent_mistake(emulator, parameters, realm_id)
    if mistake:
        page = f"<!doctype html><title>Error</title><h1>Something is wrong</h1><p>{mistake}</p>"
        return HTMLResponse(page, 400)
    client_id, redirect_uri = parameters["client_id"], parameters["redirect_uri"]
    asked = parameters.get("consent")
    if asked == "ask":
        return HTMLResponse(_consent_page(emulator, parameters))
    answer = {"state": parameters.get("state", "")}
    if asked == "refused":
        return _back(redirect_uri, {"error": "access_denied", **answer})
    scopes = tuple(parameters.get("scope", "").split())
    code = emulator.tokens.issue_code(client_id, redirect_uri, realm_id, scopes)
    return _back(redirect_uri, {"code": code, **answer, "realmId": realm_id})


def _consent_page(emulator: Emulator, parameters: dict[str, str]) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(parameters.get(name, ""))}">'
        for name in _PASSED_ON
    )
    companies = "".join(
        f'<option value="{html.escape(realm_id)}">{html.escape(company.name)}</option>'
        for realm_id, company in emulator.companies.items()
    )
    client = html.escape(parameters["client_id"])
    return _CONSENT_PAGE.format(client=client, hidden=hidden, companies=companies)


def _consent_mistake(emulator: Emulator, parameters: dict[str, str], realm_id: str) -> str:
    """Return what is wrong with a consent request, as a sentence, or nothing."""
    client_id, redirect_uri = parameters.get("client_id", ""), parameters.get("redirect_uri", "")
    registered = emulator.tokens.redirects.get(client_id) or {redirect_uri}
    scopes = parameters.get("scope", "").split()
    checks = {
        "The client_id is not known to this emulator.": client_id in emulator.tokens.clients,
        "The redirect_uri is missing or invalid.": redirect_uri.startswith(_WEB)
        and redirect_uri.isprintable(),
        "The redirect_uri is not one that the client registered.": redirect_uri in registered,
        "The response_type must be code.": parameters.get("response_type") == "code",
        "The scope is missing or unknown.": bool(scopes) and SCOPES.issuperset(scopes),
        "The state parameter is missing.": bool(parameters.get("state")),
        "There is no such company.": realm_id in emulator.companies,
    }
    return next((sentence for sentence, good in checks.items() if not good), "")


def _back(redirect_uri: str, answer: dict[str, str]) -> Response:
    joint = "&" if "?" in redirect_uri else "?"
    return RedirectResponse(f"{redirect_uri}{joint}{urlencode(answer)}", 302)


async def token(emulator: Emulator, request: Request) -> Response:
    """Exchange a code or a refresh token for tokens."""
    text = (await request.body()).decode(errors="replace")
    form = {name: values[0] for name, values in parse_qs(text).items()}
    rule = emulator.injection.strike([Occasion("token", "", text)])
    status = 0
    try:
        early = await _trouble_before(emulator, rule)
        if early is not None:
            status = early.status_code
            return early
        with emulator.lock:
            response = _token_answer(emulator, request, form)
        status = response.status_code
        if rule is not None and rule.kind == "answer_lost":
            raise DropConnection
        if rule is not None and rule.kind == "timeout":
            await answers.pause(emulator, rule.seconds)
        return response
    finally:
        _log(emulator, request, status, form.get("grant_type", ""), rule)


def _log(
    emulator: Emulator, request: Request, status: int, grant: str, rule: FaultRule | None
) -> None:
    emulator.meter.count("token", status)
    emulator.note(
        method=request.method,
        path=request.url.path,
        query=f"grant_type={grant}",
        status=status,
        verb="token",
        entity="",
        request_id="",
        who="",
        struck=rule.kind if rule is not None else "",
    )


async def _trouble_before(emulator: Emulator, rule: FaultRule | None) -> Response | None:
    if rule is None:
        return None
    if rule.kind == "refuse_before":
        raise DropConnection
    if rule.kind == "late":
        await answers.pause(emulator, rule.seconds)
    if rule.kind == "status":
        page = answers.html(rule.status)
        return Response(page.content, page.status, media_type="text/html")
    if rule.kind == "fault":
        error = {"error": rule.code if not rule.code.isdecimal() else "invalid_grant"}
        return _json(error, 400)
    return None


def _token_answer(emulator: Emulator, request: Request, form: dict[str, str]) -> Response:
    try:
        client_id = _authenticate(emulator, request, form)
        access = _grant(emulator, client_id, form)
    except OAuthError as refusal:
        return _json(refusal.body(), refusal.status)
    wanted = request.headers.get("x-include-refresh-token-hard-expires-in", "")
    answer = emulator.tokens.describe(access, hard_expiry=wanted.lower() == "true")
    if "openid" in access.scopes:
        answer["id_token"] = _id_token(request, access)
    return _json(answer)


def _grant(emulator: Emulator, client_id: str, form: dict[str, str]) -> AccessToken:
    grant = form.get("grant_type")
    if grant == "authorization_code":
        code, redirect_uri = form.get("code", ""), form.get("redirect_uri", "")
        return emulator.tokens.exchange(client_id, code, redirect_uri)
    if grant == "refresh_token":
        return emulator.tokens.refresh(client_id, form.get("refresh_token", ""))
    raise OAuthError("unsupported_grant_type")


def _authenticate(emulator: Emulator, request: Request, form: dict[str, str]) -> str:
    """Return the client id of a request that knows its secret."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise OAuthError("invalid_client", status=401) from error
        client_id, _, secret = text.partition(":")
    else:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    emulator.tokens.authenticate(client_id, secret)
    return client_id


def _id_token(request: Request, access: AccessToken) -> str:
    now = int(time.time())
    claims = {
        "sub": access.author.user_id,
        "aud": [access.author.client_id],
        "realmid": access.realm_id,
        "auth_time": now,
        "iss": f"{base_url(request)}/op/v1",
        "exp": now + 3600,
        "iat": now,
    }
    return keys.sign(claims)


async def revoke(emulator: Emulator, request: Request) -> Response:
    """End the connection of a token, sent as JSON or as a form."""
    text = (await request.body()).decode(errors="replace")
    form = {name: values[0] for name, values in parse_qs(text).items()}
    if "json" in request.headers.get("content-type", ""):
        form = _json_form(text)
    try:
        _authenticate(emulator, request, form)
        with emulator.lock:
            emulator.tokens.revoke(str(form.get("token", "")))
    except OAuthError as refusal:
        return _json(refusal.body(), refusal.status)
    return Response(b"", 200)


def _json_form(text: str) -> dict[str, str]:
    try:
        content = exact_json.loads(text)
    except ValueError:
        # Answered as a request without a token.
        return {}
    fields = content if isinstance(content, dict) else {}
    return {str(name): str(value) for name, value in fields.items()}


def user_info(emulator: Emulator, request: Request) -> Response:
    """Return who consented: as much of it as the token's scopes allow."""
    _, _, value = request.headers.get("authorization", "").partition(" ")
    access = emulator.tokens.find(value)
    if access is None or emulator.tokens.expired(access):
        return _json({"error": "invalid_token"}, 401)
    if "openid" not in access.scopes:
        return _json({"error": "insufficient_scope"}, 403)
    told: dict[str, Any] = {"sub": access.author.user_id}
    for scope in access.scopes:
        told.update(_PERSON.get(scope, {}))
    return _json(told)


#: What each scope tells of the person who consented.
_PERSON: dict[str, dict[str, Any]] = {
    "email": {"email": "owner@example.com", "emailVerified": True},
    "profile": {"givenName": "Robin", "familyName": "Harbor"},
    "phone": {"phoneNumber": "+1 2025550123", "phoneNumberVerified": False},
    "address": {
        "address": {
            "streetAddress": "12 Wharf Street",
            "locality": "Portland",
            "region": "ME",
            "postalCode": "04101",
            "country": "US",
        }
    },
}
