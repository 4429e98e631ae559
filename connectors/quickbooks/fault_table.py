"""Faults of the record: what QuickBooks refuses, why, and what a bookkeeper can do.

Source: reference quickbooks-api, section 8.1. Everything here is refused for certain: nothing was
written, and sending the same record again gives the same answer.
"""

from __future__ import annotations

from connectors.quickbooks.fault_row import FaultRow
from models.errors import GoneError, StaleRecordError

_REPORT = "Report this as a bug with the record's name: the sync sent something QuickBooks forbids."

#: Faults that name what to do next by their class.
STATE_ROWS = (
    FaultRow(
        "610",
        "Object Not Found",
        "The record was deleted in QuickBooks, or an account, customer, vendor or item on it is "
        "inactive there.",
        "Look for the record in QuickBooks' audit log; make the inactive account, customer, vendor "
        "or item active again, or choose another, then retry.",
        on_write=GoneError,
    ),
    FaultRow(
        "5010",
        "Stale Object Error",
        "Somebody changed the record in QuickBooks after the sync had read it.",
        "Nothing to do: the sync reads the record again and merges both changes.",
        on_write=StaleRecordError,
    ),
)

#: Faults that a person must resolve in the record.
REFUSED_ROWS = (
    FaultRow(
        "500",
        "Unsupported Operation",
        "QuickBooks does not offer this action for this kind of record, or the text holds "
        "characters it cannot read.",
        "Remove unusual characters from the record's texts and retry; otherwise do the action in "
        "QuickBooks by hand.",
    ),
    FaultRow(
        "2010", "Invalid or unsupported property", "A field is unknown to QuickBooks.", _REPORT
    ),
    FaultRow(
        "2020",
        "Required parameter missing",
        "A field that QuickBooks requires is empty.",
        "Fill in the named field on the platform and retry.",
    ),
    FaultRow(
        "2030",
        "Invalid number",
        "A number is written in a way that QuickBooks does not accept.",
        "Correct the named amount on the platform and retry.",
    ),
    FaultRow(
        "2050",
        "Invalid text length",
        "A text is longer or shorter than QuickBooks allows.",
        "Shorten (or fill in) the named text on the platform and retry.",
    ),
    FaultRow(
        "2080",
        "Invalid number",
        "A number is not usable for QuickBooks.",
        "Correct the named amount on the platform and retry.",
    ),
    FaultRow(
        "2090",
        "Invalid value",
        "A value is outside what QuickBooks allows for the field.",
        "Correct the named field on the platform and retry.",
    ),
    FaultRow(
        "2170",
        "Invalid enumeration",
        "A choice (such as a type or status) is not one that QuickBooks knows.",
        "Pick another choice for the named field and retry.",
    ),
    FaultRow(
        "2180",
        "Invalid name",
        "A name is empty or holds a colon, a tab or a line break, which QuickBooks forbids.",
        "Take colons, tabs and line breaks out of the name and retry.",
    ),
    FaultRow(
        "2280",
        "Negative amount",
        "An amount is negative where QuickBooks accepts only positive ones.",
        "Make the amount positive, or use a credit note or refund instead, and retry.",
    ),
    FaultRow(
        "2290",
        "Negative amount",
        "The total is negative where QuickBooks accepts only positive ones.",
        "Make the total positive, or use a credit note or refund instead, and retry.",
    ),
    FaultRow(
        "2300",
        "Debits and credits differ",
        "The journal entry does not balance.",
        "Correct the lines until debits equal credits and retry.",
    ),
    FaultRow(
        "2500",
        "Invalid Reference Id",
        "The record names an account, customer, vendor, item or class that QuickBooks does not "
        "have or that is inactive.",
        "Choose an active one, or make it active again in QuickBooks, and retry.",
    ),
    FaultRow(
        "4000", "Error parsing query", "A question to QuickBooks was written wrongly.", _REPORT
    ),
    FaultRow("4001", "Invalid query", "A question to QuickBooks names an unknown field.", _REPORT),
    FaultRow("4002", "Invalid query", "A question to QuickBooks was not understood.", _REPORT),
    FaultRow(
        "5020",
        "Permission Denied",
        "The person who connected QuickBooks may not do this in QuickBooks.",
        "Ask the QuickBooks administrator to give that person full access, or reconnect as an "
        "administrator, and retry.",
    ),
    FaultRow(
        "5030",
        "Feature not allowed",
        "The company's QuickBooks plan or settings do not include this field or feature.",
        "Switch the feature on in QuickBooks' settings (or upgrade the plan), or empty the named "
        "field, and retry.",
    ),
    FaultRow(
        "6000",
        "A business validation error has occurred",
        "The record breaks one of QuickBooks' bookkeeping rules; its own words beside this line "
        "name the rule.",
        "Correct the record as QuickBooks' words say and retry.",
    ),
    FaultRow(
        "6041",
        "Upload type not allowed",
        "The attached file is of a type that QuickBooks does not accept.",
        "Attach a PDF, picture, text or office file instead.",
    ),
    FaultRow(
        "6050",
        "Upload too large",
        "The attached file is too large for QuickBooks.",
        "Attach a file of less than 100 MB.",
    ),
    FaultRow(
        "6070",
        "Amount is not equal to UnitPrice * Qty",
        "A line's amount differs from its quantity times its price.",
        "Correct the quantity, price or amount of the line and retry.",
    ),
    FaultRow(
        "6100",
        "Invalid tax code or rate",
        "The tax code on the record is unknown to QuickBooks or not in use.",
        "Choose a tax code that is active in QuickBooks and retry.",
    ),
    FaultRow(
        "6140",
        "Duplicate Document Number Error",
        "Another record in QuickBooks already has this number.",
        "Compare the two records: if they are the same, delete the platform's one; if not, give "
        "one of them another number and retry.",
    ),
    FaultRow(
        "6180",
        "Nested too deeply",
        "QuickBooks allows five levels of sub-accounts, sub-customers and sub-items.",
        "Move the record up to a higher level and retry.",
    ),
    FaultRow(
        "6210",
        "Account Period Closed",
        "The date lies in a period whose books are closed in QuickBooks.",
        "Ask the accountant to reopen the period in QuickBooks, or enter the change with a date "
        "after it, then retry; the sync never moves a date by itself.",
    ),
    FaultRow(
        "6220",
        "Balance is not zero",
        "A customer, vendor or account with a balance cannot be made inactive.",
        "Settle the balance in QuickBooks first and retry.",
    ),
    FaultRow(
        "6240",
        "Duplicate Name Exists Error",
        "A customer, vendor, employee, account or item with this name is already in QuickBooks.",
        "If it is the same one, use that record on the platform and delete this one; if not, "
        "change one of the names and retry.",
    ),
    *(
        FaultRow(
            code,
            "Invalid account type",
            "The account on the record is of a type that QuickBooks does not allow there.",
            "Choose an account of a fitting type (its own words beside this line say which) and "
            "retry.",
        )
        for code in ("6430", "6440", "6450")
    ),
    FaultRow(
        "6540",
        "Deposited Transaction cannot be changed",
        "The payment is part of a bank deposit in QuickBooks, which freezes it.",
        "Remove the payment from the deposit in QuickBooks, retry, and add it to the deposit "
        "again.",
    ),
)
