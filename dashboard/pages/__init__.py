"""The pages: one module each, with its addresses in a router."""

from __future__ import annotations

from fastapi import APIRouter

from dashboard.pages import (
    alerts,
    audit,
    conflicts,
    connecting,
    connection,
    matching,
    notices,
    overview,
    partner,
    plans,
    policies,
    queue,
    records,
    settings,
    signing_in,
)

#: Those whose addresses name no company come before those that do.
_PAGES = (
    signing_in,
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
