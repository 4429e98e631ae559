"""Any answer of QuickBooks ends as one error that says what to do.

Method: a table of bodies as they were recorded or documented (reference quickbooks-api, sections 7
and 8), each with the class it must become for a write and for a read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest

from connectors.quickbooks.fault_bodies import read_body
from connectors.quickbooks.faults import (
    Answer,
    answer_error,
    fault_catalogue,
    fault_error,
    local_error,
    needs_fresh_token,
    parse_fault,
    read_fault,
)
from connectors.quickbooks.scrub import scrub
from models.errors import (
    DisconnectedError,
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryLaterError,
    StaleRecordError,
)


def business(code: str, message: str = "Said", detail: str = "More", element: str = "") -> bytes:
    """A business fault in QuickBooks' usual casing."""
    error = {"Message": message, "Detail": detail, "code": code, "element": element}
    fault = {"Error": [error], "type": "ValidationFault"}
    return json.dumps({"Fault": fault, "time": "2026-10-01T00:00:00.000-07:00"}).encode()


def gateway(code: str, word: str, status: int, detail: str, fault_type: str) -> bytes:
    """A gateway fault: lower-case keys, nulls around it, the time as a number."""
    message = f"message={word}; errorCode=00{code}; statusCode={status}"
    error = {"message": message, "detail": detail, "code": code, "element": None}
    return json.dumps(
        {
            "warnings": None,
            "intuitObject": None,
            "fault": {"error": [error], "type": fault_type},
            "queryResponse": None,
            "batchItemResponse": [],
            "time": 1730024394085,
            "status": None,
            "cdcresponse": [],
        }
    ).encode()


def throttle_xml(status: int) -> bytes:
    """The throttle as recorded: XML although JSON was asked for."""
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<IntuitResponse time="2026-03-01T10:00:00.000-08:00" '
        'xmlns="http://schema.intuit.com/finance/v3"><Fault type="SERVICE"><Error code="3001">'
        f"<Message>message=ThrottleExceeded; errorCode=003001; statusCode={status}</Message>"
        "<Detail>The request limit was reached. Try later.</Detail></Error></Fault>"
        "</IntuitResponse>"
    ).encode()


UNEXPECTED = business(
    "6000",
    "A business validation error has occurred while processing your request",
    "Business Validation Error: An unexpected error occurred while accessing or saving your data. "
    "Please wait a few minutes and try again.",
)


@dataclass(frozen=True)
class Case:
    """One answer and what it must become."""

    name: str
    status: int
    body: bytes
    on_write: type[RemoteError]
    on_read: type[RemoteError]
    code: str = ""
    words: str = ""
    wait_seconds: int = 0


def refused(name: str, status: int, body: bytes, code: str, words: str = "") -> Case:
    """A case that is refused for certain."""
    return Case(name, status, body, RejectedError, RejectedError, code, words)


def unknown(name: str, status: int, body: bytes, code: str = "") -> Case:
    """A case whose effect is unknown for writes."""
    return Case(name, status, body, OutcomeUnknownError, RetryLaterError, code)


def ended(name: str, status: int, body: bytes, code: str, words: str = "") -> Case:
    """A case after which nothing works."""
    return Case(name, status, body, DisconnectedError, DisconnectedError, code, words)


def throttled(name: str, status: int, body: bytes, code: str = "3001") -> Case:
    """A case that asks to wait a minute."""
    return Case(name, status, body, RetryLaterError, RetryLaterError, code, "minute", 60)


GATEWAY_401 = gateway(
    "3200", "AuthenticationFailed", 401, "Token expired: AB01xyz", "AUTHENTICATION"
)
GATEWAY_403 = gateway("3100", "ApplicationAuthorizationFailed", 403, "", "SERVICE")
XML_401 = throttle_xml(401).replace(b"3001", b"3200").replace(b"SERVICE", b"AUTHENTICATION")
QUERY_FAULT = b'{"QueryResponse": {"Fault": {"Error": [{"Message": "m", "code": "4001"}]}}}'
CDC_FAULT = (
    b'{"CDCResponse": [{"QueryResponse": [{}, {"Fault": {"type": "ValidationFault", "Error": '
    b'[{"Message": "m", "code": "4000"}]}}]}], "time": "2026-10-01T00:00:00-07:00"}'
)
CDC_OLD = business(
    "2090",
    "Invalid value",
    "Operation cdc with changedSince date {2026-01-01} which is older than fixed days is not "
    "supported.",
)

CASES = [
    # records, HTTP 400, the usual casing
    refused("duplicate name", 400, business("6240"), "6240", "already in QuickBooks"),
    refused("duplicate number", 400, business("6140"), "6140", "number"),
    refused("closed period", 400, business("6210"), "6210", "closed"),
    refused("deposited", 400, business("6540"), "6540", "deposit"),
    refused("reference", 400, business("2500"), "2500", "inactive"),
    refused("rule", 400, business("6000", detail="Debits must equal"), "6000", "rule"),
    refused("code 500 is a refusal", 400, business("500"), "500"),
    refused("code never seen", 400, business("6999"), "6999", "does not know"),
    refused("code as a number", 400, b'{"Fault": {"Error": [{"code": 6240}]}}', "6240"),
    refused(
        "fault without errors", 400, b'{"Fault": {"Error": [], "type": "ValidationFault"}}', ""
    ),
    Case("stale", 400, business("5010"), StaleRecordError, StaleRecordError, "5010", "Somebody"),
    Case("gone", 400, business("610"), GoneError, GoneError, "610", "deleted"),
    # HTTP 200 with a fault in it
    refused("200 with a fault", 200, business("2020"), "2020"),
    refused("200, fault in QueryResponse", 200, QUERY_FAULT, "4001"),
    refused("200, fault in CDCResponse", 200, CDC_FAULT, "4000"),
    refused("change tracking too old", 400, CDC_OLD, "2090", "30 days"),
    unknown("200 with an empty fault", 200, b'{"Fault": {}}'),
    # outcome unknown
    unknown("6000 by its text", 400, UNEXPECTED, "6000"),
    unknown("6000 by its text, HTTP 200", 200, UNEXPECTED, "6000"),
    unknown("application error", 500, business("10000").replace(b"Validation", b"System"), "10000"),
    unknown("application error, HTTP 400", 400, business("10200"), "10200"),
    unknown("a refusal with HTTP 500", 500, business("6240"), "6240"),
    unknown(
        "system fault, code never seen", 400, business("77").replace(b"Valid", b"System"), "77"
    ),
    unknown("502 as HTML", 502, b"<!DOCTYPE html><html><body>Bad Gateway</body></html>"),
    unknown("503 without a body", 503, b""),
    unknown("504 as text", 504, b"upstream request timeout"),
    unknown("200 without a body", 200, b"  "),
    unknown("200 cut off", 200, b'{"Invoice": {"Id": "12", "TotalA'),
    unknown("200 as HTML", 200, b"<html><title>Sign in to the network</title></html>"),
    unknown("200 with NaN", 200, b'{"Invoice": {"TotalAmt": NaN}}'),
    unknown("200, not an object", 200, b"null"),
    unknown("200, nested without end", 200, b"[" * 100_000),
    unknown("redirect", 302, b"<a href='/elsewhere'>moved</a>"),
    # throttles, in every form that was seen
    throttled("429 as XML", 429, throttle_xml(429)),
    throttled("403 as XML with 3001", 403, throttle_xml(403)),
    throttled("429, lower case", 429, gateway("3001", "ThrottleExceeded", 429, "", "SERVICE")),
    throttled("429, usual casing", 429, business("3001")),
    throttled("429 code only in the message", 429, throttle_xml(429).replace(b' code="3001"', b"")),
    throttled("429 as HTML", 429, b"<html>Too Many Requests</html>", ""),
    throttled("429 without a body", 429, b"", ""),
    # no access
    ended("token refused", 401, GATEWAY_401, "3200", "renewing"),
    ended("token refused as XML", 401, XML_401, "3200", "renewing"),
    ended("401 without a body", 401, b"", ""),
    ended("wrong company", 403, GATEWAY_403, "3100", "another QuickBooks company"),
    ended("no scope", 403, gateway("3201", "AuthorizationFailure", 403, "", "S"), "3201", "lacks"),
    ended("403 as HTML", 403, b"<html>Forbidden</html>", ""),
    ended("administrator lost", 400, business("120"), "120", "administrator"),
    ended("subscription ended", 400, business("6190"), "6190", "subscription"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_answer_becomes_its_class_with_words_a_bookkeeper_can_use(case: Case) -> None:
    answer = Answer.of(case.status, case.body, "1-tid")
    for write, expected in ((True, case.on_write), (False, case.on_read)):
        error = answer_error(answer, write=write)
        assert type(error) is expected
        assert error is not None
        assert error.fault.code == case.code
        assert error.fault.status == case.status
        assert error.fault.intuit_tid == "1-tid"
        assert error.fault.cause
        assert error.fault.fix.endswith(".")
        assert case.words in error.fault.cause + error.fault.fix
        assert error.wait_seconds == case.wait_seconds


def test_a_readable_success_is_no_error() -> None:
    answer = Answer.of(200, b'{"Invoice": {"Id": "12", "TotalAmt": 100.10}}')
    assert answer_error(answer, write=True) is None
    assert parse_fault(200, b'{"QueryResponse": {}}') is None


def test_several_errors_the_most_cautious_decides_and_none_is_lost() -> None:
    first = json.loads(business("6240", detail="name"))
    second = json.loads(business("10000", detail="system"))
    first["Fault"]["Error"] += second["Fault"]["Error"]
    error = answer_error(Answer.of(400, json.dumps(first).encode()), write=True)
    assert type(error) is OutcomeUnknownError
    assert error.fault.code == "10000"
    assert "6240 name" in error.fault.detail


def test_quickbooks_own_words_and_the_field_are_kept() -> None:
    body = business("2020", "Required param missing", "Line is missing", "Line.Amount")
    fault = parse_fault(400, body)
    assert fault is not None
    assert (fault.message, fault.detail) == ("Required param missing", "Line is missing")
    assert fault.element == "Line.Amount"


def test_a_batch_item_fault_is_read_like_any_other() -> None:
    fault = read_fault({"type": "ValidationFault", "Error": [{"code": "5010", "Message": "Stale"}]})
    assert type(fault_error(fault, write=True)) is StaleRecordError


def test_a_refused_token_is_told_apart_from_refused_access() -> None:
    assert needs_fresh_token(Answer.of(401, b""))
    assert needs_fresh_token(Answer.of(401, GATEWAY_401))
    assert needs_fresh_token(Answer.of(200, GATEWAY_401))
    assert not needs_fresh_token(Answer.of(403, GATEWAY_403))
    assert not needs_fresh_token(Answer.of(200, b"{}"))


def test_a_longer_retry_after_is_kept_up_to_an_hour() -> None:
    for asked, expected in ((5, 60), (90, 90), (99_999, 3_600)):
        error = answer_error(Answer.of(429, b"", "", asked), write=False)
        assert error is not None
        assert error.wait_seconds == expected


@pytest.mark.parametrize(
    "body",
    [
        # entities that expand without end
        (
            b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
            b"<IntuitResponse><Fault><Error><Message>&b;</Message></Error></Fault></IntuitResponse>"
        ),
        # a file of this machine
        (
            b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><IntuitResponse>&x;'
            b"</IntuitResponse>"
        ),
        # larger than any fault
        b"<IntuitResponse>" + b"<Fault/>" * 100_000 + b"</IntuitResponse>",
    ],
)
def test_xml_with_declarations_or_without_end_is_not_parsed(body: bytes) -> None:
    assert read_body(body).fault is None
    assert type(answer_error(Answer.of(200, body), write=True)) is OutcomeUnknownError


def test_tokens_in_a_fault_never_reach_the_error() -> None:
    token = "eyJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiYWxnIjoiZGlyIn0..dGVzdA"
    body = gateway("3200", "AuthenticationFailed", 401, f"Token expired: {token}", "AUTHENTICATION")
    error = answer_error(Answer.of(401, body), write=False)
    assert error is not None
    assert token not in str(error) + repr(error.fault)
    assert "Token expired: [hidden]" in error.fault.detail


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abc.def-123",
        "refresh_token=AB11secret0",
        '{"access_token": "short"}',
        "Basic dXNlcjpwYXNz",
        "Incorrect Token type or clientID: AB11abcdef",
        "rejected eyJhbGciOi.short",
        "AB117946731632nJnXCRrEuXoGtbgfKmkHLsQxn0W2AcMxhyFA",
    ],
)
def test_token_like_text_is_hidden(text: str) -> None:
    secrets = (
        "abc.def-123",
        "AB11secret0",
        '"short"',
        "dXNlcjpwYXNz",
        "AB11abcdef",
        "AB117946",
        "eyJ",
    )
    assert not any(secret in scrub(text) for secret in secrets)


@pytest.mark.parametrize(
    "text",
    [
        "Duplicate Document Number Error : DocNumber=1042 is assigned to TxnType=Invoice",
        'QueryParserError: Encountered " <IDENTIFIER> "Foo "" at line 1, column 15.',
        "Required parameter Line.SalesItemLineDetail.ItemRef is missing in the request",
        "Invalid Reference Id : Accounts element id 99999 not found",
        'Unrecognized field "Foo" (Class com.intuit.schema.finance.v3.JournalEntryLineDetail)',
        "SyncToken: 12 is not current",
    ],
)
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert scrub(text) == text


def test_the_catalogue_covers_every_documented_code_and_speaks_plainly() -> None:
    documented = re.findall(
        r"\d+",
        "120 500 610 2010 2020 2030 2050 2080 2090 2170 2180 2280 2290 2300 2500 3001 3100 3200 "
        "3201 4000 4001 4002 5010 5020 5030 6000 6041 6050 6070 6100 6140 6180 6190 6210 6220 6240 "
        "6430 6440 6450 6540 10000 10100 10200",
    )
    rows = {row.code: row for row in fault_catalogue()}
    assert set(documented) <= set(rows)
    assert len(rows) == len(fault_catalogue())
    for row in rows.values():
        assert row.name
        assert row.cause.endswith(".")
        assert row.fix.endswith(".")
        assert row.fix != row.cause


def test_what_is_seen_here_is_an_error_of_the_same_kind() -> None:
    error = local_error("timeout", "ReadTimeout", write=True)
    assert type(error) is OutcomeUnknownError
    assert type(local_error("timeout", write=False)) is RetryLaterError
    assert type(local_error("unsent", write=True)) is RetryLaterError
    assert error.fault.code == "timeout"
