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
    overview,
    own_log,
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
    plans,
    matching,
    records,
    audit,
    settings,
    policies,
    connection,
)


def routers() -> list[APIRouter]:
    """All pages' routers."""
    return [each.router for each in _PAGES]
