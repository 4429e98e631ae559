"""Books that hold data on both sides already: what is the same is linked, what may be is asked.

The platform is filled with two thirds of the demo company's books, under ids of its own and in
other spellings, before it is connected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.database import create_database_engine
from emulator.testing import RunningEmulator
from models.record_type import catalog
from models.tables.record_tables import RECORD_TABLES
from tests.fixtures.company import Office, Platform, invoice, moved, opened

#: Of these the platform holds two thirds, and of all others what they refer to.
HELD = ("customer", "vendor", "account", "item", "invoice", "bill", "expense")
#: Columns that each platform fills in for itself.
OWN_COLUMNS = {"id", "company_id", "version", "created_at", "updated_at", "deleted_at", "lines"}
TABLES = {place.table.name: name for name, place in RECORD_TABLES.items()}
#: What may stand on a side before a decision, and what must not move then.
Counts = dict[str, tuple[int, int]]


@dataclass
class Twice:
    """A company whose platform holds most of its books already."""

    office: Office
    #: Record type -> id in the books as the demo's platform has them -> id on this platform.
    ids: dict[str, dict[int, int]] = field(default_factory=dict)
    #: Record type -> QuickBooks id and platform id of the same record -> how sure it is.
    expected: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)

    def counts(self) -> Counts:
        """Record type -> records in QuickBooks and on the platform."""
        return {
            name: (
                len(self.office.books.find(catalog()[name].entity)),
                len(self.office.platform.rows(name)),
            )
            for name in HELD
        }

    def survey(self, *options: str) -> dict[str, Any]:
        """What the command shows."""
        return self.office.run("match", "--json", *options).json

    def pairs(self, shown: dict[str, Any]) -> dict[str, dict[tuple[str, str], str]]:
        """Pairs that a survey shows, as `expected` has them."""
        found: dict[str, dict[tuple[str, str], str]] = {name: {} for name in HELD}
        for row in shown["matches"]:
            if row["record_type"] in HELD and row["match"] in ("certain", "likely"):
                pair = (row["quickbooks"]["id"], row["platform"]["id"])
                found[row["record_type"]][pair] = row["match"]
        return found


@pytest.fixture
def twice(
    synced_sqlite: Path,
    shared_emulator: RunningEmulator,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Twice]:
    """The demo company, a platform that holds two thirds of it, and the two connected."""
    shared_emulator.emulator.reset()
    engine = create_database_engine(f"sqlite:///{synced_sqlite}")
    source = Platform(engine)
    with opened(shared_emulator, database_url, monkeypatch, tmp_path) as office:
        office.platform.sql("INSERT INTO companies (name, currency) VALUES ('Harbor', 'USD')")
        made = Twice(office)
        _copy(source, made)
        office.connect()
        yield made
    engine.dispose()


def _copy(source: Platform, twice: Twice) -> None:
    rows = {name: {row["id"]: row for row in source.rows(name)} for name in catalog()}
    chosen = _with_parents(
        rows,
        {
            (name, row_id)
            for name in HELD
            for number, row_id in enumerate(rows[name])
            if number % 3 != 2
        },
    )
    for name in catalog():
        twice.ids[name] = {}
        twice.expected[name] = {}
        waiting = [row_id for row_id in rows[name] if (name, row_id) in chosen]
        while waiting:
            row_id = waiting.pop(0)
            if any(
                target == name and parent not in twice.ids[name]
                for target, parent in _parents(name, rows[name][row_id])
            ):
                waiting.append(row_id)
                continue
            _add(source, twice, name, rows[name][row_id])


def _with_parents(
    rows: dict[str, dict[int, dict[str, Any]]], chosen: set[tuple[str, int]]
) -> set[tuple[str, int]]:
    """The chosen records and all that they refer to."""
    waiting = list(chosen)
    while waiting:
        name, row_id = waiting.pop()
        for parent in _parents(name, rows[name][row_id]):
            if parent not in chosen:
                chosen.add(parent)
                waiting.append(parent)
    return chosen


def _parents(name: str, row: dict[str, Any]) -> list[tuple[str, int]]:
    place = RECORD_TABLES[name]
    found = _targets(place.table, row)
    if place.lines is not None:
        for line in row["lines"]:
            found += [each for each in _targets(place.lines, line) if each[0] != name]
    return [(target, parent) for target, parent, _ in found]


def _targets(table: Any, row: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Record type, id and column of what a row refers to."""
    return [
        (TABLES[key.column.table.name], row[column.name], column.name)
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table.name in TABLES and row[column.name] is not None
    ]


def _add(source: Platform, twice: Twice, name: str, row: dict[str, Any]) -> None:
    place, number = RECORD_TABLES[name], len(twice.ids[name])
    values = {key: value for key, value in row.items() if key not in OWN_COLUMNS}
    for target, parent, column in _targets(place.table, row):
        values[column] = twice.ids[target][parent]
    lines = []
    for line in row["lines"]:
        assert place.lines is not None
        kept = {
            key: value
            for key, value in line.items()
            if key not in {"id", "position", place.line_parent.name}
        }
        for target, parent, column in _targets(place.lines, line):
            if column in kept:
                kept[column] = twice.ids[target][parent]
        lines.append(kept)
    spelling = _spelt(name, values, number)
    row_id = twice.office.platform.add(name, lines, **values)
    twice.ids[name][row["id"]] = row_id
    quickbooks_id = source.quickbooks_id(name, row["id"])
    assert quickbooks_id is not None
    twice.expected[name][quickbooks_id, str(row_id)] = spelling


def _spelt(name: str, values: dict[str, Any], number: int) -> str:
    """Change the spelling of a row as it is on many platforms; how sure the match then is."""
    if name not in HELD:
        return "certain"
    record_type = catalog()[name]
    label = record_type.label
    if not record_type.amount:
        spellings = {
            0: (lambda text: text.upper(), "certain"),
            1: (lambda text: text.replace(" ", "  ") + ".", "likely"),
            2: (lambda text: f"{text}, Inc.", "likely"),
            3: (lambda text: text.swapcase(), "certain"),
        }
        change, kind = spellings[number % 4]
        values[label] = change(values[label])
        return kind
    if values[label] is None:
        return "likely"  # QuickBooks has none either; the day decides
    if number % 3 == 1:
        values[label] = f"#{values[label]}"
        values[record_type.booked_on] += timedelta(days=1)
        return "likely"
    if number % 3 == 2:
        values[label] = None
        values[record_type.booked_on] += timedelta(days=2)
        return "likely"
    return "certain"


def test_books_on_both_sides_become_one(twice: Twice) -> None:
    """Goal: nothing is doubled, whatever the spelling; a person decides what is in doubt, once."""
    office = twice.office
    before = twice.counts()
    versions = office.platform.versions()

    # Before the first sync: a dry run that writes to neither side
    shown = twice.survey()
    assert set(HELD) <= set(shown["before_first_sync"])
    assert twice.pairs(shown) == {name: twice.expected[name] for name in HELD}
    for name in HELD:
        kinds = Counter(twice.expected[name].values())
        counted = shown["counts"][name]
        assert (counted["certain"], counted["likely"]) == (kinds["certain"], kinds["likely"])
        assert counted["ambiguous"] == 0
    for row in shown["matches"]:
        assert row["reason"]
        if row["match"] == "likely":
            assert row["quickbooks"]["values"]
            assert row["platform"]["values"]
    assert (office.books.written(), office.platform.versions()) == ([], versions)
    again = twice.survey()
    assert again["counts"] == shown["counts"]

    # The first sync links what is certain, makes what is new, and asks about the rest
    office.sync(code=3)
    parked = Counter((each["record_type"], each["code"]) for each in office.status()["parked"])
    likely = {name: Counter(twice.expected[name].values())["likely"] for name in HELD}
    for name in HELD:
        assert parked[name, "match_likely"] == 2 * likely[name], parked
    asked = twice.survey()
    assert {name: row["likely"] for name, row in asked["counts"].items() if row["likely"]} == {
        name: count for name, count in likely.items() if count
    }
    assert _doubled(twice, before) == {}

    # A later cycle asks on, whatever is edited meanwhile
    (theirs, ours), _ = next(
        each for each in twice.expected["customer"].items() if each[1] == "likely"
    )
    office.books.update("Customer", theirs, Notes="edited in QuickBooks")
    office.platform.edit("customer", int(ours), phone="207 555 0100")
    office.sync(code=3)
    assert twice.survey()["counts"] == asked["counts"]
    assert _doubled(twice, before) == {}

    # Decided: the next sync merges them, and then nothing moves
    decided = office.run("match", "--json", "--accept-likely", "--actor", "Ada").json["decided"]
    assert Counter(each["record_type"] for each in decided) == Counter(likely)
    assert office.run("match", "--json", "--accept-likely").json["decided"] == []
    assert len(office.platform.audit("match.accepted")) == len(decided)
    office.sync()
    office.settled()
    assert office.status()["parked"] == []
    assert _doubled(twice, before) == {}
    for name in HELD:
        linked = {(str(a), str(b)) for a, b in office.platform.links(name).values()}
        assert set(twice.expected[name]) <= linked
    row = office.platform.of("Customer", theirs)
    assert row["notes"] == "edited in QuickBooks"
    named = [each["platform"] for each in office.conflicts() if each["field"] == "phone"]
    assert "207 555 0100" in {row["phone"], *named}
    office.run("audit", "verify")


def _doubled(twice: Twice, before: Counts) -> dict[str, Any]:
    """Record types with more records than there are things, on either side."""
    found = {}
    for name, (in_quickbooks, on_platform) in twice.counts().items():
        things = before[name][0]
        if max(in_quickbooks, on_platform) > things:
            found[name] = (in_quickbooks, on_platform, things)
    return found


def test_several_that_fit_are_named_and_decided_one_by_one(twice: Twice) -> None:
    """Goal: ambiguous ones are listed with reasons, one is accepted, the other is new after all,
    and `--new` creates exactly one."""
    office = twice.office
    add = office.platform.add
    theirs = office.books.create("Customer", {"DisplayName": "Quarry Road Dental"})
    first = add("customer", name="Quarry Road Dental Inc")
    second = add("customer", name="QUARRY-ROAD DENTAL LLC")
    billed = office.books.create("Invoice", invoice(theirs["Id"], "77.07", DocNumber="Q-1"))
    office.sync(code=3)
    rows = [
        row
        for row in twice.survey("--record-type", "customer")["matches"]
        if row["match"] == "ambiguous"
    ]
    by_id = {(row["quickbooks"] or row["platform"])["id"]: row for row in rows}
    assert set(by_id) == {theirs["Id"], str(first), str(second)}
    named = by_id[theirs["Id"]]
    assert {each["id"] for each in named["candidates"]} == {str(first), str(second)}
    assert "1 in QuickBooks and 2 on the platform" in named["reason"]
    parked = {each["link"]: each for each in office.status()["parked"]}
    mine = parked[named["quickbooks"]["link"]]
    assert mine["code"] == "match_ambiguous"
    assert "QUARRY-ROAD DENTAL LLC" in mine["message"]
    assert "quickbooks-sync match" in mine["fix"]
    assert parked[by_id[str(second)]["platform"]["link"]]["code"] == "match_ambiguous"

    # An invoice of a customer in doubt waits for it
    waiting = next(each for each in parked.values() if each["record"] == "Q-1")
    assert waiting["code"] == "waits_for_parent"
    assert "Quarry Road Dental" in waiting["message"]

    pair = f"{theirs['Id']}={first}"
    options = ("--record-type", "customer", "--json")
    office.run("match", *options, "--accept", pair, "--actor", "Ada")
    repeated = office.run("match", *options, "--accept", pair).json["decided"]
    assert [each["fresh"] for each in repeated] == [False]
    link = by_id[str(second)]["platform"]["link"]
    office.run("match", "--new", str(link), "--actor", "Ada")
    office.run("match", "--new", str(link))
    office.run("match", "--accept-likely")
    assert len(office.platform.audit("match.new")) == 1
    mark = office.books.mark()
    office.sync()
    created = [each for each in office.books.written(mark) if each[0] == "create"]
    made = [each for each in created if each[1] == "Customer"]
    assert [each[2] for each in made] == [office.platform.quickbooks_id("customer", second)]
    assert office.platform.quickbooks_id("customer", first) == theirs["Id"]
    assert office.platform.of("Invoice", billed["Id"])["customer_id"] == first
    office.settled()
    second_cycle = office.sync()
    assert moved(second_cycle) == 0


def test_decisions_before_the_first_sync_hold_in_it(twice: Twice) -> None:
    """Goal: who decides first, syncs once; each decision is checked."""
    office = twice.office
    before = twice.counts()
    theirs = office.books.create("Vendor", {"DisplayName": "Ledge Street Print"})
    ours = office.platform.add("vendor", name="Ledge Street Print GmbH")
    shown = twice.survey("--record-type", "vendor")
    row = next(each for each in shown["matches"] if each["platform"]["id"] == str(ours))
    assert row["match"] == "likely"
    for link in (row["quickbooks"]["link"], row["platform"]["link"]):
        office.run("match", "--new", str(link))
    office.run("match", "--accept-likely")
    office.sync()
    office.settled()
    assert len(office.books.find("Vendor", "DisplayName LIKE 'Ledge Street Print%'")) == 2
    after = twice.counts()
    assert after["vendor"] == (before["vendor"][0] + 2,) * 2
    for name in set(HELD) - {"vendor"}:
        assert after[name] == (before[name][0],) * 2, name
    assert theirs["Id"] != office.platform.quickbooks_id("vendor", ours)


def test_what_comes_later_with_the_key_of_one_in_doubt_is_in_doubt_too(
    fresh_office: Office,
) -> None:
    """Goal: a doubt stays until a person decides; no later record takes its place unseen."""
    office = fresh_office
    office.platform.sql("INSERT INTO companies (name, currency) VALUES ('Harbor', 'USD')")
    ours = office.platform.add("vendor", name="Ledge Street Print LLC")
    first = office.books.create("Vendor", {"DisplayName": "Ledge Street Print"})
    office.connect()
    office.sync(code=3)
    office.parked(2)
    second = office.books.create("Vendor", {"DisplayName": "LEDGE STREET PRINT LLC"})
    office.sync(code=3)
    parked = office.parked(3)
    assert {each["code"] for each in parked} == {"match_likely"}
    assert len(office.platform.rows("vendor", name="LEDGE STREET PRINT LLC")) == 0

    # A person deletes the first one: that is a decision about it
    office.books.update("Vendor", first["Id"], Active=False, DisplayName="Not ours")
    pair = f"{second['Id']}={ours}"
    office.run("match", "--record-type", "vendor", "--accept", pair)
    link = next(each["link"] for each in parked if first["Id"] in each["message"].split(":")[0])
    office.run("match", "--new", str(link))
    office.sync()
    office.settled()
    assert office.platform.quickbooks_id("vendor", ours) == second["Id"]


def test_a_record_in_doubt_that_is_deleted_needs_no_decision(fresh_office: Office) -> None:
    office = fresh_office
    office.platform.sql("INSERT INTO companies (name, currency) VALUES ('Harbor', 'USD')")
    ours = office.platform.add("vendor", name="Ledge Street Print LLC")
    office.books.create("Vendor", {"DisplayName": "Ledge Street Print"})
    office.connect()
    office.sync(code=3)
    office.parked(2)
    office.platform.sql("DELETE FROM vendors WHERE id = :id", id=ours)
    office.sync(code=3)
    (left,) = office.parked(1)
    (row,) = office.run("match", "--json").json["matches"]
    assert (row["match"], row["quickbooks"]["link"]) == ("new", left["link"])
    office.run("match", "--new", str(left["link"]))
    office.sync()
    office.settled()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--accept", "1=1"), "--accept needs --record-type"),
        (("--record-type", "customer", "--accept", "1"), "write QUICKBOOKS_ID=PLATFORM_ID"),
        (("--record-type", "customer", "--accept", "9999=1"), "no unlinked customer 9999 was seen"),
        (("--record-type", "customer", "--accept", "1=9999"), "no unlinked customer 9999 was seen"),
        (("--new", "9999"), "there is no link 9999"),
        (("--new", "1"), "waits for no decision about a match"),
    ],
)
def test_a_decision_that_cannot_be_taken_says_why(
    office: Office, options: tuple[str, ...], words: str
) -> None:
    outcome = office.run("match", *options, code=2)
    assert words in outcome.stderr
    assert office.platform.audit("match.accepted") == []


def test_linked_records_are_not_linked_anew(office: Office) -> None:
    links = list(office.platform.links("customer").values())
    (theirs, ours), (others, _) = links[:2]
    same = office.run("match", "--record-type", "customer", "--accept", f"{theirs}={ours}")
    assert "1 had been before" in same.stdout
    outcome = office.run(
        "match", "--record-type", "customer", "--accept", f"{others}={ours}", code=2
    )
    assert "is linked already" in outcome.stderr


def test_retrying_everything_decides_nothing(twice: Twice) -> None:
    """Goal: `retry` lets faults be tried again; it makes no doubled customers."""
    office = twice.office
    before = twice.counts()
    office.sync(code=3)
    asked = twice.survey()["counts"]
    office.run("retry")
    office.sync(code=3)
    assert twice.survey()["counts"] == asked
    assert _doubled(twice, before) == {}
    link = next(
        each["link"] for each in office.status()["parked"] if each["code"] == "match_likely"
    )
    refused = office.run("retry", str(link), code=2)
    assert "quickbooks-sync match" in refused.stderr
