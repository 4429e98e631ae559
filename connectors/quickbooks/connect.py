"""Connecting a company: from a call-back's code or a refresh token to proven tokens and facts.

The tokens are handed over before the company is asked, because an authorisation code works once and
a renewed token replaces the old one. Source: reference quickbooks-api, section 1.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.quickbooks.client import QuickBooksClient
from models.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.ports import Clock, CompanyFacts
    from connectors.quickbooks.endpoints import Endpoints
    from connectors.quickbooks.oauth import IntuitOAuth, TokenSet


@dataclass(frozen=True)
class Connected:
    """A permission that works, and whose it is."""

    company: CompanyFacts
    tokens: TokenSet


def connect(
    endpoints: Endpoints,
    oauth: IntuitOAuth,
    clock: Clock,
    realm_id: str,
    *,
    refresh_token: str = "",
    code: str = "",
    keep: Callable[[TokenSet], None] | None = None,
) -> Connected:
    """Prove a permission by asking QuickBooks which company it opens.

    Args:
        endpoints: where QuickBooks is.
        oauth: the app's access to the token service.
        clock: time.
        realm_id: the company that the permission is for.
        refresh_token: a refresh token, or
        code: the code of the call-back; exactly one of the two.
        keep: called with the tokens as soon as they are there.

    Raises:
        DisconnectedError: the permission is refused, or it belongs to another company.
        RetryLaterError: QuickBooks cannot be reached.
    """
    if bool(refresh_token) == bool(code):
        raise UsageError("Give either a refresh token or an authorisation code.")
    token_set = oauth.exchange_code(code) if code else oauth.refresh(refresh_token)
    if keep is not None:
        keep(token_set)

    def token(*, force: bool = False) -> str:
        """The one token there is; when it is refused there is no other."""
        del force
        return token_set.access_token

    with QuickBooksClient(endpoints, realm_id, token, clock) as client:
        return Connected(company=client.company(), tokens=token_set)
