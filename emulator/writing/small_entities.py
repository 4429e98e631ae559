"""What is particular to time activities, exchange rates, attachments, card payments and tax ids.

Source: Intuit's XSD for each; dossier sections 4 (CreditCardPayment), 8.1 (2500, 6041) and 10.3
(TaxIdentifier is returned masked), 10.6 (Attachable).
"""

from __future__ import annotations

import re

from emulator import faults
from emulator.attachments import check_extension
from emulator.entities import find_entity
from emulator.writing.draft import Draft, amount, reference
from emulator.writing.lists import check_account_type, require_multicurrency

_SHOWN_DIGITS = 4
_MINUTES = 60


def time_worked(draft: Draft) -> None:
    """Check that a time activity says who worked and how long."""
    after = draft.after
    who = {"Employee": "EmployeeRef", "Vendor": "VendorRef"}.get(str(after["NameOf"]))
    if who is not None and not after.get(who):
        raise faults.missing(who)
    spans = after.get("StartTime") and after.get("EndTime")
    if not spans and after.get("Hours") is None and after.get("Minutes") is None:
        raise faults.missing("Hours")
    for name in ("Hours", "Minutes", "BreakHours", "BreakMinutes"):
        if amount(after, name) < 0:
            raise faults.negative_amount(name)
    if amount(after, "Minutes") >= _MINUTES:
        raise faults.bad_value("Minutes", after["Minutes"])
    if after.get("BillableStatus") == "Billable" and not after.get("CustomerRef"):
        raise faults.missing("CustomerRef")


def exchange_rate(draft: Draft) -> None:
    """Keep one rate for each currency and day; a second one for the same day replaces it."""
    after, company = draft.after, draft.company
    code = str(after["SourceCurrencyCode"]).upper()
    require_multicurrency(draft, code)
    if amount(after, "Rate") <= 0:
        raise faults.bad_number("Rate", after["Rate"])
    day = str(after.get("AsOfDate") or company.clock.today().isoformat())
    after |= {"SourceCurrencyCode": code, "TargetCurrencyCode": company.home_currency}
    after |= {"AsOfDate": day, "Id": f"{code}-{day}"}


def check_card_payment(draft: Draft) -> None:
    """Check that a card payment moves money from a bank account to a credit card."""
    if amount(draft.after, "Amount") <= 0:
        raise faults.negative_amount("Amount")
    check_account_type(draft, "BankAccountRef", {"Bank"})
    check_account_type(draft, "CreditCardAccountRef", {"Credit Card"})


def mask_tax_id(draft: Draft) -> None:
    """Keep a tax id only as it will be shown: all but its last digits crossed out."""
    value = str(draft.after.get("TaxIdentifier") or "")
    if value:
        hidden = re.sub(r"\w", "X", value[:-_SHOWN_DIGITS])
        draft.after["TaxIdentifier"] = hidden + value[-_SHOWN_DIGITS:]


def attachable(draft: Draft) -> None:
    """Check what an attachment hangs on, and that it is a note or a file of a known kind."""
    after = draft.after
    if not after.get("Note") and not after.get("FileName"):
        raise faults.missing("Note")
    if after.get("FileName"):
        check_extension(str(after["FileName"]))
    for attached in after.get("AttachableRef") or []:
        owner = attached.get("EntityRef")
        if not owner:
            continue
        entity = find_entity(str(owner.get("type", "")))
        if entity is None:
            raise faults.bad_choice("AttachableRef.EntityRef.type", owner.get("type"))
        if draft.company.get(entity.name, reference(attached, "EntityRef")) is None:
            raise faults.invalid_reference(
                f"{entity.plural or entity.name} element id {owner.get('value')} not found",
                "AttachableRef.EntityRef",
            )
        attached["EntityRef"] = {"type": entity.name, "value": str(owner["value"])}
        attached.setdefault("IncludeOnSend", False)
