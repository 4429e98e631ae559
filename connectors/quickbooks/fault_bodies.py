"""Reads what QuickBooks (or something between) answered into one shape.

Faults come as JSON in two casings, as XML even to JSON clients, as HTML, cut off or empty, and
inside answers with HTTP 200 (reference quickbooks-api, sections 7, 8.1 and 8.2). Nothing here
decides what a fault means; that is `faults`.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.quickbooks import exact_json
from connectors.quickbooks.scrub import scrub
from models.errors import shorten

_XML_CHARACTERS_MAX = 200_000
_ERRORS_MAX = 20
_BLOCKS_MAX = 1_000
_TEXT_CHARACTERS_MAX = 1_000
_PLAIN_CHARACTERS_MAX = 8_000
_CODE_IN_MESSAGE = re.compile(r"errorCode=0*(\d+)")


@dataclass(frozen=True)
class Said:
    """One error that a fault body lists."""

    code: str
    message: str
    detail: str = ""
    element: str = ""


@dataclass(frozen=True)
class FaultBody:
    """A fault as it was written: its errors and the type of the fault."""

    errors: tuple[Said, ...]
    #: "ValidationFault", "SystemFault", "SERVICE" ... or "".
    type: str = ""


@dataclass(frozen=True)
class Body:
    """One answer's body, read as far as it can be."""

    #: The JSON object; None when the body is something else.
    data: Mapping[str, Any] | None
    #: The fault in it, wherever it stands; None when there is none.
    fault: FaultBody | None
    #: "json", "xml", "html", "empty" or "text": what the body turned out to be.
    form: str
    #: The body where it is plain text: the temporary address of a file.
    text: str = field(default="", repr=False)


def read_body(content: bytes) -> Body:
    """Read a body of any form; never raises."""
    if not content.strip():
        return Body(data=None, fault=None, form="empty")
    try:
        data = exact_json.decode(content)
    except ValueError:
        return _read_other(content)
    if not isinstance(data, Mapping):
        return Body(data=None, fault=None, form="text", text=data if isinstance(data, str) else "")
    return Body(data=data, fault=find_fault(data), form="json")


def find_fault(data: Mapping[str, Any]) -> FaultBody | None:
    """Find the fault of an answer: at the top, or inside its QueryResponse blocks."""
    for block in _blocks(data):
        fault = _get(block, "Fault")
        if isinstance(fault, Mapping):
            return read_fault(fault)
    return None


def read_fault(fault: Mapping[str, Any]) -> FaultBody:
    """Read one Fault object in either casing."""
    listed = _get(fault, "Error")
    errors = listed if isinstance(listed, list) else [listed]
    said = tuple(_said(one) for one in errors[:_ERRORS_MAX] if isinstance(one, Mapping))
    return FaultBody(errors=said, type=_text(_get(fault, "type")))


def _blocks(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the places in which a fault of the whole call can stand."""
    yield data
    yield from _children(data, "QueryResponse")
    for response in _children(data, "CDCResponse"):
        yield response
        yield from _children(response, "QueryResponse")


def _children(data: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """Yield the object, or the objects of the list, under a key."""
    value = _get(data, key)
    items = value if isinstance(value, list) else [value]
    yield from (one for one in items[:_BLOCKS_MAX] if isinstance(one, Mapping))


def _get(data: Mapping[str, Any], key: str) -> Any:
    """Look a key up in both casings: Fault and fault."""
    return data[key] if key in data else data.get(key[:1].lower() + key[1:])


def _said(error: Mapping[str, Any]) -> Said:
    """Read one Error object."""
    return _build(
        code=_text(_get(error, "code")),
        message=_text(_get(error, "Message")),
        detail=_text(_get(error, "Detail")),
        element=_text(_get(error, "element")),
    )


def _build(*, code: str, message: str, detail: str, element: str) -> Said:
    """Build one error: the code without leading zeros, the texts without tokens."""
    found = _CODE_IN_MESSAGE.search(message)
    if not code and found:
        code = found[1]
    return Said(
        code=shorten(code.strip().lstrip("0"), characters_max=20),
        message=_clean(message),
        detail=_clean(detail),
        element=_clean(element),
    )


def _text(value: object) -> str:
    """Write a scalar as text; null and structures are nothing."""
    return "" if value is None or isinstance(value, Mapping | list) else str(value)


def _clean(text: str) -> str:
    """Return text in one printable line, shortened and without tokens."""
    line = " ".join(text.split())
    return shorten(scrub(line[: 2 * _TEXT_CHARACTERS_MAX]), characters_max=_TEXT_CHARACTERS_MAX)


def _read_other(content: bytes) -> Body:
    """Read a body that is not JSON."""
    text = content.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    root = _xml_root(text) if text.startswith("<") else None
    if root is not None and _local(root) == "IntuitResponse":
        return Body(data=None, fault=_xml_fault(root), form="xml")
    if text.startswith("<"):
        return Body(data=None, fault=None, form="html")
    return Body(data=None, fault=None, form="text", text=text.strip()[:_PLAIN_CHARACTERS_MAX])


def _xml_root(text: str) -> ET.Element | None:
    """Parse XML without DTD or entities, which could expand without end; None if it is not XML."""
    if len(text) > _XML_CHARACTERS_MAX or "<!" in text:
        return None
    try:
        return ET.fromstring(text)  # noqa: S314 - no declaration can be in it, see above
    except (ET.ParseError, ValueError):
        return None


def _xml_fault(root: ET.Element) -> FaultBody | None:
    """Find the Fault element, whatever its name space."""
    for element in root.iter():
        if _local(element) == "Fault":
            errors = [one for one in element if _local(one) == "Error"][:_ERRORS_MAX]
            return FaultBody(
                errors=tuple(_xml_said(one) for one in errors), type=element.get("type", "")
            )
    return None


def _xml_said(error: ET.Element) -> Said:
    """Read one Error element."""
    texts = {_local(child): "".join(child.itertext()) for child in error}
    return _build(
        code=error.get("code", ""),
        message=texts.get("Message", ""),
        detail=texts.get("Detail", ""),
        element=error.get("element", ""),
    )


def _local(element: ET.Element) -> str:
    """Return the element's name without its name space."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
