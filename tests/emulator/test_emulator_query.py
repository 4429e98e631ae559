"""The query language, statement by statement."""

from __future__ import annotations

import pytest
from emulator_books import Client, invoice, payment, refusal, unwrap

from emulator.testing import RunningEmulator

ANSWERED = [
    # the whole list, keywords in any case
    ("select * from Term", ["1", "2", "3", "4", "5"]),
    ("SELECT * FROM term", ["1", "2", "3", "4", "5"]),
    # one condition of each operator
    ("select * from Term where DueDays = 30", ["3"]),
    ("select * from Term where DueDays < 15", ["1", "5"]),
    ("select * from Term where DueDays <= 15", ["1", "2", "5"]),
    ("select * from Term where DueDays > 30", ["4"]),
    ("select * from Term where DueDays >= 30", ["3", "4"]),
    ("select * from Term where Id in ('2','4')", ["2", "4"]),
    ("select * from Term where Name like 'net%'", ["2", "3", "4", "5"]),
    ("select * from Term where Name like '%on%'", ["1"]),
    # an underscore is only an underscore
    ("select * from Term where Name like 'Net_30'", []),
    # AND, and property names in any case
    ("select * from Term where name like 'Net%' and duedays > 15", ["3", "4"]),
    # order, several keys, both spellings
    ("select * from Term orderby DueDays", ["1", "5", "2", "3", "4"]),
    ("select * from Term order by DueDays desc", ["4", "3", "2", "5", "1"]),
    ("select * from Term ORDER BY Active ASC, DueDays DESC", ["4", "3", "2", "5", "1"]),
    # pages, in either order of the two words
    ("select * from Term orderby Id startposition 2 maxresults 2", ["2", "3"]),
    ("select * from Term orderby Id maxresults 2 startposition 4", ["4", "5"]),
    ("select * from Term startposition 6", []),
    # an apostrophe in the data and a backslash before it in the statement
    ("select * from Account where Name = 'Owner\\'s Equity'", ["17"]),
    # text compares without case
    ("select * from Customer where DisplayName = 'TIDEWATER aquaculture'", ["1"]),
    # dotted paths and references
    ("select * from Invoice where CustomerRef = '5' orderby Id", ["8", "35"]),
    ("select * from Invoice where Balance > '2000' orderby Id", ["7", "13", "16", "32"]),
    ("select * from Invoice where TxnDate >= '2026-11-01' orderby Id", ["32", "33", "35"]),
    ("select * from Customer where PrimaryEmailAddr = 'ana@ferreira.example'", ["8"]),
    # instants compare as instants, whatever the offset of either side
    ("select * from Term where MetaData.CreateTime >= '2026-09-01T15:00:00Z'", 5),
    ("select * from Term where MetaData.CreateTime > '2026-09-01T15:00:00.000Z'", 0),
    ("select * from Term where MetaData.CreateTime <= '2026-09-01T08:00:00-0700'", 5),
    # a bare date is midnight in Pacific time
    ("select * from Term where MetaData.LastUpdatedTime < '2026-09-01'", 0),
    # columns may be named, whole records come all the same
    ("select Id, Name from Term where Id = '1'", ["1"]),
    ("select *, Sku from Item where Sku like 'WRK%'", ["4"]),
]


@pytest.mark.parametrize(("statement", "expected"), ANSWERED)
def test_a_statement_is_answered(client: Client, statement: str, expected: list[str] | int) -> None:
    found = client.ids(statement)
    assert (len(found) if isinstance(expected, int) else found) == expected


REFUSED = [
    # what there is not: or, not, parentheses, joins
    ("select * from Term where Id = '1' or Id = '2'", "4000", "QueryParserError: Encountered"),
    ("select * from Term where Id != '1'", "4000", "Was expecting one of:"),
    ("select * from Term where (Id = '1')", "4000", "QueryParserError"),
    ("select * from Term, Item", "4000", "QueryParserError"),
    ("selekt * from Term", "4000", '"SELECT"'),
    ("select * from", "4000", "<EOF>"),
    ("", "4000", "QueryParserError"),
    ("select * from Term where Name = 'open", "4000", "line 1, column 33"),
    # what reads well and makes no sense
    ("select * from Thing", "4001", "Invalid context declaration: Thing"),
    (
        "select * from Term where Colour = 'red'",
        "4001",
        "Property Colour not found for Entity Term",
    ),
    ("select Colour from Term", "4001", "Property Colour not found"),
    ("select * from Invoice where PrivateNote = 'x'", "4001", "'PrivateNote' is not queryable"),
    ("select * from Payment where TotalAmt = '5'", "4001", "property 'TotalAmt' is not queryable"),
    ("select * from Purchase where AccountRef = '1'", "4001", "'AccountRef' is not queryable"),
    ("select * from Purchase where DepartmentRef = '1'", "4001", "is not queryable"),
    ("select * from Invoice orderby PrivateNote", "4001", "is not queryable"),
    ("select * from Term where Id > '1'", "4001", "Operator > is not supported for property Id"),
    ("select * from Term where Id like '1%'", "4001", "Operator LIKE is not supported"),
    ("select * from Term startposition 0", "4001", "value 0 is too small. Min allowed value is 1"),
    ("select * from Term where DueDays = 'soon'", "4001", "Invalid value 'soon'"),
    ("select * from Invoice where TxnDate > 'soon'", "4001", "Invalid value 'soon'"),
]


@pytest.mark.parametrize(("statement", "code", "words"), REFUSED)
def test_a_statement_is_refused(client: Client, statement: str, code: str, words: str) -> None:
    response = client.get("query", query=statement)
    error = refusal(response)
    assert (response.status_code, error["code"], error["type"]) == (400, code, "ValidationFault")
    assert words in error["Detail"]


def test_the_shapes_of_answers(client: Client) -> None:
    page = unwrap(client.get("query", query="select * from Term maxresults 2"))
    assert set(page) == {"QueryResponse", "time"}
    assert (page["QueryResponse"]["startPosition"], page["QueryResponse"]["maxResults"]) == (1, 2)
    assert client.query("select count(*) from Term") == {"totalCount": 5}
    assert client.query("SELECT COUNT(*) FROM Invoice WHERE CustomerRef = '2'") == {"totalCount": 3}
    assert client.query("select * from Term startposition 99") == {}
    assert client.query("select * from Estimate") == {}


def test_lists_show_the_active_unless_asked(client: Client) -> None:
    client.edit("Term", "4", Active=False)
    assert "4" not in client.ids("select * from Term")
    assert client.ids("select * from Term where Active = false") == ["4"]
    assert len(client.ids("select * from Term where Active in (true, false)")) == 5
    assert client.query("select count(*) from Term") == {"totalCount": 4}


def test_a_page_is_a_hundred_rows_and_a_thousand_at_most() -> None:
    with RunningEmulator(page_cap=120) as running:
        for number in range(130):
            running.save("Customer", {"DisplayName": f"Customer {number:04}"})
        client = Client(running, running.connection_token())
        assert len(client.ids("select * from Customer")) == 100
        assert len(client.ids("select * from Customer maxresults 500")) == 120
        client.http.close()


@pytest.mark.parametrize("content_type", ["application/text", "text/plain", "text/plain; a=b"])
def test_a_statement_may_be_posted(client: Client, content_type: str) -> None:
    response = client.http.post(
        f"{client.company_url}/query",
        content="select count(*) from Term",
        headers={"Content-Type": content_type},
    )
    assert unwrap(response)["QueryResponse"] == {"totalCount": 5}


def test_a_statement_may_be_posted_as_a_form(client: Client) -> None:
    url = f"{client.company_url}/query"
    response = client.http.post(url, data={"query": "select count(*) from Term"})
    assert unwrap(response)["QueryResponse"] == {"totalCount": 5}


def test_deleted_transactions_are_never_found(client: Client) -> None:
    made = client.save("Invoice", invoice())
    client.delete("Invoice", made["Id"])
    assert client.ids(f"select * from Invoice where Id = '{made['Id']}'") == []


def test_payments_are_found_by_their_reference_number(client: Client) -> None:
    client.save("Payment", payment("1", 10, PaymentRefNum="KEY-1"))
    found = client.query("select * from Payment where PaymentRefNum = 'key-1'")["Payment"]
    assert [row["TotalAmt"] for row in found] == [10]
