"""An answer that names a file's address cannot send the sync, or what it knows, anywhere else."""

from __future__ import annotations

import pytest

from connectors.quickbooks.endpoints import endpoints
from models.errors import RejectedError
from tests.fixtures.wire import client_for, downloading, serving

OFFICIAL = endpoints("production")
STAND_IN = endpoints("emulator", "http://127.0.0.1:9000", "http://127.0.0.1:9000/openid")

ALLOWED = [
    "https://quickbooks.api.intuit.com/v3/company/1/download/2",
    "https://intuit-qbo-prod-15.s3.amazonaws.com/1/attachments/a.pdf?Signature=x",
    "https://intuit-qbo-preprod-17.s3.us-west-2.amazonaws.com/a",
]
REFUSED = [
    "",
    "no address",
    "http://intuit-qbo-prod-15.s3.amazonaws.com/a",
    "https://evil.example/a",
    "https://evil-bucket.s3.amazonaws.com/a",
    "https://intuit-qbo-prod-15.s3.amazonaws.com.evil.example/a",
    "https://evil.example/intuit-qbo-prod-15.s3.amazonaws.com",
    "https://intuit-qbo-prod-15.s3.amazonaws.com@evil.example/a",
    "https://user:word@quickbooks.api.intuit.com/a",
    "https://notintuit.com/a",
    "https://quickbooks.api.intuit.com:8443/a",
    "https://quickbooks.api.intuit.com:x/a",
    "http://127.0.0.1/a",
    "http://169.254.169.254/latest/meta-data",
    "https://[::1]/a",
    "https://[bad/a",
    "file:///etc/passwd",
    "ftp://quickbooks.api.intuit.com/a",
]


@pytest.mark.parametrize("address", ALLOWED)
@pytest.mark.asvs("13.2.4")
def test_where_files_of_quickbooks_lie(address: str) -> None:
    assert OFFICIAL.allows_file(address)
    assert not STAND_IN.allows_file(address)


@pytest.mark.parametrize("address", REFUSED)
@pytest.mark.asvs("13.2.4")
def test_where_no_file_of_quickbooks_can_lie(address: str) -> None:
    assert not OFFICIAL.allows_file(address)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("http://127.0.0.1:9000/_files/1", True),
        ("http://127.0.0.1:9001/_files/1", False),
        ("http://127.0.0.1/_files/1", False),
        ("https://127.0.0.1:9000/_files/1", False),
        ("http://localhost:9000/_files/1", False),
        ("http://10.0.0.7:9000/_files/1", False),
    ],
)
@pytest.mark.asvs("13.2.4")
def test_files_of_a_stand_in_lie_with_it(address: str, allowed: bool) -> None:
    assert STAND_IN.allows_file(address) is allowed


@pytest.mark.asvs("13.2.4")
def test_an_address_elsewhere_is_never_asked() -> None:
    """Goal: another server that an answer names gets no request at all."""
    with (
        serving((200, b"taken", {})) as elsewhere,
        serving(downloading((200, b"", {}), address=f"{elsewhere.url}/_files/1")) as script,
        client_for(script.url) as client,
    ):
        with pytest.raises(RejectedError) as raised:
            client.download("1", bytes_max=100)
        assert elsewhere.got == []
        assert len(script.got) == 1
    assert raised.value.fault.code == "file_address"
    assert "127.0.0.1" in raised.value.fault.detail


@pytest.mark.asvs("15.3.2")
def test_a_redirect_is_not_followed() -> None:
    """Goal: neither to another server nor within QuickBooks's own, and no token goes along."""
    with serving((200, b"taken", {})) as elsewhere:
        moved = (302, b"", {"Location": f"{elsewhere.url}/_files/1"})
        with (
            serving(downloading(moved)) as script,
            client_for(script.url) as client,
            pytest.raises(RejectedError, match="leads elsewhere"),
        ):
            client.download("1", bytes_max=100)
        assert elsewhere.got == []
