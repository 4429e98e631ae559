"""The pages: one module each, with its addresses in a router."""

from __future__ import annotations

from fastapi import APIRouter

from dashboard.pages import connecting, connection, overview, policies, settings, signing_in


def routers() -> list[APIRouter]:
    """All pages' routers; addresses that name no company come before those that do."""
    modules = (signing_in, connecting, overview, settings, policies, connection)
    return [each.router for each in modules]
