"""The commands of the audit log, as a person types them, and the programs in its page."""

from __future__ import annotations

import csv
import fcntl
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connectors.state.signing import signer_of
from models.audit import COLUMNS
from models.audit_export import plain_cell
from models.tables.triggers import audit_triggers
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import CHECKPOINTS, REPOSITORY, SIGNING_KEY, Office

on_both = pytest.mark.parametrize("database_kind", ON_BOTH)
PAGE = (REPOSITORY / "docs" / "audit.md").read_text(encoding="utf-8")
SPARE = "0" * 42 + "A="


def lines_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def verified(office: Office, code: int = 0) -> dict[str, Any]:
    return office.run("audit", "verify", "--json", code=code).json


def work(office: Office) -> None:
    """Something for the log: an edit that goes to QuickBooks."""
    row_id = office.platform.id_of("Invoice", "7")
    memo = f"memo {len(office.platform.audit('write.quickbooks'))}"
    office.platform.edit("invoice", row_id, memo=memo)
    office.sync()


def as_owner(office: Office, statement: str) -> None:
    """Change the log as only its owner can."""
    name = office.engine.dialect.name
    for trigger in audit_triggers(name):
        office.platform.sql(trigger.drop(name))
    office.platform.sql(statement)
    for trigger in audit_triggers(name):
        office.platform.sql(trigger.create)


# -- checkpoints --


@on_both
def test_each_cycle_that_logs_signs_the_end_of_the_log(office: Office) -> None:
    before = verified(office)
    assert before["findings"] == before["notes"] == []
    assert before["last_checkpoint"]["number"] == before["entries"]
    office.sync()
    assert verified(office)["checkpoints"] == before["checkpoints"], "nothing was logged"
    work(office)
    after = verified(office)
    assert after["checkpoints"] == before["checkpoints"] + 1
    assert after["last_checkpoint"]["number"] == after["entries"] > before["entries"]


@on_both
def test_a_failed_cycle_is_signed_too(office: Office) -> None:
    office.emulator.faults(kind="fault", code="10000", type="SystemFault", count=None)
    office.run("sync", code=1)
    found = verified(office)
    assert len(office.platform.audit("cycle.stopped")) == 1
    assert found["last_checkpoint"]["number"] == found["entries"]


@pytest.mark.prefect
@pytest.mark.xdist_group("prefect")
def test_a_flow_signs_the_end_of_the_log_too(office: Office, prefect_server: Any) -> None:
    from flows.expenses import sync_expenses

    assert prefect_server
    before = verified(office)["checkpoints"]
    office.platform.add("vendor", name="A new supplier")
    assert sync_expenses(return_state=True).is_completed()
    found = verified(office)
    assert found["checkpoints"] == before + 1
    assert found["last_checkpoint"]["number"] == found["entries"]


def test_an_end_that_was_cut_with_its_head_is_found(office: Office) -> None:
    """What the chain and its head alone do not show."""
    work(office)
    last = verified(office)["entries"]
    as_owner(office, f"DELETE FROM audit_entries WHERE number = {last}")
    office.platform.sql(
        "UPDATE audit_heads SET number = number - 1, hash = (SELECT hash FROM audit_entries "
        f"WHERE number = {last - 1})"
    )
    found = verified(office, code=1)["findings"]
    assert any(f"entry {last} has a signed checkpoint" in each["message"] for each in found)
    # The next cycle goes on, signs nothing, and says so
    work(office)
    (alert,) = office.status()["alerts"]
    assert alert["cause"] == "audit_checkpoint"
    assert "audit verify" in alert["fix"]
    office.run("audit", "restored", "--reason", "an older backup", "--actor", "ann")
    found = verified(office)
    assert "'an older backup', said ann" in found["notes"][0]
    work(office)
    assert office.status()["alerts"] == []
    assert verified(office)["findings"] == []


def test_a_file_that_cannot_be_written_loses_no_cycle(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cycle's work stands, an alert says what to do, and the next checkpoint closes it."""
    with monkeypatch.context() as patched:
        patched.setenv("QBSYNC_AUDIT_CHECKPOINTS", "no/such/folder/file")
        row_id = office.platform.id_of("Invoice", "7")
        office.platform.edit("invoice", row_id, memo="kept")
        outcome = office.run("sync", "--json")
        assert "audit log: the file of checkpoints" in outcome.stderr
        assert outcome.json["cycles"]
    assert office.books.read("Invoice", "7")["PrivateNote"] == "kept"
    (alert,) = office.status()["alerts"]
    assert (alert["cause"], "QBSYNC_AUDIT_CHECKPOINTS" in alert["fix"]) == (
        "audit_checkpoint",
        True,
    )
    work(office)
    assert office.status()["alerts"] == []
    assert verified(office)["findings"] == []


def test_a_cycle_waits_for_whoever_writes_a_checkpoint(office: Office) -> None:
    """Companies are synced side by side, and share the file. Others of this machine take real time
    however little the waits of a test take."""
    with Path(CHECKPOINTS).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = threading.Timer(0.5, fcntl.flock, (file, fcntl.LOCK_UN))
        done.start()
        work(office)
        done.join()
    assert office.status()["alerts"] == []


def test_without_a_key_the_sync_works_and_says_what_is_missing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBSYNC_AUDIT_SIGNING_KEY", "")
    work(office)
    (alert,) = office.status()["alerts"]
    assert "QBSYNC_AUDIT_SIGNING_KEY" in alert["fix"]
    assert "make one with" in alert["fix"]
    for command in (["checkpoint"], ["restored", "--reason", "x"], ["verify"]):
        outcome = office.run("audit", *command, code=2)
        assert "QBSYNC_AUDIT_SIGNING_KEY" in outcome.stderr
    # The public half is enough to verify
    monkeypatch.setenv("QBSYNC_AUDIT_PUBLIC_KEYS", signer_of(SIGNING_KEY).public_key)
    assert verified(office)["findings"] == []


def test_a_key_that_is_none_stops_the_sync_before_it_begins(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBSYNC_AUDIT_SIGNING_KEY", "not-a-key")
    mark = office.books.mark()
    outcome = office.run("sync", code=2)
    assert "QBSYNC_AUDIT_SIGNING_KEY is a text of 9 characters" in outcome.stderr
    assert "not-a-key" not in outcome.stdout + outcome.stderr
    assert office.books.written(mark) == []


def test_another_key_does_not_verify(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QBSYNC_AUDIT_SIGNING_KEY", SPARE)
    assert verified(office, code=1)["findings"]
    monkeypatch.setenv("QBSYNC_AUDIT_PUBLIC_KEYS", signer_of(SIGNING_KEY).public_key)
    assert verified(office)["findings"] == []
    work(office)
    assert verified(office)["findings"] == []


def test_keys_never_reach_files_or_output(office: Office) -> None:
    outcome = office.run("audit", "checkpoint", "--json")
    assert outcome.json["public_key"] == signer_of(SIGNING_KEY).public_key
    assert SIGNING_KEY not in outcome.stdout + outcome.stderr + Path(CHECKPOINTS).read_text()


# -- export --


@on_both
def test_an_export_holds_every_column_and_verifies(office: Office) -> None:
    """As JSON lines and as CSV: the same entries, the same values."""
    for form in ("jsonl", "csv"):
        office.run("audit", "export", "--format", form, "--output", f"log.{form}")
    entries = lines_in(Path("log.jsonl"))
    assert len(entries) == verified(office)["entries"]
    assert all(set(entry) == set(COLUMNS) for entry in entries)
    with Path("log.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [{name: plain_cell(cell) for name, cell in row.items()} for row in rows] == [
        {name: "" if entry[name] is None else str(entry[name]) for name in COLUMNS}
        for entry in entries
    ]
    assert Path("log.csv").stat().st_mode & 0o077 == 0
    assert office.run("audit", "export", "--format", "jsonl").stdout == Path("log.jsonl").read_text(
        encoding="utf-8"
    )


def test_an_export_chooses(office: Office) -> None:
    def count(*options: str) -> int:
        return len(office.run("audit", "export", "--format", "jsonl", *options).stdout.splitlines())

    total = count()
    kinds = count("--kind", "write.platform")
    assert 0 < kinds < total
    assert 0 < count("--kind", "write.platform", "--record-type", "invoice") < kinds
    assert count("--connection", office.emulator.realm_id) == total
    assert count("--since", "2000-01-01") == count("--until", "2999-01-01T00:00:00+02:00") == total
    assert count("--until", "2000-01-01") == count("--since", "2999-01-01") == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--since", "yesterday"], ["--since is 'yesterday'", "2026-01-31"]),
        (["--until", "2026-01-31T10:00:00"], ["--until", "zone"]),
        (["--record-type", "invoicez"], ["invoicez"]),
        (["--connection", "nobody"], ["nobody"]),
        (["--output", "no/such/file"], ["--output is 'no/such/file'"]),
        (["--output", CHECKPOINTS], ["exists already"]),
    ],
)
def test_a_wrong_choice_is_named(office: Office, options: list[str], words: list[str]) -> None:
    outcome = office.run("audit", "export", "--format", "csv", *options, code=2)
    assert all(word in outcome.stderr for word in words), outcome.stderr


def test_cells_that_a_spreadsheet_would_run_are_made_safe(office: Office) -> None:
    """A customer whose name is a formula must not run on the accountant's machine."""
    formula = '=HYPERLINK("http://x")'
    office.platform.sql(
        "INSERT INTO audit_entries SELECT 7, 1, v, at, kind, :actor, run_id, record_type, "
        "link_id, body, previous_hash, hash FROM audit_entries WHERE number = 1",
        actor=formula,
    )
    out = office.run("audit", "export", "--format", "csv").stdout
    assert "'=HYPERLINK" in out
    assert ',"=' not in out


# -- the page's own programs --


def program(number: int) -> str:
    return re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[number]


def run_program(number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the page away from our code."""
    command = [sys.executable, "-I", "-c", program(number), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_page_verifies_an_export_without_our_code(office: Office) -> None:
    """In ten lines, and it finds what was changed."""
    work(office)
    office.run("audit", "export", "--format", "jsonl", "--output", "log.jsonl")
    assert len([line for line in program(0).splitlines() if line.strip()]) == 10
    good = run_program(0, "log.jsonl")
    assert good.returncode == 0, good.stderr
    last = verified(office)["last_checkpoint"]
    assert last["hash"] in good.stdout
    lines = Path("log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    for forged in (
        [*lines[:3], *lines[4:]],
        [lines[0].replace('"actor":"', '"actor":"not '), *lines[1:]],
        [lines[1], lines[0], *lines[2:]],
    ):
        assert forged != lines
        Path("forged.jsonl").write_text("".join(forged), encoding="utf-8")
        assert run_program(0, "forged.jsonl").returncode != 0


def test_the_page_verifies_checkpoints_without_our_code(office: Office) -> None:
    work(office)
    key = office.run("audit", "checkpoint", "--json").json["public_key"]
    good = run_program(1, CHECKPOINTS, key)
    assert good.returncode == 0, good.stderr
    assert verified(office)["last_checkpoint"]["hash"] in good.stdout
    text_now = Path(CHECKPOINTS).read_text(encoding="utf-8")
    Path(CHECKPOINTS).write_text(text_now.replace('"number":', '"number":1'), encoding="utf-8")
    assert run_program(1, CHECKPOINTS, key).returncode != 0


def test_the_page_names_every_command_and_setting() -> None:
    from cli_audit import audit_app

    for command in audit_app.registered_commands:
        assert f"audit {command.name}" in PAGE
    for name in ("SIGNING_KEY", "CHECKPOINTS", "PUBLIC_KEYS"):
        assert f"QBSYNC_AUDIT_{name}" in PAGE


# -- the archive and roles --


@on_both
def test_old_entries_are_archived_and_stay_proven(office: Office) -> None:
    for number in range(20):
        office.platform.add("vendor", name=f"Supplier {number}")
    office.sync()
    total = verified(office)["entries"]
    outcome = office.run(
        *("audit", "archive", "--before", "2999-01-01", "--output", "old.jsonl"),
        *("--keep", "100", "--json"),
    )
    assert outcome.json["entries"] == total - 100
    found = verified(office)
    assert found["findings"] == []
    assert found["entries"] == 101
    archive = office.run("audit", "verify", "--archive", "old.jsonl", "--json").json
    assert (archive["findings"], archive["entries"]) == ([], total - 100)
    shutil.copyfile("old.jsonl", "changed.jsonl")
    content = Path("old.jsonl").read_text(encoding="utf-8").replace('"sync"', '"me"', 1)
    Path("changed.jsonl").write_text(content, encoding="utf-8")
    changed = office.run("audit", "verify", "--archive", "changed.jsonl", "--json", code=1).json
    assert changed["findings"]
    office.run("audit", "verify", "--archive", "missing.jsonl", code=2)
    work(office)
    assert verified(office)["findings"] == []


@pytest.mark.parametrize("database_kind", ON_BOTH[1:])
def test_the_application_works_as_a_role_that_may_only_add(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: after `audit grants --apply` a whole cycle runs as that role, and the log is safe."""
    role = f"app_{office.engine.url.database}"[:60]
    office.platform.sql(f"CREATE ROLE {role} LOGIN")
    printed = office.run("audit", "grants", role).stdout
    assert f"GRANT SELECT, INSERT ON public.audit_entries TO {role};" in printed.replace('"', "")
    office.run("audit", "grants", role, "--apply")
    url = office.engine.url.set(username=role).render_as_string(hide_password=False)
    with monkeypatch.context() as patched:
        patched.setenv("QBSYNC_DATABASE_URL", url)
        work(office)
        office.platform.add("vendor", name="A new supplier")
        office.sync()
        office.settled()
        found = verified(office)
        assert (found["findings"], found["notes"]) == ([], [])
        refused = office.run(
            *("audit", "archive", "--before", "2999-01-01", "--output", "x", "--keep", "100"),
            code=2,
        )
        assert "may not archive" in refused.stderr
        office.run("audit", "grants", role, "--apply", code=2)
    with office.engine.begin() as connection:
        connection.execute(text(f"DROP OWNED BY {role}"))
        connection.execute(text(f"DROP ROLE {role}"))


def test_grants_need_postgresql(office: Office) -> None:
    assert "permissions" in office.run("audit", "grants", "app", code=2).stderr
