"""One test per fault code of the dossier's section 8.1: status, body shape and words.

Codes that a request can provoke are provoked; those that depend on what the emulator does not have
(permissions, an ill server) come from a fault rule, which must carry them unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from emulator_books import Client, expense_line, invoice, payment, purchase, refusal, sales_line

from emulator import exact_json

Provoke = Callable[[Client], httpx.Response]
JOURNAL = "JournalEntryLineDetail"


def journal(debit: int, credit: int) -> dict[str, Any]:
    return {
        "Line": [
            {
                "Amount": amount,
                "DetailType": JOURNAL,
                JOURNAL: {"PostingType": side, "AccountRef": {"value": "31"}},
            }
            for side, amount in (("Debit", debit), ("Credit", credit))
        ]
    }


def create(entity: str, body: Any) -> Provoke:
    return lambda client: client.post(entity.lower(), body)


def read(path: str, **parameters: str) -> Provoke:
    return lambda client: client.get(path, **parameters)


def with_option(name: str, value: Any, provoke: Provoke) -> Provoke:
    def act(client: Client) -> httpx.Response:
        setattr(client.running.emulator.options, name, value)
        return provoke(client)

    return act


def injected(code: str, message: str, detail: str, kind: str = "ValidationFault") -> Provoke:
    def act(client: Client) -> httpx.Response:
        client.running.faults(kind="fault", code=code, message=message, detail=detail, type=kind)
        return client.post("invoice", invoice())

    return act


def garbled(client: Client) -> httpx.Response:
    content = b'{"PrivateNote": "\xff\xfe"}'
    headers = {"Content-Type": "application/json"}
    return client.http.post(f"{client.company_url}/invoice", content=content, headers=headers)


def stale(client: Client) -> httpx.Response:
    client.edit("Invoice", "7", PrivateNote="first")
    body = {"Id": "7", "SyncToken": "0", "sparse": True, "PrivateNote": "second"}
    return client.post("invoice", body)


def inactive(client: Client) -> httpx.Response:
    client.edit("Customer", "8", Active=False)
    return client.post("invoice", invoice("8"))


def closed(client: Client) -> httpx.Response:
    prefs = {"Id": "1", "SyncToken": "0", "sparse": True}
    closing = {"AccountingInfoPrefs": {"BookCloseDate": "2026-09-30"}}
    client.save("Preferences", {**prefs, **closing})
    return client.post("invoice", invoice(TxnDate="2026-09-30"))


def featureless(client: Client) -> httpx.Response:
    prefs = {"Id": "1", "SyncToken": "0", "sparse": True}
    client.save("Preferences", {**prefs, "AccountingInfoPrefs": {"TrackDepartments": False}})
    return client.post("department", {"Name": "North"})


def nested(client: Client) -> httpx.Response:
    parent = client.save("Customer", {"DisplayName": "level 1"})["Id"]
    for level in range(2, 6):
        body = {"DisplayName": f"level {level}", "Job": True, "ParentRef": {"value": parent}}
        parent = client.save("Customer", body)["Id"]
    return client.post("customer", {"DisplayName": "6", "ParentRef": {"value": parent}})


def deposited(client: Client) -> httpx.Response:
    token = client.read("Payment", "15")["SyncToken"]
    return client.post("payment", {"Id": "15", "SyncToken": token, "sparse": True})


def uploaded(name: str, limit: int = 10**8) -> Provoke:
    def act(client: Client) -> httpx.Response:
        client.running.emulator.options.upload_limit = limit
        files = [("file_content_01", (name, b"content", "text/plain"))]
        return client.http.post(f"{client.company_url}/upload", files=files)

    return act


def in_debt(client: Client) -> httpx.Response:
    return client.post("customer", {"Id": "1", "SyncToken": "0", "sparse": True, "Active": False})


def rated(client: Client) -> httpx.Response:
    agency = client.save("TaxAgency", {"DisplayName": "State"})
    rate = {"TaxRateName": "r", "RateValue": 101, "TaxAgencyId": agency["Id"]}
    return client.post("taxservice/taxcode", {"TaxCode": "High", "TaxRateDetails": [rate]})


UNEXPECTED = "An unexpected error occurred while accessing or saving your data"

CODES: list[tuple[str, Provoke, str, str]] = [
    # (code, what provokes it, words of the message, words of the detail)
    (
        "120",
        injected("120", "Authorization Failure", "-11014-You do not have access to this company"),
        "Authorization Failure",
        "-11014-You do not have access",
    ),
    ("500", garbled, "Unsupported Operation", "MalformedByteSequenceException"),
    ("500", create("TaxRate", {"Name": "x"}), "Unsupported Operation", "Create TaxRate"),
    ("610", read("invoice/99999"), "Object Not Found", "made inactive"),
    ("610", inactive, "Object Not Found", "Check the fields with accounts, customers"),
    ("610", read("invoice/1"), "Object Not Found", "TxnType does not match read: Journal Entry"),
    (
        "2010",
        create("Invoice", invoice(Colour="red")),
        "Request has invalid or unsupported property",
        "specified is unsupported or invalid",
    ),
    (
        "2020",
        create("Invoice", {"CustomerRef": {"value": "1"}}),
        "Required param missing, need to supply the required value for the API",
        "Required parameter Line is missing in the request",
    ),
    ("2030", read("invoice/abc"), "Invalid Number", "Id should be a valid number"),
    (
        "2050",
        create("Invoice", invoice(DocNumber="x" * 22)),
        "String length is either shorter or longer than supported by specification",
        "Max:21 supplied length:22",
    ),
    ("2080", create("Invoice", invoice(ExchangeRate="dear")), "Invalid Number", "dear"),
    ("2090", create("Invoice", invoice(TxnDate="soon")), "Invalid value", "soon"),
    ("2170", create("Invoice", invoice(EmailStatus="Sent")), "Invalid Enumeration", "Sent"),
    (
        "2180",
        create("Customer", {"DisplayName": "A:B"}),
        "Invalid string",
        "at least one character, be on one line and must not include: colon (:), tab or new line",
    ),
    ("2290", create("Invoice", invoice(amount=-5)), "Amount Cannot Be Negative", "0 or greater"),
    (
        "2300",
        create("JournalEntry", journal(5, 4)),
        "Total Debits Must Equal Total Credits",
        "Make sure debits equal credits",
    ),
    ("2500", create("Invoice", invoice("999")), "Invalid Reference Id", "Names element id 999"),
    ("4000", read("query", query="select from"), "Error parsing query", "QueryParserError: Enc"),
    (
        "4001",
        read("query", query="select * from Invoice where PrivateNote = 'x'"),
        "Invalid query",
        "QueryValidationError: property 'PrivateNote' is not queryable",
    ),
    ("5010", stale, "Stale Object Error", "were working on this at the same time"),
    (
        "5020",
        injected("5020", "Permission Denied Error", "You do not have permission to do this."),
        "Permission Denied",
        "permission",
    ),
    ("5030", featureless, "Feature Not Supported Error", "Location tracking is not enabled"),
    (
        "6000",
        create("Payment", {"CustomerRef": {"value": "1"}}),
        "A business validation error has occurred while processing your request",
        "Business Validation Error: ",
    ),
    (
        "6000",
        lambda client: (
            client.running.faults(kind="saved_but_6000"),
            client.post("invoice", invoice()),
        )[1],
        "A business validation error has occurred",
        UNEXPECTED,
    ),
    ("6050", uploaded("a.txt", 10), "File Size Exceeded", "maximum is 10 bytes"),
    (
        "6070",
        create("Invoice", {**invoice(), "Line": [sales_line(100, Qty=3, UnitPrice=33)]}),
        "Amount calculation incorrect in the request",
        "Amount is not equal to UnitPrice * Qty. Supplied value:100",
    ),
    ("6100", rated, "Invalid Tax Rate", "101 is not a percentage"),
    (
        "6140",
        create("Purchase", purchase(DocNumber="EFT-1019")),
        "Duplicate Document Number Error",
        "DocNumber=EFT-1019 is assigned to TxnType=Expense with TxnId=23",
    ),
    ("6180", nested, "Maximum Nesting Depth Exceeded", "deeper than 5 levels"),
    (
        "6190",
        with_option("subscription_ended", True, create("Invoice", invoice())),
        "Invalid Company Status",
        "Subscription period has ended or canceled or there was a billing problem",
    ),
    ("6210", closed, "Account Period Closed", "cannot be updated through through the QBO Services"),
    ("6220", in_debt, "Delete List Has Balance Error", "has balance"),
    (
        "6240",
        create("Customer", {"DisplayName": "Skyline Air"}),
        "Duplicate Name Exists Error",
        "The name supplied already exists. : Another vendor is already using this name.",
    ),
    (
        "6430",
        create("Purchase", purchase("CreditCard")),
        "Invalid account type used",
        "Bank account cannot be used for AccountRef",
    ),
    *(
        (code, injected(code, message, "Own words."), message, "Own words")
        for code, message in (
            ("2280", "Amount Cannot Be Negative"),
            ("3201", "AuthorizationFailure"),
            ("4002", "Invalid query"),
            ("6440", "Account type error"),
            ("6450", "Account type error"),
        )
    ),
    ("6540", deposited, "Deposited Transaction cannot be changed", "has been deposited"),
    *(
        (
            code,
            injected(code, "An application error has occurred", "System Failure", "SystemFault"),
            "application error",
            "System Failure",
        )
        for code in ("10000", "10100", "10200")
    ),
]


@pytest.mark.parametrize(
    ("code", "provoke", "message", "detail"),
    CODES,
    ids=lambda part: part if str(part).isdecimal() else "",
)
def test_a_business_fault(
    client: Client, code: str, provoke: Provoke, message: str, detail: str
) -> None:
    response = provoke(client)
    body = exact_json.loads(response.content)
    assert response.status_code == 400
    assert set(body) == {"Fault", "time"}
    assert set(body["Fault"]) == {"Error", "type"}
    (error,) = body["Fault"]["Error"]
    assert set(error) == {"Message", "Detail", "code", "element"}
    assert all(isinstance(value, str) for value in error.values())
    assert error["code"] == code
    assert message in error["Message"]
    assert detail in error["Detail"]
    expected = "SystemFault" if code.startswith("10") else "ValidationFault"
    assert body["Fault"]["type"] == expected


def test_a_bad_file_is_refused_inside_200(client: Client) -> None:
    response = uploaded("a.exe")(client)
    error = response.json()["AttachableResponse"][0]["Fault"]["Error"][0]
    assert (response.status_code, error["code"]) == (200, "6041")
    assert "file type exe" in error["Detail"]


@pytest.mark.parametrize(
    ("token", "realm", "status", "code"),
    [("x" * 40, "", 401, "3200"), ("x", "", 401, "3200"), (None, "1", 403, "3100")],
)
def test_a_gateway_fault(
    client: Client, token: str | None, realm: str, status: int, code: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = client.company_url.replace(client.running.realm_id, realm or client.running.realm_id)
    response = client.http.get(f"{url}/term/1", headers=headers)
    assert response.status_code == status
    error = response.json()["fault"]["error"][0]
    assert error["code"] == code
    assert f"statusCode={status}" in error["message"]


def test_the_throttle_speaks_xml(client: Client) -> None:
    client.running.faults(kind="throttle")
    response = client.get("term/1")
    assert response.status_code == 429
    assert '<Error code="3001"><Message>message=ThrottleExceeded' in response.text


def test_nothing_is_written_without_a_subscription(client: Client) -> None:
    client.running.emulator.options.subscription_ended = True
    assert client.read("Invoice", "7")["Id"] == "7", "reading goes on"
    for response in (
        client.post("purchase", purchase()),
        client.delete("Purchase", "23"),
        client.post("invoice", {"Id": "7", "SyncToken": "0"}, operation="void"),
    ):
        assert refusal(response)["code"] == "6190"
    assert client.running.company.journal == []


def test_links_to_what_is_paid_are_dropped_with_200(client: Client) -> None:
    """A bill payment that names a purchase books a real payment that settles nothing."""
    body = {
        "VendorRef": {"value": "5"},
        "PayType": "Check",
        "CheckPayment": {"BankAccountRef": {"value": "1"}},
        "TotalAmt": 10,
        "Line": [{"Amount": 10, "LinkedTxn": [{"TxnId": "23", "TxnType": "Purchase"}]}],
    }
    paid = client.save("BillPayment", body)
    assert (paid["Line"], paid["TotalAmt"]) == ([], 10)
    client.running.emulator.options.drop_unpayable_links = False
    assert refusal(client.post("billpayment", body))["code"] == "2170"


def test_who_is_owed_must_be_named(client: Client) -> None:
    payable = {"VendorRef": {"value": "5"}, "Line": [expense_line(5, "4")]}
    assert "choose a customer" in refusal(client.post("bill", payable))["Detail"]
    nobody = purchase() | {"Line": [expense_line(5, "11")]}
    assert "choose a vendor" in refusal(client.post("purchase", nobody))["Detail"]
    overpaid = payment("1", 5, ("7", 5))
    assert refusal(client.post("payment", overpaid))["code"] == "6000"
