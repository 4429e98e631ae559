"""Connecting: consent, codes, tokens and their lives, as intuit-oauth and plain HTTP see them."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
    url = auth.get_authorization_url(
        [Scopes.ACCOUNTING, Scopes.OPENID, Scopes.EMAIL], state_token="s1"
    )
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


def test_an_outage_answers_invalid_grant_and_changes_nothing(running: RunningEmulator) -> None:
    options = f"{running.base_url}/_emulator/options"
    code = consent(authorise_url(running))["code"]
    running.clock.advance(DAY)
    assert plain_post(options, json={"oauth_outage": True}).is_success
    answer = refreshed(running, running.refresh_token)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})
    assert exchange(running, code).json() == {"error": "invalid_grant"}
    plain_post(options, json={"oauth_outage": False})
    assert refreshed(running, running.refresh_token).is_success, "the token was good all along"


def test_an_outage_of_three_answers(running: RunningEmulator) -> None:
    running.faults(kind="fault", verb="token", code="invalid_grant", count=3)
    statuses = [refreshed(running, running.refresh_token).status_code for _ in range(4)]
    assert statuses == [400, 400, 400, 200]


def test_parallel_refreshes_of_one_value(running: RunningEmulator) -> None:
    """The first wins, the rest get invalid_grant; within a day this needs the switch."""
    with ThreadPoolExecutor(5) as pool:
        together = partial(refreshed, running)
        values = [running.refresh_token] * 5
        assert {each.status_code for each in pool.map(together, values)} == {200}
        running.emulator.options.refresh_race_seconds = 5
        running.clock.advance(10)
        statuses = sorted(each.status_code for each in pool.map(together, values))
        assert statuses == [200, 400, 400, 400, 400]
        running.clock.advance(DAY)
        answers = list(pool.map(together, values))
    assert sorted(each.status_code for each in answers) == [200, 400, 400, 400, 400]
    (winner,) = [each.json()["refresh_token"] for each in answers if each.is_success]
    running.clock.advance(10)
    assert refreshed(running, winner).is_success


def test_trying_a_dead_value_again_and_again_ends_the_connection(running: RunningEmulator) -> None:
    running.clock.advance(DAY)
    value = refreshed(running, running.refresh_token).json()["refresh_token"]
    for _ in range(9):
        assert refreshed(running, running.refresh_token).status_code == 400
    assert refreshed(running, value).is_success, "nine times are forgiven"
    for _ in range(10):
        refreshed(running, running.refresh_token)
    assert refreshed(running, value).status_code == 400


def test_five_years_are_the_end(running: RunningEmulator) -> None:
    value, status, years = running.refresh_token, 200, 0.0
    while status == 200 and years < 6:
        running.clock.advance(90 * DAY)
        answer = refreshed(running, value)
        status, value = answer.status_code, answer.json().get("refresh_token", "")
        years += 90 / 365
    assert 5 < years < 5.3
    assert answer.json()["error"] == "invalid_grant"


def test_the_hard_expiry_goes_down(running: RunningEmulator) -> None:
    left = []
    for _ in range(2):
        response = plain_post(
            f"{running.base_url}/oauth2/v1/tokens/bearer",
            data={"grant_type": "refresh_token", "refresh_token": running.refresh_token},
            auth=(running.client_id, running.client_secret),
            headers={"x-include-refresh-token-hard-expires-in": "true"},
        )
        left.append(response.json()["x_refresh_token_hard_expires_in"])
        running.clock.advance(3600)
    assert 3590 < left[0] - left[1] < 3620
    assert "x_refresh_token_hard_expires_in" not in refreshed(running, running.refresh_token).json()


def test_the_id_token_is_good_whatever_the_clock_says(running: RunningEmulator) -> None:
    running.clock.advance(400 * DAY)
    auth = auth_client(running)
    back = consent(auth.get_authorization_url([Scopes.OPENID, Scopes.ACCOUNTING]))
    auth.get_bearer_token(back["code"])
    assert validate_id_token(auth.id_token, running.client_id, auth.issuer_uri, auth.jwks_uri)
    assert not validate_id_token(auth.id_token, "another", auth.issuer_uri, auth.jwks_uri)
    head, claims, signature = auth.id_token.split(".")
    forged = f"{head}.{claims}.{signature[::-1]}"
    assert not validate_id_token(forged, running.client_id, auth.issuer_uri, auth.jwks_uri)
    refreshed_answer = refreshed(running, auth.refresh_token).json()
    assert validate_id_token(
        refreshed_answer["id_token"], running.client_id, auth.issuer_uri, auth.jwks_uri
    )
    auth.close()


def test_user_info_tells_what_the_scopes_allow(running: RunningEmulator) -> None:
    everything = [Scopes.OPENID, Scopes.PROFILE, Scopes.EMAIL, Scopes.PHONE, Scopes.ADDRESS]
    for scopes, keys in (
        ([Scopes.OPENID], {"sub"}),
        (everything, {"sub", "givenName", "familyName", "email", "emailVerified", "address"}),
    ):
        auth = auth_client(running)
        back = consent(auth.get_authorization_url(scopes))
        auth.get_bearer_token(back["code"])
        assert keys <= set(auth.get_user_info().json())
        assert ("email" in auth.get_user_info().json()) is ("email" in keys)
        auth.close()
    url = f"{running.base_url}/v1/openid_connect/userinfo"
    headers = {"Authorization": f"Bearer {running.connection_token()}"}
    assert plain_get(url, headers=headers).status_code == 403, "consent was for the books only"


@pytest.mark.parametrize(
    "changes", [{"scope": ""}, {"scope": "everything"}, {"state": ""}, {"redirect_uri": "http://b"}]
)
def test_consent_is_exact(running: RunningEmulator, changes: dict[str, str]) -> None:
    running.emulator.tokens.redirects[running.client_id] = {REDIRECT}
    assert consent(authorise_url(running))["code"]
    response = plain_get(authorise_url(running, **changes), follow_redirects=False)
    assert response.status_code == 400
    assert "location" not in response.headers


def test_revoking_the_refresh_token_ends_the_access_token(running: RunningEmulator) -> None:
    auth = auth_client(running)
    back = consent(auth.get_authorization_url([Scopes.ACCOUNTING], state_token="s"))
    auth.get_bearer_token(back["code"], realm_id=back["realmId"])
    client = Client(running, auth.access_token)
    assert client.get("term/1").is_success
    assert auth.revoke(token=auth.access_token)
    assert client.get("term/1").status_code == 401
    assert refreshed(running, auth.refresh_token).status_code == 400
    client.http.headers["Authorization"] = f"Bearer {running.connection_token()}"
    assert client.get("term/1").is_success, "other connections stay"
    client.http.close()
    auth.close()
