"""The port over a small company: what one worker's client can do.

Several may share one `SmallBooks`. Nothing goes wrong by itself: a simulator that wants answers to
be lost, late or refused wraps this port. Errors are those of the real client, made by its own fault
table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from connectors.ports import (
    Changes,
    CompanyFacts,
    Meter,
    Payload,
    RemoteAnswer,
    RemoteWrite,
)
from connectors.quickbooks.faults import local_error
from connectors.quickbooks.writes import BATCH_WRITES_MAX, check_request_id
from emulator import faults
from emulator.cdc import LOOK_BACK
from emulator.entities import ENTITIES
from emulator.faults import QuickBooksFault
from models.errors import RemoteError
from models.words import Operation
from tests.simulation.small_books import SmallBooks, error_of
from tests.simulation.small_query import condition, matching
from tests.simulation.small_voids import may_void

#: Faults of writes that the real client keeps to itself.
_NEVER_SENT = frozenset({"no_void", "not_exact"})


class SmallQuickBooks:
    """Implements `connectors.ports.QuickBooksPort`.

    Args:
        books: the company.
        application: who the journal says has written.
    """

    def __init__(self, books: SmallBooks, application: str = "sync") -> None:
        self.meter = Meter()
        self.books = books
        self.application = application
        self._calls = 0

    def company(self) -> CompanyFacts:
        """Who is behind the token."""
        self.meter.count("companyinfo", metered=True)
        self.meter.count("preferences", metered=True)
        return self.books.facts()

    def changes(self, entities: Sequence[str], since: datetime) -> Changes:
        """All changes of these entities since an instant, inclusive, in whole seconds."""
        assert since.utcoffset() is not None, "a time without an offset means nothing to QuickBooks"
        assert entities, "ask for one entity at least"
        self.meter.count("cdc", metered=True)
        books, now = self.books, self.books.clock.now()
        first = int(since.timestamp())
        if first < (now - LOOK_BACK).timestamp():
            words = f"cdc with changedSince date {{{since}}} which is older than fixed days"
            raise error_of(faults.unsupported(words), write=False)
        records: dict[str, list[Payload]] = {}
        deleted: dict[str, list[str]] = {}
        overflowed: set[str] = set()
        left = books.cdc_cap
        for entity in entities:
            cap = books.cdc_cap if books.cdc_cap_per_entity else left
            ids = self._changed(entity, first)[:cap]
            if not ids:
                records[entity], deleted[entity] = [], []
                continue
            left -= len(ids)
            held = books.state.records[entity]
            records[entity] = [held[each] for each in ids if each in held]
            deleted[entity] = [each for each in ids if each not in held]
            if len(ids) >= books.cdc_cap:
                overflowed.add(entity)
        if left <= 0 and not books.cdc_cap_per_entity:
            overflowed.update(entities)
        return Changes(records, deleted, _told(now), frozenset(overflowed))

    def _changed(self, entity: str, first: int) -> list[str]:
        """Ids that changed at that second or later, oldest change first."""
        ids = []
        for record_id, second in reversed(self.books.state.touched[entity].items()):
            if second < first:
                break
            ids.append(record_id)
        ids.reverse()
        return ids

    def query(
        self, entity: str, where: str = "", *, order_by: str = "Id", all_states: bool = True
    ) -> tuple[list[Payload], datetime]:
        """All records that a condition means, with the far side's time."""
        books = self.books
        found = matching(books.state, entity, condition(entity, where))
        if not all_states:
            found = [each for each in found if each.get("Active") is not False]
        if order_by != "Id":
            field, _, direction = order_by.partition(" ")
            found.sort(key=lambda each: str(each.get(field, "")), reverse=direction == "DESC")
        self.meter.count("query", metered=True)
        # each further page begins with the last record of the one before
        for _ in range(books.page_rows, len(found) + 1, books.page_rows - 1):
            self.meter.count("query", metered=True)
        return list[Payload](found), _told(books.clock.now())

    def query_all(self, entities: Sequence[str]) -> Iterator[tuple[str, list[Payload], datetime]]:
        """All records of several entities, one after the other."""
        for entity in entities:
            yield entity, *self.query(entity)

    def read(self, entity: str, record_id: str) -> Payload | None:
        """One record by id, or None when it is deleted."""
        self.meter.count("read", metered=True)
        if entity == "CompanyInfo":
            record_id = "1"  # it is asked for by the company's number
        record = self.books.state.records[entity].get(record_id)
        if record is not None:
            return record
        try:
            return self.books.find(entity, record_id)
        except QuickBooksFault as refusal:
            if refusal.code == "610":
                return None
            raise error_of(refusal, write=False) from refusal

    def download(self, record_id: str, *, bytes_max: int) -> bytes:
        """The file of an attachment."""
        self.meter.count("download", metered=True)
        content = self.books.file_of(record_id)
        if content is None:
            raise error_of(faults.not_found(), write=False)
        assert len(content) <= bytes_max, "the simulated files are small"
        return content

    def post(self, write: RemoteWrite) -> RemoteAnswer:
        """Send one write; a fault is in the answer."""
        check_request_id(write.request_id)
        unsendable = _unsendable(write)
        if unsendable:
            return RemoteAnswer(error=unsendable)
        books, tid = self.books, self._tid()
        # nobody says that a request id counts for an upload (section 2), so it does not here
        known = write.file is None and write.request_id in books.state.replays
        if books.honour_request_ids and known:
            self.meter.count(str(write.operation), metered=False)
            return RemoteAnswer(record=books.state.replays[write.request_id], intuit_tid=tid)
        answer = self._done(write, write.request_id, status=400, tid=tid)
        if _was_sent(answer):
            self.meter.count(str(write.operation), metered=False)
        if answer.record is not None:
            books.state.replays[write.request_id] = answer.record
        return answer

    def batch(self, writes: Sequence[RemoteWrite], request_id: str) -> list[RemoteAnswer]:
        """Send at most 30 writes in one call; each is done or refused on its own."""
        assert len(writes) <= BATCH_WRITES_MAX, "a batch holds 30 writes"
        assert all(each.file is None for each in writes), "a file cannot go in a batch"
        check_request_id(request_id)
        unsendable = [_unsendable(each) for each in writes]
        books, tid = self.books, self._tid()
        answers = []
        for place, (write, error) in enumerate(zip(writes, unsendable, strict=True)):
            kept = books.state.item_replays.get((request_id, place))
            if error is not None:
                answer = RemoteAnswer(error=error)
            elif kept is not None and books.honour_request_ids:
                answer = RemoteAnswer(record=kept, intuit_tid=tid)
            else:
                answer = self._done(write, request_id, status=200, tid=tid)
                if answer.record is not None:
                    books.state.item_replays[request_id, place] = answer.record
            answers.append(answer)
        if any(map(_was_sent, answers)):
            self.meter.count("batch", metered=True)
        return answers

    def _done(self, write: RemoteWrite, request_id: str, *, status: int, tid: str) -> RemoteAnswer:
        try:
            record = self.books.write(
                write.operation,
                write.entity,
                write.body,
                self.application,
                request_id=request_id,
            )
        except QuickBooksFault as refusal:
            return RemoteAnswer(error=error_of(refusal, status=status), intuit_tid=tid)
        except RemoteError as error:
            return RemoteAnswer(error=error)
        if write.file is not None:
            record = self.books.keep_file(record, write.file.content)
        return RemoteAnswer(record=record, intuit_tid=tid)

    def _tid(self) -> str:
        self._calls += 1
        return f"small-{self._calls}"


def _unsendable(write: RemoteWrite) -> RemoteError | None:
    """The error of a write that the real client does not send."""
    assert write.file is None or write.operation is Operation.CREATE, "a file is uploaded once"
    if write.operation is not Operation.CREATE:
        assert write.body.get("Id"), f"{write.operation} of a {write.entity} needs its Id"
        assert "SyncToken" in write.body, f"{write.operation} of a {write.entity}: no SyncToken"
    if write.operation is Operation.UPDATE and not ENTITIES[write.entity].full_only:
        assert write.body.get("sparse", True), "a full update would clear what it leaves out"
    if write.operation is Operation.VOID and not may_void(write.entity, person=False):
        detail = f"a {write.entity} cannot be voided by an app"
        return local_error("no_void", detail, write=True)
    return None


def _was_sent(answer: RemoteAnswer) -> bool:
    return answer.error is None or answer.error.fault.code not in _NEVER_SENT


def _told(now: datetime) -> datetime:
    """A time as an answer tells it: to the millisecond."""
    return now.replace(microsecond=now.microsecond // 1_000 * 1_000)
