"""The faults QuickBooks answers with, by code and in its own words.

Business faults are JSON with HTTP 400, whatever the mishap: an unknown id is 610 with 400, not 404.
Gateway faults (401, 403, 429) look different and live in `server/gateway.py`.
Source: dossier sections 3.1, 4, 5 and 8.1 (codes, texts, and which part is whose observation).
Sentences marked "own words" are ours: the code is known, the recorded sentence is not.
"""

from __future__ import annotations

from typing import Any

INACTIVE_REFERENCE = (
    "Object Not Found : Something you're trying to use has been made inactive. "
    "Check the fields with accounts, customers, items, vendors or employees."
)
CLOSED_BOOKS = (
    "The account period has closed and the account books cannot be updated through through the "
    "QBO Services API. Please use the QBO website to make these changes."
)
DEPOSITED = (
    "Business Validation Error: The transaction has been deposited. If you want to make changes, "
    "edit the deposit it appears on and remove it first."
)
SUBSCRIPTION_ENDED = (
    "Subscription period has ended or canceled or there was a billing problem : You can't add data "
    "to QuickBooks Online Plus because your trial or subscription period ended, you canceled your "
    "subscription, or there was a billing problem. To see or change your subscription status, "
    "click 'Your Account' at the upper-right of the screen, and click on Resubscribe link or "
    "contact your administrator."
)
MALFORMED_TEXT = (
    "Operation Could not be parsed: com.sun.org.apache.xerces.internal.impl.io."
    "MalformedByteSequenceException: Invalid byte 1 of 1-byte UTF-8 sequence. is not supported."
)
SAVED_BUT_FAILED = (
    "An unexpected error occurred while accessing or saving your data. Please wait a few minutes "
    "and try again. If the problem persists, contact customer support."
)
BUSINESS_MESSAGE = "A business validation error has occurred while processing your request"


class QuickBooksFault(Exception):  # noqa: N818 - "Fault" is QuickBooks' own word for it
    """One refusal, as the client will read it."""

    def __init__(
        self,
        code: str,
        message: str,
        detail: str,
        element: str = "",
        *,
        fault_type: str = "ValidationFault",
        status: int = 400,
    ) -> None:
        """Hold the four texts of an Error, the type of the Fault and the HTTP status."""
        super().__init__(f"{code} {message}: {detail}")
        self.code = code
        self.message = message
        self.detail = detail
        self.element = element
        self.fault_type = fault_type
        self.status = status

    def body(self) -> dict[str, Any]:
        """Return the Fault object as it travels."""
        error = {"Message": self.message, "Detail": self.detail, "code": self.code}
        error["element"] = self.element
        return {"Error": [error], "type": self.fault_type}


def unsupported(operation: str) -> QuickBooksFault:
    """Return the fault for a verb that this entity does not have."""
    return QuickBooksFault(
        "500", "Unsupported Operation", f"Operation {operation} is not supported."
    )


def not_found(element: str = "") -> QuickBooksFault:
    """Return the fault for an id that is unknown, deleted, or an inactive reference."""
    return QuickBooksFault("610", "Object Not Found", INACTIVE_REFERENCE, element)


def wrong_transaction_type(found: str, expected: str) -> QuickBooksFault:
    """Return the fault for reading a transaction under another type's name."""
    detail = f"Object Not Found : TxnType does not match read: {found} expected: {expected}"
    return QuickBooksFault("610", "Object Not Found", detail)


def unreadable_json() -> QuickBooksFault:
    """Return the fault for a body that is not the JSON object it should be."""
    detail = (
        "Property Name:failed to parse json object; a property specified is unsupported or invalid"
    )
    return QuickBooksFault("2010", "Request has invalid or unsupported property", detail)


def unknown_property(name: str, shape: str, known: list[str]) -> QuickBooksFault:
    """Return the fault for a property that QuickBooks does not know; it lists those it does."""
    listed = ", ".join(f'"{property_name}"' for property_name in known)
    detail = (
        f'Property Name:Unrecognized field "{name}" (Class {shape}), not marked as ignorable '
        f"({len(known)} known properties: {listed}) specified is unsupported or invalid"
    )
    return QuickBooksFault("2010", "Request has invalid or unsupported property", detail, name)


def missing(name: str) -> QuickBooksFault:
    """Return the fault for a required property that was left out."""
    return QuickBooksFault(
        "2020",
        "Required param missing, need to supply the required value for the API",
        f"Required parameter {name} is missing in the request",
        name,
    )


def wrong_length(name: str, limit: int, actual: int) -> QuickBooksFault:
    """Return the fault for text that is longer than its field."""
    return QuickBooksFault(
        "2050",
        "String length is either shorter or longer than supported by specification",
        "String length specified does not match the supported length. "
        f"Min:0 Max:{limit} supplied length:{actual}",
        name,
    )


def bad_number(name: str, value: object) -> QuickBooksFault:
    """Return the fault for something that should be a number (own words)."""
    return QuickBooksFault(
        "2080", "Invalid Number", f"Invalid Number : {name} has the value {value}", name
    )


def bad_value(name: str, value: object) -> QuickBooksFault:
    """Return the fault for a value of the wrong kind (own words)."""
    return QuickBooksFault(
        "2090", "Invalid value", f"Invalid value : {name} has the value {value}", name
    )


def bad_choice(name: str, value: object) -> QuickBooksFault:
    """Return the fault for a value outside an enumeration (own words)."""
    return QuickBooksFault(
        "2170", "Invalid Enumeration", f"Invalid Enumeration : {value} for {name}", name
    )


def bad_name(name: str) -> QuickBooksFault:
    """Return the fault for a name with a colon, tab or line break, or without a character."""
    return QuickBooksFault(
        "2180",
        "Invalid string. The string contains characters that are not allowed",
        "The name must have at least one character, be on one line and must not include: "
        "colon (:), tab or new line",
        name,
    )


def negative_amount(name: str) -> QuickBooksFault:
    """Return the fault for an amount below zero where none may be."""
    return QuickBooksFault(
        "2290", "Amount Cannot Be Negative", f"{name} must be 0 or greater", name
    )


def unbalanced() -> QuickBooksFault:
    """Return the fault for a journal entry whose debits and credits differ."""
    return QuickBooksFault(
        "2300",
        "Total Debits Must Equal Total Credits",
        "Transaction is not in balance. Make sure debits equal credits.",
    )


def invalid_reference(detail: str, element: str) -> QuickBooksFault:
    """Return the fault for a reference to nothing."""
    return QuickBooksFault(
        "2500", "Invalid Reference Id", f"Invalid Reference Id : {detail}", element
    )


def stale(who: str) -> QuickBooksFault:
    """Return the fault for a SyncToken that is no longer the current one."""
    detail = (
        f"Stale Object Error : You and {who} were working on this at the same time. "
        f"{who} finished before you did, so your work was not saved."
    )
    return QuickBooksFault("5010", "Stale Object Error", detail)


def business(sentence: str, element: str = "") -> QuickBooksFault:
    """Return the catch-all 6000 with one sentence of explanation."""
    return QuickBooksFault(
        "6000", BUSINESS_MESSAGE, f"Business Validation Error: {sentence}", element
    )


def invalid_tax(sentence: str, element: str = "") -> QuickBooksFault:
    """Return the fault for a tax code or rate that cannot be used (own words)."""
    return QuickBooksFault("6100", "Invalid Tax Rate", f"Invalid Tax Rate : {sentence}", element)


def subscription_ended() -> QuickBooksFault:
    """Return the fault for any write once the company's subscription has ended."""
    return QuickBooksFault("6190", "Invalid Company Status", SUBSCRIPTION_ENDED)


def invalid_id(value: object) -> QuickBooksFault:
    """Return the fault for an id that is no number."""
    return QuickBooksFault(
        "2030", "Invalid Number", f"Invalid Number : Id should be a valid number, not {value}", "Id"
    )


def malformed_text() -> QuickBooksFault:
    """Return the fault for a body that is not UTF-8."""
    return QuickBooksFault("500", "Unsupported Operation", MALFORMED_TEXT)


def saved_but_failed() -> QuickBooksFault:
    """Return the treacherous 6000: the record may have been saved all the same."""
    return QuickBooksFault("6000", BUSINESS_MESSAGE, SAVED_BUT_FAILED)


def wrong_multiplication(amount: object) -> QuickBooksFault:
    """Return the fault for an Amount that is not UnitPrice times Qty."""
    return QuickBooksFault(
        "6070",
        "Amount calculation incorrect in the request",
        f"Amount is not equal to UnitPrice * Qty. Supplied value:{amount}",
        "Line.Amount",
    )


def duplicate_document(number: str, other_type: str, other_id: str) -> QuickBooksFault:
    """Return the fault for a document number that is taken; it names the holder."""
    return QuickBooksFault(
        "6140",
        "Duplicate Document Number Error",
        "Duplicate Document Number Error : You must specify a different number. This number has "
        f"already been used. DocNumber={number} is assigned to TxnType={other_type} "
        f"with TxnId={other_id}",
        "DocNumber",
    )


def closed_books() -> QuickBooksFault:
    """Return the fault for a change in a closed accounting period."""
    return QuickBooksFault(
        "6210", "Account Period Closed, Cannot Update Through Services API", CLOSED_BOOKS
    )


def has_balance(name: str) -> QuickBooksFault:
    """Return the fault for inactivating somebody who still owes or is owed (own words)."""
    return QuickBooksFault(
        "6220",
        "Delete List Has Balance Error",
        f"You cannot make {name} inactive because it has balance.",
    )


def duplicate_name(sentence: str) -> QuickBooksFault:
    """Return the fault for a name that is taken."""
    return QuickBooksFault(
        "6240", "Duplicate Name Exists Error", f"The name supplied already exists. : {sentence}"
    )


def deposited() -> QuickBooksFault:
    """Return the fault for touching a transaction that a deposit holds."""
    return QuickBooksFault("6540", "Deposited Transaction cannot be changed", DEPOSITED)


def query_parse_error(sentence: str) -> QuickBooksFault:
    """Return the fault for a statement that cannot be read."""
    return QuickBooksFault("4000", "Error parsing query", f"QueryParserError: {sentence}")


def query_invalid(sentence: str) -> QuickBooksFault:
    """Return the fault for a statement that reads well but asks for what there is not."""
    return QuickBooksFault("4001", "Invalid query", f"QueryValidationError: {sentence}")


def application_error() -> QuickBooksFault:
    """Return QuickBooks' own failure, HTTP 500."""
    return QuickBooksFault(
        "10000",
        "An application error has occurred while processing your request",
        "System Failure Error: the emulator failed, see its log",
        fault_type="SystemFault",
        status=500,
    )
