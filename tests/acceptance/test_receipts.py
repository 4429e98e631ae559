"""Receipts: files of expenses, bills and vendor credits reach the other side whole, and once."""

from __future__ import annotations

import hashlib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from emulator.attachments import store_file
from emulator.company import Company, Record
from emulator.server import services
from models.marker import without_marker
from models.tables.platform import receipt_files, receipts
from tests.acceptance.conftest import ON_BOTH
from tests.fixtures.company import Office, purchase

on_both = pytest.mark.parametrize("database_kind", ON_BOTH, indirect=True)
#: Bytes that a careless upload spoils: line ends of all kinds, zeros, a boundary's dashes.
PICTURE = b"\x89PNG\r\n\x1a\n\r\n--x\r\n\x00\xff\n\n" + bytes(range(256)) * 40


def sha256(content: bytes) -> str:
    """As the platform names a file."""
    return hashlib.sha256(content).hexdigest()


def spend(office: Office, amount: str = "12.50", **more: Any) -> int:
    """An approved expense on the platform."""
    of = office.platform.id_of
    line = {"kind": "account", "account_id": of("Account", "31"), "amount": Decimal(amount)}
    row = {
        "payment_method": "cash",
        "payment_account_id": of("Account", "3"),
        "spent_on": date(2026, 11, 3),
        "status": "approved",
        **more,
    }
    return office.platform.add("expense", lines=[line], **row)


def attach(office: Office, expense_id: int, content: bytes | None = PICTURE, **more: Any) -> int:
    """A receipt of an expense, with its file unless content is None."""
    row = {"file_name": "lunch.png", "expense_id": expense_id, **more}
    receipt_id = office.platform.add("receipt", **row)
    if content is not None:
        store(office, receipt_id, content)
    return receipt_id


def store(office: Office, receipt_id: int, content: bytes, digest: str | None = None) -> None:
    """Put a receipt's file on the platform, and say so in its row."""
    with office.engine.begin() as connection:
        connection.execute(insert(receipt_files).values(receipt_id=receipt_id, content=content))
        connection.execute(
            update(receipts)
            .where(receipts.c.id == receipt_id)
            .values(sha256=digest or sha256(content))
        )


def stored(office: Office, receipt_id: int) -> bytes | None:
    """A receipt's file on the platform."""
    with office.engine.connect() as connection:
        found: bytes | None = connection.scalar(
            select(receipt_files.c.content).where(receipt_files.c.receipt_id == receipt_id)
        )
        return found


def held(office: Office, attachable_id: str) -> bytes:
    """An attachment's file in QuickBooks."""
    company = office.emulator.emulator.companies[office.emulator.realm_id]
    return company.files[attachable_id]


def upload(
    office: Office, entity: str, record_id: str, content: bytes = PICTURE, **more: Any
) -> str:
    """A file that somebody attaches in QuickBooks; the attachment's id."""
    body = {
        "FileName": "scan.pdf",
        "ContentType": "application/pdf",
        "AttachableRef": [{"EntityRef": {"type": entity, "value": record_id}}],
        **more,
    }
    made = office.books.create("Attachable", body)
    company = office.emulator.emulator.companies[office.emulator.realm_id]
    store_file(company, made["Id"], content, office.emulator.base_url)
    return str(made["Id"])


def uploads(office: Office) -> int:
    """How many files QuickBooks was sent so far."""
    calls = office.emulator.emulator.log
    return sum(each.verb == "upload" for each in calls)


def downloads(office: Office) -> int:
    """How many files QuickBooks was asked for so far."""
    return sum(each.verb == "download" for each in office.emulator.emulator.log)


# -- to QuickBooks --


@on_both
def test_a_receipt_is_uploaded_with_its_expense(office: Office) -> None:
    """Goal: an expense and its receipt, added together, stand in QuickBooks in one cycle."""
    expense = spend(office)
    receipt = attach(office, expense, note="Lunch with Zoë")
    office.sync()
    booked = office.books.one("Attachable")
    assert held(office, booked["Id"]) == PICTURE
    assert booked["FileName"] == "lunch.png"
    assert booked["ContentType"] == "image/png"
    assert booked["Size"] == len(PICTURE)
    (reference,) = booked["AttachableRef"]
    assert reference["EntityRef"]["type"].casefold() == "purchase"
    assert reference["EntityRef"]["value"] == office.platform.quickbooks_id("expense", expense)
    assert without_marker(booked["Note"]) == "Lunch with Zoë"
    assert "QS-" in booked["Note"]
    assert office.platform.quickbooks_id("receipt", receipt) == booked["Id"]
    row = office.platform.row("receipt", receipt)
    assert (row["size"], row["content_type"]) == (len(PICTURE), "image/png")
    assert row["note"] == "Lunch with Zoë"
    office.parked(0)
    office.settled()
    assert (uploads(office), downloads(office)) == (1, 0)


def test_the_intent_of_an_upload_holds_no_bytes(office: Office) -> None:
    """Goal: what is stored of an upload says which file it is, and is not the file."""
    content = b"%PDF secret words of a receipt"
    attach(office, spend(office), content, file_name="a.pdf")
    office.sync()
    with office.engine.connect() as connection:
        (payload,) = connection.exec_driver_sql(
            "SELECT payload FROM intents WHERE record_type = 'receipt'"
        ).scalars()
    assert sha256(content) in payload
    assert "secret words" not in payload


@on_both
def test_a_receipt_that_is_added_late(office: Office) -> None:
    """Goal: an expense that was synced long ago gets its receipt."""
    bought = office.books.create("Purchase", purchase("17.40"))
    office.sync()
    office.settled()
    expense = office.platform.id_of("Purchase", bought["Id"])
    attach(office, expense)
    office.sync()
    booked = office.books.one("Attachable")
    assert booked["AttachableRef"][0]["EntityRef"]["value"] == bought["Id"]
    office.settled()


@pytest.mark.parametrize(
    ("record_type", "entity", "column"),
    [("bill", "Bill", "bill_id"), ("vendor_credit", "VendorCredit", "vendor_credit_id")],
)
def test_receipts_of_other_documents(
    office: Office, record_type: str, entity: str, column: str
) -> None:
    """Goal: bills and vendor credits have receipts too."""
    line = purchase("30")["Line"]
    vendor = office.books.find("Vendor")[0]["Id"]
    booked = office.books.create(entity, {"VendorRef": {"value": vendor}, "Line": line})
    office.sync()
    row = office.platform.add(
        "receipt", file_name="b.pdf", **{column: office.platform.id_of(entity, booked["Id"])}
    )
    store(office, row, PICTURE)
    office.sync()
    (reference,) = office.books.one("Attachable")["AttachableRef"]
    assert reference["EntityRef"]["type"].casefold() == entity.casefold(), record_type
    assert reference["EntityRef"]["value"] == booked["Id"]
    office.settled()


@on_both
def test_a_receipt_waits_for_its_expense_without_a_word(office: Office) -> None:
    """Goal: an expense that nobody has approved yet keeps its receipt back, and brings it later."""
    expense = spend(office, status="submitted")
    attach(office, expense)
    office.sync()
    office.parked(0)
    assert office.books.find("Attachable") == []
    office.platform.edit("expense", expense, status="approved")
    office.sync()
    booked = office.books.one("Attachable")
    owner = booked["AttachableRef"][0]["EntityRef"]["value"]
    assert owner == office.platform.quickbooks_id("expense", expense)
    office.settled()


@on_both
def test_a_receipt_waits_for_its_file(office: Office) -> None:
    """Goal: the row is there, the file is not: it waits visibly, and goes when the file comes."""
    receipt = attach(office, spend(office), None)
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == ("file_missing", "sha256")
    assert office.books.find("Attachable") == []
    store(office, receipt, PICTURE)
    office.sync()
    assert held(office, office.books.one("Attachable")["Id"]) == PICTURE
    office.parked(0)
    office.settled()


def test_a_row_that_promises_a_file_that_comes_later(office: Office) -> None:
    """Goal: a hash without a file waits too; the file itself is no change that anybody sees."""
    receipt = attach(office, spend(office), None, sha256=sha256(PICTURE))
    office.sync(code=3)
    assert office.parked()[0]["code"] == "file_missing"
    with office.engine.begin() as connection:
        connection.execute(insert(receipt_files).values(receipt_id=receipt, content=PICTURE))
    office.sync()
    assert held(office, office.books.one("Attachable")["Id"]) == PICTURE
    office.settled()


#: Column values, content, limit, and the code and field of the refusal.
REFUSED: dict[str, tuple[dict[str, Any], bytes, int, str, str]] = {
    "kind": ({"file_name": "setup.exe"}, PICTURE, 10**6, "file_kind", "file_name"),
    "no ending": ({"file_name": "png"}, PICTURE, 10**6, "file_kind", "file_name"),
    "too large": ({"note": "x"}, PICTURE, 1_000, "file_too_large", "size"),
    "empty": ({"note": "x"}, b"", 10**6, "file_empty", "size"),
    "another file": ({"sha256": sha256(b"x")}, PICTURE, 10**6, "file_differs", "sha256"),
}


@on_both
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_sent(office: Office, case: str) -> None:
    """Goal: what QuickBooks would not take is named before it is sent, and holds up nobody."""
    values, content, limit, code, field = REFUSED[case]
    office.platform.choose(receipt_bytes_max=limit)
    expense = spend(office)
    wrong = office.platform.add("receipt", file_name="a.png", expense_id=expense)
    store(office, wrong, content)
    office.platform.edit("receipt", wrong, **values)
    good = attach(office, expense, b"small", file_name="b.txt")
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["field"]) == (code, field)
    assert office.books.one("Attachable")["FileName"] == "b.txt"
    assert office.platform.quickbooks_id("receipt", good) is not None
    assert office.platform.quickbooks_id("receipt", wrong) is None
    office.settled(code=3)
    office.platform.sql("DELETE FROM receipts WHERE id = :id", id=wrong)
    office.sync()
    office.parked(0)


def test_a_file_that_is_no_file(office: Office) -> None:
    """Goal: SQLite keeps whatever another program stores in place of bytes; it is named."""
    receipt = attach(office, spend(office), None, sha256=sha256(PICTURE))
    office.platform.sql(
        "INSERT INTO receipt_files (receipt_id, content) VALUES (:id, 'no bytes')", id=receipt
    )
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["value"]) == ("file_unreadable", "str")


@on_both
def test_the_same_file_twice(office: Office) -> None:
    """Goal: a file that was attached twice to one expense goes once; to another one it may go."""
    expense = spend(office)
    first = attach(office, expense, file_name="one.png")
    second = attach(office, expense, file_name="two.png")
    other = attach(office, spend(office, "9.10"), file_name="three.png")
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["record"]) == ("duplicate_file", "two.png")
    assert str(first) in parked["message"]
    names = {each["FileName"] for each in office.books.find("Attachable")}
    assert names == {"one.png", "three.png"}
    assert office.platform.quickbooks_id("receipt", other) is not None
    office.settled(code=3)
    late = attach(office, expense, file_name="four.png")
    office.sync(code=3)
    assert {each["code"] for each in office.parked(2)} == {"duplicate_file"}
    for surplus in (second, late):
        office.platform.sql("DELETE FROM receipts WHERE id = :id", id=surplus)
    office.sync()
    office.settled()
    assert uploads(office) == 2


@pytest.mark.parametrize("code", ["6041", "6050"])
def test_a_refusal_of_the_upload_itself(office: Office, code: str) -> None:
    """Goal: what QuickBooks refuses all the same is parked with what to do about it."""
    office.emulator.faults({"kind": "fault", "verb": "upload", "code": code, "count": None})
    attach(office, spend(office))
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == f"fault_{code}"
    assert "Attach" in parked["fix"]
    assert office.platform.open_intents() == 0


# -- answers that are lost --


@on_both
@pytest.mark.parametrize("honoured", [True, False], ids=["honoured", "ignored"])
@pytest.mark.parametrize("kind", ["answer_lost", "truncated", "saved_but_6000"])
def test_a_lost_answer_of_an_upload(office: Office, kind: str, honoured: bool) -> None:
    """Goal: QuickBooks kept the file and nobody heard of it: it is found by its marker."""
    office.emulator.emulator.options.honour_request_ids = honoured
    (rule,) = office.emulator.faults({"kind": kind, "verb": "upload"})
    receipt = attach(office, spend(office))
    office.sync()
    assert rule.struck == 1
    booked = office.books.one("Attachable")
    assert held(office, booked["Id"]) == PICTURE
    assert office.platform.quickbooks_id("receipt", receipt) == booked["Id"]
    assert office.platform.row("receipt", receipt)["size"] == len(PICTURE)
    office.parked(0)
    office.settled()
    assert (uploads(office), downloads(office)) == (1, 0)


def test_an_upload_that_never_arrived_goes_again_with_its_bytes(office: Office) -> None:
    """Goal: a send that was lost on its way is sent again once it can no longer land."""
    office.emulator.emulator.options.honour_request_ids = False
    office.emulator.faults({"kind": "refuse_before", "verb": "upload", "count": 3})
    attach(office, spend(office))
    for _ in range(4):
        office.run("sync", code=None)
        office.wait_for_flights()
    assert held(office, office.books.one("Attachable")["Id"]) == PICTURE
    office.parked(0)
    office.settled()


def test_a_file_that_changed_while_its_first_send_was_unknown(office: Office) -> None:
    """Goal: what was planned is one file; another one is never sent in its name."""
    office.emulator.emulator.options.honour_request_ids = False
    office.emulator.faults({"kind": "refuse_before", "verb": "upload", "count": None})
    receipt = attach(office, spend(office))
    office.sync(code=3)
    assert office.platform.open_intents() == 1
    office.emulator.clear_faults()
    with office.engine.begin() as connection:
        connection.execute(update(receipt_files).values(content=b"another"))
    office.platform.edit("receipt", receipt, sha256=sha256(b"another"))
    for _ in range(3):
        office.wait_for_flights()
        office.run("sync", code=None)
    assert held(office, office.books.one("Attachable")["Id"]) == b"another"
    office.parked(0)
    office.settled()


def test_a_file_that_quickbooks_did_not_keep_whole(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goal: the answer to an upload is verified; what is damaged stays named until it is gone."""

    def half(company: Company, record_id: str, content: bytes, base_url: str) -> Record:
        return store_file(company, record_id, content[:100], base_url)

    monkeypatch.setattr(services, "store_file", half)
    receipt = attach(office, spend(office))
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["value"]) == ("file_size_differs", "100")
    assert office.platform.quickbooks_id("receipt", receipt) is not None
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["value"]) == ("file_size_differs", "100")
    assert uploads(office) == 1
    office.books.delete("Attachable", office.books.one("Attachable")["Id"])
    office.platform.sql("DELETE FROM receipts WHERE id = :id", id=receipt)
    office.sync()
    office.parked(0)
    office.settled()


@on_both
def test_a_file_that_is_replaced_on_the_platform(office: Office) -> None:
    """Goal: QuickBooks cannot replace a file, so a new one under an old receipt is named."""
    receipt = attach(office, spend(office))
    office.sync()
    for content, code in ((b"another", 3), (PICTURE, 0)):
        with office.engine.begin() as connection:
            connection.execute(update(receipt_files).values(content=content))
        office.platform.edit("receipt", receipt, sha256=sha256(content))
        office.sync(code=code)
        parked = office.parked(1 if code else 0)
        assert [each["code"] for each in parked] == ["file_size_differs"] * len(parked)
        assert held(office, office.books.one("Attachable")["Id"]) == PICTURE
    office.settled()
    assert uploads(office) == 1


def test_what_was_kept_in_part_of_an_upload_without_an_answer(office: Office) -> None:
    """Goal: the marker alone is not enough to adopt an upload; the file must be whole."""
    office.emulator.emulator.options.honour_request_ids = False
    office.emulator.faults(
        {"kind": "answer_lost", "verb": "upload"},
        {"kind": "status", "verb": "query", "match": "Attachable", "status": 503, "count": None},
    )
    receipt = attach(office, spend(office))
    office.sync(code=3)
    assert office.platform.open_intents() == 1
    office.emulator.clear_faults()
    half = office.books.one("Attachable")["Id"]
    company = office.emulator.emulator.companies[office.emulator.realm_id]
    store_file(company, half, PICTURE[:100], office.emulator.base_url)
    office.wait_for_flights()
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["value"]) == ("file_size_differs", "100")
    office.books.delete("Attachable", half)
    office.run("retry", str(parked["link"]))
    office.sync()
    assert held(office, office.books.one("Attachable")["Id"]) == PICTURE
    assert office.platform.quickbooks_id("receipt", receipt) != half
    office.parked(0)
    office.settled()


# -- from QuickBooks --


@on_both
def test_a_file_of_quickbooks_arrives_once(office: Office) -> None:
    """Goal: what somebody attaches in QuickBooks stands on the platform with its bytes."""
    bought = office.books.create("Purchase", purchase("17.40"))
    attachable = upload(office, "Purchase", bought["Id"], Note="From the till")
    office.sync()
    row = office.platform.of("Attachable", attachable)
    assert row["expense_id"] == office.platform.id_of("Purchase", bought["Id"])
    assert (row["file_name"], row["note"]) == ("scan.pdf", "From the till")
    assert (row["size"], row["sha256"]) == (len(PICTURE), sha256(PICTURE))
    assert stored(office, row["id"]) == PICTURE
    (entry,) = office.platform.audit("file.fetched")
    assert entry["sha256"] == sha256(PICTURE)
    office.settled()
    office.books.update("Attachable", attachable, **full(office, attachable, Note="Seen"))
    office.sync()
    office.settled()
    assert (uploads(office), downloads(office)) == (0, 1)


def full(office: Office, attachable: str, **values: Any) -> dict[str, Any]:
    """All of an attachment, as QuickBooks wants it for an edit."""
    record = office.books.read("Attachable", attachable)
    kept = ("FileName", "ContentType", "AttachableRef", "Note", "Category", "Tag")
    return {"sparse": False, **{name: record[name] for name in kept if name in record}, **values}


def test_files_of_other_documents_are_not_ours(office: Office) -> None:
    """Goal: files of invoices, mere notes and files of deleted purchases are left alone."""
    upload(office, "Invoice", "7")
    bought = office.books.create("Purchase", purchase("17.40"))
    owner = [{"EntityRef": {"type": "Purchase", "value": bought["Id"]}}]
    office.books.create("Attachable", {"Note": "a note", "AttachableRef": owner})
    gone = office.books.create("Purchase", purchase("3.10"))
    upload(office, "Purchase", gone["Id"])
    office.books.delete("Purchase", gone["Id"])
    office.sync()
    assert office.platform.rows("receipt") == []
    office.parked(0)
    office.settled()
    assert downloads(office) == 0


#: How a download fails, and what it says.
FAILING: dict[str, tuple[dict[str, Any], str]] = {
    "refused": ({"kind": "fault", "verb": "download", "code": "6000"}, "6000"),
    "busy": ({"kind": "status", "verb": "download", "status": 503}, "503"),
}


@on_both
@pytest.mark.parametrize("case", FAILING)
def test_a_file_that_cannot_be_fetched_waits_and_comes_later(office: Office, case: str) -> None:
    """Goal: one failing download is visible, holds up nobody, and is tried again by itself."""
    rule, words = FAILING[case]
    bought = office.books.create("Purchase", purchase("17.40"))
    attachable = upload(office, "Purchase", bought["Id"])
    office.emulator.faults({**rule, "count": None})
    office.sync(code=3)
    (parked,) = office.parked()
    assert parked["code"] == "file_not_fetched"
    assert words in parked["message"]
    office.platform.edit("expense", office.platform.id_of("Purchase", bought["Id"]), memo="x")
    office.sync(code=3)
    assert office.books.read("Purchase", bought["Id"])["PrivateNote"] == "x"
    office.emulator.clear_faults()
    office.clock.sleep(3_600)
    office.sync()
    assert stored(office, office.platform.id_of("Attachable", attachable)) == PICTURE
    office.parked(0)
    office.settled()


def test_only_the_failing_file_waits(office: Office) -> None:
    """Goal: of two files, the one that QuickBooks lost waits and the other one comes."""
    bought = office.books.create("Purchase", purchase("17.40"))
    lost = upload(office, "Purchase", bought["Id"], FileName="lost.pdf")
    fine = upload(office, "Purchase", bought["Id"], b"fine", FileName="fine.txt")
    company = office.emulator.emulator.companies[office.emulator.realm_id]
    del company.files[lost]
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["record"]) == ("file_not_fetched", "lost.pdf")
    assert stored(office, office.platform.id_of("Attachable", fine)) == b"fine"
    company.files[lost] = PICTURE
    office.run("retry", "--json")
    office.sync()
    assert stored(office, office.platform.id_of("Attachable", lost)) == PICTURE
    office.parked(0)


def test_a_file_beyond_the_limit_is_not_fetched(office: Office) -> None:
    """Goal: the declared size is enough to leave it; a lie about it does not get through."""
    office.platform.choose(receipt_bytes_max=1_000)
    bought = office.books.create("Purchase", purchase("17.40"))
    declared = upload(office, "Purchase", bought["Id"], FileName="declared.pdf")
    liar = upload(office, "Purchase", bought["Id"], b"short", FileName="liar.pdf")
    company = office.emulator.emulator.companies[office.emulator.realm_id]
    company.files[liar] = PICTURE
    office.sync(code=3)
    messages = {each["record"]: each["message"] for each in office.parked(2)}
    assert f"{len(PICTURE):,} bytes" in messages["declared.pdf"]
    assert "more than 1,000 bytes" in messages["liar.pdf"]
    assert downloads(office) == 1
    assert stored(office, office.platform.id_of("Attachable", declared)) is None
    assert stored(office, office.platform.id_of("Attachable", liar)) is None


def test_a_file_that_is_cut_off_is_not_kept(office: Office) -> None:
    """Goal: fewer bytes than QuickBooks declares are not that file."""
    bought = office.books.create("Purchase", purchase("17.40"))
    attachable = upload(office, "Purchase", bought["Id"])
    company = office.emulator.emulator.companies[office.emulator.realm_id]
    company.files[attachable] = PICTURE[:100]
    office.sync(code=3)
    assert "100 came" in office.parked()[0]["message"]
    row = office.platform.of("Attachable", attachable)
    assert (row["sha256"], stored(office, row["id"])) == (None, None)


# -- edits and deletes --


@on_both
def test_the_note_is_edited_on_both_sides(office: Office) -> None:
    """Goal: an edit is a full update, which keeps all else that stands in QuickBooks."""
    receipt = attach(office, spend(office), note="first")
    office.sync()
    attachable = str(office.platform.quickbooks_id("receipt", receipt))
    more = full(office, attachable, Category="Receipt", Tag="trip")
    office.books.update("Attachable", attachable, **more)
    office.sync()
    before = office.books.read("Attachable", attachable)
    office.platform.edit("receipt", receipt, note="second")
    office.sync()
    after = office.books.read("Attachable", attachable)
    assert without_marker(after["Note"]) == "second"
    assert "QS-" in after["Note"]
    for name in ("FileName", "ContentType", "AttachableRef", "Category", "Tag", "Size"):
        assert after[name] == before[name], name
    assert held(office, attachable) == PICTURE
    note = after["Note"].replace("second", "third")
    office.books.update("Attachable", attachable, **full(office, attachable, Note=note))
    office.sync()
    assert office.platform.row("receipt", receipt)["note"] == "third"
    office.settled()
    assert (uploads(office), downloads(office)) == (1, 0)


@on_both
def test_a_receipt_is_deleted_on_either_side(office: Office) -> None:
    """Goal: a receipt that goes on one side goes on the other."""
    expense = spend(office)
    here = attach(office, expense, file_name="here.png")
    there = attach(office, expense, b"there", file_name="there.txt")
    office.sync()
    ids = {row: str(office.platform.quickbooks_id("receipt", row)) for row in (here, there)}
    office.platform.sql("DELETE FROM receipts WHERE id = :id", id=here)
    office.books.delete("Attachable", ids[there])
    office.sync()
    assert office.books.find("Attachable") == []
    assert office.platform.rows("receipt") == []
    office.parked(0)
    office.settled()


@on_both
def test_a_deleted_expense_leaves_its_receipt_on_both_sides(office: Office) -> None:
    """Goal: QuickBooks keeps the files of what is deleted, and so does the platform."""
    bought = office.books.create("Purchase", purchase("17.40"))
    upload(office, "Purchase", bought["Id"])
    office.sync()
    expense = spend(office)
    receipt = attach(office, expense)
    office.sync()
    office.books.delete("Purchase", bought["Id"])
    office.platform.edit(
        "expense", expense, deleted_at=office.platform.row("expense", expense)["updated_at"]
    )
    office.sync()
    assert len(office.books.find("Attachable")) == 2
    assert len(office.platform.rows("receipt")) == 2
    office.settled()
    late = attach(office, expense, b"late", file_name="late.txt")
    office.sync(code=3)
    (parked,) = office.parked()
    assert (parked["code"], parked["record"]) == ("missing_parent", "late.txt")
    for row in (receipt, late):
        office.platform.sql("DELETE FROM receipts WHERE id = :id", id=row)
    office.sync()
    assert len(office.books.find("Attachable")) == 1
    office.parked(0)
    office.settled()
