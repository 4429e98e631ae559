"""docs/adding-a-record-type.md works: one file adds a record type that is synced and tested."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from emulator.testing import RunningEmulator
from tests.fixtures.company import REPOSITORY, Books, Office, sales_line

PAGE = REPOSITORY / "docs" / "adding-a-record-type.md"
#: What the copy leaves out: nothing in it is read by the program or its tests.
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "images", "benchmarks")
SECONDS_MAX = 300


def code_of_the_page() -> tuple[str, str]:
    """The file that the page says to save, and its text."""
    found = re.search(
        r"Save this as `(models/record_types/\w+\.py)`:\n\n```python\n(.+?)```\n",
        PAGE.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert found, "the page names a file and shows its code"
    return found[1], found[2]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with what the page says done to it."""
    place = tmp_path_factory.mktemp("copy") / "repository"
    shutil.copytree(REPOSITORY, place, ignore=LEFT_OUT)
    name, code = code_of_the_page()
    assert not (place / name).exists()
    (place / name).write_text(code, encoding="utf-8")
    return place


def run(copy: Path, *command: str, code: int = 0, **environment: str) -> str:
    """Run a program in the copy, with nothing of this repository on its way; its output.

    The copy may keep what Python compiles, for the next program that runs in it.
    """
    ours = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=copy,
        env={**os.environ, **environment, **ours},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == code, done.stdout[-4_000:] + done.stderr[-2_000:]
    return done.stdout


def test_one_file_was_touched(copy: Path) -> None:
    """Goal: besides the new file nothing differs, and the page of record types can be printed."""
    name, _ = code_of_the_page()
    theirs = {p.relative_to(copy).as_posix(): p for p in copy.rglob("*") if p.is_file()}
    new = {each for each in theirs if not (REPOSITORY / each).exists()}
    assert {each for each in new if "__pycache__" not in each} == {name}
    assert all(
        path.read_bytes() == (REPOSITORY / each).read_bytes()
        for each, path in theirs.items()
        if each not in new
    )
    printed = run(copy, "-m", "cli", "record-types", "--markdown")
    assert f"### {Path(name).stem}" in printed


def test_it_is_listed_with_its_fields(copy: Path) -> None:
    """Goal: the catalog and the command line know it."""
    listed = json.loads(run(copy, "-m", "cli", "record-types", "--json"))
    (found,) = [each for each in listed if each["name"] == "sales_receipt"]
    assert found["parents"] == ["account", "class", "customer", "department", "item"]
    assert {"number", "customer", "lines", "total"} <= {each["name"] for each in found["fields"]}


@pytest.fixture
def receipts_office(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[RunningEmulator, dict[str, str]]:
    """The demo company, and the settings with which the copy syncs it."""
    monkeypatch.chdir(tmp_path)
    with RunningEmulator() as emulator:
        office = Office(emulator, f"sqlite:///{tmp_path / 'sync.db'}")
        environment = office.environment()
        office.close()
        run(
            copy,
            *("-m", "cli", "connect", "--realm-id", emulator.realm_id),
            *("--refresh-token", emulator.refresh_token),
            **environment,
        )
        yield emulator, environment


def test_it_goes_both_ways(
    copy: Path, receipts_office: tuple[RunningEmulator, dict[str, str]]
) -> None:
    """Goal: its table is made with triggers, and one record of each side arrives on the other."""
    emulator, environment = receipts_office
    books = Books(emulator)
    run(copy, "-m", "cli", "sync", **environment)
    engine = create_engine(environment["QBSYNC_DATABASE_URL"])
    assert {"sales_receipts", "sales_receipt_lines"} <= set(inspect(engine).get_table_names())
    theirs = books.create(
        "SalesReceipt", {"CustomerRef": {"value": "5"}, "Line": [sales_line(40)], "DocNumber": "S1"}
    )
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO sales_receipts (company_id, number, customer_id, sold_on)"
                " SELECT company_id, 'S2', id, '2026-11-10' FROM customers WHERE name LIKE 'Ana %'"
            )
        )
        connection.execute(
            text(
                "INSERT INTO sales_receipt_lines"
                " (sales_receipt_id, position, kind, item_id, amount)"
                " SELECT 1, 1, 'item', min(id), 2550000 FROM items WHERE kind = 'service'"
            )
        )
        logged = connection.execute(
            text("SELECT count(*) FROM change_log WHERE record_type = 'sales_receipt'")
        )
        assert logged.scalar_one() == 2
    run(copy, "-m", "cli", "sync", **environment)
    assert books.read("SalesReceipt", theirs["Id"])["TotalAmt"] == 40
    found = books.find("SalesReceipt", "DocNumber = 'S2'")
    assert [each["TotalAmt"] for each in found] == [Decimal("25.5")]
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT number, total FROM sales_receipts ORDER BY number"))
        assert rows.all() == [("S1", 4_000_000), ("S2", 2_550_000)]
    engine.dispose()
    books.close()


def test_its_generated_tests_pass(copy: Path) -> None:
    """Goal: it is tested like every other record type, without a line of test."""
    tests = "tests/acceptance/test_every_record_type.py"
    output = run(copy, "-m", "pytest", "-q", "-p", "no:randomly", tests, "-k", "sales_receipt")
    assert re.search(r"\b6 passed", output), output[-2_000:]
    others = ("tests/unit/test_catalog_table.py", "tests/unit/test_tidy.py", "tests/property")
    chosen = "sales_receipt or each_file_of_record_types"
    run(copy, "-m", "pytest", "-q", *others, "-k", chosen)
