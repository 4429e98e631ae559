"""Creating, updating, deleting and voiding: what is kept, what is derived, what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from emulator_books import Client, invoice, payment, purchase, refusal, sales_line

from emulator.testing import RunningEmulator

CARD, CHECKING, RECEIVABLE = "12", "1", "4"


def test_an_invoice_is_served_as_the_recorded_ones_are(client: Client) -> None:
    made = client.save("Invoice", invoice("1", "500.00", TxnDate="2026-11-10"))
    assert made["Line"] == [
        {
            "Id": "1",
            "LineNum": 1,
            "Amount": 500,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {
                "ItemRef": {"value": "2", "name": "Strategy Consulting"},
                "ItemAccountRef": {"value": "19", "name": "Consulting Income"},
                "TaxCodeRef": {"value": "NON"},
            },
            "CustomExtensions": [],
        },
        {"Amount": 500, "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}},
    ]
    assert made["CustomerRef"] == {"value": "1", "name": "Tidewater Aquaculture"}
    assert made["CurrencyRef"] == {"value": "USD", "name": "United States Dollar"}
    assert (made["DocNumber"], made["SyncToken"]) == ("1015", "0")
    assert (made["TotalAmt"], made["Balance"]) == (500, 500)
    assert (made["domain"], made["sparse"]) == ("QBO", False)
    assert made["DueDate"] == "2026-12-10", "the company's terms, as the recorded company shows"
    assert made["TxnTaxDetail"] == {"TotalTax": 0}
    assert made["LinkedTxn"] == made["CustomField"] == []
    assert made["BillAddr"]["City"] == "Bath"
    assert set(made["MetaData"]) == {"CreateTime", "LastModifiedByRef", "LastUpdatedTime"}


def test_due_dates_follow_the_terms(client: Client) -> None:
    by_terms = client.save("Invoice", invoice(TxnDate="2026-11-10", SalesTermRef={"value": "2"}))
    assert by_terms["DueDate"] == "2026-11-25"
    assert by_terms["SalesTermRef"]["name"] == "Net 15"
    given = client.save("Invoice", invoice(TxnDate="2026-11-10", DueDate="2026-11-30"))
    assert given["DueDate"] == "2026-11-30"
    monthly = client.save("Term", {"Name": "The 5th", "DayOfMonthDue": 5, "DueNextMonthDays": 10})
    assert monthly["Type"] == "DATE_DRIVEN"
    late = invoice(TxnDate="2026-11-28", SalesTermRef={"value": monthly["Id"]})
    assert client.save("Invoice", late)["DueDate"] == "2027-01-05"


def test_discount_description_and_tax(client: Client) -> None:
    discount = {
        "Amount": 0,
        "DetailType": "DiscountLineDetail",
        "DiscountLineDetail": {"PercentBased": True, "DiscountPercent": Decimal("12.5")},
    }
    text = {"Description": "As agreed", "DetailType": "DescriptionOnly"}
    lines = [discount, text, sales_line("80.10"), sales_line("20.03", TaxCodeRef={"value": "TAX"})]
    body = invoice() | {"Line": lines, "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}}
    made = client.save("Invoice", body)
    kinds = [line["DetailType"] for line in made["Line"]]
    assert kinds == [
        "DescriptionOnly",
        "SalesItemLineDetail",
        "SalesItemLineDetail",
        "SubTotalLineDetail",
        "DiscountLineDetail",
    ]
    assert [line.get("Id") for line in made["Line"]] == ["1", "2", "3", None, None]
    assert [line.get("Amount") for line in made["Line"]] == [
        None,
        Decimal("80.1"),
        Decimal("20.03"),
        Decimal("100.13"),
        Decimal("12.52"),
    ]
    assert made["TxnTaxDetail"]["TotalTax"] == Decimal("1.1")
    assert made["TotalAmt"] == Decimal("88.71")


def test_a_given_tax_total_is_kept(client: Client) -> None:
    made = client.save("Invoice", invoice(TxnTaxDetail={"TotalTax": Decimal("7.77")}))
    assert made["TotalAmt"] == Decimal("107.77")


def test_numbers_travel_exactly(client: Client) -> None:
    line = sales_line("409.09", Qty=450, UnitPrice=Decimal("0.9090889"))
    made = client.save("Invoice", invoice() | {"Line": [line]})
    response = client.get(f"invoice/{made['Id']}")
    assert '"Amount":409.09' in response.text
    assert '"UnitPrice":0.9090889' in response.text
    assert '"TotalTax":0}' in response.text


def test_text_numbers_and_numeric_ids_are_understood(client: Client) -> None:
    body = {"CustomerRef": {"value": 1}, "Line": [sales_line("10") | {"Amount": "10.50"}]}
    assert client.save("Invoice", body)["TotalAmt"] == Decimal("10.5")
    error = refusal(client.post("invoice", invoice() | {"ExchangeRate": "dear"}))
    assert error["code"] == "2080"


def test_a_sparse_update_keeps_and_a_full_one_empties(client: Client) -> None:
    made = client.save("Invoice", invoice(PrivateNote="first", CustomerMemo={"value": "thanks"}))
    sparse = client.edit("Invoice", made["Id"], PrivateNote="second")
    assert (sparse["PrivateNote"], sparse["CustomerMemo"]) == ("second", {"value": "thanks"})
    assert sparse["SyncToken"] == "1"
    assert sparse["Line"] == made["Line"]
    full = client.save("Invoice", invoice(Id=made["Id"], SyncToken="1"))
    assert "PrivateNote" not in full
    assert "CustomerMemo" not in full
    assert full["DocNumber"] == made["DocNumber"]


def test_sparse_values_can_be_emptied(client: Client) -> None:
    made = client.save("Invoice", invoice(PrivateNote="first"))
    assert "PrivateNote" not in client.edit("Invoice", made["Id"], PrivateNote="")
    kept = client.edit("Customer", "1", DisplayName="", PrintOnCheckName="", Notes="")
    assert kept["DisplayName"] == "Tidewater Aquaculture"
    missing = client.post(
        "invoice", {"Id": made["Id"], "SyncToken": "1", "sparse": True, "CustomerRef": None}
    )
    assert refusal(missing)["code"] == "2020"


def test_lines_are_replaced_as_a_whole(client: Client) -> None:
    made = client.save("Invoice", invoice() | {"Line": [sales_line(10), sales_line(20)]})
    second = {**made["Line"][1], "Amount": 25}
    new, unknown = sales_line(5), sales_line(6) | {"Id": "77"}
    edited = client.edit("Invoice", made["Id"], Line=[second, new, unknown])
    numbered = [line for line in edited["Line"] if "Id" in line]
    assert [(line["Id"], line["LineNum"], line["Amount"]) for line in numbered] == [
        ("2", 1, 25),
        ("3", 2, 5),
        ("4", 3, 6),
    ]
    assert edited["TotalAmt"] == edited["Balance"] == 36


def test_a_card_refund_becomes_a_charge_by_a_full_update(client: Client) -> None:
    made = client.save("Purchase", purchase("CreditCard", CARD, Credit=True))
    assert made["Credit"] is True
    assert made["PurchaseEx"]["any"][0]["value"] == {"Name": "TxnType", "Value": "11"}
    full = client.save("Purchase", purchase("CreditCard", CARD, Id=made["Id"], SyncToken="0"))
    assert full["Credit"] is False


def test_an_update_that_changes_nothing_leaves_no_trace(client: Client) -> None:
    for entity, record_id in (("Invoice", "8"), ("Payment", "29"), ("Purchase", "12")):
        stored = client.read(entity, record_id)
        again = client.save(entity, {**stored, "sparse": True})
        assert again == stored
    stored = client.read("Customer", "2")
    client.running.clock.advance(5)
    assert client.edit("Customer", "2", GivenName=stored["GivenName"]) == stored


def test_a_stale_token_names_who_was_faster(client: Client, accountant: Client) -> None:
    accountant.edit("Invoice", "7", PrivateNote="mine")
    body = {"Id": "7", "SyncToken": "0", "sparse": True, "PrivateNote": "yours"}
    response = client.post("invoice", body)
    error = refusal(response)
    assert (response.status_code, error["code"]) == (400, "5010")
    assert error["Message"] == "Stale Object Error"
    assert "You and accountant were working on this at the same time" in error["Detail"]


def test_what_is_missing_in_an_update_is_named(client: Client) -> None:
    assert refusal(client.post("invoice", {"Id": "7", "sparse": True}))["element"] == "SyncToken"
    bill = {"Id": "20", "SyncToken": "0", "sparse": True, "PrivateNote": "x"}
    assert refusal(client.post("bill", bill))["element"] == "VendorRef"
    spent = {"Id": "23", "SyncToken": "0", "sparse": True, "PrivateNote": "x"}
    assert refusal(client.post("purchase", spent))["element"] == "PaymentType"
    journal = {"Id": "1", "SyncToken": "0", "sparse": True, "PrivateNote": "x"}
    assert client.post("journalentry", journal).status_code == 200


def test_deleting(client: Client) -> None:
    made = client.save("Invoice", invoice())
    echoed = client.post("purchase", client.read("Purchase", "23"), operation="delete")
    assert refusal(echoed)["code"] == "2010"
    response = client.delete("Invoice", made["Id"])
    assert response.json()["Invoice"] == {"status": "Deleted", "domain": "QBO", "Id": made["Id"]}
    gone = client.get(f"invoice/{made['Id']}")
    assert (gone.status_code, refusal(gone)["code"]) == (400, "610")
    body = {"Id": made["Id"], "SyncToken": "0"}
    assert refusal(client.post("invoice", body, operation="delete"))["code"] == "610"
    customer = client.post("customer", {"Id": "1", "SyncToken": "0"}, operation="delete")
    assert refusal(customer)["Detail"] == "Operation Delete Customer is not supported."


def test_transactions_share_one_sequence_of_ids(client: Client) -> None:
    one = client.save("Invoice", invoice())
    two = client.save("Purchase", purchase())
    assert int(two["Id"]) == int(one["Id"]) + 1
    wrong = client.get(f"invoice/{two['Id']}")
    assert "TxnType does not match read: Expense expected: Invoice" in refusal(wrong)["Detail"]
    assert client.save("Customer", {"DisplayName": "New"})["Id"] == "9"


def test_a_paid_invoice_cannot_be_deleted(client: Client) -> None:
    assert "linked to others" in refusal(client.delete("Invoice", "3"))["Detail"]


def test_voiding_an_invoice_frees_its_payment(client: Client) -> None:
    made = client.save("Invoice", invoice("1", 90, PrivateNote="hello"))
    paid = client.save("Payment", payment("1", 90, (made["Id"], 90)))
    token = client.read("Invoice", made["Id"])["SyncToken"]
    body = {"Id": made["Id"], "SyncToken": token}
    assert (
        refusal(client.post("invoice", body, operation="update", include="void"))["code"] == "500"
    )
    response = client.post("invoice", body, operation="void")
    voided = response.json()["Invoice"]
    assert (voided["TotalAmt"], voided["Balance"]) == (0, 0)
    assert voided["PrivateNote"] == "Voided - hello"
    assert [line["Amount"] for line in voided["Line"]] == [0, 0]
    freed = client.read("Payment", paid["Id"])
    assert (freed["Line"], freed["UnappliedAmt"], freed["SyncToken"]) == ([], 90, "1")


def test_what_was_deposited_cannot_be_voided(client: Client) -> None:
    body = {"Id": "3", "SyncToken": client.read("Invoice", "3")["SyncToken"]}
    assert refusal(client.post("invoice", body, operation="void"))["code"] == "6540"


def test_voiding_a_payment_opens_the_invoice(client: Client) -> None:
    paid = client.save("Payment", payment("4", 100, ("7", 100)))
    assert client.read("Invoice", "7")["Balance"] == 2510
    body = {"Id": paid["Id"], "SyncToken": "0", "sparse": True}
    response = client.post("payment", body, operation="update", include="void")
    voided = response.json()["Payment"]
    assert (voided["TotalAmt"], voided["UnappliedAmt"], voided["Line"]) == (0, 0, [])
    assert voided["PrivateNote"] == "Voided"
    assert client.read("Invoice", "7")["Balance"] == 2610
    assert refusal(client.post("purchase", body, operation="void"))["code"] == "500"


def test_inactive_names_are_marked(client: Client) -> None:
    gone = client.edit("Customer", "8", Active=False)
    assert gone["DisplayName"] == gone["FullyQualifiedName"] == "Ana Ferreira (deleted)"
    assert gone["PrintOnCheckName"] == "Ana Ferreira"
    used = client.post("invoice", invoice("8"))
    assert refusal(used)["code"] == "610"
    assert "made inactive" in refusal(used)["Detail"]
    assert client.read("Invoice", "24")["CustomerRef"]["name"] == "Ana Ferreira (deleted)"
    # the old document may still be edited: it held the reference before
    assert client.edit("Invoice", "24", PrivateNote="x")["PrivateNote"] == "x"
    client.save("Customer", {"DisplayName": "Ana Ferreira"})
    back = client.edit("Customer", "8", DisplayName="Ana F.", Active=True)
    assert back["DisplayName"] == "Ana F."


def test_reactivation_takes_the_mark_off(client: Client) -> None:
    client.edit("Class", "1", Active=False)
    assert client.edit("Class", "1", Active=True)["Name"] == "Strategy"


def test_who_owes_cannot_go_inactive(client: Client) -> None:
    body = {"Id": "1", "SyncToken": "0", "sparse": True, "Active": False}
    assert refusal(client.post("customer", body))["code"] == "6220"


def test_names_and_paths(client: Client) -> None:
    made = client.save("Customer", {"GivenName": "Iris", "FamilyName": "Moe"})
    assert made["DisplayName"] == made["PrintOnCheckName"] == "Iris Moe"
    assert (made["Balance"], made["BalanceWithJobs"]) == (0, 0)
    job = client.save(
        "Customer", {"DisplayName": "Barn", "Job": True, "ParentRef": {"value": made["Id"]}}
    )
    assert (job["FullyQualifiedName"], job["Level"]) == ("Iris Moe:Barn", 1)
    assert job["ParentRef"] == {"value": made["Id"]}
    client.edit("Customer", made["Id"], DisplayName="Iris M.")
    assert client.read("Customer", job["Id"])["FullyQualifiedName"] == "Iris M.:Barn"


def test_a_new_name_shows_in_old_documents(client: Client) -> None:
    before = client.read("Invoice", "7")
    client.edit("Customer", "4", DisplayName="Elmwood Schools")
    after = client.read("Invoice", "7")
    assert after["CustomerRef"] == {"value": "4", "name": "Elmwood Schools"}
    assert after["MetaData"] == before["MetaData"]
    assert after["SyncToken"] == before["SyncToken"]


def test_accounts_derive_what_they_can(client: Client) -> None:
    bank = client.save("Account", {"Name": "New Bank", "AccountType": "Bank"})
    assert (bank["AccountSubType"], bank["Classification"]) == ("CashOnHand", "Asset")
    card = client.save("Account", {"Name": "New Card", "AccountSubType": "CreditCard"})
    assert (card["AccountType"], card["Classification"]) == ("Credit Card", "Liability")
    sub = {"Name": "Trains", "AccountType": "Expense", "SubAccount": True}
    child = client.save("Account", {**sub, "ParentRef": {"value": "34"}})
    assert child["FullyQualifiedName"] == "Travel:Trains"
    assert child["ParentRef"] == {"value": "34"}


def test_closed_books(client: Client) -> None:
    prefs = client.read("Preferences", "1")
    edited = client.save(
        "Preferences",
        {
            "Id": "1",
            "SyncToken": prefs["SyncToken"],
            "sparse": True,
            "AccountingInfoPrefs": {"BookCloseDate": "2026-09-30"},
        },
    )
    assert edited["AccountingInfoPrefs"]["TrackDepartments"] is True
    closed = client.post("invoice", invoice(TxnDate="2026-09-30"))
    assert refusal(closed)["code"] == "6210"
    assert "closed" in refusal(closed)["Detail"]
    old = {"Id": "3", "SyncToken": client.read("Invoice", "3")["SyncToken"], "sparse": True}
    assert refusal(client.post("invoice", {**old, "TxnDate": "2026-11-01"}))["code"] == "6210"
    assert refusal(client.delete("Purchase", "2"))["code"] == "6210"
    assert client.post("invoice", invoice(TxnDate="2026-10-01")).status_code == 200


def test_a_deposited_payment_is_frozen(client: Client) -> None:
    body = {"Id": "15", "SyncToken": client.read("Payment", "15")["SyncToken"], "sparse": True}
    assert refusal(client.post("payment", {**body, "PrivateNote": "x"}))["code"] == "6540"
    assert refusal(client.delete("Payment", "15"))["code"] == "6540"
    client.delete("Deposit", "30")
    assert client.edit("Payment", "15", PrivateNote="x")["PrivateNote"] == "x"


def test_document_numbers(client: Client) -> None:
    given = client.save("Invoice", invoice(DocNumber="1001"))
    assert given["DocNumber"] == "1001", "a duplicate is kept where the company numbers itself"
    prefs = {"Id": "1", "SyncToken": "0", "sparse": True}
    client.save("Preferences", {**prefs, "SalesFormsPrefs": {"CustomTxnNumbers": True}})
    assert "DocNumber" not in client.save("Invoice", invoice())
    taken = client.post("invoice", invoice(DocNumber="1002"))
    assert "DocNumber=1002 is assigned to TxnType=Invoice with TxnId=4" in refusal(taken)["Detail"]
    assert client.save("Invoice", invoice(DocNumber="1002"), include="allowduplicatedocnum")
    client.running.emulator.options.warn_duplicate_numbers = False
    assert client.save("Invoice", invoice(DocNumber="1003"))


def test_duplicate_check_numbers_follow_the_preference(client: Client) -> None:
    taken = client.post("purchase", purchase("Check", DocNumber="2041"))
    assert refusal(taken)["code"] == "6140"
    off = {"NameValue": [{"Name": "WarnDuplicateCheckNumber", "Value": "false"}]}
    prefs = {"Id": "1", "SyncToken": "0", "sparse": True, "OtherPrefs": off}
    client.save("Preferences", prefs)
    assert client.save("Purchase", purchase("Check", DocNumber="2041"))["DocNumber"] == "2041"


def test_foreign_currency(client: Client) -> None:
    prefs = {"Id": "1", "SyncToken": "0", "sparse": True}
    client.save("Preferences", {**prefs, "CurrencyPrefs": {"MultiCurrencyEnabled": True}})
    client.save("CompanyCurrency", {"Code": "EUR"})
    client.save(
        "Account",
        {"Name": "A/R EUR", "AccountType": "Accounts Receivable", "CurrencyRef": {"value": "EUR"}},
    )
    party = client.save("Customer", {"DisplayName": "Rue", "CurrencyRef": {"value": "EUR"}})
    made = client.save("Invoice", invoice(party["Id"], 100, ExchangeRate=Decimal("1.0845")))
    assert made["CurrencyRef"] == {"value": "EUR", "name": "Euro"}
    assert (made["ExchangeRate"], made["HomeTotalAmt"]) == (Decimal("1.0845"), Decimal("108.45"))
    assert made["HomeBalance"] == Decimal("108.45")
    wrong = client.post("invoice", invoice("1", CurrencyRef={"value": "EUR"}))
    assert refusal(wrong)["code"] == "6000"
    kept = client.edit("Customer", party["Id"], CurrencyRef={"value": "USD"})
    assert kept["CurrencyRef"]["value"] == "EUR"


def test_journal_entries_balance(client: Client) -> None:
    def line(side: str, amount: int, account: str = "31") -> dict[str, Any]:
        detail = {"PostingType": side, "AccountRef": {"value": account}}
        kind = "JournalEntryLineDetail"
        return {"Amount": amount, "DetailType": kind, kind: detail}

    made = client.save("JournalEntry", {"Line": [line("Debit", 5), line("Credit", 5, CHECKING)]})
    assert [entry["Id"] for entry in made["Line"]] == ["0", "1"]
    assert made["TotalAmt"] == 0
    off = client.post("journalentry", {"Line": [line("Debit", 5), line("Credit", 4)]})
    assert refusal(off)["code"] == "2300"
    nobody = {"Line": [line("Debit", 5, RECEIVABLE), line("Credit", 5)]}
    assert "customer" in refusal(client.post("journalentry", nobody))["Detail"]


def test_an_opening_balance_becomes_an_invoice(client: Client) -> None:
    made = client.save("Customer", {"DisplayName": "Old Debt", "Balance": Decimal("75.5")})
    assert client.read("Customer", made["Id"])["Balance"] == Decimal("75.5")
    found = client.query(f"select * from Invoice where CustomerRef = '{made['Id']}'")["Invoice"]
    assert (found[0]["TotalAmt"], found[0]["PrivateNote"]) == (Decimal("75.5"), "Opening Balance")


def test_every_entity_reads_back_what_the_demo_company_has(client: Client) -> None:
    company = client.running.company
    for entity, records in company.records.items():
        for record_id, record in records.items():
            assert client.read(entity, record_id) == record


def test_company_info_is_found_by_realm(client: Client) -> None:
    info = client.read("CompanyInfo", client.running.realm_id)
    assert (info["CompanyName"], info["Country"]) == ("Harbor & Pine Consulting", "US")
    assert client.get("preferences").json()["Preferences"]["Id"] == "1"
    assert refusal(client.get("companyinfo/123"))["code"] == "610"


def test_unreadable_bodies_and_unknown_places(client: Client) -> None:
    url = f"{client.company_url}/invoice"
    broken = client.http.post(url, content=b"{", headers={"Content-Type": "application/json"})
    assert refusal(broken)["code"] == "2010"
    assert refusal(client.post("invoice", [1]))["code"] == "2010"
    assert refusal(client.post("unicorn", {}))["code"] == "500"
    assert refusal(client.get("invoice"))["code"] == "500"
    assert client.http.put(url, content=b"{}").status_code == 405


def test_a_failed_write_is_undone(client: Client, running: RunningEmulator) -> None:
    # the first link is good, the second is not: nothing of the payment may stay
    customer = client.read("Customer", "4")
    body = payment("4", 300, ("7", 100), ("33", 100), ("999", 100))
    assert refusal(client.post("payment", body))["code"] == "2500"
    assert client.read("Invoice", "7")["Balance"] == 2610
    assert client.read("Customer", "4") == customer
    assert running.company.journal == []
    assert client.post("invoice", invoice(amount=-1)).status_code == 400
    assert client.save("Invoice", invoice())["DocNumber"] == "1015", "no number was used up"
