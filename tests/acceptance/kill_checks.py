"""What must hold when all is quiet again, whatever was killed; each check lists what is wrong.

The emulator's journal and the people's own memory are the witnesses; the sync's tables are what is
judged by them.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from connectors.quickbooks import exact_json
from connectors.state import audit_log
from emulator.company import JournalLine
from models.record_type import catalog
from models.records import fingerprint
from models.tables import sync as tables
from tasks.load import BATCH_ID_CHARACTERS
from tests.acceptance.kill_people import ENTITIES, TEXT_FIELDS, WORD, People
from tests.fixtures.company import Office

WRITES = ("write.quickbooks", "write.uncertain")


@dataclass
class Memory:
    """What the sync's tables say."""

    intents: dict[str, Any]
    links: dict[int, Any]
    parked: dict[int, Any]
    conflicts: list[Any]
    #: Request id of each send, single or as a batch -> the intents that it carried.
    sends: dict[str, list[str]]
    #: Bodies of the entries about writes to QuickBooks: (kind, body).
    entries: list[tuple[str, dict[str, Any]]]

    @classmethod
    def of(cls, office: Office) -> Memory:
        """Read it."""
        with office.engine.connect() as connection:
            entries = tables.audit_entries
            listed = connection.execute(
                select(entries.c.kind, entries.c.body)
                .where(entries.c.kind.in_(WRITES))
                .order_by(entries.c.number)
            )
            return cls(
                intents={row.id: row for row in connection.execute(select(tables.intents))},
                links={row.id: row for row in connection.execute(select(tables.links))},
                parked={row.link_id: row for row in connection.execute(select(tables.parked))},
                conflicts=list(connection.execute(select(tables.conflicts))),
                sends=_sends(connection.execute(select(tables.attempts).order_by("id"))),
                entries=[(kind, json.loads(body)) for kind, body in listed],
            )

    def link_of(self, record_type: str, side: str, side_id: str) -> Any:
        """The link of a side's record, None where it was never seen."""
        for link in self.links.values():
            if link.record_type == record_type and getattr(link, f"{side}_id") == side_id:
                return link
        return None


def _sends(attempts: Iterable[Any]) -> dict[str, list[str]]:
    """What left together was recorded in one transaction, at one time; see `tasks.load`."""
    sends: dict[str, list[str]] = {}
    together = defaultdict(list)
    for each in attempts:
        sends.setdefault(each.request_id, [each.intent_id])
        together[each.sent_at].append(each)
    for some in together.values():
        batch_id = fingerprint(" ".join(each.request_id for each in some))[:BATCH_ID_CHARACTERS]
        sends[batch_id] = [each.intent_id for each in some]
    return sends


def all_wrong(office: Office, people: People, journal: list[JournalLine]) -> list[str]:
    """Everything that does not hold."""
    memory = Memory.of(office)
    texts = standing(office)
    return [
        *unequal(office),
        *duplicates(texts),
        *lost_edits(people, memory, texts),
        *resurrected(people, memory, texts),
        *audit_against_journal(memory, [line for line in journal if line.client]),
        *broken_chain(office),
        *(f"intent {row.id} is open" for row in memory.intents.values() if row.closed_at is None),
    ]


def unequal(office: Office) -> list[str]:
    """Records that are not the same on both sides, to the cent."""
    try:
        office.assert_equal()
    except AssertionError as error:
        return [f"the sides differ: {error}"]
    return []


def broken_chain(office: Office) -> list[str]:
    """Entries of the audit log that do not verify."""
    _, findings = audit_log.verify(office.engine)
    return [f"audit entry {each.number}: {each.message}" for each in findings]


def standing(office: Office) -> dict[tuple[str, str, str], set[str]]:
    """(record type, side, id) of each live record -> the words in it."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for record_type, entity in ENTITIES.items():
        booked_field, column = TEXT_FIELDS[record_type]
        for booked in office.books.find(entity):
            words = WORD.findall(str(booked.get(booked_field)))
            found[record_type, "quickbooks", booked["Id"]] = set(words)
        for row in office.platform.rows(record_type):
            found[record_type, "platform", str(row["id"])] = set(WORD.findall(str(row[column])))
    return found


def duplicates(texts: dict[tuple[str, str, str], set[str]]) -> list[str]:
    """Words that stand in more than one record of a side."""
    places = defaultdict(list)
    for (record_type, side, side_id), words in texts.items():
        for word in words:
            places[side, word].append(f"{record_type} {side_id}")
    return [
        f"duplicate: {word} stands in {', '.join(where)} on {side}"
        for (side, word), where in places.items()
        if len(where) > 1
    ]


def lost_edits(
    people: People, memory: Memory, texts: dict[tuple[str, str, str], set[str]]
) -> list[str]:
    """Words that are gone, and nobody says why."""
    visible = {word for words in texts.values() for word in words}
    overwritten = {word for each in people.written for word in each.seen}
    deleted = {link.id for each in people.deleted if (link := memory.link_of(*each)) is not None}
    lost = []
    for each in people.written:
        if each.word in visible | overwritten:
            continue
        key = (each.record_type, each.side, each.side_id)
        link = memory.link_of(*key)
        if key in people.deleted or (link is not None and link.id in deleted):
            continue
        if link is not None and (link.id in memory.parked or _is_loser(each.word, memory, link.id)):
            continue
        lost.append(f"lost: {each.word} of {' '.join(key)}, link {link and link.id}")
    return lost


def _is_loser(word: str, memory: Memory, link_id: int) -> bool:
    """Whether a conflict of the record names the word."""
    return any(
        word in WORD.findall(f"{each.quickbooks} {each.platform} {each.base}")
        for each in memory.conflicts
        if each.link_id == link_id
    )


def resurrected(
    people: People, memory: Memory, texts: dict[tuple[str, str, str], set[str]]
) -> list[str]:
    """Records that a person deleted and that live on, although nobody was asked."""
    found = []
    for record_type, side, side_id in people.deleted:
        link = memory.link_of(record_type, side, side_id)
        ids = [(side, side_id)]
        if link is not None:
            if link.id in memory.parked:
                continue
            ids = [("quickbooks", link.quickbooks_id), ("platform", link.platform_id)]
        alive = [each for each in ids if (record_type, *each) in texts]
        found += [f"deleted, and lives: {record_type} {where} {name}" for where, name in alive]
    return found


# -- the audit log and the emulator's journal --


def audit_against_journal(memory: Memory, lines: Iterable[JournalLine]) -> list[str]:
    """Each write has one entry, and each entry that is sure of itself has one write."""
    wrong = []
    written: Counter[str] = Counter()
    for line in lines:
        intent_id = _intent_of(memory, line)
        if intent_id is None:
            wrong.append(f"no intent: {line.operation} {line.entity} {line.id}")
        else:
            written[intent_id] += 1
    told = Counter(str(body.get("intent")) for _, body in memory.entries)
    sure = Counter(
        str(body.get("intent"))
        for kind, body in memory.entries
        if kind == WRITES[0] and "found" not in body
    )
    for intent_id, count in written.items():
        if count > 1:
            wrong.append(f"duplicate: {count} writes of {_named(memory, intent_id)}")
        if told[intent_id] != 1:
            wrong.append(f"audit: {told[intent_id]} entries of {_named(memory, intent_id)}")
    for intent_id, count in sure.items():
        if count != 1 or written[intent_id] != 1:
            wrong.append(
                f"audit: {count} entries and {written[intent_id]} writes of "
                f"{_named(memory, intent_id)}"
            )
    return wrong


def _named(memory: Memory, intent_id: str) -> str:
    row = memory.intents.get(intent_id)
    if row is None:
        return f"unknown intent {intent_id}"
    return (
        f"{row.operation} {row.record_type}, link {row.link_id}, intent {row.id} "
        f"({row.state}, {row.attempts} attempts)"
    )


def _intent_of(memory: Memory, line: JournalLine) -> str | None:
    """The intent of a write: by its request id, and in a batch by what was written where."""
    sent = memory.sends.get(line.request_id, [])
    fits = [
        row.id
        for row in map(memory.intents.__getitem__, sent)
        if row.operation == line.operation
        and catalog()[row.record_type].entity == line.entity
        and _is_body(exact_json.decode(row.payload), line)
    ]
    return fits[0] if len(fits) == 1 else None


def _is_body(payload: Any, line: JournalLine) -> bool:
    return all(line.body.get(name) == value for name, value in payload.items())
