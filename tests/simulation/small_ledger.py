"""What QuickBooks does to the company itself, journal entries, transfers, deposits and attachments.

As `small_rules` and `small_documents`. A deposit freezes the payments that it holds: they carry a
link to it. Source: the reference, sections 10.2 and 10.6, and the emulator, which these rules
follow.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from emulator import faults
from emulator.attachments import check_extension
from emulator.entities import ENTITIES, find_entity
from tests.simulation.small_documents import amount, currency, transaction_date
from tests.simulation.small_fields import ZERO
from tests.simulation.small_rules import Draft, Rule, number_addresses, reference

if TYPE_CHECKING:
    from tests.simulation.small_keeping import Keeping
    from tests.simulation.small_postings import Moves
    from tests.simulation.small_state import Key, Record

#: The company as it is before anybody has worked in it.
COMPANY: Record = {
    "CompanyName": "Simulated company",
    "LegalName": "Simulated company",
    "CompanyAddr": {
        "Id": "1",
        "Line1": "1 Main Street",
        "City": "San Francisco",
        "CountrySubDivisionCode": "CA",
        "PostalCode": "94105",
        "Country": "USA",
    },
    "CompanyStartDate": "2024-01-01",
    "FiscalYearStartMonth": "January",
    "Country": "US",
    "SupportedLanguages": "en",
    "DefaultTimeZone": "America/Los_Angeles",
    "Id": "1",
    "SyncToken": "0",
    # long before any schedule, so that it is no change of the first days
    "MetaData": {
        "CreateTime": "2019-12-31T16:00:00-08:00",
        "LastUpdatedTime": "2019-12-31T16:00:00-08:00",
    },
    "domain": "QBO",
    "sparse": False,
}
_JOURNAL, _DEPOSIT = "JournalEntryLineDetail", "DepositLineDetail"
#: Who must be named on a line that moves what somebody owes.
_PARTIES = {"Accounts Receivable": "Customer", "Accounts Payable": "Vendor"}
#: TxnType of a link -> entity, where it is another word.
_LINKED_AS = {"Expense": "Purchase", "Check": "Purchase", "CreditCardCredit": "Purchase"}
_DEPOSITABLE = frozenset({"Payment", "RefundReceipt", "JournalEntry", "Purchase"})


class Held(NamedTuple):
    """New fields of a record that a deposit takes or lets go."""

    entity: str
    id: str
    values: Record


# -- lines --


def _numbered(draft: Draft, first: int) -> list[Record]:
    """The lines that were sent, each with the Id that it keeps or gets."""
    sent: list[Record] = draft.after["Line"]
    if not sent:
        raise faults.missing("Line")
    known = {str(each["Id"]) for each in draft.old("Line") or () if "Id" in each}
    fresh = max((int(each) for each in known if each.isdecimal()), default=first - 1) + 1
    used: set[str] = set()
    for place, line in enumerate(sent, start=1):
        if line.get("DetailType") is None:
            line.pop("Id", None)
            line.pop("LineNum", None)
            continue
        line_id = str(line.get("Id", ""))
        if line_id not in known or line_id in used:
            line_id, fresh = str(fresh), fresh + 1
        used.add(line_id)
        line["Id"] = line_id
        if draft.entity == "JournalEntry":
            line.pop("LineNum", None)
        else:
            line["LineNum"] = place
    return sent


def _kind_of(draft: Draft, line: Record) -> str:
    kind = line.get("DetailType")
    if kind is None:
        raise faults.missing("Line.DetailType")
    if kind not in ENTITIES[draft.entity].line_details:
        raise faults.bad_choice("Line.DetailType", kind)
    return str(kind)


def _require_party(draft: Draft, detail: Record, kind: object, element: str) -> None:
    """Refuse a line on receivables without a customer, or on payables without a vendor."""
    account = draft.books.get("Account", reference(detail, "AccountRef")) or {}
    wanted = _PARTIES.get(str(account.get("AccountType")))
    if wanted is not None and str(kind or "").lower() != wanted.lower():
        raise faults.business(
            f"When you use {account['AccountType']}, you must choose a {wanted.lower()} in the "
            "Name field.",
            element,
        )


# -- journal entries --


def journal_lines(draft: Draft) -> None:
    """Number and check the lines; their ids begin with 0, and the total is always 0."""
    draft.after["TotalAmt"] = ZERO
    if not draft.gave("Line"):
        return
    lines = _numbered(draft, 0)
    entries = [line for line in lines if _checked_entry(draft, line)]
    if sum((_debited(line) for line in entries), ZERO):
        raise faults.unbalanced()
    if len(entries) < 2:
        raise faults.business("A journal entry needs at least two lines.", "Line")


def _checked_entry(draft: Draft, line: Record) -> bool:
    """Check a line; whether it is a debit or a credit and no mere text."""
    if _kind_of(draft, line) == "DescriptionOnly":
        line.setdefault("DescriptionLineDetail", {})
        line.pop("DescriptionOnly", None)
        line.pop("Amount", None)
        return False
    detail = line.setdefault(_JOURNAL, {})
    if line.get("Amount") is None:
        raise faults.missing("Line.Amount")
    if line["Amount"] < 0:
        raise faults.negative_amount("Line.Amount")
    for name in ("PostingType", "AccountRef"):
        if not detail.get(name):
            raise faults.missing(f"Line.{_JOURNAL}.{name}")
    kind = (detail.get("Entity") or {}).get("Type")
    _require_party(draft, detail, kind, f"Line.{_JOURNAL}.Entity")
    return True


def _debited(line: Record) -> Decimal:
    """What a journal line debits; a credit counts below zero."""
    value = amount(line, "Amount")
    return value if line[_JOURNAL].get("PostingType") == "Debit" else -value


# -- transfers --


def check_transfer(draft: Draft) -> None:
    """Refuse a transfer of nothing (unless it was voided), to itself, or off the balance sheet."""
    moved = amount(draft.after, "Amount")
    was_voided = draft.before is not None and not amount(draft.before, "Amount")
    if moved < 0 or (not moved and not was_voided):
        raise faults.negative_amount("Amount")
    source, target = (reference(draft.after, f"{each}AccountRef") for each in ("From", "To"))
    if source == target:
        raise faults.business("A transfer needs two different accounts.", "ToAccountRef")
    for side in (source, target):
        account = draft.books.get("Account", side) or {}
        if account.get("Classification") in {"Revenue", "Expense"}:
            raise faults.business("Only balance sheet accounts can be used in a transfer.")
        if account.get("AccountType") in _PARTIES:
            raise faults.business("Receivables and payables cannot be used in a transfer.")


# -- deposits --


def deposit_lines(draft: Draft) -> None:
    """Number and check the lines: payments that are taken along, and money from accounts."""
    if not draft.gave("Line"):
        return
    for line in _numbered(draft, 1):
        if line.get("DetailType") is None and line.get("LinkedTxn"):
            _check_deposited(draft, line)
            continue
        _kind_of(draft, line)
        detail = line.setdefault(_DEPOSIT, {})
        if line.get("Amount") is None:
            raise faults.missing("Line.Amount")
        if line.get("LinkedTxn"):
            continue
        if not detail.get("AccountRef"):
            raise faults.missing(f"Line.{_DEPOSIT}.AccountRef")
        who = detail.get("Entity") or {}
        kind = who.get("type") or ("Customer" if who else "")
        _require_party(draft, detail, kind, f"Line.{_DEPOSIT}.Entity")


def _check_deposited(draft: Draft, line: Record) -> None:
    """Check a line that takes a payment out of Undeposited Funds, as a whole."""
    if line.get("Amount") is None:
        raise faults.missing("Line.Amount")
    link = line["LinkedTxn"][0]
    if link.get("TxnLineId") is None:
        raise faults.missing("Line.LinkedTxn.TxnLineId")
    target = _target(draft.books, *_key_of(link))
    if target is None:
        return  # refused when the links are planned
    own_id = draft.after["Id"]
    for other in target.get("LinkedTxn") or ():
        if other["TxnType"] == "Deposit" and other["TxnId"] != own_id:
            raise faults.deposited()
    undeposited = draft.books.account_of("UndepositedFunds")
    if reference(target, "DepositToAccountRef") not in {"", undeposited}:
        raise faults.business("The payment is not in Undeposited Funds.", "Line.LinkedTxn")
    # what was paid back lowers a deposit
    sign = -1 if link.get("TxnType") == "RefundReceipt" else 1
    if sign * amount(target, "TotalAmt") != line["Amount"]:
        raise faults.business("The line must take the whole of the payment.", "Line.Amount")


def deposit_totals(draft: Draft) -> None:
    """The lines less the cash that is taken back."""
    if not draft.touched("Line", "CashBack"):
        return
    back = amount(draft.after.get("CashBack") or {}, "Amount")
    total = sum((amount(line, "Amount") for line in draft.after["Line"]), ZERO) - back
    draft.after["TotalAmt"] = total
    if total < 0:
        raise faults.negative_amount("TotalAmt")


def _key_of(link: Record) -> Key:
    kind = str(link.get("TxnType"))
    return _LINKED_AS.get(kind, kind), str(link.get("TxnId"))


def _target(books: Keeping, entity: str, record_id: str) -> Record | None:
    held = books.state.records.get(entity)
    return held.get(record_id) if held else None


def _taken(record: Record | None) -> dict[Key, Decimal]:
    """How much a deposit takes of each record that it holds."""
    taken: dict[Key, Decimal] = {}
    for line in (record or {}).get("Line") or ():
        for link in line.get("LinkedTxn") or ():
            key = _key_of(link)
            taken[key] = taken.get(key, ZERO) + amount(line, "Amount")
    return taken


def planned(books: Keeping, before: Record | None, after: Record | None) -> list[Held]:
    """The records that a deposit takes or lets go; nothing is stored yet.

    Raises:
        QuickBooksFault: one is missing, or is of a kind that is not deposited.
    """
    old, new = _taken(before), _taken(after)
    own_id = str((after or before or {})["Id"])
    changes = []
    for key in [*old, *(each for each in new if each not in old)]:
        if old.get(key) == new.get(key):
            continue
        target = _target(books, *key)
        if target is None:
            if key not in new:
                continue
            raise faults.invalid_reference(f"Transaction element id {key[1]} not found", "TxnId")
        if key in new and key[0] not in _DEPOSITABLE:
            raise faults.bad_choice("LinkedTxn.TxnType", key[0])
        back = [
            each
            for each in target.get("LinkedTxn") or ()
            if (each["TxnType"], each["TxnId"]) != ("Deposit", own_id)
        ]
        if key in new:
            back.append({"TxnId": own_id, "TxnType": "Deposit"})
        changes.append(Held(*key, {"LinkedTxn": back}))
    return changes


# -- what they move --


def post_journal_entry(books: Keeping, record: Record, moves: Moves) -> None:
    """Each debit and credit, with the balance of whoever owes or is owed."""
    for line in record["Line"]:
        detail = line.get(_JOURNAL)
        if detail:
            party = reference(detail.get("Entity") or {}, "EntityRef")
            _post_line(books, moves, detail, _debited(line), party)


def post_transfer(_books: Keeping, record: Record, moves: Moves) -> None:
    """From one account to the other."""
    moved = amount(record, "Amount")
    _add(moves, ("Account", reference(record, "FromAccountRef")), -moved)
    _add(moves, ("Account", reference(record, "ToAccountRef")), moved)


def post_deposit(books: Keeping, record: Record, moves: Moves) -> None:
    """Into the bank and the cash that is taken back, out of where the money was."""
    _add(moves, ("Account", reference(record, "DepositToAccountRef")), amount(record, "TotalAmt"))
    back = record.get("CashBack") or {}
    _add(moves, ("Account", reference(back, "AccountRef")), amount(back, "Amount"))
    for line in record["Line"]:
        value = -amount(line, "Amount")
        if line.get("LinkedTxn"):
            held = _target(books, *_key_of(line["LinkedTxn"][0])) or {}
            account = reference(held, "DepositToAccountRef")
            _add(moves, ("Account", account or books.account_of("UndepositedFunds")), value)
        else:
            detail = line.get(_DEPOSIT) or {}
            _post_line(books, moves, detail, value, reference(detail, "Entity"))


def _post_line(books: Keeping, moves: Moves, detail: Record, value: Decimal, party: str) -> None:
    account_id = reference(detail, "AccountRef")
    _add(moves, ("Account", account_id), value)
    account = books.get("Account", account_id) or {}
    owner = _PARTIES.get(str(account.get("AccountType")))
    if owner is not None and books.get(owner, party) is not None:
        # what is owed to a vendor is a credit
        _add(moves, (owner, party), value if owner == "Customer" else -value)


def _add(moves: Moves, key: Key, value: Decimal) -> None:
    if key[1] and value:
        moves[key] = moves.get(key, ZERO) + value


# -- attachments --


def attachable(draft: Draft) -> None:
    """Check what an attachment hangs on, and that it is a note or a file of a known kind."""
    after = draft.after
    if not after.get("Note") and not after.get("FileName"):
        raise faults.missing("Note")
    if after.get("FileName"):
        check_extension(str(after["FileName"]))
    for attached in after.get("AttachableRef") or ():
        owner = attached.get("EntityRef")
        if not owner:
            continue
        entity = find_entity(str(owner.get("type", "")))
        if entity is None:
            raise faults.bad_choice("AttachableRef.EntityRef.type", owner.get("type"))
        if _target(draft.books, entity.name, reference(attached, "EntityRef")) is None:
            detail = f"{entity.plural or entity.name} element id {owner.get('value')} not found"
            raise faults.invalid_reference(detail, "AttachableRef.EntityRef")
        attached["EntityRef"] = {"type": entity.name, "value": str(owner["value"])}
        attached.setdefault("IncludeOnSend", False)


LEDGER_RULES: dict[str, tuple[Rule, ...]] = {
    "Attachable": (attachable,),
    "CompanyInfo": (number_addresses,),
    "Deposit": (transaction_date, currency, deposit_lines, deposit_totals),
    "JournalEntry": (transaction_date, currency, journal_lines),
    "Transfer": (transaction_date, currency, check_transfer),
}
