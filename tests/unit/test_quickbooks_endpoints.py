"""Test traffic cannot reach real books, and real tokens cannot reach a stand-in."""

from __future__ import annotations

import pytest

from connectors.quickbooks.endpoints import endpoints
from models.errors import UsageError

API = "http://127.0.0.1:9000"
DISCOVERY = "http://127.0.0.1:9000/openid"


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ("production", "https://quickbooks.api.intuit.com/v3"),
        ("sandbox", "https://sandbox-quickbooks.api.intuit.com/v3"),
    ],
)
@pytest.mark.asvs("12.2.1", "12.3.1", "13.2.4")
def test_named_environments_are_intuits_own(environment: str, host: str) -> None:
    found = endpoints(environment)
    assert found.api_url == host
    assert found.official
    assert found.allows("https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer")
    assert not found.allows("http://oauth.platform.intuit.com/oauth2/v1/tokens/bearer")
    assert not found.allows("https://intuit.com.example.org/token")
    assert not found.allows("https://notintuit.com/token")


@pytest.mark.parametrize("environment", ["sandbox", "emulator"])
@pytest.mark.parametrize("api_url", [API, f"{API}/", f"{API}/v3", f"{API}/v3/"])
def test_both_addresses_can_be_replaced(environment: str, api_url: str) -> None:
    found = endpoints(environment, api_url, DISCOVERY)
    assert found.api_url == f"{API}/v3"
    assert not found.official
    assert found.allows("http://127.0.0.1:9000/token")
    assert not found.allows("https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer")


@pytest.mark.parametrize(
    ("environment", "api_url", "discovery_url"),
    [
        # python-quickbooks would send these to production
        ("sand", "", ""),
        ("prod", "", ""),
        ("emulator", "", ""),
        ("", "", ""),
        # half a replacement would mix real tokens with a stand-in
        ("sandbox", API, ""),
        ("sandbox", "", DISCOVERY),
        # real books named by a test environment, and the other way round
        ("sandbox", "https://quickbooks.api.intuit.com", DISCOVERY),
        ("emulator", "https://quickbooks.api.intuit.com", "https://developer.api.intuit.com/x"),
        ("emulator", "https://QuickBooks.API.Intuit.com./v3", DISCOVERY),
        ("production", API, DISCOVERY),
        ("production", "https://sandbox-quickbooks.api.intuit.com/v3", ""),
        # tokens in the clear
        ("sandbox", "http://emulator.example:9000", DISCOVERY),
        ("sandbox", API, "http://192.0.2.1/openid"),
        ("sandbox", "ftp://127.0.0.1/v3", DISCOVERY),
        ("sandbox", "127.0.0.1:9000", DISCOVERY),
        # a host that only looks like this machine
        ("sandbox", "http://127.0.0.1@example.org/v3", DISCOVERY),
        ("sandbox", "http://localhost.example.org/v3", DISCOVERY),
    ],
)
@pytest.mark.asvs("2.2.3", "12.2.1", "13.2.4")
def test_a_mixture_is_refused_with_the_setting_to_change(
    environment: str, api_url: str, discovery_url: str
) -> None:
    with pytest.raises(UsageError) as caught:
        endpoints(environment, api_url, discovery_url)
    assert "QBSYNC_QUICKBOOKS_API_URL" in str(caught.value) or "https://" in str(caught.value)
