"""The pages: one module each, with its addresses in a router."""

from __future__ import annotations

from fastapi import APIRouter

from dashboard.pages import alerts, conflicts, matching, overview, plans, queue, signing_in


def routers() -> list[APIRouter]:
    """All pages' routers."""
    return [
        each.router for each in (signing_in, overview, alerts, conflicts, queue, plans, matching)
    ]
