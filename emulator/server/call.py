"""One call on a company, read from HTTP into plain data.

Source: dossier section 2 (paths and shapes), 3.4 (the two ways to void), 7 (what is metered).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from emulator import exact_json
from emulator.entities import find_entity
from emulator.injection import Occasion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from emulator.entities.declaration import Entity

_SERVICES = frozenset({"query", "cdc", "batch", "reports", "upload", "download", "taxservice"})


@dataclass
class Call:
    """A request to `/v3/company/{realm}/...`."""

    method: str
    realm_id: str
    segments: list[str]
    parameters: Mapping[str, str]
    content: bytes
    content_type: str
    as_json: bool
    bearer: str | None
    #: create update delete void send read, or the service: query cdc batch reports upload download
    #: taxservice.
    verb: str
    entity: Entity | None
    #: The parsed body of a write or batch, None when it is not JSON.
    body: Any
    #: What separates the parts of an upload.
    boundary: str = ""
    #: Where the client reached the emulator.
    base_url: str = ""

    @property
    def request_id(self) -> str:
        """Return the request id, empty when there is none."""
        return self.parameters.get("requestid", "")

    @property
    def entity_name(self) -> str:
        """Return the entity's wire name, empty for services."""
        return self.entity.name if self.entity is not None else ""

    @property
    def statement(self) -> str:
        """Return the text of a query, from wherever it was sent."""
        if self.method == "GET":
            return self.parameters.get("query", "")
        text = self.content.decode(errors="replace")
        if self.content_type == "application/x-www-form-urlencoded":
            return parse_qs(text).get("query", [""])[0]
        return text

    def occasions(self) -> list[Occasion]:
        """Return what fault rules are matched against: the call, and the items of a batch."""
        text = self.statement if self.verb == "query" else self.content.decode(errors="replace")
        found = [Occasion(self.verb, self.entity_name, text)]
        if self.verb == "batch" and isinstance(self.body, dict):
            items = self.body.get("BatchItemRequest") or []
            found.extend(item_occasion(item) for item in items if isinstance(item, dict))
        return found


def item_occasion(item: dict[str, Any]) -> Occasion:
    """Return what fault rules are matched against for one item of a batch."""
    entity = item_entity(item)
    return Occasion(item_verb(item), entity.name if entity else "", str(item))


def item_entity(item: dict[str, Any]) -> Entity | None:
    """Return the entity a batch item writes, None for a query or an unknown one."""
    found = (find_entity(name) for name, value in item.items() if isinstance(value, dict))
    return next((entity for entity in found if entity is not None), None)


def item_verb(item: dict[str, Any]) -> str:
    """Return what a batch item does."""
    if "Query" in item:
        return "query"
    operation = str(item.get("operation", "")).lower()
    return "void" if str(item.get("optionsData", "")).lower() == "void" else operation


async def read_call(request: Request) -> Call:
    """Read a request into a call."""
    content = await request.body()
    segments = [part for part in request.path_params["rest"].split("/") if part]
    first = segments[0].lower() if segments else ""
    entity = None if first in _SERVICES else find_entity(first)
    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    parameters = dict(request.query_params)
    has_body = entity is not None or first in {"batch", "taxservice"}
    is_write = request.method == "POST" and has_body
    kind = request.headers.get("content-type", "")
    sends = request.method == "POST" and len(segments) == 3 and segments[2].lower() == "send"
    body = _body(content) if is_write else None
    verb = "send" if sends else _verb(request.method, parameters, body)
    return Call(
        method=request.method,
        realm_id=request.path_params["realm_id"],
        segments=segments,
        parameters=parameters,
        content=content,
        content_type=kind.partition(";")[0].strip().lower(),
        as_json="json" in request.headers.get("accept", "").lower(),
        bearer=token.strip() if scheme.lower() == "bearer" else None,
        verb=first if first in _SERVICES else verb,
        entity=entity,
        body=body,
        boundary=_boundary(kind),
        base_url=str(request.base_url).rstrip("/"),
    )


def _boundary(content_type: str) -> str:
    """Return the boundary of a multipart content type, empty when there is none."""
    for part in content_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "boundary":
            return value.strip('"')
    return ""


def _body(content: bytes) -> Any:
    try:
        return exact_json.loads(content)
    except ValueError:
        # Refused later, with the fault QuickBooks has for it.
        return None


def _verb(method: str, parameters: Mapping[str, str], body: Any) -> str:
    if method == "GET":
        return "read"
    operation = parameters.get("operation", "").lower()
    if operation in {"delete", "void"}:
        return operation
    if operation == "update" and "void" in parameters.get("include", "").lower().split(","):
        return "void"
    has_id = isinstance(body, dict) and body.get("Id") not in (None, "")
    return "update" if has_id or operation == "update" else "create"
