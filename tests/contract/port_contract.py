"""What every QuickBooks port promises while nothing goes wrong, whatever stands behind it.

Method: `RecordsContract` holds the promises and asks for a `World`: the port, and a hand inside the
books that plays the people in QuickBooks. Each implementation brings its own world. Source:
reference quickbooks-api, sections 2 to 8, and `connectors.ports`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from connectors.ports import RemoteWrite
from connectors.quickbooks.queries import quote
from models.errors import RejectedError, StaleRecordError
from models.words import Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.ports import Payload, QuickBooksPort


class World(Protocol):
    """One implementation of the port, and the books behind it."""

    port: QuickBooksPort
    realm_id: str

    def person_saves(self, entity: str, body: dict[str, Any]) -> Payload:
        """Somebody creates or changes a record in QuickBooks itself."""
        ...

    def person_deletes(self, entity: str, record: Payload) -> None:
        """Somebody deletes a record in QuickBooks itself."""
        ...

    def books(self, entity: str) -> list[Payload]:
        """All records of an entity, as they stand in the books."""
        ...

    def now(self) -> datetime:
        """The far side's clock."""
        ...


def create(entity: str, body: dict[str, Any], request_id: str = "r-create") -> RemoteWrite:
    """A new record."""
    return RemoteWrite(entity, Operation.CREATE, body, request_id)


def customer(name: str, request_id: str = "") -> RemoteWrite:
    """A new customer."""
    return create("Customer", {"DisplayName": name}, request_id or f"r-{name}")


def change(
    operation: Operation, entity: str, record: Payload, request_id: str, **fields: Any
) -> RemoteWrite:
    """A write to a record as it was read."""
    body = {"Id": record["Id"], "SyncToken": record["SyncToken"], **fields}
    return RemoteWrite(entity, operation, body, request_id)


class RecordsContract:
    """The promises; a subclass gives the fixture `world`, new for each test."""

    def test_the_company_is_named_with_its_preferences(self, world: World) -> None:
        facts = world.port.company()
        assert facts.realm_id == world.realm_id
        assert facts.name
        assert facts.home_currency == "USD"
        assert facts.book_close_date == ""

    def test_a_record_is_created_read_changed_and_deleted(self, world: World) -> None:
        port = world.port
        made = port.post(create("Invoice", invoice(world), "r-1"))
        assert made.error is None
        assert made.record is not None
        assert made.intuit_tid
        read = port.read("Invoice", made.record["Id"])
        assert read is not None
        assert read["TotalAmt"] == Decimal("100.10")

        note = change(Operation.UPDATE, "Invoice", read, "r-2", PrivateNote="Zoë's “note”")
        updated = port.post(note).record
        assert updated is not None
        assert updated["PrivateNote"] == "Zoë's “note”"
        # what a sparse update leaves out stays
        assert updated["TotalAmt"] == Decimal("100.10")

        gone = port.post(change(Operation.DELETE, "Invoice", updated, "r-3"))
        assert gone.error is None
        assert gone.record is not None
        assert (gone.record["Id"], gone.record["status"]) == (read["Id"], "Deleted")
        assert port.read("Invoice", read["Id"]) is None

    def test_numbers_are_exact_and_never_float(self, world: World) -> None:
        found = world.port.post(create("Invoice", invoice(world, "0.30"), "r-1")).record
        assert found is not None
        assert found["TotalAmt"] == Decimal("0.30")
        assert not any(isinstance(one, float) for one in leaves(found))

    def test_what_never_was_reads_as_none(self, world: World) -> None:
        assert world.port.read("Invoice", "987654") is None

    def test_a_record_that_somebody_changed_is_stale(self, world: World) -> None:
        read = world.person_saves("Customer", {"DisplayName": "Acme"})
        world.person_saves("Customer", {**key(read), "sparse": True, "Notes": "by hand"})
        answer = world.port.post(change(Operation.UPDATE, "Customer", read, "r-1", Notes="ours"))
        assert type(answer.error) is StaleRecordError
        assert answer.record is None
        assert world.books("Customer")[0]["Notes"] == "by hand"

    def test_a_refused_record_says_why(self, world: World) -> None:
        world.person_saves("Customer", {"DisplayName": "Acme"})
        answer = world.port.post(customer("ACME"))
        assert type(answer.error) is RejectedError
        assert answer.error.fault.code == "6240"
        assert "use that record" in answer.error.fault.fix
        assert len(world.books("Customer")) == 1

    def test_the_same_write_twice_is_one_record(self, world: World) -> None:
        first = world.port.post(customer("Acme", "r-1"))
        second = world.port.post(customer("Acme", "r-1"))
        assert first.record is not None
        assert second.record is not None
        assert first.record["Id"] == second.record["Id"]
        assert len(world.books("Customer")) == 1

    @pytest.mark.parametrize("entity", ["Invoice", "SalesReceipt", "Payment", "BillPayment"])
    def test_what_can_be_voided_is_voided(self, world: World, entity: str) -> None:
        made = world.person_saves(entity, document(world, entity))
        answer = world.port.post(change(Operation.VOID, entity, made, "r-void"))
        assert answer.error is None
        assert answer.record is not None
        assert answer.record["TotalAmt"] == 0
        assert answer.record["PrivateNote"].startswith("Voided")

    def test_what_cannot_be_voided_is_refused_and_stays(self, world: World) -> None:
        made = world.person_saves("Customer", {"DisplayName": "Acme"})
        answer = world.port.post(change(Operation.VOID, "Customer", made, "r-void"))
        assert type(answer.error) is RejectedError
        assert world.books("Customer")[0]["SyncToken"] == made["SyncToken"]

    def test_a_batch_answers_each_write_in_its_place(self, world: World) -> None:
        world.person_saves("Customer", {"DisplayName": "Taken"})
        sale = world.person_saves("Invoice", document(world, "Invoice"))
        answers = world.port.batch(
            [
                customer("One"),
                customer("Taken"),
                change(Operation.VOID, "Invoice", sale, "r-void"),
                customer("Two"),
                create("Customer", {"DisplayName": "Three", "Balance": 0.1}),
            ],
            "b-1",
        )
        assert [type(answer.error) for answer in answers] == [
            type(None),
            RejectedError,
            type(None),
            type(None),
            RejectedError,
        ]
        names = [answer.record and answer.record.get("DisplayName") for answer in answers]
        assert names == ["One", None, None, "Two", None]
        assert answers[2].record is not None
        assert answers[2].record["TotalAmt"] == 0
        assert {one["DisplayName"] for one in world.books("Customer")} >= {"One", "Two", "Taken"}

    def test_the_same_batch_twice_is_done_once(self, world: World) -> None:
        writes = [customer("One"), customer("Two")]
        first = world.port.batch(writes, "b-1")
        second = world.port.batch(writes, "b-1")
        assert [a.record and a.record["Id"] for a in first] == [
            a.record and a.record["Id"] for a in second
        ]
        assert len(world.books("Customer")) == 2

    def test_thirty_writes_go_in_one_metered_call(self, world: World) -> None:
        answers = world.port.batch([customer(f"Name {i}") for i in range(30)], "b-1")
        assert all(answer.error is None for answer in answers)
        assert world.port.meter.by_kind == {"batch": 1}
        assert world.port.meter.metered == 1

    def test_changes_tell_new_changed_and_deleted_records(self, world: World) -> None:
        since = world.now() - timedelta(minutes=5)
        made = world.person_saves("Customer", {"DisplayName": "Acme"})
        sale = world.person_saves("Invoice", document(world, "Invoice"))
        world.person_deletes("Invoice", sale)
        changes = world.port.changes(["Customer", "Invoice", "Vendor"], since)
        assert made["Id"] in [one["Id"] for one in changes.records["Customer"]]
        assert changes.records["Invoice"] == []
        assert list(changes.deleted["Invoice"]) == [sale["Id"]]
        assert changes.records["Vendor"] == []
        assert changes.overflowed == frozenset()
        assert abs(changes.server_time - world.now()) < timedelta(minutes=1)
        assert changes.server_time.utcoffset() == timedelta(0)

    def test_changes_too_long_ago_are_refused_clearly(self, world: World) -> None:
        with pytest.raises(RejectedError) as caught:
            world.port.changes(["Customer"], world.now() - timedelta(days=31))
        assert "30 days" in caught.value.fault.cause

    def test_a_full_answer_says_that_it_may_be_incomplete(self, world: World) -> None:
        since = world.now() - timedelta(minutes=5)
        for i in range(1_001):
            world.person_saves("Customer", {"DisplayName": f"Name {i}"})
        changes = world.port.changes(["Customer", "Vendor"], since)
        assert "Customer" in changes.overflowed
        records, _ = world.port.query("Customer")
        assert len({one["Id"] for one in records}) == 1_001

    def test_a_list_shows_inactive_records_unless_told_not_to(self, world: World) -> None:
        made = world.person_saves("Customer", {"DisplayName": "Acme"})
        world.person_saves("Customer", {**key(made), "sparse": True, "Active": False})
        world.person_saves("Customer", {"DisplayName": "Still here"})
        everybody, at = world.port.query("Customer")
        active, _ = world.port.query("Customer", all_states=False)
        assert len(everybody) == 2
        assert [one["DisplayName"] for one in active] == ["Still here"]
        assert abs(at - world.now()) < timedelta(minutes=1)

    def test_several_lists_hold_what_each_holds_by_itself(self, world: World) -> None:
        world.port.post(create("Invoice", invoice(world), "r-1"))
        made = world.person_saves("Customer", {"DisplayName": "Gone"})
        world.person_saves("Customer", {**key(made), "sparse": True, "Active": False})
        entities = ["Bill", "Customer", "Invoice", "Item", "Payment", "Vendor"]
        found = {entity: (rows, at) for entity, rows, at in world.port.query_all(entities)}
        assert list(found) == entities
        for entity, (rows, at) in found.items():
            assert rows == world.port.query(entity)[0], entity
            assert at.utcoffset() == timedelta(0)
            assert abs(at - world.now()) < timedelta(minutes=1)
        assert found["Invoice"][0]

    @pytest.mark.parametrize("name", ["O'Neil & Søn", "back\\slash", "100% + 1", "' OR Id = '1"])
    def test_any_name_can_be_looked_up(self, world: World, name: str) -> None:
        world.person_saves("Customer", {"DisplayName": name})
        world.person_saves("Customer", {"DisplayName": "Other"})
        found, _ = world.port.query("Customer", f"DisplayName = {quote(name)}")
        assert [one["DisplayName"] for one in found] == [name]

    def test_a_list_can_be_ordered(self, world: World) -> None:
        for name in ("B", "C", "A"):
            world.person_saves("Customer", {"DisplayName": name})
        found, _ = world.port.query("Customer", order_by="DisplayName DESC")
        assert [one["DisplayName"] for one in found] == ["C", "B", "A"]

    def test_an_unknown_field_in_a_query_is_refused(self, world: World) -> None:
        with pytest.raises(RejectedError):
            world.port.query("Customer", "Nonsense = '1'")

    def test_writes_are_free_and_reads_are_metered(self, world: World) -> None:
        made = world.port.post(customer("Acme")).record
        assert made is not None
        world.port.read("Customer", made["Id"])
        world.port.query("Customer")
        world.port.changes(["Customer"], world.now() - timedelta(hours=1))
        assert (world.port.meter.free, world.port.meter.metered) == (1, 3)


# --- the books of the tests -----------------------------------------------------------------------


def key(record: Payload) -> dict[str, Any]:
    """What names a version of a record."""
    return {"Id": record["Id"], "SyncToken": record["SyncToken"]}


def leaves(value: Any) -> Iterator[Any]:
    """Yield all single values inside a JSON value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def sold_item(world: World) -> str:
    """A service to sell; made once per books."""
    items = world.books("Item")
    if items:
        return str(items[0]["Id"])
    account = world.person_saves("Account", {"Name": "Sales", "AccountType": "Income"})
    body = {"Name": "Hours", "Type": "Service", "IncomeAccountRef": {"value": account["Id"]}}
    return str(world.person_saves("Item", body)["Id"])


def invoice(world: World, amount: str = "100.10") -> dict[str, Any]:
    """An invoice to a customer of its own."""
    buyers = world.books("Customer")
    buyer = buyers[0] if buyers else world.person_saves("Customer", {"DisplayName": "Buyer"})
    detail = {"ItemRef": {"value": sold_item(world)}, "TaxCodeRef": {"value": "NON"}}
    return {
        "CustomerRef": {"value": buyer["Id"]},
        "Line": [
            {
                "Amount": Decimal(amount),
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": detail,
            }
        ],
    }


def document(world: World, entity: str) -> dict[str, Any]:
    """A document of an entity that can be voided."""
    if entity == "BillPayment":
        return bill_payment(world)
    body = invoice(world)
    if entity == "Payment":
        return {"CustomerRef": body["CustomerRef"], "TotalAmt": Decimal("100.10")}
    return body


def bill_payment(world: World) -> dict[str, Any]:
    """A bill, entered, and the cheque that pays it."""
    account = {
        kind: {"value": world.person_saves("Account", {"Name": kind, "AccountType": kind})["Id"]}
        for kind in ("Bank", "Expense")
    }
    vendor = {"value": world.person_saves("Vendor", {"DisplayName": "Supplier"})["Id"]}
    line = {
        "Amount": Decimal("25.50"),
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": {"AccountRef": account["Expense"]},
    }
    bill = world.person_saves("Bill", {"VendorRef": vendor, "Line": [line]})
    paid = {"TxnId": bill["Id"], "TxnType": "Bill"}
    return {
        "VendorRef": vendor,
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": account["Bank"]},
        "TotalAmt": Decimal("25.50"),
        "Line": [{"Amount": Decimal("25.50"), "LinkedTxn": [paid]}],
    }
