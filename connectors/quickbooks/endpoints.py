"""Where QuickBooks is, and the guard that keeps test traffic away from real books.

python-quickbooks sends to production whenever the environment is not exactly 'sandbox' (reference
quickbooks-api, section 1.4), so a mistyped word would write test records into real books. Here an
address is either Intuit's own for the named environment, or a whole replacement; never a mixture.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from models.errors import UsageError

_OFFICIAL = {
    "production": (
        "https://quickbooks.api.intuit.com/v3",
        "https://developer.api.intuit.com/.well-known/openid_configuration",
    ),
    "sandbox": (
        "https://sandbox-quickbooks.api.intuit.com/v3",
        "https://developer.api.intuit.com/.well-known/openid_sandbox_configuration",
    ),
}
#: Where people sign in to QuickBooks's own pages.
_PAGES = {
    "production": "https://qbo.intuit.com/login",
    "sandbox": "https://sandbox.qbo.intuit.com/login",
}
#: Where Intuit keeps files: its own hosts, and its buckets at Amazon (recorded attachments).
_FILE_BUCKET = re.compile(r"intuit-qbo-[a-z0-9-]+\.s3([.-][a-z0-9-]+)?\.amazonaws\.com")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Endpoints:
    """The addresses of one environment; build it with `endpoints`.

    Attributes:
        environment: "production", "sandbox", or the name of a stand-in such as "emulator".
        api_url: address of the accounting API, ending in /v3.
        discovery_url: address of the OAuth discovery document.
        official: whether these are Intuit's own addresses.
    """

    environment: str
    api_url: str
    discovery_url: str
    official: bool

    def allows(self, url: str) -> bool:
        """Tell whether an address found in the discovery document belongs to this environment."""
        parts = urlsplit(url)
        if self.official:
            return parts.scheme == "https" and _is_intuit(parts.hostname)
        return is_safe(url) and not _is_intuit(parts.hostname)

    def page_of(self, realm_id: str, page: str) -> str:
        """Return where people see a page of a company in QuickBooks; "" for a stand-in.

        It leads over the sign-in, which keeps the page and picks the company: a page's plain
        address opens in whatever company the browser was in last, and is lost on signing in.
        """
        if not self.official:
            return ""
        asked = urlencode({"deeplinkcompanyid": realm_id, "pagereq": page})
        return f"{_PAGES[self.environment]}?{asked}"

    def allows_file(self, url: str) -> bool:
        """Tell whether a file of this environment may lie at an address found in an answer."""
        try:
            parts = urlsplit(url)
            given = (parts.hostname, parts.port)
        except ValueError:
            return False
        if not is_safe(url):
            return False
        if not self.official:
            own = urlsplit(self.api_url)
            return given == (own.hostname, own.port) and parts.scheme == own.scheme
        host = given[0] or ""
        is_bucket = _FILE_BUCKET.fullmatch(host) is not None
        return (
            parts.scheme == "https" and given[1] in (None, 443) and (is_bucket or _is_intuit(host))
        )


def endpoints(environment: str, api_url: str = "", discovery_url: str = "") -> Endpoints:
    """Return the addresses of an environment; api_url and discovery_url replace Intuit's.

    Raises:
        UsageError: the addresses do not fit together or could reach real books by accident.
    """
    official = _OFFICIAL.get(environment)
    given = (_api_root(api_url) if api_url else "", discovery_url.strip())
    if official is not None and given in (("", ""), official):
        return Endpoints(environment, *official, official=True)
    if not all(given):
        raise UsageError(
            f"The environment {environment!r} needs both QBSYNC_QUICKBOOKS_API_URL and "
            "QBSYNC_QUICKBOOKS_DISCOVERY_URL, or neither for 'production' and 'sandbox'."
        )
    if environment == "production":
        raise UsageError(
            "A production connection talks to Intuit only: unset QBSYNC_QUICKBOOKS_API_URL and "
            "QBSYNC_QUICKBOOKS_DISCOVERY_URL, or use the environment 'sandbox' for tests."
        )
    for url in given:
        _check_replacement(url, environment)
    return Endpoints(environment, *given, official=False)


def allow_plain_http(url: str) -> None:
    """Let oauthlib send to this address over plain http, but only on this machine.

    oauthlib reads one process-wide environment variable; `endpoints` has already refused every
    plain address that is not on this machine.
    """
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def is_loopback(url: str) -> bool:
    """Tell whether an address is on this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def _api_root(url: str) -> str:
    """Return the API's address with /v3 at its end."""
    root = url.strip().rstrip("/")
    return root if root.endswith("/v3") else f"{root}/v3"


def _check_replacement(url: str, environment: str) -> None:
    """Refuse a replacement address that is Intuit's or that sends tokens in the clear."""
    if _is_intuit(urlsplit(url).hostname):
        raise UsageError(
            f"{url} is Intuit's and does not belong to the environment {environment!r}: leave "
            "QBSYNC_QUICKBOOKS_API_URL and QBSYNC_QUICKBOOKS_DISCOVERY_URL empty."
        )
    if not is_safe(url):
        raise UsageError(f"{url} must start with https://, or with http:// on this machine.")


def is_safe(url: str) -> bool:
    """Tell whether a token may travel there: https, or plain http on this machine."""
    parts = urlsplit(url)
    if parts.username or parts.password or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _is_intuit(host: str | None) -> bool:
    """Tell whether a host is Intuit's."""
    name = (host or "").rstrip(".").lower()
    return name == "intuit.com" or name.endswith(".intuit.com")
