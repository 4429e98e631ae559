"""What the books behind the port do with every kind of record.

Goal: what a simulated schedule learns from the small books is true of the emulator. Method: each
promise is asked of every entity it applies to, through the port, with people in QuickBooks working
beside it. Source: reference quickbooks-api, sections 2 to 6, 8 and 10.
"""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from models.errors import GoneError, RejectedError, RemoteError
from models.record_type import catalog
from models.words import Operation
from tests.contract.books_world import (
    DELETABLE,
    ENTITIES,
    LISTS,
    NAME_FIELDS,
    NOTES,
    TRANSACTIONS,
    VOIDABLE,
    VOIDED_BY_HAND,
    BooksWorld,
    always_sent,
    instant,
    key,
)
from tests.contract.changes_contract import ChangesContract

if TYPE_CHECKING:
    pass

every_entity = pytest.mark.parametrize("entity", ENTITIES)
every_list = pytest.mark.parametrize("entity", LISTS)
every_transaction = pytest.mark.parametrize("entity", TRANSACTIONS)
every_deletable = pytest.mark.parametrize("entity", DELETABLE)
every_type = pytest.mark.parametrize("record_type", catalog().values(), ids=str)

MISSING = [
    ("Account", "Name", "2020"),
    ("Account", "AccountType", "2020"),
    ("Customer", "DisplayName", "2020"),
    ("Vendor", "DisplayName", "2020"),
    ("Item", "Name", "2020"),
    ("Item", "Type", "2020"),
    ("Item", "IncomeAccountRef", "2020"),
    ("Invoice", "CustomerRef", "2020"),
    ("Invoice", "Line", "2020"),
    ("Payment", "CustomerRef", "2020"),
    ("Payment", "TotalAmt", "6000"),
    ("Purchase", "PaymentType", "2020"),
    ("Purchase", "AccountRef", "2020"),
    ("Purchase", "Line", "2020"),
    ("Class", "Name", "2020"),
    ("Department", "Name", "2020"),
    ("JournalEntry", "Line", "2020"),
    ("Transfer", "FromAccountRef", "2020"),
    ("Transfer", "ToAccountRef", "2020"),
    ("Transfer", "Amount", "2020"),
    ("Deposit", "DepositToAccountRef", "2020"),
    ("Deposit", "Line", "2020"),
    ("Attachable", "FileName", "2020"),
    ("CreditMemo", "CustomerRef", "2020"),
    ("CreditMemo", "Line", "2020"),
    ("RefundReceipt", "Line", "2020"),
    ("RefundReceipt", "DepositToAccountRef", "2020"),
    ("Bill", "VendorRef", "2020"),
    ("Bill", "Line", "2020"),
    ("VendorCredit", "VendorRef", "2020"),
    ("VendorCredit", "Line", "2020"),
    ("BillPayment", "VendorRef", "2020"),
    ("BillPayment", "PayType", "2020"),
    ("BillPayment", "CheckPayment", "2020"),
    ("BillPayment", "TotalAmt", "2020"),
    ("BillPayment", "Line", "2020"),
]
REFERENCES = [
    ("Account", "ParentRef"),
    ("Customer", "ParentRef"),
    ("Item", "IncomeAccountRef"),
    ("Invoice", "CustomerRef"),
    ("Payment", "CustomerRef"),
    ("Payment", "DepositToAccountRef"),
    ("Purchase", "AccountRef"),
    ("Purchase", "EntityRef"),
    ("Class", "ParentRef"),
    ("Department", "ParentRef"),
    ("JournalEntry", "DepartmentRef"),
    ("Transfer", "FromAccountRef"),
    ("Transfer", "ToAccountRef"),
    ("Transfer", "ClassRef"),
    ("Deposit", "DepositToAccountRef"),
    ("Deposit", "DepartmentRef"),
    ("Purchase", "DepartmentRef"),
    ("Invoice", "DepartmentRef"),
    ("CreditMemo", "CustomerRef"),
    ("CreditMemo", "ClassRef"),
    ("RefundReceipt", "CustomerRef"),
    ("RefundReceipt", "DepositToAccountRef"),
    ("Bill", "VendorRef"),
    ("Bill", "APAccountRef"),
    ("Bill", "SalesTermRef"),
    ("VendorCredit", "VendorRef"),
    ("BillPayment", "VendorRef"),
]


class BooksContract(ChangesContract):
    """The promises; a subclass gives the fixture `world`, new for each test."""

    # --- versions ---------------------------------------------------------------------------------

    @every_entity
    def test_a_new_record_is_version_zero_of_this_second(
        self, world: BooksWorld, entity: str
    ) -> None:
        made = world.create(entity, world.sample(entity))
        assert made["SyncToken"] == "0"
        assert instant(made) == instant(made, "CreateTime") == world.now().replace(microsecond=0)
        assert instant(made).utcoffset() != timedelta(0)
        assert world.port.read(entity, made["Id"]) == made

    @every_entity
    def test_an_edit_is_the_next_version_and_leaves_the_rest(
        self, world: BooksWorld, entity: str
    ) -> None:
        made = world.create(entity, world.sample(entity))
        world.clock.sleep(61.7)
        edited = world.change(entity, made, **{NOTES[entity]: "a note"})
        assert edited["SyncToken"] == "1"
        assert instant(edited) == world.now().replace(microsecond=0)
        assert instant(edited, "CreateTime") == instant(made, "CreateTime")
        assert edited[NOTES[entity]] == "a note"
        rest = {NOTES[entity], "SyncToken", "MetaData", "FullyQualifiedName"}
        assert {name: edited[name] for name in edited.keys() - rest} == {
            name: made[name] for name in made.keys() - rest
        }

    @every_entity
    def test_an_edit_that_changes_nothing_is_no_version(
        self, world: BooksWorld, entity: str
    ) -> None:
        made = world.create(entity, {**world.sample(entity), NOTES[entity]: "a note"})
        world.clock.sleep(60)
        journal = len(world.people.journal)
        assert world.change(entity, made, **{NOTES[entity]: "a note"}) == made
        assert len(world.people.journal) == journal

    @pytest.mark.parametrize("entity", [each for each in ENTITIES if NOTES.get(each) != "Name"])
    def test_a_text_can_be_emptied(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, {**world.sample(entity), NOTES[entity]: "a note"})
        assert not world.change(entity, made, **{NOTES[entity]: ""}).get(NOTES[entity])

    @every_entity
    def test_an_old_version_is_stale(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, world.sample(entity))
        theirs = world.people.update(entity, made["Id"], "bookkeeper", **{NOTES[entity]: "theirs"})
        body = {**key(made), **always_sent(made), NOTES[entity]: "ours"}
        assert world.refusal(Operation.UPDATE, entity, body) == ("StaleRecordError", "5010")
        assert world.get(entity, made)[NOTES[entity]] == theirs[NOTES[entity]] == "theirs"

    @every_entity
    def test_what_is_not_there_is_gone(self, world: BooksWorld, entity: str) -> None:
        body = {"Id": "98765", "SyncToken": "0", NOTES[entity]: "x"}
        assert world.refusal(Operation.UPDATE, entity, body) == ("GoneError", "610")
        assert world.port.read(entity, "98765") is None
        with pytest.raises(GoneError):
            world.people.update(entity, "98765", **{NOTES[entity]: "x"})

    def test_transactions_share_their_ids(self, world: BooksWorld) -> None:
        ids = [world.create(each, world.sample(each))["Id"] for each in TRANSACTIONS]
        assert len({*ids}) == len(ids)
        assert world.port.read("Payment", ids[TRANSACTIONS.index("Invoice")]) is None

    @every_entity
    def test_a_record_that_was_handed_out_stays_as_it_was(
        self, world: BooksWorld, entity: str
    ) -> None:
        made = world.create(entity, world.sample(entity))
        before = copy.deepcopy(made)
        read = world.get(entity, made)
        world.people.update(entity, made["Id"], **{NOTES[entity]: "later"})
        assert made == read == before

    @every_entity
    def test_the_journal_says_who_did_what(self, world: BooksWorld, entity: str) -> None:
        write = world.write(Operation.CREATE, entity, world.sample(entity), "r-of-the-sync")
        made = world.port.post(write).record
        assert made is not None
        changed = world.people.update(entity, made["Id"], "bookkeeper", **{NOTES[entity]: "x"})
        ours, theirs = world.people.journal[-2:]
        assert (ours.operation, ours.entity, ours.id) == ("create", entity, made["Id"])
        assert (ours.request_id, ours.sync_token) == ("r-of-the-sync", "0")
        assert (theirs.who, theirs.operation, theirs.sync_token) == ("bookkeeper", "update", "1")
        assert theirs.record == changed
        assert theirs.sequence == ours.sequence + 1

    # --- going away -------------------------------------------------------------------------------

    @every_deletable
    def test_a_transaction_is_deleted_for_good(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, world.sample(entity))
        answer = world.port.post(world.write(Operation.DELETE, entity, key(made)))
        assert answer.record == {"status": "Deleted", "domain": "QBO", "Id": made["Id"]}
        assert world.port.read(entity, made["Id"]) is None
        assert world.refusal(Operation.DELETE, entity, key(made)) == ("GoneError", "610")
        found, _ = world.port.query(entity, f"Id IN ('{made['Id']}')")
        assert found == []
        assert world.people.journal[-1].record is None

    @every_list
    def test_a_list_record_is_never_deleted(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, world.sample(entity))
        assert world.refusal(Operation.DELETE, entity, key(made)) == ("RejectedError", "500")

    @every_list
    def test_an_inactive_record_is_marked_and_comes_back(
        self, world: BooksWorld, entity: str
    ) -> None:
        field = NAME_FIELDS[entity]
        made = world.create(entity, world.sample(entity))
        asleep = world.change(entity, made, Active=False)
        assert asleep["Active"] is False
        assert asleep[field] == f"{made[field]} (deleted)"
        everybody, _ = world.port.query(entity)
        active, _ = world.port.query(entity, all_states=False)
        assert made["Id"] in [each["Id"] for each in everybody]
        assert made["Id"] not in [each["Id"] for each in active]
        back = world.change(entity, asleep, Active=True)
        assert (back[field], back["Active"]) == (made[field], True)

    @every_list
    def test_the_name_of_an_inactive_record_is_free(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, world.sample(entity))
        world.change(entity, made, Active=False)
        second = world.create(entity, world.sample(entity))
        asleep = world.change(entity, second, Active=False)
        assert asleep[NAME_FIELDS[entity]] == f"{second[NAME_FIELDS[entity]]} (deleted 1)"

    @pytest.mark.parametrize("entity", VOIDABLE)
    def test_a_void_keeps_the_record_at_nothing(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, {**world.sample(entity), "PrivateNote": "as agreed"})
        answer = world.port.post(world.write(Operation.VOID, entity, key(made)))
        assert answer.record is not None
        assert answer.record["TotalAmt"] == 0
        assert answer.record["PrivateNote"] == "Voided - as agreed"
        assert answer.record["SyncToken"] == "1"
        again = world.port.post(world.write(Operation.VOID, entity, key(answer.record)))
        assert again.record == answer.record

    @pytest.mark.parametrize("entity", [each for each in ENTITIES if each not in VOIDABLE])
    def test_the_application_cannot_void_the_rest(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, world.sample(entity))
        assert world.refusal(Operation.VOID, entity, key(made)) == ("RejectedError", "no_void")

    @pytest.mark.parametrize(
        "entity", [each for each in ENTITIES if each not in (*VOIDABLE, *VOIDED_BY_HAND)]
    )
    def test_nobody_can_void_these(self, world: BooksWorld, entity: str) -> None:
        made = world.create(entity, world.sample(entity))
        with pytest.raises(RejectedError):
            world.people.void(entity, made["Id"])

    @pytest.mark.parametrize("entity", VOIDED_BY_HAND)
    def test_a_void_by_hand_leaves_nothing_but_the_record(
        self, world: BooksWorld, entity: str
    ) -> None:
        made = world.create(entity, {**world.sample(entity), "PrivateNote": "as agreed"})
        gone = world.people.void(entity, made["Id"])
        figures = ("TotalAmt", "Amount", "Balance", "RemainingCredit")
        assert [gone[name] for name in figures if name in made] != []
        assert not any(gone[name] for name in figures if name in made)
        assert not any(line.get("Amount") for line in gone.get("Line", ()))
        assert (gone["PrivateNote"], gone["SyncToken"]) == ("Voided - as agreed", "1")
        assert world.people.void(entity, made["Id"]) == gone
        edited = world.change(entity, gone, PrivateNote="Voided: entered twice")
        assert edited["PrivateNote"] == "Voided: entered twice"

    # --- what is refused --------------------------------------------------------------------------

    @pytest.mark.parametrize(("entity", "field", "code"), MISSING)
    def test_what_is_required_must_be_there(
        self, world: BooksWorld, entity: str, field: str, code: str
    ) -> None:
        body = world.sample(entity)
        del body[field]
        assert world.refused_create(entity, body) == ("RejectedError", code)
        with pytest.raises(RemoteError):
            world.people.create(entity, body)

    @every_entity
    def test_an_unknown_field_is_refused(self, world: BooksWorld, entity: str) -> None:
        body = {**world.sample(entity), "Colour": "red"}
        assert world.refused_create(entity, body) == ("RejectedError", "2010")

    @every_entity
    def test_a_text_that_is_too_long_is_refused(self, world: BooksWorld, entity: str) -> None:
        body = {**world.sample(entity), NOTES[entity]: "x" * 4_001}
        assert world.refused_create(entity, body) == ("RejectedError", "2050")

    @pytest.mark.parametrize(("entity", "field"), REFERENCES)
    def test_a_reference_to_nothing_is_refused(
        self, world: BooksWorld, entity: str, field: str
    ) -> None:
        body = {**world.sample(entity), field: {"value": "98765"}}
        assert world.refused_create(entity, body) == ("RejectedError", "2500")

    def test_an_inactive_reference_is_refused_unless_it_is_there_already(
        self, world: BooksWorld
    ) -> None:
        made = world.create("Purchase", world.purchase("1.00", EntityRef=world.ref("vendor")))
        vendor = {**world.ref("vendor"), "type": "Vendor"}
        world.people.update("Vendor", vendor["value"], Active=False)
        body = world.purchase("1.00", EntityRef=vendor)
        assert world.refused_create("Purchase", body) == ("GoneError", "610")
        fields = {"EntityRef": vendor, "PrivateNote": "still theirs"}
        assert world.change("Purchase", made, **fields)["PrivateNote"] == "still theirs"

    @every_entity
    def test_what_is_not_exact_is_never_sent(self, world: BooksWorld, entity: str) -> None:
        body = {**world.sample(entity), NOTES[entity]: 0.1}
        assert world.refused_create(entity, body) == ("RejectedError", "not_exact")
        write = world.write(Operation.CREATE, entity, body)
        assert [type(each.error) for each in world.port.batch([write], "b")] == [RejectedError]
        assert world.port.meter.total == 0

    def test_workers_share_one_company(self, world: BooksWorld) -> None:
        other = type(world.port)(world.people)  # type: ignore[call-arg]
        made = world.create("Customer", world.sample("Customer"))
        assert other.read("Customer", made["Id"]) == made
        write = world.write(Operation.UPDATE, "Customer", {**key(made), "Notes": "other's"})
        assert other.post(write).error is None
        body = {**key(made), "Notes": "ours"}
        assert world.refusal(Operation.UPDATE, "Customer", body)[0] == "StaleRecordError"
        assert (other.meter.free, other.meter.metered) == (1, 1)

    @every_list
    def test_a_name_is_had_once(self, world: BooksWorld, entity: str) -> None:
        field = NAME_FIELDS[entity]
        body = {**world.sample(entity), field: "  Müller & Co  "}
        made = world.create(entity, body)
        assert made[field] == "Müller & Co"
        other = {**world.sample(entity), field: "MÜLLER & co"}
        assert world.refused_create(entity, other) == ("RejectedError", "6240")
        second = world.create(entity, world.sample(entity))
        body = {**key(second), field: "Müller & Co"}
        assert world.refusal(Operation.UPDATE, entity, body) == ("RejectedError", "6240")
        renamed = world.change(entity, made, **{field: "Another"})
        assert world.change(entity, second, **{field: "Müller & Co"})[field] == "Müller & Co"
        assert renamed["SyncToken"] == "1"

    def test_customers_and_vendors_share_their_names(self, world: BooksWorld) -> None:
        world.create("Customer", {"DisplayName": "Both"})
        assert world.refused_create("Vendor", {"DisplayName": "both"}) == ("RejectedError", "6240")

    @pytest.mark.parametrize("name", ["with:colon", "two\nlines", "  "])
    def test_some_names_cannot_be(self, world: BooksWorld, name: str) -> None:
        refused = world.refused_create("Customer", {"DisplayName": name})
        assert refused == ("RejectedError", "2180")

    # --- request ids ------------------------------------------------------------------------------

    @every_entity
    def test_a_known_request_id_gets_the_first_answer(self, world: BooksWorld, entity: str) -> None:
        write = world.write(Operation.CREATE, entity, world.sample(entity), "again")
        first = world.port.post(write).record
        assert first is not None
        world.people.update(entity, first["Id"], **{NOTES[entity]: "meanwhile"})
        journal = len(world.people.journal)
        assert world.port.post(write).record == first
        assert len(world.people.journal) == journal

    @every_transaction
    @pytest.mark.parametrize("way", ["forgotten", "not honoured"])
    def test_request_ids_can_be_lost(self, world: BooksWorld, entity: str, way: str) -> None:
        body = {name: each for name, each in world.sample(entity).items() if name != "DocNumber"}
        write = world.write(Operation.CREATE, entity, body, "again")
        ids = [record_id(world.port.post(write))]
        if way == "forgotten":
            world.people.forget_request_ids()
        world.people.honour_request_ids = way == "forgotten"
        ids.append(record_id(world.port.post(write)))
        assert len({*ids}) == 2

    @pytest.mark.parametrize("honoured", [True, False])
    def test_a_batch_is_remembered_by_place(self, world: BooksWorld, honoured: bool) -> None:
        writes = [
            world.write(Operation.CREATE, "Payment", world.sample("Payment", number))
            for number in range(3)
        ]
        writes[1] = world.write(Operation.CREATE, "Payment", {})
        world.people.honour_request_ids = honoured
        first = world.port.batch(writes, "batch")
        second = world.port.batch(writes, "batch")
        assert [type(each.error) for each in first] == [type(None), RejectedError, type(None)]
        same = [record_id(a) == record_id(b) for a, b in zip(first, second, strict=True)]
        assert same == [honoured, True, honoured]
        single = world.port.post(writes[0])
        assert record_id(single) not in {record_id(each) for each in first}

    def test_refusals_are_not_remembered(self, world: BooksWorld) -> None:
        taken = world.create("Customer", {"DisplayName": "Taken"})
        write = world.write(Operation.CREATE, "Customer", {"DisplayName": "Taken"}, "again")
        assert world.port.post(write).error is not None
        world.change("Customer", taken, DisplayName="Free")
        assert world.port.post(write).error is None

    # --- snapshots --------------------------------------------------------------------------------

    def test_a_snapshot_puts_everything_back(self, world: BooksWorld) -> None:
        write = world.write(Operation.CREATE, "Invoice", world.sample("Invoice"), "again")
        made = world.port.post(write).record
        assert made is not None
        kept = world.people.snapshot()
        before = {entity: copy.deepcopy(world.people.all(entity)) for entity in ENTITIES}
        journal = list(world.people.journal)
        world.clock.sleep(60)
        world.create("Payment", world.payment("10.10", (made, "10.10")))
        world.create("Customer", {"DisplayName": "Later"})
        for _ in range(2):
            world.people.restore(kept)
            assert {entity: world.people.all(entity) for entity in ENTITIES} == before
            assert world.people.journal == journal
            assert record_id(world.port.post(write)) == made["Id"]
            assert world.create("Customer", {"DisplayName": "Later"})["SyncToken"] == "0"


def record_id(answer: Any) -> str:
    """The id of the record in an answer."""
    return str(answer.record["Id"]) if answer.record else ""
