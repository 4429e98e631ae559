"""Every record type of the catalog goes both ways, whatever is done to it.

All of it is made from the declarations: a new record type is tested by being there. Each has a
company of its own, in which the tests run one after another.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from emulator.testing import RunningEmulator
from models.fields import Day, Field, Raw, Text
from models.lines import Lines
from models.marker import Note, without_marker
from models.record_type import DeleteMeans, RecordType, catalog
from models.records import Content, Value, link_in
from models.reference_fields import Reference
from models.words import DataType, Side
from tests.fixtures.company import CHECKPOINTS, Office, RefusedError, moved, opened
from tests.fixtures.databases import ON_POSTGRESQL
from tests.fixtures.entering import (
    ACCOUNTS,
    EXTRA_AMOUNT,
    Desk,
    document_of,
    editable,
    entered_shapes,
    is_entered,
    wish_of,
)
from tests.simulation.people import HOSTILE

#: Made in another way: QuickBooks takes a file by upload only.
UPLOADED = frozenset({"receipt"})
#: More than any field takes, control characters that a body can carry, and what people do enter.
VALUES: tuple[Callable[[str], str], ...] = (
    *HOSTILE,
    lambda token: f"{token}\x07\x1b[31m",
    lambda token: f'{token} "O\'Brien" & Søns \N{PILE OF POO}',
)


#: Records that the tests need, each on the side that its name ends with.
KEYS = (
    *("merge platform", "platform wins platform", "quickbooks wins platform"),
    *("remove platform", "remove quickbooks", "erase quickbooks"),
    *("void platform", "void quickbooks"),
)
#: A kind of line for which the demo company has no item.
NOBODYS = "bundle"


def written() -> list[RecordType]:
    """Record types that go both ways."""
    return [each for each in catalog().values() if not each.read_only and each.name not in UPLOADED]


def on_postgresql() -> list[RecordType]:
    """One record type of each data type runs on PostgreSQL too: the first that has lines."""
    return [
        next(each for each in written() if each.data_type is data_type and each.lines)
        for data_type in DataType
    ]


def cases() -> list[Any]:
    """Record types and databases; all about one of them runs in one worker, in order."""
    cases = []
    for each in written():
        group = pytest.mark.xdist_group(f"every record type {each.name}")
        cases.append(pytest.param((each, "sqlite"), id=each.name, marks=group))
    for each in on_postgresql():
        values = (each, "postgresql")
        cases.append(pytest.param(values, id=f"{each.name}-postgresql", marks=ON_POSTGRESQL))
    return cases


@dataclass
class Made:
    """A record that was entered on one side."""

    side: Side
    id: str
    content: Content


class Story:
    """A company and all that happens to its records of one type."""

    def __init__(self, office: Office, record_type: RecordType) -> None:
        self.office = office
        self.record_type = record_type
        self.desk = Desk(office)
        self.fields = editable(record_type)
        self.made: dict[str, Made] = {}

    def enter(self, key: str, side: Side, **given: Any) -> None:
        """Enter a record and remember it under a key."""
        content = self.desk.content(self.record_type, **given)
        self.made[key] = Made(side, self.desk.enter(side, self.record_type, content), content)

    def enter_all(self) -> None:
        """All the records that the tests need, entered in one go and carried over."""
        extra = [each for each in entered_shapes(self.record_type)[1:] if each.kind != NOBODYS]
        records = 2 * (len(self.fields) + len(extra)) + len(KEYS)
        later = 2 * len(texts_of(self.record_type)) * len(VALUES) + len(
            parents_of(self.record_type)
        )
        self.desk.prepare(self.record_type, records + later + len(Side))
        for side in Side:
            for each in self.fields:
                self.enter(f"edit {each.name} {side}", side)
            for shape in extra:
                self.enter(f"line {shape.kind} {side}", side, extra=shape)
        for key in KEYS:
            self.enter(key, Side(key.rpartition(" ")[2]))
        self.cycle = self.office.sync()
        self.desk.references.refresh()

    def link(self, key: str) -> int:
        """The link of a record that was entered."""
        made = self.made[key]
        return link_in(self.desk.references.link(self.record_type.name, made.side, made.id))[1]

    def id_on(self, side: Side, key: str) -> str:
        """A record's id on a side."""
        found = self.desk.references.side_id_of(self.link(key), side)
        assert found is not None, f"{key} is not on {side}"
        return found

    def edit(self, side: Side, key: str, name: str, to: Value) -> None:
        """Change one field of a record."""
        self.desk.edit(side, self.record_type, self.id_on(side, key), name, to)

    def both(self) -> dict[str, tuple[Content, Content]]:
        """Key -> what QuickBooks and the platform hold of each record, in canonical form."""
        read = {side: self.desk.read(side, self.record_type) for side in Side}
        return {
            key: (
                self._held(Side.QUICKBOOKS, key, read),
                self._held(Side.PLATFORM, key, read),
            )
            for key in self.made
            if key not in self.gone
        }

    gone: frozenset[str] = frozenset()

    def _held(self, side: Side, key: str, read: dict[Side, dict[str, Raw]]) -> Content:
        raw = read[side][self.id_on(side, key)]
        return self.desk.decoded(side, self.record_type, raw)

    def agree(self) -> dict[str, Content]:
        """Both sides hold the same of every record; what they hold."""
        held = self.both()
        for key, (theirs, ours) in held.items():
            assert theirs == ours, f"{self.record_type.name} {key}: {differing(theirs, ours)}"
        return {key: theirs for key, (theirs, _) in held.items()}

    def sync(self, code: int | None = 0) -> dict[str, Any]:
        """One cycle."""
        cycle = self.office.sync(code=code)
        self.desk.references.refresh()
        return cycle

    def quiet(self, code: int = 0) -> None:
        """The next cycle writes nothing to QuickBooks; figures aside, nothing at all.

        A figure that QuickBooks computes of another record, such as a customer's balance, follows.
        """
        mark = self.office.books.mark()
        cycle = self.office.sync(code=code)
        if moved(cycle):
            own = cycle["read"].get(self.record_type.name, {})
            assert not own.get("applied"), f"{self.record_type.name} moved again: {cycle['read']}"
            assert moved(self.office.sync(code=code)) == 0
        assert self.office.books.written(mark) == []


def differing(theirs: Content, ours: Content) -> dict[str, tuple[Value, Value]]:
    """Fields that differ."""
    return {
        name: (theirs.get(name), ours.get(name))
        for name in theirs | ours
        if theirs.get(name) != ours.get(name)
    }


@pytest.fixture(scope="module", params=cases())
def story(
    request: pytest.FixtureRequest,
    shared_emulator: RunningEmulator,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Story]:
    """The demo company, synced, with records of one type entered on both sides."""
    record_type, database = request.param
    folder = tmp_path_factory.mktemp(record_type.name)
    with pytest.MonkeyPatch.context() as monkeypatch:
        url, drop = database_copy(request, database, folder)
        shared_emulator.emulator.reset()
        with opened(shared_emulator, url, monkeypatch, folder) as office:
            story = Story(office, record_type)
            story.enter_all()
            yield story
        drop()


def database_copy(
    request: pytest.FixtureRequest, kind: str, folder: Path
) -> tuple[str, Callable[[], None]]:
    """A copy of the database after the first sync: its URL, and what drops it."""
    if kind == "sqlite":
        template = request.getfixturevalue("synced_sqlite")
        shutil.copyfile(template, folder / "sync.db")
        shutil.copyfile(template.parent / CHECKPOINTS, folder / CHECKPOINTS)
        return f"sqlite:///{folder / 'sync.db'}", lambda: None
    server = request.getfixturevalue("synced_postgresql")
    checkpoints = request.getfixturevalue("postgresql_checkpoints")
    shutil.copyfile(checkpoints / CHECKPOINTS, folder / CHECKPOINTS)
    url = server.create()
    return url.render_as_string(hide_password=False), lambda: server.drop(url.database)


def test_a_new_record_arrives_as_it_was_entered(story: Story) -> None:
    """Goal: what was entered on one side stands on both, each kind of line too, and stays."""
    held = story.agree()
    for key, made in story.made.items():
        for each in story.record_type.fields:
            if each.name not in made.content:
                continue
            entered, now = made.content[each.name], held[key][each.name]
            if isinstance(each, Lines):
                assert each.cover(entered, now), f"{key} {each.name}: {entered} became {now}"
            else:
                assert now == entered, f"{key} {each.name}"
    counts = story.cycle["data_types"][story.record_type.data_type]
    for side in Side:
        expected = sum(each.side is side.other for each in story.made.values())
        assert counts[f"to_{side}"]["created"] == expected, side
    story.quiet()


def test_every_field_can_be_edited_on_either_side(story: Story) -> None:
    """Goal: an edit of any field that is not QuickBooks's reaches the other side, and only it."""
    edits: dict[str, tuple[Field, Value]] = {}
    before = story.agree()
    for side in Side:
        for each in story.fields:
            key = f"edit {each.name} {side}"
            to = edited(story, each, before[key])
            if to is None:
                continue
            story.edit(side, key, each.name, to)
            edits[key] = (each, to)
    assert edits, f"no field of {story.record_type.name} can be edited"
    story.sync()
    held = story.agree()
    for key, (each, to) in edits.items():
        now = held[key][each.name]
        same = each.cover(to, now) if isinstance(each, Lines) else now == to
        assert same, f"{key}: {to} became {now}"
        others = [f for f in story.record_type.fields if f in story.fields and f is not each]
        for other in others:
            if not isinstance(other, Lines) and not other.normalised:
                was, now = before[key].get(other.name), held[key].get(other.name)
                assert was == now, f"{key} changed {other.name}"
    story.quiet()


def edited(story: Story, each: Field, before: Content) -> Value:
    """Another value of a field, None where there is no other one."""
    if not isinstance(each, Lines):
        return story.desk.value(story.record_type, each, edit=1)
    lines = before[each.name]
    if document_of(entered_shapes(story.record_type)[0]):
        return None
    return tuple({**line, "amount": line["amount"] + 1} for line in lines)


def test_edits_on_both_sides_merge_or_are_decided_by_the_policy(story: Story) -> None:
    """Goal: different fields merge; of one field the policy's side wins, and the loser is named."""
    name = story.record_type.name
    texts = [each.name for each in story.fields if isinstance(each, Text) and is_free(each)]
    first, last = texts[0], texts[-1]
    chosen = {f"{name}.{first}": "platform", f"{name}.{last}": "quickbooks"}
    story.office.platform.choose(policy=chosen)
    if first != last:
        story.edit(Side.PLATFORM, "merge platform", first, "m1")
        story.edit(Side.QUICKBOOKS, "merge platform", last, "m2")
    contested = {chosen[f"{name}.{each}"]: each for each in (first, last)}
    for winner, each in contested.items():
        for side in Side:
            story.edit(side, f"{winner} wins platform", each, f"{winner[0]}{side[0]}")
    story.sync()
    held = story.agree()
    if first != last:
        assert (held["merge platform"][first], held["merge platform"][last]) == ("m1", "m2")
    named = {
        (each["field"], each["winner"], each["quickbooks"], each["platform"])
        for each in story.office.conflicts()
    }
    wanted = {(each, won, f"{won[0]}q", f"{won[0]}p") for won, each in contested.items()}
    assert named == wanted
    for winner, each in contested.items():
        assert held[f"{winner} wins platform"][each] == winner[0] * 2
    story.quiet()


def is_free(each: Text) -> bool:
    """Whether any word may stand in it."""
    return each.kind == "text" and not each.normalised


def test_what_goes_away_on_one_side_goes_away_on_the_other(story: Story) -> None:
    """Goal: delete, erase, deactivate and void travel as the declaration says, and only once."""
    record_type, office = story.record_type, story.office
    is_list = record_type.delete_means is DeleteMeans.DEACTIVATE
    office.platform.edit(
        record_type.name, int(story.id_on(Side.PLATFORM, "remove platform")), **deleted_now()
    )
    erased = int(story.id_on(Side.PLATFORM, "erase quickbooks"))
    office.platform.sql(f"DELETE FROM {record_type.table} WHERE id = :id", id=erased)
    theirs = story.id_on(Side.QUICKBOOKS, "remove quickbooks")
    if is_list:
        office.books.update(record_type.entity, theirs, **whole(story, theirs), Active=False)
        story.edit(Side.PLATFORM, "void platform", "active", False)
    else:
        office.books.delete(record_type.entity, theirs)
    voided = void(story)
    story.sync()
    row = office.platform.row(
        record_type.name, int(story.id_on(Side.PLATFORM, "remove quickbooks"))
    )
    assert (row["active"] is False) if is_list else row["deleted_at"], "removed in QuickBooks"
    for key in ("remove platform", "erase quickbooks"):
        quickbooks_id = story.id_on(Side.QUICKBOOKS, key)
        if is_list:
            assert office.books.read(record_type.entity, quickbooks_id)["Active"] is False
        else:
            assert office.books.is_gone(record_type.entity, quickbooks_id)
    story.gone = frozenset({"remove platform", "erase quickbooks"})
    story.gone |= frozenset() if is_list else frozenset({"remove quickbooks"})
    held = story.agree()
    if is_list:
        assert held["void platform"]["active"] is False
    for key in voided:
        assert held[key]["status"] == "voided", key
    story.quiet()


def deleted_now() -> dict[str, Any]:
    """What marks a row as deleted."""
    return {"deleted_at": datetime.now(UTC)}


def whole(story: Story, quickbooks_id: str) -> dict[str, Any]:
    """What QuickBooks wants of every update of this record type."""
    held = story.office.books.read(story.record_type.entity, quickbooks_id)
    return {path: held[path] for path in story.record_type.always_sent if path in held}


def void(story: Story) -> list[str]:
    """Void a record on each side that can; their keys."""
    record_type, keys = story.record_type, []
    if record_type.void_status:
        key = "void quickbooks"
        held = story.office.books.read(record_type.entity, story.id_on(Side.QUICKBOOKS, key))
        body = {name: held[name] for name in ("Id", "SyncToken")}
        story.office.emulator.void(record_type.entity, body, "accountant")
        keys.append(key)
        key = "void platform"
        row_id = int(story.id_on(Side.PLATFORM, key))
        story.office.platform.edit(record_type.name, row_id, status=record_type.void_status)
        keys.append(key)
    return keys


def parents_of(record_type: RecordType) -> list[tuple[str, Reference]]:
    """What a record may wait for: where the reference stands, "" or "lines", and its field."""
    shapes = entered_shapes(record_type)[:1]
    named = [("", each) for each in record_type.fields]
    named += [("lines", each) for shape in shapes for each in shape.fields]
    return [
        (where, each)
        for where, each in named
        if isinstance(each, Reference)
        and not catalog()[each.to[0]].read_only
        and ACCOUNTS.get(each.name) != ()
        and each.name not in wish_of(record_type).kept
    ]


def test_a_record_waits_for_its_parent_and_goes_on_by_itself(story: Story) -> None:
    """Goal: a parent that is parked parks its children, for each reference; mended, all go on."""
    references = parents_of(story.record_type)
    if not references:
        pytest.skip(f"a {story.record_type.name} refers to nothing")
    parents, children = [], {}
    for where, each in references:
        parent = spoilt_parent(story, each)
        parents.append(parent)
        content = child_of(story, where, each, parent)
        children[story.desk.enter(Side.PLATFORM, story.record_type, content)] = content
    story.sync(code=3)
    parked = {each["link"]: each for each in story.office.status()["parked"]}
    name = story.record_type.name
    for row_id in children:
        link = story.desk.references.link_of(name, Side.PLATFORM, row_id)
        assert link is not None
        assert parked[link]["code"] == "waits_for_parent", parked[link]
        assert "goes on by itself" in parked[link]["fix"]
        assert story.office.platform.quickbooks_id(name, int(row_id)) is None
    for parent in parents:
        parent.mend()
    story.sync(code=None)  # the parents go, and let their children go in the next cycle
    story.sync()
    for row_id, content in children.items():
        story.made[f"waited {row_id}"] = Made(Side.PLATFORM, row_id, content)
    story.agree()
    story.quiet()


@dataclass
class Parent:
    """A record of the platform that QuickBooks cannot take yet."""

    link: str
    mend: Callable[[], None]


def spoilt_parent(story: Story, each: Reference) -> Parent:
    """A parent without something that is required."""
    record_type, desk = catalog()[each.to[0]], story.desk
    given: Content = {}
    if record_type.name == "account":
        given["type"] = ACCOUNTS.get(each.name, ("Bank",))[0]
    if record_type.lines and document_of(entered_shapes(record_type)[0]):
        given = {record_type.lines.name: (), record_type.amount: EXTRA_AMOUNT}
    content = desk.content(record_type, **given)
    row_id = desk.enter(Side.PLATFORM, record_type, content)
    needed = next(
        field
        for field in record_type.fields
        if field.required and isinstance(field, Text | Day) and field.kind != "name"
    )
    value = content[needed.name]
    spoilt = "" if isinstance(needed, Text) else None
    edit = story.office.platform.edit
    edit(record_type.name, int(row_id), **{needed.column: spoilt})
    return Parent(
        desk.references.row_only(record_type.name, row_id),
        lambda: edit(record_type.name, int(row_id), **{needed.column: value}),
    )


def child_of(story: Story, where: str, each: Reference, parent: Parent) -> Content:
    """A record that refers to a parent."""
    record_type = story.record_type
    if not where:
        return story.desk.content(record_type, **{each.name: parent.link})
    content = story.desk.content(record_type)
    assert record_type.lines is not None
    line = {**content[record_type.lines.name][0], each.name: parent.link}
    if each.bare:  # it settles a part of what is not there yet
        line["amount"] = content[record_type.amount] = EXTRA_AMOUNT
        if not is_entered(record_type.by_name[record_type.amount]):
            del content[record_type.amount]
    rest = content[record_type.lines.name][1:]
    return {**content, record_type.lines.name: (line, *rest)}


def test_hostile_values_are_carried_exactly_or_parked_with_a_fix(story: Story) -> None:
    """Goal: whatever stands in a text, on either side, breaks nothing and stops nobody else."""
    record_type, desk = story.record_type, story.desk
    entered = {}
    for side in Side:
        for name, where in texts_of(record_type):
            for number, value in enumerate(VALUES):
                content = hostile(story, name, where, value)
                row = try_to_enter(story, side, content)
                if row is not None:
                    entered[f"hostile {name} {number} {side}"] = Made(side, row, content)
    assert sum(each.side is Side.PLATFORM for each in entered.values()) >= len(VALUES)
    for side in Side:
        story.enter(f"ordinary {side}", side)
    story.sync(code=3)
    parked = {each["link"]: each for each in story.office.status()["parked"]}
    for key, made in entered.items():
        link = desk.references.link_of(record_type.name, made.side, made.id)
        if link in parked:
            assert parked[link]["fix"], key
            assert parked[link]["field"], key
        else:
            story.made[key] = Made(made.side, made.id, made.content)
    held = story.agree()
    for key in story.made.keys() & entered.keys():
        assert_carried(story, key, held[key])
    story.quiet(code=3)


def texts_of(record_type: RecordType) -> list[tuple[str, str]]:
    """Texts that anything may be typed into: their names, and "lines" for those of lines."""
    found = [(each.name, "") for each in record_type.fields if is_typed(each)]
    shapes = entered_shapes(record_type)[:1]
    return found + [(each.name, "lines") for s in shapes for each in s.fields if is_typed(each)]


def is_typed(each: Field) -> bool:
    """Whether people type it, and QuickBooks does not read it as a word of its own."""
    return isinstance(each, Text) and is_free(each) and is_entered(each) and each.name != "type"


def hostile(story: Story, name: str, where: str, value: Callable[[str], str]) -> Content:
    """A record with a hostile value in one of its texts."""
    record_type = story.record_type
    content = story.desk.content(record_type)
    if not where:
        return {**content, name: value(content.get(name) or "token")}
    assert record_type.lines is not None
    lines = content[record_type.lines.name]
    changed = {**lines[0], name: value(lines[0].get(name) or "token")}
    return {**content, record_type.lines.name: (changed, *lines[1:])}


def try_to_enter(story: Story, side: Side, content: Content) -> str | None:
    """Enter a record; None where the side itself refuses it."""
    try:
        return story.desk.enter(side, story.record_type, content)
    except (RefusedError, DBAPIError):
        return None


def assert_carried(story: Story, key: str, held: Content) -> None:
    """A hostile text stands on both sides as the canonical form of what was typed."""
    record_type, content = story.record_type, story.made[key].content
    for each in record_type.fields:
        if is_typed(each) and content.get(each.name) is not None:
            wanted = each.checked(content[each.name], "USD")
            if isinstance(each, Note):
                wanted = without_marker(wanted)
            assert held[each.name] == wanted, f"{key}: {wanted!r} became {held[each.name]!r}"


@pytest.mark.parametrize(
    "record_type", [pytest.param(e, id=n) for n, e in catalog().items() if e.read_only]
)
def test_a_record_type_that_quickbooks_leads_follows_it(
    office: Office, record_type: RecordType
) -> None:
    """Goal: its edits arrive; edits, copies and deletes of the platform are undone or parked."""
    desk, platform = Desk(office), office.platform
    ((quickbooks_id, row_id),) = platform.links(record_type.name).values()
    assert quickbooks_id is not None
    assert row_id is not None
    fields = [each for each in record_type.fields if isinstance(each, Text) and each.quickbooks]
    for each in fields[:3]:
        desk.edit(Side.QUICKBOOKS, record_type, quickbooks_id, each.name, desk.text(each))
    office.sync()
    booked = office.books.find(record_type.entity)[0]
    theirs = desk.decoded(Side.QUICKBOOKS, record_type, booked)
    assert all(platform.row(record_type.name, row_id)[each.column] for each in fields[:3])
    for each in fields:
        platform.edit(record_type.name, row_id, **{each.column: "ours"})
    office.sync()
    row = platform.row(record_type.name, row_id)
    assert {each.name: row[each.column] for each in fields} == {
        each.name: theirs[each.name] for each in fields
    }
    named = {each["field"]: (each["winner"], each["rule"]) for each in office.conflicts()}
    assert named == {each.name: ("quickbooks", "owner") for each in fields}
    assert office.books.written() == []

    values = {each.column: f"copy of {each.name}" for each in fields}
    platform.add(record_type.name, **values)
    platform.edit(record_type.name, row_id, **deleted_now())
    office.sync(code=3)
    assert [each["code"] for each in office.parked(2)] == ["read_only"] * 2
    assert office.books.written() == []
