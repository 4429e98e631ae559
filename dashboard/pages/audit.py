"""The audit log: searched, read, exported and verified."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from connectors.state import audit_export, audit_verify, browse
from connectors.state.audit_export import Wanted, instant_of
from connectors.state.audit_verify import Verdict
from dashboard.forms import Plain, PlainForm
from dashboard.house import ROOT, Asked, See, Visit
from dashboard.pages.records import PLAIN_TEXT, flow_run_pages, references_in
from models.errors import DecisionError, UsageError
from models.numbers import number_in
from tasks.find_record import find_link

router = APIRouter()

#: Form of an export -> what browsers call it.
MEDIA_TYPES: Final = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
#: Bytes that are sent at once, about.
_CHUNK_BYTES: Final = 64 * 1024
#: Kinds that are suggested; any other can be typed.
KINDS: Final = (
    "write.quickbooks", "write.platform", "write.uncertain", "conflict", "parked", "unparked",
    "retry", "skipped", "done_by_hand", "override", "undo", "policy.changed", "settings.changed",
    "cycle.stopped", "connection.connected", "approval.used", "default_account", "file.fetched",
    "channel.tried",
)  # fmt: skip
#: One at a time: it reads the whole log.
_VERIFYING: Final = threading.Lock()

_LOG = logging.getLogger("dashboard.security")


class AuditSearch(BaseModel):
    """Which entries are wanted."""

    model_config = ConfigDict(extra="forbid")

    #: A link's number, invoice:1037, or what people call the record.
    record: str = Field("", max_length=200, pattern=PLAIN_TEXT)
    kind: str = Field("", max_length=40, pattern=PLAIN_TEXT)
    person: str = Field("", max_length=100, pattern=PLAIN_TEXT)
    run: str = Field("", max_length=36, pattern=PLAIN_TEXT)
    since: str = Field("", max_length=40, pattern=PLAIN_TEXT)
    until: str = Field("", max_length=40, pattern=PLAIN_TEXT)

    @property
    def asked(self) -> str:
        """The fields that are filled in, as part of an address."""
        given = {
            name: text for name in AuditSearch.model_fields if (text := getattr(self, name).strip())
        }
        return urlencode(given)

    def wanted(self, visit: Visit) -> Wanted:
        """The same as the log has it.

        Raises:
            UsageError: a time that is none, or a record that is unknown or not the only one.
        """
        since = instant_of("since", self.since.strip())
        until = instant_of("until", self.until.strip())
        if since and until and since >= until:
            raise UsageError(
                f"until is {self.until.strip()!r}: it must be after since, {self.since.strip()!r}"
            )
        return Wanted(
            connection_id=visit.company.id,
            kind=self.kind.strip(),
            actor=self.person.strip(),
            run_id=self.run.strip(),
            since=since,
            until=until,
            links=self._links(visit),
        )

    def _links(self, visit: Visit) -> tuple[int, ...] | None:
        text = self.record.strip()
        if not text:
            return None
        found = browse.labelled(visit.place.engine, visit.company.id, text)
        if not found and ":" in text:
            return (find_link(visit.place.engine, visit.company.id, text),)
        return found


class AuditPage(AuditSearch):
    """The same, from some entry on."""

    before: int | None = Field(None, ge=1, le=10**18)


class AuditExport(AuditSearch):
    """The same, as a file."""

    format: str = Field(pattern=f"^({'|'.join(MEDIA_TYPES)})$")


@router.get(ROOT + "/{connection_id}/audit")
def entries(visit: See, asked: Annotated[AuditPage, Query()]) -> Response:
    """The log, newest entry first."""
    page = browse.entries(visit.place.engine, asked.wanted(visit), asked.before)
    rows = [{**each, "body": body_of(each)} for each in page.rows]
    return visit.page(
        "audit.html",
        rows=rows,
        asked=asked,
        kinds=KINDS,
        next_before=page.next_before,
        flow_runs=flow_run_pages(visit, {each["run_id"] for each in rows}),
    )


@router.get(ROOT + "/{connection_id}/audit/export")
def export(visit: See, asked: Annotated[AuditExport, Query()]) -> Response:
    """The wanted entries as a file, as long as the log is, in bounded memory.

    Raises:
        AuditError: the first entries cannot be written, because they were tampered with.
    """
    return exported(visit, asked.wanted(visit), asked.format, f"connection {visit.company.id}")


def exported(visit: Visit, wanted: Wanted, form: str, whose: str) -> Response:
    """Entries of a chain as a file.

    Raises:
        AuditError: the first entries cannot be written, because they were tampered with.
    """
    chunks = _chunks(audit_export.lines(visit.place.engine, wanted, form))
    first = next(chunks, b"")  # what is wrong at once becomes a page, not half a file
    name = f"audit-log-{wanted.connection_id}-{visit.place.clock.now():%Y-%m-%d}.{form}"
    _LOG.info("%s exports the audit log of %s", visit.user.name, whose)
    return StreamingResponse(
        chain([first], chunks),
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _chunks(lines: Iterable[str]) -> Iterator[bytes]:
    """The lines as bytes, many at once; a byte that is no UTF-8 stays as it is."""
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line.encode("utf-8", "surrogateescape"))
        size += len(held[-1])
        if size >= _CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


@router.post(ROOT + "/{connection_id}/audit/verify")
def verify(visit: See, form: PlainForm) -> Response:
    """Check this company's log; changes nothing."""
    assert isinstance(form, Plain)
    return visit.page("audit_verdict.html", verdict=verified(visit, visit.company.id))


def verified(asked: Asked, connection_id: int) -> Verdict:
    """Check a company's log and the installation's against hashes and signed checkpoints.

    One at a time, because it reads all of both.

    Raises:
        DecisionError: one is being checked already.
        UsageError: checkpoints were written, but this process is not told where or by which key.
        AuditError: the file of checkpoints cannot be read.
    """
    if not _VERIFYING.acquire(blocking=False):
        raise DecisionError(
            "the log is being verified already",
            code="verifying",
            fix="It reads the whole log, once at a time: ask again in a moment.",
        )
    try:
        place = asked.place
        return audit_verify.verify(place.engine, place.checkpoints, connection_id)
    finally:
        _VERIFYING.release()


@router.get(ROOT + "/{connection_id}/audit/{number}")
def entry(visit: See, number: str) -> Response:
    """One entry, whole.

    Raises:
        HTTPException: 404, the log has no such entry.
    """
    wanted = number_in(number)
    found = None
    if wanted is not None:
        found = browse.entry(visit.place.engine, visit.company.id, wanted)
    if found is None:
        raise HTTPException(404, f"the log of {visit.company.name} has no entry {number[:20]!r}")
    body = body_of(found)
    return visit.page(
        "audit_entry.html",
        shown=found,
        body=body,
        references=references_in(visit, body),
        flow_runs=flow_run_pages(visit, {found["run_id"]}),
    )


def body_of(found: dict[str, Any]) -> Any:
    """An entry's particulars; text that is no JSON was never written by us, and is shown as is."""
    try:
        return json.loads(found["body"])
    except ValueError:
        return found["body"]
