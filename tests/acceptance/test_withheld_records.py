"""What looks like a write without an answer is left alone meanwhile, and never forgotten.

While the outcome of a create is unknown, a QuickBooks record that it may have made is no news.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from tests.fixtures.company import Office

#: More than is read again in each cycle (tasks.extract.OVERLAP).
LONG_SECONDS = 20 * 60
#: The connection drops before QuickBooks does anything, however often.
NEVER_ARRIVES: dict[str, Any] = {
    "kind": "refuse_before",
    "entity": "Item",
    "verb": "create",
    "match": "Advice",
    "count": None,
}


def item(office: Office, name: str) -> str:
    """An item that an accountant enters; its id."""
    income = office.books.find("Account", "AccountType = 'Income'")[0]["Id"]
    body = {"Name": name, "Type": "Service", "IncomeAccountRef": {"value": income}}
    return str(office.books.create("Item", body)["Id"])


def send_what_never_arrives(office: Office) -> None:
    """A new item of the platform whose create gets no answer."""
    office.emulator.faults(NEVER_ARRIVES)
    income = office.platform.rows("account", type="Income")[0]["id"]
    office.platform.add("item", name="Advice", kind="service", income_account_id=income)
    office.sync(code=3)
    assert office.platform.open_intents() == 1


def test_a_record_that_is_older_than_the_write_is_synced_at_once(own_office: Office) -> None:
    """Goal: what was there before the create was sent is not taken for what it made."""
    office = own_office
    clock = office.emulator.emulator.clock
    office.connect()
    office.sync()
    office.settled()
    office.emulator.faults(
        {"kind": "late_cdc", "entity": "Item", "verb": "create", "seconds": 3 * LONG_SECONDS}
    )
    older = item(office, "Older")
    clock.advance(LONG_SECONDS)
    send_what_never_arrives(office)
    office.emulator.clear_faults()
    office.emulator.faults(NEVER_ARRIVES)
    office.books.update("Item", older, Description="edited since")
    office.sync(code=3)
    assert office.platform.open_intents() == 1
    assert office.platform.of("Item", older)["description"] == "edited since"


def test_a_record_that_was_held_back_is_read_again(own_office: Office) -> None:
    """Goal: once a person has said that it is another one, it is synced, however old it is then."""
    office = own_office
    clock = office.emulator.emulator.clock
    office.connect()
    office.sync()
    office.settled()
    send_what_never_arrives(office)
    other = item(office, "Other")
    office.books.update("Item", other, Description="edited since")
    office.sync(code=3)
    assert (other, None) not in office.platform.links("item").values(), "it may be ours"
    clock.advance(LONG_SECONDS)
    office.wait_for_flights()
    office.sync(code=3)
    (waiting,) = office.parked(1)
    assert waiting["code"] == "may_be_ours"
    office.emulator.clear_faults()
    clock.advance(LONG_SECONDS)
    office.run("retry", str(waiting["link"]))
    office.sync()
    assert office.platform.of("Item", other)["description"] == "edited since"
    assert sorted(each["Name"] for each in office.books.find("Item", "Name = 'Advice'")) == [
        "Advice"
    ]
    office.settled()


def test_a_copy_stays_a_copy_whoever_retries_it(own_office: Office) -> None:
    """Goal: a QuickBooks record with the marker of another one is not made on the platform, also
    not when all that is parked is retried much later."""
    office = own_office
    office.connect()
    office.sync()
    office.settled()
    customer = office.platform.id_of("Customer", "5")
    row_id = office.platform.add(
        "payment", customer_id=customer, received_on=date(2026, 11, 2), amount=Decimal(30)
    )
    office.sync()
    paid = office.books.read("Payment", str(office.platform.quickbooks_id("payment", row_id)))
    names = ("CustomerRef", "TotalAmt", "PaymentRefNum", "TxnDate")
    copy = office.books.create("Payment", {name: paid[name] for name in names})
    before = len(office.platform.rows("payment"))
    for _ in range(2):
        office.sync(code=3)
        (parked,) = office.parked(1)
        assert parked["code"] == "twin"
        assert len(office.platform.rows("payment")) == before
        office.emulator.emulator.clock.advance(LONG_SECONDS)
        office.sync(code=3)  # the cursor moves on
        office.run("retry")
    office.books.delete("Payment", copy["Id"])
    office.sync()
    office.settled()
