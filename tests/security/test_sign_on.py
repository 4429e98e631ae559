"""Single sign-on lets in the browser that asked for it, once, and as a password would."""

from __future__ import annotations

import logging
from datetime import timedelta
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest

from connectors.sign_on.attempt import ATTEMPT_MAX, Attempt
from connectors.sign_on.places import SIGN_ON_BACK_PATH, SIGN_ON_PATH
from connectors.state.people import all_users
from connectors.state.sessions import IDLE_MAX, LENGTH_MAX
from connectors.state.tries import FAILURES_KEPT_FOR, TRIES_FROM_ONE_PLACE_MAX
from dashboard.house import ROOT
from tests.fixtures.guarded import Guarded, changed, place_at
from tests.fixtures.openid import (
    CLIENT_SECRET,
    OpenId,
)
from tests.fixtures.pages import HOME
from tests.fixtures.signing_on import (
    ANN,
    come_back,
    is_in,
    leave,
    now_of,
    number_of,
    pages_with,
    send,
    settings_for,
    sign_on,
)


@pytest.mark.asvs("6.3.4", "10.2.3", "10.5.2")
def test_a_user_comes_in_and_is_known_from_then_on(pages: Guarded, provider: OpenId) -> None:
    """By the verified address the first time, by their number at the provider after that."""
    client = pages.client()
    answer = sign_on(pages, provider, client)
    assert answer.status_code == 303
    assert answer.headers["location"] == ROOT
    assert is_in(pages, client)
    (ann,) = [each for each in all_users(pages.engine) if each.name == ANN]
    assert ann.identity == f"{provider.address} subject-1"
    provider.email, provider.is_verified = "", None
    assert sign_on(pages, provider).status_code == 303
    assert pages.sessions_of(ANN) == 2


@pytest.mark.asvs("7.2.4", "7.3.1", "7.3.2", "7.4.1")
def test_the_session_is_like_any_other(pages: Guarded, provider: OpenId) -> None:
    """A new number in place of the one before, idle and absolute time-outs, signing out."""
    client = pages.client()
    first, second = (number_of(sign_on(pages, provider, client)) for _ in range(2))
    assert first != second
    assert not is_in(pages, pages.client(first))
    assert pages.sessions_of(ANN) == 1
    pages.pass_time(IDLE_MAX + timedelta(seconds=1))
    assert not is_in(pages, client)
    sign_on(pages, provider, client)
    for _ in range(int(LENGTH_MAX / IDLE_MAX)):
        assert is_in(pages, client)
        pages.pass_time(IDLE_MAX)
    pages.pass_time(timedelta(seconds=1))
    assert not is_in(pages, client)


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.4")
def test_the_cookie_of_a_try_is_out_of_reach(guarded: Guarded, provider: OpenId) -> None:
    """Of scripts and other sites; over https bound to the very host; gone afterwards."""
    pages = pages_with(guarded, provider)
    client = pages.client()
    cookie = client.get(SIGN_ON_PATH).headers["set-cookie"]
    assert cookie.startswith("sign-on=")
    assert {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"} <= set(cookie.split("; "))
    come_back(client, provider.authorize(leave(client)))
    assert "sign-on" not in client.cookies
    over_https = {**settings_for(provider.address), "dashboard_url": "https://books.example.com"}
    safe = Guarded(place_at("", guarded.engine, **over_https))
    cookie = safe.client().get(SIGN_ON_PATH).headers["set-cookie"]
    assert cookie.startswith("__Host-sign-on=")
    assert "Secure" in cookie.split("; ")


@pytest.mark.asvs("3.5.3")
def test_going_there_keeps_nothing(pages: Guarded, provider: OpenId) -> None:
    """Nor does looking at the way back: only the form does anything."""
    client, before = pages.client(), pages.rows()
    address = provider.authorize(leave(client))
    assert client.get(address).status_code == 200
    assert changed(before, pages.rows()) == set()
    assert "/token" not in provider.asked
    sent = parse_qs(urlsplit(leave(client)).query)
    number = client.cookies["sign-on"]
    assert all(number not in value for values in sent.values() for value in values)
    assert len({sent["state"][0], sent["nonce"][0], sent["code_challenge"][0]}) == 3


@pytest.mark.asvs("10.1.2")
def test_a_state_counts_once(pages: Guarded, provider: OpenId) -> None:
    """Also for a code that the provider would take."""
    client = pages.client()
    address = provider.authorize(leave(client))
    number = client.cookies["sign-on"]
    assert come_back(client, address).status_code == 303
    thief = pages.client()
    thief.cookies.set("sign-on", number)
    provider.codes["another"] = {"nonce": "x", "code_challenge": "x", "redirect_uri": "x"}
    again = come_back(thief, address.replace("code-0-of-the-provider", "another"))
    assert again.status_code == 403
    assert "taken already" in again.text
    assert provider.asked.count("/token") == 1
    assert not is_in(pages, thief)


@pytest.mark.asvs("10.1.2", "10.2.1")
@pytest.mark.parametrize(
    "trick",
    [
        "wrong state",
        "no state",
        "state that is no text",
        "another browser",
        "of an earlier try",
        "too late",
        "number from tomorrow",
        "number that is none",
        "no code",
        "endless code",
    ],
)
def test_an_answer_that_this_browser_did_not_ask_for(
    pages: Guarded, provider: OpenId, trick: str
) -> None:
    """Neither as an address nor as a form; the code is not even sent."""
    client = pages.client()
    address = provider.authorize(leave(client))
    given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    if trick == "another browser":
        client = pages.client()
        leave(client)
    elif trick == "of an earlier try":
        leave(client)
    elif trick == "too late":
        pages.pass_time(ATTEMPT_MAX)
    elif trick.startswith("number"):
        later = now_of(provider) + 86_400
        number = f"{later}.{'a' * 43}" if "tomorrow" in trick else "x.y"
        client = pages.client()
        client.cookies.set("sign-on", number)
        given["state"] = Attempt(number).state
    else:
        name, value = {
            "wrong state": ("state", "0" * 64),
            "no state": ("state", ""),
            "state that is no text": ("state", "\ud800é"),
            "no code": ("code", ""),
            "endless code": ("code", "c" * 3_001),
        }[trick]
        given[name] = value.encode("utf-8", "replace").decode()
    before = pages.rows()
    assert client.get(SIGN_ON_BACK_PATH, params=given).status_code in (403, 422)
    if trick != "no code":
        assert send(client, given).status_code in (403, 422)
        assert changed(before, pages.rows()) == set()
    assert "/token" not in provider.asked
    assert not is_in(pages, client)


@pytest.mark.asvs("3.5.1")
@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", f"{HOME}.evil.example.com"])
def test_a_form_of_another_site_does_nothing(pages: Guarded, provider: OpenId, origin: str) -> None:
    client = pages.client()
    address = provider.authorize(leave(client))
    given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    before = pages.rows()
    answer = client.post(SIGN_ON_BACK_PATH, data=given, headers={"origin": origin})
    assert answer.status_code == 403
    assert changed(before, pages.rows()) == set()


@pytest.mark.asvs("16.5.1")
def test_what_the_provider_refuses_is_told(pages: Guarded) -> None:
    """In its own word where it is one, and nothing else of it."""
    for error, word in (("access_denied", "access_denied"), ("<b>x</b>", "an error")):
        answer = pages.client().get(SIGN_ON_BACK_PATH, params={"error": error, "state": "x"})
        assert answer.status_code == 403
        assert f"which says: {word}." in answer.text


@pytest.mark.asvs("6.3.1")
def test_codes_that_are_made_up_count_as_tries(pages: Guarded, provider: OpenId) -> None:
    """A hundred from one address; then the provider is not asked any more."""
    client = pages.client()
    for _ in range(TRIES_FROM_ONE_PLACE_MAX):
        state = parse_qs(urlsplit(leave(client)).query)["state"][0]
        assert send(client, {"code": "made-up", "state": state}).status_code == 403
    assert provider.asked.count("/token") == TRIES_FROM_ONE_PLACE_MAX
    assert sign_on(pages, provider).status_code == 429
    assert provider.asked.count("/token") == TRIES_FROM_ONE_PLACE_MAX
    pages.pass_time(FAILURES_KEPT_FOR)
    assert sign_on(pages, provider).status_code == 303


@pytest.mark.asvs("6.3.1", "16.5.2")
def test_what_a_provider_that_is_down_fails_leaves_nothing(
    pages: Guarded, provider: OpenId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else anybody could fill what is remembered meanwhile, and keep everybody out."""
    monkeypatch.setattr("connectors.state.tries._FAILURES_MAX", 5)
    before = pages.rows()
    provider.manner["/token"] = "error"
    client = pages.client()
    for _ in range(10):
        state = parse_qs(urlsplit(leave(client)).query)["state"][0]
        assert send(client, {"code": "made-up", "state": state}).status_code == 503
    assert changed(before, pages.rows()) == set()
    provider.manner.clear()
    assert sign_on(pages, provider).status_code == 303


@pytest.mark.asvs("6.3.1")
def test_those_that_were_right_do_not_count(pages: Guarded, provider: OpenId) -> None:
    """An office of people shares an address."""
    for _ in range(TRIES_FROM_ONE_PLACE_MAX + 5):
        assert sign_on(pages, provider).status_code == 303


@pytest.mark.asvs("16.2.5")
def test_nothing_of_it_is_logged_or_kept(
    pages: Guarded, provider: OpenId, caplog: pytest.LogCaptureFixture
) -> None:
    """Not the code, the try's number and what follows from it, the token, nor the secret."""
    client = pages.client()
    # the browser of the tests says where it goes
    caplog.set_level(logging.WARNING, logger="httpx2")
    with caplog.at_level(logging.DEBUG):
        for name in ("sqlalchemy.engine", "urllib3", "authlib", "dashboard.security"):
            caplog.set_level(logging.DEBUG, logger=name)
        address = provider.authorize(leave(client))
        attempt = Attempt(client.cookies["sign-on"])
        assert come_back(client, address).status_code == 303
    assert f"{ANN} has signed in from testclient" in caplog.text
    assert "UPDATE users" in caplog.text
    secrets = (
        "code-0-of-the-provider",
        attempt.number,
        attempt.state,
        attempt.nonce,
        attempt.verifier,
        "an-access-token-1",
        "eyJ",
        CLIENT_SECRET,
        quote_plus(CLIENT_SECRET),
    )
    for secret in secrets:
        assert secret not in caplog.text
        assert secret not in pages.dump()
