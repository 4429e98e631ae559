"""What an operator can set of single sign-on, what is refused, and which hosts it opens."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.sign_on.places import SIGN_ON_BACK_PATH, SIGN_ON_PATH, sign_on_of
from dashboard.app import create_app
from dashboard.house import SIGN_IN_PATH
from models.errors import UsageError
from models.people import Role
from tests.fixtures.guarded import Guarded, place_at, settings_of
from tests.fixtures.openid import (
    CLIENT_SECRET,
    OpenId,
)
from tests.fixtures.pages import PASSWORD
from tests.fixtures.signing_on import (
    ANN,
    pages_with,
    rename,
    send,
    settings_for,
    sign_on,
)


@pytest.mark.asvs("6.3.4")
def test_passwords_can_be_switched_off(guarded: Guarded, provider: OpenId) -> None:
    """The page has no form, and one that is sent opens nothing; tokens of programs go on."""
    rename(guarded, Role.VIEWER, ANN)
    both, only = pages_with(guarded, provider), pages_with(guarded, provider, oidc_only=True)
    form = {"name": ANN, "password": PASSWORD}
    assert 'type="password"' in both.client().get(SIGN_IN_PATH).text
    assert both.client().post(SIGN_IN_PATH, data=form).status_code == 303
    shown = only.client().get(SIGN_IN_PATH).text
    assert 'type="password"' not in shown
    assert "Sign in with Example Login" in shown
    refused = only.client().post(SIGN_IN_PATH, data=form)
    assert refused.status_code == 403
    assert "sign in with Example Login" in refused.text
    assert "session" not in refused.cookies
    assert sign_on(only, provider).status_code == 303


@pytest.mark.asvs("6.3.4")
def test_without_it_there_is_no_such_way(guarded: Guarded) -> None:
    """The page shows no button, and its addresses are not there."""
    client = guarded.client()
    assert "Sign in with" not in client.get(SIGN_IN_PATH).text
    assert client.get(SIGN_ON_PATH).status_code == 404
    assert client.get(SIGN_ON_BACK_PATH, params={"code": "x", "state": "x"}).status_code == 404
    assert send(client, {"code": "x", "state": "x"}).status_code == 404


WHOLE = settings_for("https://login.example.com")


@pytest.mark.asvs("16.2.5")
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"oidc_issuer": "login.example.com"}, ["OIDC_ISSUER is 'login.example.com'", "https://"]),
        ({"oidc_issuer": "http://login.example.com"}, ["OIDC_ISSUER", "on this machine"]),
        ({"oidc_issuer": "http://127.0.0.1.example.com"}, ["OIDC_ISSUER", "on this machine"]),
        ({"oidc_issuer": "https://a:b@login.example.com"}, ["OIDC_ISSUER"]),
        ({"oidc_issuer": "https://login.example.com?a=b"}, ["OIDC_ISSUER", "without ? and #"]),
        ({"oidc_issuer": "https://login.example.com:x"}, ["OIDC_ISSUER"]),
        ({"oidc_issuer": "https://[login"}, ["OIDC_ISSUER"]),
        ({"oidc_issuer": f"https://{'a' * 250}.com"}, ["OIDC_ISSUER", "255"]),
        ({"oidc_issuer": ""}, ["OIDC_CLIENT_ID is set", "OIDC_ISSUER is not", "https://login"]),
        ({"oidc_client_id": " "}, ["OIDC_CLIENT_ID is not set"]),
        ({"oidc_client_secret": ""}, ["OIDC_CLIENT_SECRET is not set"]),
        ({"dashboard_url": ""}, ["DASHBOARD_URL is not set"]),
        (
            {"dashboard_url": "http://books.example.com"},
            ["DASHBOARD_URL is 'http://books", "https"],
        ),
        ({"oidc_name": ""}, ["OIDC_NAME is ''", "button"]),
        ({"oidc_name": "x" * 61}, ["OIDC_NAME", "60"]),
        ({"oidc_name": "two\nlines"}, ["OIDC_NAME"]),
        ({"oidc_hosts": "https://keys.example.com"}, ["OIDC_HOSTS", "without https://"]),
        ({"oidc_hosts": "keys.example.com:8443"}, ["OIDC_HOSTS", "ports"]),
        ({"oidc_hosts": "*.example.com"}, ["OIDC_HOSTS", "'*.example.com'"]),
    ],
)
def test_settings_that_make_no_whole_stop_the_start(
    guarded: Guarded, given: dict[str, Any], words: list[str]
) -> None:
    """With the setting, its value and what to write instead; no secret is in the message."""
    with pytest.raises(UsageError) as caught:
        create_app(place_at("", guarded.engine, **{**WHOLE, **given}), lambda: None)
    for word in ("QBSYNC_", *words):
        assert word in str(caught.value)
    assert CLIENT_SECRET not in str(caught.value)


@pytest.mark.asvs("6.3.4")
@pytest.mark.parametrize("given", [{"oidc_only": True}, {"oidc_hosts": "a.example.com"}])
def test_a_part_of_it_alone_stops_the_start(guarded: Guarded, given: dict[str, Any]) -> None:
    """Passwords are not switched off where there is no other way in."""
    with pytest.raises(UsageError, match="QBSYNC_OIDC_ISSUER is not"):
        create_app(place_at("", guarded.engine, **given), lambda: None)


@pytest.mark.asvs("12.2.1", "12.3.1", "13.2.4")
@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://login.example.com/token", True),
        ("https://login.example.com:443/token", True),
        ("https://LOGIN.example.com/token", True),
        ("https://keys.example.com/keys", True),
        ("http://login.example.com/token", False),
        ("http://keys.example.com/keys", False),
        ("https://login.example.com:8443/token", False),
        ("https://keys.example.com:8443/token", False),
        ("https://example.com/token", False),
        ("https://login.example.com.evil.example.org/token", False),
        ("https://login.example.com@evil.example.org/token", False),
        ("https://evil@login.example.com/token", False),
        ("https://evil.example.org/login.example.com", False),
        ("https://quickbooks.api.intuit.com/v3", False),
        ("http://127.0.0.1/token", False),
        ("https://login.example.com:99999/token", False),
        ("https://[", False),
    ],
)
def test_the_hosts_of_the_provider_are_the_named_ones(url: str, is_allowed: bool) -> None:
    """The issuer's, and those of QBSYNC_OIDC_HOSTS, over https."""
    places = sign_on_of(settings_of("", **WHOLE, oidc_hosts="keys.example.com"))
    assert places is not None
    assert places.allows(url) is is_allowed
    assert CLIENT_SECRET not in repr(places)
