"""The installation's own audit log: people, tokens, sign-ins; for admins of all companies."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from connectors.state import browse
from connectors.state.audit_export import Wanted
from dashboard.forms import Plain, PlainForm
from dashboard.house import AdministerAll
from dashboard.pages.audit import MEDIA_TYPES, body_of, exported, verified
from dashboard.pages.records import PLAIN_TEXT
from models.numbers import number_in
from models.tables.sync import INSTALLATION

router = APIRouter()

LOG_PATH: Final = "/settings/audit"
#: Kinds that are suggested.
_KINDS: Final = (
    "user.added", "user.changed", "user.password_set", "user.password_changed",
    "user.sessions_ended", "user.signed_in", "sign_in.blocked", "token.made", "token.revoked",
)  # fmt: skip


class Search(BaseModel):
    """Which entries are wanted."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field("", max_length=40, pattern=PLAIN_TEXT)
    person: str = Field("", max_length=100, pattern=PLAIN_TEXT)

    @property
    def wanted(self) -> Wanted:
        """The same as the log has it."""
        return Wanted(connection_id=INSTALLATION, kind=self.kind.strip(), actor=self.person.strip())


class SearchPage(Search):
    """The same, from some entry on."""

    before: int | None = Field(None, ge=1, le=10**18)


class Export(Search):
    """The same, as a file."""

    format: str = Field(pattern=f"^({'|'.join(MEDIA_TYPES)})$")


@router.get(LOG_PATH)
def entries(visit: AdministerAll, asked: Annotated[SearchPage, Query()]) -> Response:
    """The log, newest entry first."""
    page = browse.entries(visit.place.engine, asked.wanted, asked.before)
    rows: list[dict[str, Any]] = [{**each, "body": body_of(each)} for each in page.rows]
    return visit.page(
        "own_log.html", rows=rows, asked=asked, kinds=_KINDS, next_before=page.next_before
    )


@router.get(LOG_PATH + "/export")
def export(visit: AdministerAll, asked: Annotated[Export, Query()]) -> Response:
    """The wanted entries as a file.

    Raises:
        AuditError: the first entries cannot be written, because they were tampered with.
    """
    return exported(visit, asked.wanted, asked.format, "the installation")


@router.post(LOG_PATH + "/verify")
def verify(visit: AdministerAll, form: PlainForm) -> Response:
    """Check the installation's log; changes nothing."""
    assert isinstance(form, Plain)
    return visit.page("own_log_verdict.html", verdict=verified(visit, INSTALLATION))


@router.get(LOG_PATH + "/{number}")
def entry(visit: AdministerAll, number: str) -> Response:
    """One entry, whole.

    Raises:
        HTTPException: 404, the log has no such entry.
    """
    wanted = number_in(number)
    found = browse.entry(visit.place.engine, INSTALLATION, wanted) if wanted is not None else None
    if found is None:
        raise HTTPException(404, f"the installation's log has no entry {number[:20]!r}")
    return visit.page("own_log_entry.html", shown=found, body=body_of(found))
