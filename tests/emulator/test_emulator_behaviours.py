"""What QuickBooks does by itself: tax, credits, bundles, stock, currencies, closing of orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from emulator_books import Client, expense_line, invoice, payment, purchase, refusal, sales_line

from emulator.testing import RunningEmulator

STOCK, COST, EQUITY, INCOME = "7", "25", "16", "22"


def option(client: Client, **values: Any) -> None:
    for name, value in values.items():
        setattr(client.running.emulator.options, name, value)


def prefer(client: Client, group: str, **values: Any) -> None:
    token = client.read("Preferences", "1")["SyncToken"]
    body = {"Id": "1", "SyncToken": token, "sparse": True, group: values}
    client.save("Preferences", body)


def balance(client: Client, account: str) -> Decimal:
    return Decimal(client.read("Account", account)["CurrentBalance"])


# Automated sales tax


def test_tax_is_computed_again_and_the_code_replaced(client: Client) -> None:
    option(client, automated_sales_tax=True)
    client.edit("Customer", "1", Taxable=True)
    sent = {"TxnTaxCodeRef": {"value": "2"}, "TaxLine": [{"Amount": 99}]}
    made = client.save("Invoice", invoice(TxnTaxDetail=sent))
    detail = made["TxnTaxDetail"]
    assert detail["TxnTaxCodeRef"]["value"] != "2"
    assert client.read("TaxCode", detail["TxnTaxCodeRef"]["value"])["Name"] == "AST ME"
    assert made["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "TAX"}
    assert (detail["TotalTax"], made["TotalAmt"]) == (Decimal("5.50"), Decimal("105.50"))
    elsewhere = client.save("Invoice", invoice(ShipAddr={"CountrySubDivisionCode": "TX"}))
    assert elsewhere["TxnTaxDetail"]["TotalTax"] == Decimal("6.25")
    lines = [sales_line(100, TaxCodeRef={"value": "NON"})]
    assert client.save("Invoice", invoice() | {"Line": lines})["TxnTaxDetail"]["TotalTax"] == 0


def test_an_override_is_kept_and_an_old_tax_persists(client: Client) -> None:
    prefer(client, "TaxPrefs", PartnerTaxEnabled=True, UsingSalesTax=True)
    client.edit("Customer", "1", Taxable=True)
    made = client.save("Invoice", invoice(TxnTaxDetail={"TotalTax": 3}))
    assert made["TotalAmt"] == 103
    kept = client.edit("Invoice", made["Id"], Line=[sales_line(200)])
    assert kept["TxnTaxDetail"]["TotalTax"] == 3
    again = client.edit("Invoice", made["Id"], TxnTaxDetail=None)
    assert again["TxnTaxDetail"]["TotalTax"] == 11
    client.edit("Customer", "2", Taxable=False)
    assert client.save("Invoice", invoice("2"))["TxnTaxDetail"]["TotalTax"] == 0


# Credits that apply themselves


def test_a_credit_memo_is_applied_by_itself(client: Client) -> None:
    option(client, auto_apply_credits=True)
    before = client.read("Invoice", "7")["Balance"]
    credit = client.save("CreditMemo", invoice("4", 50))
    assert credit["RemainingCredit"] == 0
    assert client.read("Invoice", "7")["Balance"] == before - 50
    newest = client.query("select * from Payment orderby Id desc maxresults 1")["Payment"][0]
    assert (newest["TotalAmt"], newest["UnappliedAmt"]) == (0, 0)
    assert newest["PrivateNote"] == "Created by QB Online to link credits to charges."


def test_an_invoice_takes_open_credits(client: Client) -> None:
    made = client.save("Customer", {"DisplayName": "Credited"})["Id"]
    client.save("CreditMemo", invoice(made, 30))
    client.save("CreditMemo", invoice(made, 100))
    prefer(client, "SalesFormsPrefs", AutoApplyCredit=True)
    assert client.save("Invoice", invoice(made, 80))["Balance"] == 0
    left = client.query(f"select * from CreditMemo where CustomerRef = '{made}' orderby Id")
    assert [row["RemainingCredit"] for row in left["CreditMemo"]] == [0, 50]
    assert client.read("Customer", made)["Balance"] == -50


# Bundles, categories and stock


def stock_item(client: Client, **more: Any) -> dict[str, Any]:
    body = {
        "Name": "Buoy",
        "Type": "Inventory",
        "TrackQtyOnHand": True,
        "QtyOnHand": 10,
        "InvStartDate": "2026-01-01",
        "PurchaseCost": Decimal("2.5"),
        "UnitPrice": 4,
        "IncomeAccountRef": {"value": INCOME},
        "AssetAccountRef": {"value": STOCK},
        "ExpenseAccountRef": {"value": COST},
    }
    return client.save("Item", body | more)


def test_a_bundle_gets_its_parts(client: Client, accountant: Client) -> None:
    parts = [{"ItemRef": {"value": "2"}, "Qty": 2}, {"ItemRef": {"value": "3"}, "Qty": 1}]
    body = {"Name": "Set", "Type": "Group", "ItemGroupDetail": {"ItemGroupLine": parts}}
    assert refusal(client.post("item", body))["code"] == "500"
    bundle = accountant.save("Item", body)
    group = {"GroupItemRef": {"value": bundle["Id"]}, "Quantity": 3}
    lines = [{"DetailType": "GroupLineDetail", "GroupLineDetail": group}]
    made = client.save("Invoice", invoice() | {"Line": lines})
    inside = made["Line"][0]["GroupLineDetail"]["Line"]
    assert [(line["SalesItemLineDetail"]["Qty"], line["LineNum"]) for line in inside] == [
        (6, 2),
        (3, 3),
    ]
    prices = [client.read("Item", key)["UnitPrice"] for key in ("2", "3")]
    assert made["TotalAmt"] == 6 * prices[0] + 3 * prices[1]
    again = client.edit("Invoice", made["Id"], Line=made["Line"])
    assert again == made
    nothing = [{"DetailType": "GroupLineDetail", "GroupLineDetail": {"Quantity": 1}}]
    assert refusal(client.post("invoice", invoice() | {"Line": nothing}))["code"] == "2020"


def test_categories(client: Client) -> None:
    category = client.save("Item", {"Name": "Marine", "Type": "Category"})
    assert "UnitPrice" not in category
    child = stock_item(client, ParentRef={"value": category["Id"]}, SubItem=True)
    assert (child["FullyQualifiedName"], child["Level"]) == ("Marine:Buoy", 1)
    under = {"Name": "x", "Type": "Category", "ParentRef": {"value": child["Id"]}}
    assert "must be a category" in refusal(client.post("item", under))["Detail"]
    gone = {"Id": category["Id"], "SyncToken": "0", "sparse": True, "Active": False}
    assert refusal(client.post("item", gone))["code"] == "6000"


def test_a_whole_branch_counts_in_its_depth(client: Client) -> None:
    top = client.save("Class", {"Name": "1"})["Id"]
    for level in range(2, 5):
        body = {"Name": str(level), "SubClass": True, "ParentRef": {"value": top}}
        last = client.save("Class", body)["Id"]
        top, first = last, client.ids("select * from Class where Name = '1'")[0]
    above = client.save("Class", {"Name": "0"})["Id"]
    moved = client.edit("Class", first, ParentRef={"value": above}, SubClass=True)
    assert moved["FullyQualifiedName"] == "0:1"
    assert client.read("Class", last)["FullyQualifiedName"] == "0:1:2:3:4"
    higher = client.save("Class", {"Name": "00"})["Id"]
    token = client.read("Class", above)["SyncToken"]
    body = {"Id": above, "SyncToken": token, "sparse": True, "ParentRef": {"value": higher}}
    assert refusal(client.post("class", body))["code"] == "6180"


def test_stock_moves_with_what_is_sold_and_bought(client: Client) -> None:
    before = {account: balance(client, account) for account in (STOCK, EQUITY)}
    item = stock_item(client)["Id"]
    assert balance(client, STOCK) == before[STOCK] + 25
    assert balance(client, EQUITY) == before[EQUITY] - 25
    sold = client.save("Invoice", invoice() | {"Line": [sales_line(12, item, Qty=3, UnitPrice=4)]})
    assert client.read("Item", item)["QtyOnHand"] == 7
    assert balance(client, STOCK) == before[STOCK] + Decimal("17.5")
    # what was posted is taken back as it was, whatever the item costs by now
    client.edit("Item", item, PurchaseCost=9)
    client.delete("Invoice", sold["Id"])
    assert (client.read("Item", item)["QtyOnHand"], balance(client, STOCK)) == (
        10,
        before[STOCK] + 25,
    )
    kind = "ItemBasedExpenseLineDetail"
    detail = {"ItemRef": {"value": item}, "Qty": 4, "UnitPrice": Decimal("2.5")}
    bill = {"VendorRef": {"value": "3"}, "Line": [{"Amount": 10, "DetailType": kind, kind: detail}]}
    bought = client.save("Bill", bill)
    assert (client.read("Item", item)["QtyOnHand"], balance(client, STOCK)) == (
        14,
        before[STOCK] + 35,
    )
    client.delete("Bill", bought["Id"])
    client.edit("Item", item, QtyOnHand=11, InvStartDate="2026-02-01")
    assert balance(client, STOCK) == before[STOCK] + 34, "an adjustment at today's cost"
    off = {"Id": item, "SyncToken": client.read("Item", item)["SyncToken"], "sparse": True}
    assert refusal(client.post("item", {**off, "TrackQtyOnHand": False}))["code"] == "6000"
    assert refusal(client.post("item", {**off, "QtyOnHand": -1}))["code"] == "2290"


# Currencies


@pytest.fixture
def euros(client: Client) -> str:
    """Return a customer who pays in euros."""
    prefer(client, "CurrencyPrefs", MultiCurrencyEnabled=True)
    client.save("CompanyCurrency", {"Code": "EUR"})
    return client.save("Customer", {"DisplayName": "Rue", "CurrencyRef": {"value": "EUR"}})["Id"]


def test_a_currency_gets_its_receivables(client: Client, euros: str) -> None:
    rate = {"SourceCurrencyCode": "EUR", "AsOfDate": "2026-11-01", "Rate": Decimal("1.1")}
    client.save("ExchangeRate", rate)
    name = "Accounts Receivable (A/R) - EUR"
    account = client.query(f"select * from Account where Name = '{name}'")["Account"][0]
    made = client.save("Invoice", invoice(euros, 100, TxnDate="2026-11-02"))
    assert made["ExchangeRate"] == Decimal("1.1"), "the day's rate"
    assert made["HomeTotalAmt"] == 110
    assert balance(client, account["Id"]) == 100
    paid = payment(euros, 100, (made["Id"], 100), ExchangeRate=Decimal("1.25"))
    undeposited = balance(client, "5")
    client.save("Payment", paid)
    assert balance(client, account["Id"]) == 0
    assert balance(client, "5") == undeposited + 125, "home money comes in at the payment's rate"
    assert client.read("Customer", euros)["Balance"] == 0
    trial = client.get("reports/TrialBalance", date_macro="All").json()["Rows"]["Row"]
    shown = {row["ColData"][0]["value"]: row["ColData"] for row in trial if "ColData" in row}
    assert shown["Exchange Gain or Loss"][2]["value"] == "15.00"
    total = [cell["value"] for cell in trial[-1]["Summary"]["ColData"]]
    assert total[1] == total[2]


@pytest.mark.parametrize("code", ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
def test_currencies_with_three_decimals_keep_two(client: Client, code: str) -> None:
    prefer(client, "CurrencyPrefs", MultiCurrencyEnabled=True)
    assert client.save("CompanyCurrency", {"Code": code})["Name"].split()[-1] in ("Dinar", "Rial")
    who = client.save("Customer", {"DisplayName": "Souk", "CurrencyRef": {"value": code}})["Id"]
    made = client.save("Invoice", invoice(who, "12.345", ExchangeRate=Decimal("3.2551")))
    assert made["CurrencyRef"]["value"] == code
    assert (made["Line"][0]["Amount"], made["TotalAmt"]) == (Decimal("12.35"), Decimal("12.35"))
    assert made["HomeTotalAmt"] == Decimal("40.20")


def test_rates_are_looked_up_by_day(client: Client, euros: str) -> None:
    for day, value in (("2026-11-01", "1.1"), ("2026-11-10", "1.2")):
        body = {"SourceCurrencyCode": "EUR", "AsOfDate": day, "Rate": Decimal(value)}
        client.save("ExchangeRate", body)

    def rate(day: str) -> Any:
        parameters = {"sourcecurrencycode": "eur", "asofdate": day}
        return client.get("exchangerate", **parameters)

    assert rate("2026-11-09").json()["ExchangeRate"]["Rate"] == 1.1
    assert rate("2026-11-30").json()["ExchangeRate"]["Rate"] == 1.2
    assert refusal(rate("2026-10-01"))["code"] == "610"
    assert refusal(client.get("exchangerate"))["code"] == "2020"
    zero = {"SourceCurrencyCode": "EUR", "Rate": 0}
    assert refusal(client.post("exchangerate", zero))["code"] == "2080"
    unlisted = {"SourceCurrencyCode": "CHF", "Rate": 1}
    assert refusal(client.post("exchangerate", unlisted))["code"] == "2500"


# Documents made from others


def test_orders_and_hours_are_used_up(client: Client) -> None:
    order = client.save("PurchaseOrder", {"VendorRef": {"value": "3"}, "Line": [expense_line(5)]})
    link = [{"TxnId": order["Id"], "TxnType": "PurchaseOrder"}]
    bill = {"VendorRef": {"value": "3"}, "Line": [expense_line(5)], "LinkedTxn": link}
    made = client.save("Bill", bill)
    closed = client.read("PurchaseOrder", order["Id"])
    assert closed["POStatus"] == "Closed"
    assert closed["LinkedTxn"] == [{"TxnId": made["Id"], "TxnType": "Bill"}]
    client.delete("Bill", made["Id"])
    assert client.read("PurchaseOrder", order["Id"])["POStatus"] == "Open"
    hours = {
        "NameOf": "Employee",
        "EmployeeRef": {"value": "1"},
        "CustomerRef": {"value": "1"},
        "BillableStatus": "Billable",
        "Hours": 3,
        "HourlyRate": 80,
    }
    worked = client.save("TimeActivity", hours)
    link = [{"TxnId": worked["Id"], "TxnType": "TimeActivity"}]
    client.save("Invoice", invoice("1", 240, LinkedTxn=link))
    assert client.read("TimeActivity", worked["Id"])["BillableStatus"] == "HasBeenBilled"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"NameOf": None}, "2020"),
        ({"NameOf": "Robot"}, "2170"),
        ({"EmployeeRef": None}, "2020"),
        ({"Hours": None}, "2020"),
        ({"Hours": -1}, "2290"),
        ({"Minutes": 60}, "2090"),
        ({"BillableStatus": "Billable"}, "2020"),
    ],
)
def test_time_is_refused(client: Client, change: dict[str, Any], code: str) -> None:
    body = {"NameOf": "Employee", "EmployeeRef": {"value": "1"}, "Hours": 1} | change
    assert refusal(client.post("timeactivity", body))["code"] == code


# One entity under two names


def test_a_card_payment_travels_under_its_other_name(client: Client) -> None:
    body = {
        "BankAccountRef": {"value": "1"},
        "CreditCardAccountRef": {"value": "12"},
        "Amount": Decimal("75.37"),
    }
    owed, bank = balance(client, "12"), balance(client, "1")
    answer = client.post("creditcardpayment", body).json()
    made = answer["CreditCardPaymentTxn"]
    assert (balance(client, "12"), balance(client, "1")) == (
        owed + Decimal("75.37"),
        bank - Decimal("75.37"),
    )
    for name in ("CreditCardPayment", "creditcardpaymenttxn"):
        assert client.query(f"select * from {name}")["CreditCardPaymentTxn"][0]["Id"] == made["Id"]
    since = made["MetaData"]["CreateTime"]
    (block,) = client.changes("CreditCardPayment", since)
    assert [row["Id"] for row in block["CreditCardPaymentTxn"]] == [made["Id"]]
    item = {"bId": "1", "operation": "create", "CreditCardPaymentTxn": body}
    (reply,) = client.batch(item)
    assert reply["CreditCardPaymentTxn"]["Amount"] == Decimal("75.37")
    wrong = {**body, "BankAccountRef": {"value": "12"}}
    assert refusal(client.post("creditcardpayment", wrong))["code"] == "6430"
    nothing = {**body, "Amount": 0}
    assert refusal(client.post("creditcardpayment", nothing))["code"] == "2290"


# What comes back changed


def test_countries_come_back_as_codes(client: Client) -> None:
    address = {"Line1": "1 Rue", "Country": "United States of America"}
    made = client.save("Customer", {"DisplayName": "Far", "BillAddr": address})
    assert made["BillAddr"]["Country"] == "USA"
    unknown = client.edit("Customer", made["Id"], BillAddr={"Country": "Atlantis"})
    assert unknown["BillAddr"]["Country"] == "Atlantis"
    option(client, normalise_countries=False)
    plain = client.edit("Customer", made["Id"], BillAddr={"Country": "Canada"})
    assert plain["BillAddr"]["Country"] == "Canada"


def test_addresses_inside_a_transaction_move_into_lines(client: Client) -> None:
    made = client.save("Invoice", invoice("1"))
    address = {"Line1": "9 Quay", "City": "Bath", "CountrySubDivisionCode": "ME", "PostalCode": "1"}
    edited = client.edit("Invoice", made["Id"], BillAddr=address)
    shown = edited["BillAddr"]
    assert "City" not in shown
    assert [shown["Line3"], shown["Line4"]] == ["9 Quay", "Bath, ME 1"]
    assert client.edit("Invoice", made["Id"], BillAddr=shown)["BillAddr"] == shown
    option(client, free_form_addresses=False)
    kept = client.edit("Invoice", made["Id"], BillAddr=address)
    assert kept["BillAddr"]["City"] == "Bath"


def test_tax_ids_are_masked(client: Client) -> None:
    made = client.save("Vendor", {"DisplayName": "Taxed", "TaxIdentifier": "99-1234567"})
    assert made["TaxIdentifier"] == f"{'X' * 2}-{'X' * 3}4567"
    assert client.edit("Vendor", made["Id"], TaxIdentifier=made["TaxIdentifier"]) == made


def test_money_is_spelled_with_two_decimals(client: Client) -> None:
    lines = [sales_line("100", Qty=Decimal("4.00"), UnitPrice=Decimal("25.0000"))]
    made = client.save("Invoice", invoice() | {"Line": lines})
    text = client.get(f"invoice/{made['Id']}").text
    for part in (
        '"Amount":100.00',
        '"TotalAmt":100.00',
        '"Qty":4',
        '"UnitPrice":25',
        '"TotalTax":0}',
    ):
        assert part in text
    assert '"Qty":4.' not in text
    fine = sales_line("0.53", Qty=1, UnitPrice=Decimal("0.53066671"))
    made = client.save("Invoice", invoice() | {"Line": [fine]})
    price = made["Line"][0]["SalesItemLineDetail"]["UnitPrice"]
    assert price == Decimal("0.5306667"), "seven decimals at most"


def test_a_taxed_form_has_750_lines_at_most(client: Client) -> None:
    lines = [sales_line(1, TaxCodeRef={"value": "TAX"}) for _ in range(750)]
    body = invoice() | {"Line": lines, "TxnTaxDetail": {"TxnTaxCodeRef": {"value": "2"}}}
    assert "750 lines" in refusal(client.post("invoice", body))["Detail"]
    assert client.save("Invoice", invoice() | {"Line": lines})["TotalAmt"] == 750


def test_transfers_leave_receivables_alone(client: Client) -> None:
    body = {"FromAccountRef": {"value": "1"}, "ToAccountRef": {"value": "4"}, "Amount": 5}
    assert "Receivables and payables" in refusal(client.post("transfer", body))["Detail"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "2020"),
        ({"TaxCode": "Much too long a name"}, "2050"),
        ({"TaxCode": "A"}, "2020"),
        ({"TaxCode": "maine", "TaxRateDetails": [{"TaxRateId": "1"}]}, "6240"),
        ({"TaxCode": "A", "TaxRateDetails": [{"TaxRateId": "9"}]}, "6100"),
        ({"TaxCode": "A", "TaxRateDetails": [{"TaxRateName": "x"}]}, "2020"),
        ({"TaxCode": "A", "TaxRateDetails": [{"Colour": "x"}]}, "2010"),
        ({"TaxCode": "A", "TaxRateDetails": [{"TaxApplicableOn": "Moon"}]}, "2170"),
        ({"TaxCode": "A", "Colour": "x"}, "2010"),
        ([], "2010"),
    ],
)
def test_the_tax_service_refuses(client: Client, body: Any, code: str) -> None:
    response = client.post("taxservice/taxcode", body)
    assert refusal(response)["code"] == code
    assert client.running.company.journal == []


def test_a_tax_code_over_an_old_rate_taxes(client: Client) -> None:
    body = {"TaxCode": "Two", "TaxRateDetails": [{"TaxRateId": "1"}, {"TaxRateId": "1"}]}
    made = client.post("taxservice/taxcode", body).json()
    lines = [sales_line(100, TaxCodeRef={"value": "TAX"})]
    tax = {"TxnTaxCodeRef": {"value": made["TaxCodeId"]}}
    taxed = client.save("Invoice", invoice() | {"Line": lines, "TxnTaxDetail": tax})
    assert taxed["TxnTaxDetail"]["TotalTax"] == 11


@pytest.mark.parametrize(
    "path", ["taxservice/other", "reports", "reports/a/b", "upload/1", "download"]
)
def test_unknown_services(client: Client, path: str) -> None:
    assert refusal(client.post(path, {}))["code"] == "500"
    assert refusal(client.get(path))["code"] == "500"


def test_what_is_neither_printed_nor_sent(client: Client) -> None:
    assert refusal(client.get("bill/20/pdf"))["code"] == "500"
    assert refusal(client.post("bill/20/send", {}))["code"] == "500"
    assert refusal(client.post("invoice/99999/send", {}, sendTo="a@b.c"))["code"] == "610"
    made = client.save("Invoice", invoice("8"))
    client.edit("Invoice", made["Id"], BillEmail=None)
    assert refusal(client.post(f"invoice/{made['Id']}/send", {}))["element"] == "BillEmail"


def test_switches_do_not_leak_between_companies() -> None:
    with RunningEmulator(automated_sales_tax=True) as first, RunningEmulator() as second:
        codes = [running.save("Invoice", invoice())["TxnTaxDetail"] for running in (first, second)]
    assert ["TxnTaxCodeRef" in detail for detail in codes] == [True, False]
    assert purchase()["PaymentType"] == "Cash"
