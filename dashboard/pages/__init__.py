"""The pages: one module each, with its addresses in a router."""

from __future__ import annotations

from fastapi import APIRouter

from dashboard.pages import audit, overview, records, signing_in


def routers() -> list[APIRouter]:
    """All pages' routers."""
    return [each.router for each in (signing_in, overview, records, audit)]
