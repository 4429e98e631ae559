"""Records: finding one, and its story: both sides, what was decided and sent, what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from connectors.quickbooks.client import ClientSettings
from connectors.quickbooks.transport import TransportLimits
from connectors.state import browse, queries
from connectors.state.port import Connection
from dashboard.house import ROOT, See, Visit
from models.errors import SyncError
from models.numbers import number_in
from models.record_type import catalog, record_type_named
from tasks.bootstrap import Installation, open_look, state_of
from tasks.explain import explain, explain_stored

router = APIRouter()

#: How long a page waits for QuickBooks; then it shows what is stored.
READ_SECONDS_MAX: Final = 10
#: QuickBooks is asked once, and given up a little earlier than the page.
_PATIENCE: Final = ClientSettings(
    transport=TransportLimits(connect_seconds=3, read_seconds=8, total_seconds=9),
    read_tries_max=1,
)
#: Records that are read at the same time; whoever comes when there are more sees what is stored.
_READERS: Final = ThreadPoolExecutor(4, thread_name_prefix="look")
#: Entries of the log on a record's page; the audit log has all.
LOG_ROWS: Final = 20
#: Text that a database can look for.
PLAIN_TEXT: Final = r"^[^\x00]*$"


class RecordSearch(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(extra="forbid")

    search: str = Field("", max_length=200, pattern=PLAIN_TEXT)
    type: str = Field("", max_length=40)
    before: int | None = Field(None, ge=1, le=10**18)


@router.get(ROOT + "/{connection_id}/records")
def records(visit: See, wanted: Annotated[RecordSearch, Query()]) -> Response:
    """Records by what they are called, a number, or an id; newest first."""
    engine, company = visit.place.engine, visit.company
    text = wanted.search.strip()
    record_type = record_type_named(wanted.type).name if wanted.type else ""
    page = browse.records(
        engine, company.id, text=text, record_type=record_type, before=wanted.before
    )
    rows = page.rows
    if text and wanted.before is None:
        exact = browse.exactly(engine, company.id, text=text, record_type=record_type)
        first = {each["link"] for each in exact}
        rows = [*exact, *(each for each in rows if each["link"] not in first)]
    return visit.page(
        "records.html",
        rows=rows,
        wanted=wanted,
        asked={"search": text, "type": record_type},
        next_before=page.next_before,
        record_types=catalog(),
    )


@router.get(ROOT + "/{connection_id}/records/{link}")
def record(visit: See, link: str) -> Response:
    """One record's story.

    Raises:
        HTTPException: 404, the company has no such record.
    """
    number = number_in(link)
    place, company = visit.place, visit.company
    if number is None or not queries.links_found(place.engine, company.id, link=number):
        raise HTTPException(404, f"{company.name} has no record with link {link[:20]!r}")
    story = story_of(place, company, number)
    runs = {each["run_id"] for name in ("requests", "conflicts", "log") for each in story[name]}
    return visit.page(
        "record.html",
        story=story,
        is_read=story["quickbooks"]["state"] != "not read",
        log=story["log"][::-1][:LOG_ROWS],
        in_quickbooks=quickbooks_page(visit, story),
        references=references_in(visit, [story["fields"], story["conflicts"]]),
        flow_runs=flow_run_pages(visit, runs),
    )


def story_of(place: Installation, company: Connection, link_id: int) -> dict[str, Any]:
    """What there is to say of a record, read from both sides now; or what is stored, and why."""
    reading = _READERS.submit(_read, place, company, link_id)
    try:
        return reading.result(READ_SECONDS_MAX)
    except TimeoutError:
        reading.cancel()
        why = f"reading both sides took longer than {READ_SECONDS_MAX} seconds; load the page again"
    except SyncError as error:
        why = str(error)
    return explain_stored(state_of(place, company), place.engine, link_id, why)


def _read(place: Installation, company: Connection, link_id: int) -> dict[str, Any]:
    with open_look(place, company, _PATIENCE) as cycle:
        return explain(cycle, place.engine, link_id)


def quickbooks_page(visit: Visit, story: dict[str, Any]) -> str:
    """Where the record is in QuickBooks's own pages; "" where it is not, or has none."""
    company, shown = visit.company, story["record"]
    page = record_type_named(shown["record_type"]).web_page
    is_there = shown["quickbooks_id"] and story["quickbooks"]["state"] != "gone"
    if not page or not is_there or shown["deleted_at"]:
        return ""
    try:
        endpoints = visit.place.settings.endpoints_of(company.environment)
    except SyncError:
        return ""  # settings that do not fit together; reading says so
    return endpoints.page_of(company.realm_id, f"{page}{shown['quickbooks_id']}")


def flow_run_pages(visit: Visit, run_ids: set[str | None]) -> dict[str, str]:
    """Run -> its page in the Prefect UI, for the runs that have one."""
    settings = visit.place.settings
    if not settings.prefect_ui_url:
        return {}
    found = browse.flow_runs(visit.place.engine, {each for each in run_ids if each})
    return {run: settings.flow_run_url(flow_run) for run, flow_run in found.items()}


def references_in(visit: Visit, given: Any) -> dict[str, tuple[str, str]]:
    """References to other records in values, such as customer:42 -> its page, and its name."""
    found = dict(_references(given))
    labels = browse.labels(visit.place.engine, visit.company.id, set(found.values()))
    return {
        text: (visit.path(f"records/{link}"), labels[link])
        for text, link in found.items()
        if link in labels
    }


def _references(given: Any) -> Iterator[tuple[str, int]]:
    """References and the links that they mean, however deep they stand."""
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, list):
        for each in given:
            yield from _references(each)
    elif isinstance(given, str):
        name, _, text = given.partition(":")
        number = number_in(text)
        if number is not None and name in catalog():
            yield given, number
