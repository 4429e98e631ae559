"""The pages: one module each, with its addresses in a router."""

from __future__ import annotations

from fastapi import APIRouter

from dashboard.pages import (
    account,
    alerts,
    audit,
    conflicts,
    connecting,
    connection,
    matching,
    notices,
    overview,
    own_log,
    partner,
    people,
    plans,
    policies,
    queue,
    records,
    settings,
    signing_in,
    signing_on,
    tokens,
)

#: Those whose addresses name no company come before those that do.
_PAGES = (
    signing_in,
    signing_on,
    account,
    people,
    tokens,
    own_log,
    connecting,
    overview,
    alerts,
    conflicts,
    queue,
    partner,
    plans,
    matching,
    records,
    audit,
    settings,
    policies,
    notices,
    connection,
)


def routers() -> list[APIRouter]:
    """All pages' routers."""
    return [each.router for each in _PAGES]
