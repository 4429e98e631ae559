"""The audit log on the pages: searched, read, exported with the same filters, verified."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from connectors.state import browse
from connectors.state.audit_export import Wanted
from connectors.state.audit_log import append_notes
from connectors.state.connections import connection_named
from dashboard.pages import audit as audit_page
from models.audit import COLUMNS, AuditNote
from models.audit_export import plain_cell, row_of_line
from models.people import Role
from models.tables.sync import INSTALLATION, audit_entries
from tasks.bootstrap import installation
from tests.acceptance.conftest import ON_BOTH
from tests.acceptance.test_audit_commands import as_owner, work
from tests.fixtures.company import Office
from tests.fixtures.pages import Browser, Pages, path_of

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)


@pytest.fixture
def pages(office: Office) -> Iterator[Pages]:
    """The pages of a company that was synced once, and in which somebody has edited an invoice."""
    work(office)
    with installation() as place:
        yield Pages(place)


@pytest.fixture
def browser(pages: Pages) -> Browser:
    """An auditor: somebody who may only look."""
    return pages.browser(Role.VIEWER)


def audit_path(office: Office, rest: str = "") -> str:
    return path_of(connection_named(office.engine).id, f"audit{rest}")


def logged(engine: Engine, note: AuditNote, at: datetime) -> list[int]:
    """Something that is logged at a time; its number."""
    company = connection_named(engine).id
    with engine.begin() as connection:
        return append_notes(connection, [note], connection_id=company, at=at, run_id=None)


def numbers_shown(office: Office, browser: Browser) -> list[int]:
    """The entries of a page."""
    begin = audit_path(office, "/")
    links = [each.removeprefix(begin) for each in browser.links if each.startswith(begin)]
    return [int(each) for each in links if each.isdigit()]


def stored(office: Office) -> list[dict[str, Any]]:
    """All entries of the company, newest first."""
    table = audit_entries.c
    query = select(audit_entries).where(table.connection_id != INSTALLATION)
    with office.engine.connect() as connection:
        rows = connection.execute(query.order_by(table.number.desc()))
        return [dict(row) for row in rows.mappings()]


@on_both
def test_entries_are_found_by_record_person_kind_run_and_time(
    office: Office, browser: Browser
) -> None:
    """Each filter, and what the files hold with it: the same entries, to the last."""
    everything = stored(office)
    newest = everything[0]
    middle = everything[len(everything) // 2]
    label = office.platform.row("invoice", office.platform.id_of("Invoice", "7"))["number"]
    of_record = {each["number"] for each in everything if each["link_id"] == newest["link_id"]}
    cases: list[tuple[str, set[int]]] = [
        ("", {each["number"] for each in everything}),
        (f"record={newest['link_id']}", of_record),
        (f"record=invoice:{label}", of_record),
        (f"record={label}", of_record),
        ("record=nobody+is+called+so", set()),
        ("person=sync", {each["number"] for each in everything if each["actor"] == "sync"}),
        ("person=ann", set()),
        (f"kind={newest['kind']}", _numbers(everything, "kind", newest)),
        (f"run={newest['run_id']}&kind=", _numbers(everything, "run_id", newest)),
        (
            f"since={_escaped(middle['at'])}",
            {each["number"] for each in everything if each["at"] >= middle["at"]},
        ),
        (
            f"until={_escaped(middle['at'])}",
            {each["number"] for each in everything if each["at"] < middle["at"]},
        ),
        ("since=2020-01-01&until=2020-01-02", set()),
        ("until=0001-01-01", set()),
    ]
    for query, expected in cases:
        browser.open(audit_path(office, f"?{query}"))
        shown = numbers_shown(office, browser)
        assert shown == sorted(expected, reverse=True)[: browse.PAGE_ROWS], query
        assert exported_jsonl(office, browser, query) == sorted(expected), query
        assert exported_csv(office, browser, query) == sorted(expected), query


def _numbers(rows: list[dict[str, Any]], name: str, like: dict[str, Any]) -> set[int]:
    return {each["number"] for each in rows if each[name] == like[name]}


def _escaped(at: str) -> str:
    return at.replace("+", "%2B")


def exported_jsonl(office: Office, browser: Browser, query: str) -> list[int]:
    """Numbers of the entries in a file of JSON lines, each of which proves itself."""
    browser.open(audit_path(office, f"/export?{query}&format=jsonl"))
    disposition = browser.page.headers["content-disposition"]
    assert disposition.startswith('attachment; filename="audit-log-')
    lines = browser.text.split("\n")[:-1]
    return [row_of_line(line)[COLUMNS.index("number")] for line in lines]


def exported_csv(office: Office, browser: Browser, query: str) -> list[int]:
    """Numbers of the entries in a file for a spreadsheet."""
    browser.open(audit_path(office, f"/export?{query}&format=csv"))
    assert browser.page.headers["content-type"] == "text/csv; charset=utf-8"
    head, *rows = csv.reader(io.StringIO(browser.text, newline=""))
    assert head == list(COLUMNS)
    return [int(row[COLUMNS.index("number")]) for row in rows]


def test_a_spreadsheet_runs_nothing_of_an_export(office: Office, browser: Browser) -> None:
    """A name that is a formula is text there, and the same text again when it is read back."""
    name = '=HYPERLINK("https://example.com")'
    now = datetime.now(UTC)
    logged(office.engine, AuditNote("override", {"reason": "it is right"}, actor=name), now)
    browser.open(audit_path(office, "/export?format=csv"))
    *_, last = csv.reader(io.StringIO(browser.text, newline=""))
    cell = last[COLUMNS.index("actor")]
    assert cell == f"'{name}"
    assert plain_cell(cell) == name
    browser.open(audit_path(office, "?kind=override"))
    assert name in browser.words


@on_both
def test_the_log_is_read_page_by_page(office: Office, browser: Browser) -> None:
    """Each entry once, newest first, to the first."""
    browser.open(audit_path(office))
    seen = numbers_shown(office, browser)
    for _ in range(20):
        older = [each for each in browser.links if "before=" in each]
        if not older:
            break
        browser.open(older[0])
        seen += numbers_shown(office, browser)
    assert seen == [each["number"] for each in stored(office)]
    assert len(seen) > browse.PAGE_ROWS


def test_one_entry_is_shown_whole(office: Office, browser: Browser) -> None:
    """With its particulars, record, run and hashes."""
    newest = stored(office)[0]
    browser.open(audit_path(office, f"/{newest['number']}"))
    assert newest["hash"] in browser.words
    assert newest["previous_hash"] in browser.words
    for name in json.loads(newest["body"]):
        assert name.replace("_", " ").capitalize() in browser.words
    record = path_of(connection_named(office.engine).id, f"records/{newest['link_id']}")
    assert record in browser.links


@on_both
def test_a_log_that_nobody_changed_is_verified(office: Office, browser: Browser) -> None:
    """With the number of entries and the last checkpoint."""
    last = stored(office)[0]
    browser.open(audit_path(office)).send(audit_path(office, "/verify"))
    # and the installation's own, which tells that the auditor was added
    assert f"{last['number'] + 1} entries, all as they were written" in browser.words
    assert last["hash"] in browser.words  # the last checkpoint is of the last entry


def test_a_change_of_the_log_is_named(office: Office, browser: Browser) -> None:
    """The entry, and what is wrong with it; an archive of JSON lines is not begun."""
    as_owner(office, "UPDATE audit_entries SET actor = 'somebody' WHERE number = 3")
    browser.open(audit_path(office)).send(audit_path(office, "/verify"))
    assert "The audit log was changed." in browser.words
    assert "entry 3 is not what was written" in browser.words
    assert audit_path(office, "/3") in browser.links


def test_what_checkpoints_need_is_said(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file and no key: which settings are missing, as the command line says it."""
    for name in ("QBSYNC_AUDIT_SIGNING_KEY", "QBSYNC_AUDIT_CHECKPOINTS"):
        monkeypatch.setenv(name, "")
    with installation() as place:
        browser = Pages(place).browser(Role.VIEWER)
        browser.open(audit_path(office)).send(audit_path(office, "/verify"), status=422)
        assert "this log has signed checkpoints; set QBSYNC_AUDIT_CHECKPOINTS" in browser.words
        office.platform.sql("DELETE FROM audit_checkpoints")
        browser.open(audit_path(office)).send(audit_path(office, "/verify"))
        assert "Checkpoints are not set up (QBSYNC_AUDIT_SIGNING_KEY" in browser.words
        assert "No checkpoint vouches for this log yet." in browser.words


def test_it_is_verified_once_at_a_time(office: Office, browser: Browser) -> None:
    """It reads the whole log: whoever asks meanwhile is told."""
    browser.open(audit_path(office))
    with audit_page._VERIFYING:
        browser.send(audit_path(office, "/verify"), status=409)
    assert "being verified already" in browser.words


@pytest.mark.parametrize(
    ("rest", "status", "words"),
    [
        ("?since=yesterday", 422, "since is 'yesterday': write a day (2026-01-31)"),
        ("?until=2026-02-30", 422, "until is '2026-02-30'"),
        ("?since=2026-02-01T10:00", 422, "say in which zone"),
        ("?since=0001-01-01T00:00%2B23:00", 422, "since is '0001-01-01T00:00+23:00'"),
        ("?since=2026-02-02&until=2026-02-01", 422, "it must be after since, '2026-02-02'"),
        ("?record=invoice:none-such", 422, "the sync knows no record 'invoice:none-such'"),
        ("?record=nonsense:1", 422, "nonsense"),
        ("?before=0", 422, "before is '0'"),
        ("?colour=red", 422, "colour"),
        ("/export?format=xlsx", 422, "format is 'xlsx'"),
        ("/export", 422, "format: Field required"),
        ("/export?format=csv&before=3", 422, "before"),
        ("/999999", 404, "has no entry '999999'"),
        ("/3x", 404, "has no entry '3x'"),
    ],
)
def test_what_cannot_be_searched_for_is_said(
    office: Office, browser: Browser, rest: str, status: int, words: str
) -> None:
    """With the field, the value and what is right."""
    browser.open(audit_path(office, rest), status=status)
    assert words in browser.words


def test_nobody_reads_the_log_of_a_company_that_is_not_theirs(office: Office, pages: Pages) -> None:
    """Neither the list, nor an entry, nor a file."""
    stranger = pages.browser(Role.ADMIN, set())
    for rest in ("", "/1", "/export?format=csv"):
        stranger.open(audit_path(office, rest), status=404)


def test_entries_out_of_order_are_found_by_their_time(office: Office) -> None:
    """Two transactions may number their entries in the other order than they began: the bounds by
    which the log is not read through leave room for that."""
    company = connection_named(office.engine)
    noon = datetime.fromisoformat("2027-01-01T12:00:00+00:00")
    at = [noon + timedelta(minutes=each) for each in (5, 0, 9)]
    numbers = [number for each in at for number in logged(office.engine, AuditNote("x", {}), each)]
    for since, until, expected in (
        (at[1], at[0], [numbers[1]]),
        (at[0], at[2], [numbers[0]]),
        (at[1], at[2] + timedelta(hours=2), numbers[::-1]),
    ):
        wanted = Wanted(company.id, since=_text(since), until=_text(until))
        rows = browse.entries(office.engine, wanted).rows
        assert [each["number"] for each in rows] == expected


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
