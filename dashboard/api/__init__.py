"""The interface for programs: JSON below /api/v1, with a token."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi

from dashboard.api import deciding, people, reading, setting
from dashboard.api.answers import Mistake
from dashboard.api.calling import See
from models.numbers import NUMBER_MAX

API_PATH: Final = "/api/v1"
_MISTAKES: Final = {
    400: "The body or the address cannot be read.",
    401: "No token that is good.",
    403: "The token's role may not do this.",
    404: "No such company or thing, or not one of the token's.",
    409: "It cannot be done as things stand.",
    413: "The body is too long.",
    414: "The address is too long.",
    415: "The body is not JSON.",
    422: "Something that was sent cannot be used.",
    429: "Too many calls; Retry-After says how long to wait.",
    503: "The database did not answer in time; nothing was half done.",
}
_MISTAKE: Final = Mistake.__name__
#: The company in an address is looked up before anything else, by what the token sees.
_COMPANY: Final = {
    "name": "connection_id",
    "in": "path",
    "required": True,
    "description": "`company_id` of a company that the token sees.",
    "schema": {"type": "integer", "minimum": 1, "maximum": NUMBER_MAX},
}


def api_router() -> APIRouter:
    """All addresses of the interface."""
    # named, not given as a model: FastAPI would make one anew for each status of each address
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_MISTAKE}"}}}
    told: dict[int | str, dict[str, Any]] = {
        status: {"description": words, "content": content} for status, words in _MISTAKES.items()
    }
    router = APIRouter(prefix=API_PATH, responses=told)
    for each in (reading, deciding, setting, people):
        router.include_router(each.router)

    @router.get("/openapi.json", include_in_schema=False)
    def openapi(call: See) -> dict[str, Any]:
        """The description of the interface, for programs that make clients from it.

        It needs a token like all else here: who has none has no use for it.
        """
        assert call.user.is_active
        return described(router)

    return router


def described(router: APIRouter) -> dict[str, Any]:
    """The OpenAPI description."""
    found = get_openapi(
        title="quickbooks-sync",
        version="1",
        description="What finance people see on the pages and do there, for programs.",
        routes=router.routes,
    )
    parts = found.setdefault("components", {})
    parts.setdefault("schemas", {})[_MISTAKE] = Mistake.model_json_schema()
    parts.setdefault("securitySchemes", {})["token"] = {"type": "http", "scheme": "bearer"}
    for path, operations in found["paths"].items():
        if "{connection_id}" in path:
            for each in operations.values():
                each["parameters"] = [_COMPANY, *each.get("parameters", [])]
    return {**found, "security": [{"token": []}]}
