"""Which OpenID provider people sign in with, and the hosts that may be asked because of it.

The issuer is named by the operator; where it keeps parts of itself on other hosts, so are these.
What its own description names beyond that is not asked. Apart from it the product asks Intuit
(`connectors.quickbooks.endpoints`) and the channels of the operator (`connectors.channels`) only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from connectors.quickbooks.endpoints import is_safe
from connectors.settings import Settings
from models.errors import UsageError
from models.people import ISSUER_CHARACTERS_MAX, Identity, checked_subject

#: Below the address of the pages: where it starts, and where the provider sends people back to.
SIGN_ON_PATH: Final = "/sign-in/sso"
SIGN_ON_BACK_PATH: Final = f"{SIGN_ON_PATH}/callback"
_NAME_CHARACTERS_MAX: Final = 60


@dataclass(frozen=True)
class SignOn:
    """What the operator has set; build it with `sign_on_of`."""

    #: The provider's own name for itself, to the letter.
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    #: What people call it; on the button.
    name: str
    #: Whether it is the only way to sign in to the pages.
    is_only: bool
    #: Where the provider sends people back to.
    redirect_url: str
    #: Further hosts of the provider, asked over https.
    hosts: frozenset[str]

    @property
    def discovery_url(self) -> str:
        """Where the provider describes itself."""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"

    def allows(self, url: str) -> bool:
        """Tell whether an address is the provider's: nothing is sent to any other."""
        try:
            place = _place_of(url)
        except ValueError:
            return False
        further = {("https", each, 443) for each in self.hosts}
        return is_safe(url) and place in {_place_of(self.issuer), *further}


def _place_of(url: str) -> tuple[str, str, int]:
    """Scheme, host and port."""
    parts = urlsplit(url)
    port = parts.port if parts.port is not None else {"https": 443}.get(parts.scheme, 80)
    return parts.scheme, parts.hostname or "", port


def sign_on_of(settings: Settings) -> SignOn | None:
    """Single sign-on as it is set up; None where it is not.

    Raises:
        UsageError: settings that cannot be used, or do not make a whole.
    """
    issuer, client_id = settings.oidc_issuer.strip(), settings.oidc_client_id.strip()
    secret = settings.oidc_client_secret.get_secret_value().strip()
    if not issuer:
        _require_nothing(settings)
        return None
    _check_issuer(issuer)
    for name, value in (
        ("OIDC_CLIENT_ID", client_id),
        ("OIDC_CLIENT_SECRET", secret),
        ("DASHBOARD_URL", settings.dashboard_url),
    ):
        if not value:
            raise UsageError(
                f"QBSYNC_{name} is not set; single sign-on with QBSYNC_OIDC_ISSUER needs it "
                '(docs/dashboard.md, "Single sign-on")'
            )
    if not is_safe(settings.dashboard_url):
        raise UsageError(
            f"QBSYNC_DASHBOARD_URL is {settings.dashboard_url!r}: single sign-on leads people back "
            "there, so it has to start with https://, or with http:// on this machine"
        )
    return SignOn(
        issuer=issuer,
        client_id=client_id,
        client_secret=secret,
        name=_checked_name(settings.oidc_name),
        is_only=settings.oidc_only,
        redirect_url=f"{settings.dashboard_url.rstrip('/')}{SIGN_ON_BACK_PATH}",
        hosts=_checked_hosts(settings.oidc_hosts),
    )


def identity_at(settings: Settings, subject: str) -> str:
    """Who somebody with this number is at the provider of this installation, as it is kept.

    Raises:
        UsageError: it is no such number, or single sign-on is not set up.
    """
    sign_on = sign_on_of(settings)
    if sign_on is None:
        raise UsageError(
            "a number at the OpenID provider needs single sign-on: set QBSYNC_OIDC_ISSUER and the "
            "rest of it"
        )
    return Identity(sign_on.issuer, checked_subject(subject)).text


def _require_nothing(settings: Settings) -> None:
    """Raise UsageError where something is set that counts only with an issuer."""
    for name, value in (
        ("ONLY", settings.oidc_only),
        ("CLIENT_ID", settings.oidc_client_id),
        ("CLIENT_SECRET", settings.oidc_client_secret.get_secret_value()),
        ("HOSTS", settings.oidc_hosts),
    ):
        if value:
            raise UsageError(
                f"QBSYNC_OIDC_{name} is set, and QBSYNC_OIDC_ISSUER is not: set the address of the "
                "OpenID provider, such as https://login.example.com, or leave both empty"
            )


def _check_issuer(issuer: str) -> None:
    try:
        parts = urlsplit(issuer)
        is_one = is_safe(issuer) and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or not issuer.isascii() or len(issuer) > ISSUER_CHARACTERS_MAX:
        raise UsageError(
            f"QBSYNC_OIDC_ISSUER is {issuer!r}: it has to be the provider's address as it writes "
            "it itself, such as https://login.example.com, with https:// (http:// on this machine "
            f"only), without ? and #, and of at most {ISSUER_CHARACTERS_MAX} characters"
        )


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= _NAME_CHARACTERS_MAX or not name.isprintable():
        raise UsageError(
            f"QBSYNC_OIDC_NAME is {name!r}: it stands on the button; use 1 to "
            f"{_NAME_CHARACTERS_MAX} characters"
        )
    return name


def _checked_hosts(text: str) -> frozenset[str]:
    hosts = {part.strip().lower() for part in text.split(",") if part.strip()}
    for each in sorted(hosts):
        if urlsplit(f"https://{each}").hostname != each or not set(each) <= _HOST_CHARACTERS:
            raise UsageError(
                f"QBSYNC_OIDC_HOSTS is {text!r}: {each!r} is no name of a host; give names by "
                "commas, without https:// and ports, such as oauth2.example.com"
            )
    return frozenset(hosts)


_HOST_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
