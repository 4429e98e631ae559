"""The head of a transaction: dates, periods, currency, addresses, document numbers.

Source: dossier sections 8.1 (6140, 6210, 6540 and the duplicate rules of purchases), 10.4 (numbers,
due date), 12.7 and 12.8; the recorded company for what a bare create is served with: addresses of
the customer, terms of the company (an invoice created without terms is due 30 days later there).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from emulator import exact_json, faults
from emulator.clock import parse_date
from emulator.company import NUMBER_FAMILIES, Record
from emulator.countries import iso_country
from emulator.entities import ENTITIES
from emulator.rates import rate_of
from emulator.writing.draft import ZERO, Draft, amount, cents, reference
from emulator.writing.lists import check_account_type, require_multicurrency
from emulator.writing.references import currency_reference

_SHIPPED_FORMS = frozenset({"Invoice", "Estimate", "CreditMemo"})
_NUMBER_OF_MONTHS = 12
_LAST_SAFE_DAY = 28


def transaction_date(draft: Draft) -> None:
    """Default the date to the company's today."""
    draft.default("TxnDate", draft.company.clock.today().isoformat())


def closed_books(draft: Draft) -> None:
    """Refuse a write that touches a closed period, by its old date or its new one."""
    for record in (draft.before, draft.after):
        if record is not None:
            refuse_closed(draft.company.preference("AccountingInfoPrefs", "BookCloseDate"), record)


def refuse_closed(close_date: Any, record: Record) -> None:
    """Refuse a record dated on or before the closing date; an attachment has no date."""
    if close_date and record.get("TxnDate") and str(record["TxnDate"]) <= str(close_date):
        raise faults.closed_books()


def deposited(draft: Draft) -> None:
    """Refuse any edit of a transaction that a deposit holds."""
    if draft.before is not None:
        refuse_deposited(draft.before)


def refuse_deposited(record: Record) -> None:
    """Refuse a record that is linked to a deposit."""
    links = record.get("LinkedTxn") or []
    if any(link.get("TxnType") == "Deposit" for link in links):
        raise faults.deposited()


def currency(draft: Draft) -> None:
    """Give the transaction its currency; keep a rate only where it means something."""
    after, home = draft.after, draft.company.home_currency
    party = _party(draft)
    inherited = reference(party, "CurrencyRef") if party else ""
    if draft.creating:
        draft.default("CurrencyRef", currency_reference(inherited or home))
    code = reference(after, "CurrencyRef")
    if draft.creating and code != home:
        require_multicurrency(draft, code)
    if party is not None and draft.touched("CustomerRef", "VendorRef", "CurrencyRef"):
        _same_currency(inherited or home, code or home)
    if draft.company.preference("CurrencyPrefs", "MultiCurrencyEnabled"):
        if code == home and draft.creating:
            after["ExchangeRate"] = 1
        elif not after.get("ExchangeRate"):
            by_day = code != home and draft.entity.name != "Payment"
            day = str(after.get("TxnDate", ""))
            after["ExchangeRate"] = rate_of(draft.company, code, day) if by_day else 1
    elif draft.touched("ExchangeRate") and draft.old("ExchangeRate") is None:
        after.pop("ExchangeRate", None)


def _party(draft: Draft) -> Record | None:
    for field, entity in (("CustomerRef", "Customer"), ("VendorRef", "Vendor")):
        if draft.after.get(field):
            return draft.company.get(entity, reference(draft.after, field))
    return None


def _same_currency(party_code: str, code: str) -> None:
    if party_code != code:
        raise faults.business(
            f"The currency of the transaction ({code}) is not that of the customer or vendor "
            f"({party_code}).",
            "CurrencyRef",
        )


def home_amounts(draft: Draft) -> None:
    """Derive the totals in home currency of a foreign transaction."""
    after, home = draft.after, draft.company.home_currency
    if reference(after, "CurrencyRef") in {"", home} or "ExchangeRate" not in after:
        return
    rate = amount(after, "ExchangeRate")
    if "HomeTotalAmt" in draft.entity.fields:
        after["HomeTotalAmt"] = cents(amount(after, "TotalAmt") * rate)
    if "HomeBalance" in draft.entity.fields:
        after["HomeBalance"] = cents(amount(after, "Balance") * rate)


def customer_defaults(draft: Draft) -> None:
    """Copy the customer's addresses onto a new sales form."""
    customer = draft.company.get("Customer", reference(draft.after, "CustomerRef")) or {}
    if draft.creating:
        for field in ("BillAddr", "ShipAddr"):
            if customer.get(field):
                draft.default(field, exact_json.copy(customer[field]))
        draft.after["FreeFormAddress"] = True
        _ship_from(draft)


def _ship_from(draft: Draft) -> None:
    """Write the company's own address on a form, in the free form of two lines."""
    address = draft.company.single("CompanyInfo").get("CompanyAddr") or {}
    if draft.entity.name not in _SHIPPED_FORMS or not address.get("Line1"):
        return
    place = f"{address.get('City', '')}, {address.get('CountrySubDivisionCode', '')}"
    lines = {"Line1": address["Line1"], "Line2": f"{place}  {address.get('PostalCode', '')}"}
    draft.default("ShipFromAddr", {"Id": draft.company.draw("addresses"), **lines})


def vendor_defaults(draft: Draft) -> None:
    """Copy the vendor's address and the payables account onto a new purchase form."""
    vendor = draft.company.get("Vendor", reference(draft.after, "VendorRef")) or {}
    if draft.touched("VendorRef") and vendor.get("BillAddr"):
        draft.default("VendorAddr", exact_json.copy(vendor["BillAddr"]))
    if not draft.after.get("APAccountRef"):
        code = reference(vendor, "CurrencyRef") or draft.company.home_currency
        account_id = draft.company.account_by_subtype("AccountsPayable", code)
        account = draft.company.get("Account", account_id) if account_id else None
        if account is not None:
            name = account["FullyQualifiedName"]
            draft.after["APAccountRef"] = {"value": account_id, "name": name}
    elif draft.gave("APAccountRef"):
        check_account_type(draft, "APAccountRef", {"Accounts Payable"})


def number_addresses(draft: Draft) -> None:
    """Give every address that was sent an id: the old one's, or a fresh one."""
    for field in draft.sent:
        address = draft.after.get(field)
        is_address = draft.entity.fields[field].shape == "Address"
        if not is_address or not isinstance(address, dict):
            continue
        old = draft.old(field) or {}
        if draft.company.options.normalise_countries and address.get("Country"):
            address = {**address, "Country": iso_country(str(address["Country"]))}
        if "Id" not in address:
            address = {"Id": old.get("Id") or draft.company.draw("addresses"), **address}
        if old and draft.entity.is_transaction and draft.company.options.free_form_addresses:
            address = _free_form(draft, address) if address != old else old
        draft.after[field] = address


def _free_form(draft: Draft, address: Record) -> Record:
    """Move the parts of an address into its lines, as an edit inside a transaction does."""
    customer = draft.company.get("Customer", reference(draft.after, "CustomerRef")) or {}
    names = [str(customer.get(part, "")) for part in ("DisplayName", "CompanyName")]
    street = [str(address.get(f"Line{number}", "")) for number in range(1, 6)]
    place = ", ".join(
        str(address[part]) for part in ("City", "CountrySubDivisionCode") if address.get(part)
    )
    last = " ".join(part for part in (place, str(address.get("PostalCode", ""))) if part)
    lines = list(dict.fromkeys(part for part in (*names, *street, last) if part))
    kept = {"Id": address["Id"]}
    shown = {f"Line{number}": line for number, line in enumerate(lines[:5], start=1)}
    return {**kept, **shown}


def due_date(draft: Draft) -> None:
    """Derive DueDate from the terms: the form's own, else the company's, else the day itself."""
    if draft.gave("DueDate") or not draft.touched("SalesTermRef", "DueDate"):
        return
    term_id = reference(draft.after, "SalesTermRef")
    if not term_id and draft.entity.name == "Invoice":
        defaults = draft.company.preference("SalesFormsPrefs", "DefaultTerms") or {}
        term_id = str(defaults.get("value", ""))
    term = draft.company.get("Term", term_id) or {}
    day = parse_date(str(draft.after["TxnDate"]))
    assert day is not None, "TxnDate was checked on the way in"
    draft.after["DueDate"] = due_on(term, day).isoformat()


def due_on(term: Record, day: date) -> date:
    """Return when a document of that day is due under a term."""
    if term.get("DueDays") is not None:
        return day + timedelta(days=int(term["DueDays"]))
    if term.get("DayOfMonthDue") is None:
        return day
    wanted = int(term["DayOfMonthDue"])
    due = _in_month(day, wanted)
    if due < day:
        due = _in_month(_next_month(due), wanted)
    if (due - day).days < int(term.get("DueNextMonthDays") or 0):
        # Too close to the day: the one after it.
        due = _in_month(_next_month(due), wanted)
    return due


def _next_month(day: date) -> date:
    carry, month = divmod(day.month, _NUMBER_OF_MONTHS)
    return date(day.year + carry, month + 1, 1)


def _in_month(day: date, wanted: int) -> date:
    if wanted <= _LAST_SAFE_DAY:
        return day.replace(day=max(wanted, 1))
    last = _next_month(day) - timedelta(days=1)
    return last.replace(day=min(wanted, last.day))


def email_address(draft: Draft) -> None:
    """Refuse to queue a form for mailing without an address."""
    if draft.after.get("EmailStatus") == "NeedToSend" and not draft.after.get("BillEmail"):
        raise faults.missing("BillEmail")


def deposit_account(draft: Draft) -> None:
    """Default where money goes to Undeposited Funds; only a bank-like account may take it."""
    if draft.gave("DepositToAccountRef"):
        check_account_type(draft, "DepositToAccountRef", {"Bank", "Other Current Asset"})
    if draft.after.get("DepositToAccountRef") or not draft.touched("DepositToAccountRef"):
        return
    if draft.entity.name == "Payment" and not amount(draft.after, "TotalAmt"):
        # A payment of nothing only links credits to charges.
        return
    account_id = draft.company.account_by_subtype("UndepositedFunds")
    if account_id is None:
        return
    account = draft.company.records["Account"][account_id]
    draft.after["DepositToAccountRef"] = {"value": account_id}
    if "bare" not in draft.entity.fields["DepositToAccountRef"].flags:
        draft.after["DepositToAccountRef"]["name"] = account["FullyQualifiedName"]


def auto_number(draft: Draft) -> None:
    """Number a form where the company numbers by itself; a number that was given is kept."""
    if draft.after.get("DocNumber"):
        return
    if draft.old("DocNumber") and not _custom_numbers(draft):
        draft.after["DocNumber"] = draft.old("DocNumber")
    elif draft.creating and not _custom_numbers(draft):
        draft.after["DocNumber"] = draft.company.next_document_number(draft.entity.name)


def _custom_numbers(draft: Draft) -> bool:
    if draft.entity.name == "PurchaseOrder":
        return _other_preference(draft, "VendorAndPurchasesPrefs.UseCustomTxnNumbers")
    return bool(draft.company.preference("SalesFormsPrefs", "CustomTxnNumbers"))


def _other_preference(draft: Draft, name: str) -> bool:
    pairs = draft.company.preference("OtherPrefs", "NameValue") or []
    values = [pair.get("Value") for pair in pairs if pair.get("Name") == name]
    return "true" in [str(value).lower() for value in values]


def duplicate_number(draft: Draft) -> None:
    """Refuse a taken number where the company numbers itself and wants to be warned."""
    if not draft.company.options.warn_duplicate_numbers or not draft.gave("DocNumber"):
        return
    if "allowduplicatedocnum" in draft.include or not _custom_numbers(draft):
        return
    own_family = NUMBER_FAMILIES.get(draft.entity.name, draft.entity.name)
    family = [name for name, kind in NUMBER_FAMILIES.items() if kind == own_family]
    _refuse_duplicate(draft, family or [draft.entity.name])


def duplicate_purchase_number(draft: Draft) -> None:
    """Refuse a taken number on a purchase: always by cash or card, on a check if so set."""
    if not draft.gave("DocNumber") or "allowduplicatedocnum" in draft.include:
        return
    if draft.after.get("PaymentType") == "Check":
        if _other_preference(draft, "WarnDuplicateCheckNumber"):
            _refuse_duplicate(draft, ["Purchase", "BillPayment"], only_checks=True)
        return
    _refuse_duplicate(draft, ["Purchase"])


def _refuse_duplicate(draft: Draft, entities: list[str], *, only_checks: bool = False) -> None:
    number = str(draft.after["DocNumber"])
    if number == draft.old("DocNumber"):
        return
    for entity in entities:
        for holder_entity, holder_id in draft.company.holders(f"number:{entity}", number):
            holder = draft.company.records[holder_entity][holder_id]
            is_check = "Check" in (holder.get("PaymentType"), holder.get("PayType"))
            if holder_id != draft.after["Id"] and is_check == only_checks:
                raise faults.duplicate_document(number, ENTITIES[entity].title, holder_id)


def refuse_negative_total(draft: Draft) -> None:
    """Refuse a document whose total is below zero."""
    if amount(draft.after, "TotalAmt") < ZERO:
        raise faults.negative_amount("TotalAmt")
