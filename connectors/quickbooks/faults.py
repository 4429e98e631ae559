"""From an answer to an error that says what to do: code -> cause -> fix -> class.

One table decides (`fault_table` for faults of the record, `fault_table_calls` for faults of the
call), and the documentation prints it by `fault_catalogue`. Source: reference quickbooks-api,
sections 7, 8 and 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.quickbooks.fault_bodies import Body, FaultBody, Said, read_body, read_fault
from connectors.quickbooks.fault_row import FaultRow
from connectors.quickbooks.fault_table import REFUSED_ROWS, STATE_ROWS
from connectors.quickbooks.fault_table_calls import ACCESS_ROWS, OTHER_ROWS, WAITING_ROWS
from models.errors import (
    DisconnectedError,
    Fault,
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryLaterError,
    StaleRecordError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Answer",
    "FaultRow",
    "answer_error",
    "fault_catalogue",
    "fault_error",
    "local_error",
    "needs_fresh_token",
    "parse_fault",
    "read_fault",
]

_ROWS = {
    row.code: row for row in (*STATE_ROWS, *REFUSED_ROWS, *WAITING_ROWS, *ACCESS_ROWS, *OTHER_ROWS)
}
_UNEXPECTED = ("unexpected error", "accessing or saving", "wait a few minutes")
_TOKEN_CODES = frozenset({"3200"})
#: A Retry-After beyond this is cut: the next cycle asks again anyway.
_WAIT_MAX = 3_600

#: Of several errors in one fault the first of these decides: never assume less than was said.
_CAUTION: tuple[type[RemoteError], ...] = (
    OutcomeUnknownError,
    DisconnectedError,
    RetryLaterError,
    StaleRecordError,
    GoneError,
    RejectedError,
)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, as far as it was read."""

    status: int
    body: Body
    intuit_tid: str = ""
    #: What the Retry-After header asked for; 0 where there was none, as usual.
    retry_after_seconds: int = 0

    @classmethod
    def of(
        cls, status: int, content: bytes, intuit_tid: str = "", retry_after_seconds: int = 0
    ) -> Answer:
        """Read an answer's bytes."""
        return cls(status, read_body(content), intuit_tid, retry_after_seconds)


def fault_catalogue() -> list[FaultRow]:
    """Every fault the sync knows, in the order of the documentation."""
    return list(_ROWS.values())


def answer_error(answer: Answer, *, write: bool, plain: bool = False) -> RemoteError | None:
    """Return the error that an answer stands for; None when it is a readable success.

    plain: what is asked for is a text, not JSON.
    """
    wanted = answer.body.text if plain else answer.body.data is not None
    if answer.body.fault is not None:
        error = fault_error(
            answer.body.fault, write=write, status=answer.status, intuit_tid=answer.intuit_tid
        )
    elif 200 <= answer.status < 300 and wanted:
        return None
    else:
        said = Said(code="", message=_no_fault_words(answer))
        row = _row_by_status(answer.status) or _ROWS["unknown"]
        error = _build(row, said, write=write, status=answer.status, intuit_tid=answer.intuit_tid)
    error.wait_seconds = max(error.wait_seconds, min(answer.retry_after_seconds, _WAIT_MAX))
    return error


def fault_error(
    fault: FaultBody, *, write: bool, status: int = 200, intuit_tid: str = ""
) -> RemoteError:
    """Return the error for a fault, of a whole call or of one batch item."""
    errors = fault.errors or (Said(code="", message=fault.type or "A fault without words"),)
    chosen = min(
        ((said, _row(said, fault.type, status)) for said in errors),
        key=lambda pair: _CAUTION.index(pair[1].error(write=write)),
    )
    others = [said for said in errors if said is not chosen[0]]
    return _build(
        chosen[1],
        _with_others(chosen[0], others),
        write=write,
        status=status,
        intuit_tid=intuit_tid,
    )


def local_error(
    code: str,
    detail: str = "",
    *,
    write: bool,
    element: str = "",
    status: int = 0,
    intuit_tid: str = "",
) -> RemoteError:
    """Return the error for something that was seen here: "timeout", "unsent", "incomplete" ..."""
    row = _ROWS[code]
    said = Said(code=code, message=row.name, detail=detail, element=element)
    return _build(row, said, write=write, status=status, intuit_tid=intuit_tid)


def parse_fault(status: int, content: bytes, intuit_tid: str = "") -> Fault | None:
    """Read any answer into one Fault with cause and fix; None when it is a readable success."""
    error = answer_error(Answer.of(status, content, intuit_tid), write=True)
    return None if error is None else error.fault


def needs_fresh_token(answer: Answer) -> bool:
    """Tell whether QuickBooks refused the access token (401), so that nothing was executed."""
    said = answer.body.fault.errors if answer.body.fault else ()
    return answer.status == 401 or any(one.code in _TOKEN_CODES for one in said)


def _row(said: Said, fault_type: str, status: int) -> FaultRow:
    """Find the table's row for one error of a fault."""
    row = _row_by_code(said)
    # A server error may carry any code, and may have been written all the same.
    if status >= 500 and (row is None or row.on_write is RejectedError):
        return _ROWS["5xx"]
    if row is not None:
        return row
    if not said.code and not fault_type and status < 300:
        return _ROWS["incomplete"]
    return (
        _row_by_status(status, has_fault=True)
        or _row_by_type(fault_type, status)
        or _ROWS["unknown"]
    )


def _row_by_code(said: Said) -> FaultRow | None:
    """Find the row by code, and by text where one code means two things."""
    words = f"{said.message} {said.detail}".lower()
    if "changedsince" in words and "older than" in words:
        return _ROWS["cdc_too_old"]
    if said.code == "6000" and any(phrase in words for phrase in _UNEXPECTED):
        return _ROWS["6000/unexpected"]
    return _ROWS.get(said.code) if said.code.isdigit() else None


def _row_by_status(status: int, *, has_fault: bool = False) -> FaultRow | None:
    """Find the row by HTTP status alone; a success counts only with a body that can be read."""
    exact = {401: "3200", 403: "403", 408: "timeout", 429: "3001"}
    if status in exact:
        return _ROWS[exact[status]]
    if status >= 500:
        return _ROWS["5xx"]
    if 300 <= status < 400:
        return _ROWS["redirect"]
    return _ROWS["unreadable"] if status < 300 and not has_fault else None


def _row_by_type(fault_type: str, status: int) -> FaultRow | None:
    """Find the row by the fault's type, for codes that are not in the table."""
    kind = fault_type.lower()
    if kind.startswith(("authentication", "authoriz")):
        return _ROWS["3201"]
    # The gateway's own refusals are of type SERVICE and come with HTTP 4xx: nothing was done.
    if kind.startswith("system") or (kind.startswith("service") and status < 300):
        return _ROWS["10000"]
    return None


def _no_fault_words(answer: Answer) -> str:
    """Describe an answer that holds no fault."""
    forms = {"html": "an HTML page", "empty": "an empty body", "json": "JSON without a fault"}
    form = forms.get(answer.body.form, "a body that is not whole JSON")
    return f"HTTP {answer.status} with {form}"


def _with_others(said: Said, others: Sequence[Said]) -> Said:
    """Add the further errors of a fault to the detail of the one that decides."""
    if not others:
        return said
    also = "; ".join(f"{one.code or '-'} {one.detail or one.message}" for one in others)
    detail = f"{said.detail} (also: {also})".strip()
    return Said(said.code, said.message, detail, said.element)


def _build(row: FaultRow, said: Said, *, write: bool, status: int, intuit_tid: str) -> RemoteError:
    """Build the error of a row with QuickBooks' own words in it."""
    fault = Fault(
        code=said.code,
        message=said.message or row.name,
        detail=said.detail,
        element=said.element,
        status=status,
        intuit_tid=intuit_tid,
        cause=row.cause,
        fix=row.fix,
    )
    return row.error(write=write)(fault, wait_seconds=row.wait_seconds)
