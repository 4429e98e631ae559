"""Connecting: consent, codes, tokens and their lives, as intuit-oauth and plain HTTP see them."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from emulator_books import Client, plain_get, plain_post
from intuitlib.client import AuthClient
from intuitlib.enums import Scopes
from intuitlib.exceptions import AuthClientError
from intuitlib.utils import validate_id_token

from emulator.testing import RunningEmulator

REDIRECT = "http://localhost:8000/callback"
DAY = 86_400


def auth_client(running: RunningEmulator, secret: str | None = None) -> AuthClient:
    return AuthClient(
        running.client_id,
        secret or running.client_secret,
        REDIRECT,
        environment=running.discovery_url,
    )


def consent(url: str, **more: str) -> dict[str, str]:
    """Follow the consent redirect as a browser would, and return what came back."""
    response = plain_get(url, params=more or None, follow_redirects=False)
    assert response.status_code == 302, response.text
    query = parse_qs(urlsplit(response.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def token_answer(running: RunningEmulator, **form: str) -> httpx.Response:
    return plain_post(
        f"{running.base_url}/oauth2/v1/tokens/bearer",
        data=form,
        auth=(running.client_id, running.client_secret),
    )


def refreshed(running: RunningEmulator, value: str) -> httpx.Response:
    return token_answer(running, grant_type="refresh_token", refresh_token=value)


@pytest.mark.parametrize("name", ["openid_sandbox_configuration", "openid_configuration"])
@pytest.mark.parametrize("tail", ["", "/"])
def test_discovery_points_at_this_server(running: RunningEmulator, name: str, tail: str) -> None:
    found = plain_get(f"{running.base_url}/.well-known/{name}{tail}").json()
    urls = [value for key, value in found.items() if key.endswith(("endpoint", "_uri", "issuer"))]
    assert len(urls) == 6
    assert all(url.startswith(running.base_url + "/") for url in urls)
    by_name = running.base_url.replace("127.0.0.1", "localhost")
    other = plain_get(f"{by_name}/.well-known/{name}").json()
    assert other["token_endpoint"].startswith("http://localhost:")


def test_the_whole_life_of_a_connection(running: RunningEmulator) -> None:
    auth = auth_client(running)
    url = auth.get_authorization_url([Scopes.ACCOUNTING, Scopes.OPENID], state_token="s1")
    back = consent(url)
    assert (back["state"], back["realmId"]) == ("s1", running.realm_id)
    auth.get_bearer_token(back["code"], realm_id=back["realmId"])
    assert (auth.expires_in, auth.x_refresh_token_expires_in) == (3600, 8726400)
    assert len(auth.access_token) > 900, "real ones are long too"
    client = Client(running, auth.access_token)
    assert client.read("Term", "1")["Name"] == "Due on receipt"
    first = auth.refresh_token
    auth.refresh()
    assert auth.refresh_token == first, "within a day the value stays"
    running.clock.advance(DAY)
    auth.refresh()
    assert auth.refresh_token != first
    with pytest.raises(AuthClientError) as error:
        auth_client(running).refresh(refresh_token=first)
    assert json.loads(error.value.content)["error"] == "invalid_grant"
    assert error.value.status_code == 400
    assert auth.get_user_info().json()["emailVerified"] is True
    assert auth.revoke(token=auth.refresh_token)
    assert client.get("term/1").status_code == 401
    with pytest.raises(AuthClientError):
        auth.refresh()
    client.http.close()
    auth.close()


def test_the_id_token_is_signed(running: RunningEmulator) -> None:
    auth = auth_client(running)
    back = consent(auth.get_authorization_url([Scopes.OPENID]))
    auth.get_bearer_token(back["code"])
    assert validate_id_token(auth.id_token, running.client_id, auth.issuer_uri, auth.jwks_uri)
    payload = auth.id_token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["realmid"] == running.realm_id
    auth.close()


def authorise_url(running: RunningEmulator, **changes: str) -> str:
    parameters = {
        "client_id": running.client_id,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "com.intuit.quickbooks.accounting",
        "state": "s",
        **changes,
    }
    return str(httpx.URL(f"{running.base_url}/connect/oauth2", params=parameters))


def exchange(running: RunningEmulator, code: str, redirect: str = REDIRECT) -> httpx.Response:
    return token_answer(running, grant_type="authorization_code", code=code, redirect_uri=redirect)


def test_a_code_is_used_once(running: RunningEmulator) -> None:
    code = consent(authorise_url(running))["code"]
    tokens = exchange(running, code).json()
    assert "id_token" not in tokens
    again = exchange(running, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert refreshed(running, tokens["refresh_token"]).status_code == 400, "and all is revoked"


def test_a_code_lives_five_minutes(running: RunningEmulator) -> None:
    code = consent(authorise_url(running))["code"]
    running.clock.advance(301)
    assert exchange(running, code).json()["error"] == "invalid_grant"


def test_a_code_belongs_to_its_redirect(running: RunningEmulator) -> None:
    code = consent(authorise_url(running))["code"]
    assert exchange(running, code, "http://elsewhere/").json()["error"] == "invalid_grant"
    assert exchange(running, "AB11nothing").json()["error"] == "invalid_grant"


def test_consent_can_be_asked_for_and_refused(running: RunningEmulator) -> None:
    page = plain_get(authorise_url(running, consent="ask"))
    assert page.status_code == 200
    assert "Harbor &amp; Pine Consulting" in page.text
    assert 'value="refused"' in page.text
    assert consent(authorise_url(running, consent="refused")) == {
        "error": "access_denied",
        "state": "s",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "javascript:alert(1)"},
        {"response_type": "token"},
        {"realm_id": "1"},
    ],
)
def test_a_wrong_consent_request_stays_here(
    running: RunningEmulator, changes: dict[str, str]
) -> None:
    response = plain_get(authorise_url(running, **changes), follow_redirects=False)
    assert response.status_code == 400


def test_a_client_must_know_its_secret(running: RunningEmulator) -> None:
    with pytest.raises(AuthClientError) as error:
        auth_client(running, "wrong").refresh(refresh_token=running.refresh_token)
    assert error.value.status_code == 401
    assert json.loads(error.value.content) == {"error": "invalid_client"}
    url = f"{running.base_url}/oauth2/v1/tokens/bearer"
    bad = plain_post(url, headers={"Authorization": "Basic %%%"}, data={"grant_type": "x"})
    assert bad.status_code == 401
    form = {
        "client_id": running.client_id,
        "client_secret": running.client_secret,
        "grant_type": "refresh_token",
        "refresh_token": running.refresh_token,
    }
    assert plain_post(url, data=form).is_success, "the secret may stand in the form too"
    assert token_answer(running, grant_type="password").json()["error"] == "unsupported_grant_type"


def test_a_lenient_server_takes_the_old_value_for_a_day() -> None:
    with RunningEmulator(strict_refresh=False, refresh_token="seed-token") as running:
        running.clock.advance(DAY)
        value = refreshed(running, "seed-token").json()["refresh_token"]
        assert value != "seed-token"
        assert refreshed(running, "seed-token").json()["refresh_token"] == value
        running.clock.advance(DAY + 1)
        assert refreshed(running, "seed-token").status_code == 400


def test_of_two_refreshes_at_once_one_loses(running: RunningEmulator) -> None:
    running.clock.advance(DAY)
    answers = [refreshed(running, running.refresh_token) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 400]


def test_a_refresh_token_unused_for_a_hundred_days_is_dead(running: RunningEmulator) -> None:
    running.clock.advance(100 * DAY)
    value = refreshed(running, running.refresh_token).json()["refresh_token"]
    running.clock.advance(102 * DAY)
    assert refreshed(running, value).json() == {
        "error": "invalid_grant",
        "error_description": "Incorrect or invalid refresh token",
    }


def test_hard_expiry_is_told_to_those_who_ask(running: RunningEmulator) -> None:
    response = plain_post(
        f"{running.base_url}/oauth2/v1/tokens/bearer",
        data={"grant_type": "refresh_token", "refresh_token": running.refresh_token},
        auth=(running.client_id, running.client_secret),
        headers={"x-include-refresh-token-hard-expires-in": "true"},
    )
    assert response.json()["x_refresh_token_hard_expires_in"] > 4 * 365 * DAY


def test_revoking_nonsense(running: RunningEmulator) -> None:
    url = f"{running.base_url}/v2/oauth2/tokens/revoke"
    credentials = (running.client_id, running.client_secret)
    assert plain_post(url, json={"token": "x"}, auth=credentials).status_code == 400
    assert plain_post(url, content=b"{", auth=credentials).status_code == 400
    assert plain_post(url, json={"token": running.refresh_token}).status_code == 401
    token = running.connection_token()
    assert plain_post(url, data={"token": token}, auth=credentials).is_success
    assert refreshed(running, running.refresh_token).status_code == 400


def test_user_info_needs_a_token(running: RunningEmulator) -> None:
    url = f"{running.base_url}/v1/openid_connect/userinfo"
    assert plain_get(url).status_code == 401
