"""The pages: one module each, with its addresses in a router."""

from __future__ import annotations

from fastapi import APIRouter

from dashboard.pages import (
    audit,
    connecting,
    connection,
    overview,
    policies,
    records,
    settings,
    signing_in,
)


def routers() -> list[APIRouter]:
    """All pages' routers; addresses that name no company come before those that do."""
    modules = (signing_in, connecting, overview, records, audit, settings, policies, connection)
    return [each.router for each in modules]
