"""The form of a company's settings: as people type them, and as they are kept.

What can be is decided by `models.settings` alone; here stands how a person reads and writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any, Final

from dashboard.forms import Plain
from models.account_choices import DEFAULT_ACCOUNTS, Account, account_called, called, wanted_types
from models.errors import UsageError, shorten
from models.file_rules import FILE_BYTES_MAX
from models.settings import (
    FREQUENCY_MINUTES_MAX,
    ConnectionSettings,
    WrongSettingsError,
    settings_from_json,
)
from models.words import DataType, DefaultAccount, ExpensePosting, Side

#: Name of a field of the form -> what it holds, as it is typed.
Typed = dict[str, str | bool]

_MEGABYTE: Final = 1_000_000
#: A number with more digits before its point is none that anybody means.
_DIGITS_MAX: Final = 12
_MINUTES: Final = f"write a whole number of minutes from 1 to {FREQUENCY_MINUTES_MAX:,}"


class SettingsForm(Plain):
    """The form; texts are judged by `settings_of`, so that they can be shown again."""

    #: The settings that the form was made from.
    based_on: str
    sync_financials: bool = False
    sync_invoices: bool = False
    sync_expenses: bool = False
    write_quickbooks: bool = False
    write_platform: bool = False
    frequency_minutes: str = ""
    frequency_minutes_financials: str = ""
    frequency_minutes_invoices: str = ""
    frequency_minutes_expenses: str = ""
    expense_posting: str = ""
    batch_writes: bool = False
    receipt_megabytes_max: str = ""
    approval_amount_max: str = ""
    default_account_expense_bank: str = ""
    default_account_expense_card: str = ""
    default_account_bill_payment_bank: str = ""
    default_account_bill_payment_card: str = ""
    default_account_refund: str = ""
    default_account_purchase_line: str = ""
    default_account_item_income: str = ""


@dataclass(frozen=True)
class Described:
    """A field of the form, for people."""

    label: str
    #: What it does, as a sentence.
    meaning: str
    #: What can be typed.
    allowed: str = ""


#: Every field, in the order of the form.
FIELDS: Final[Mapping[str, Described]] = {
    "sync_financials": Described(
        "Financials",
        "The company, accounts, classes, departments, journal entries, transfers and deposits.",
    ),
    "sync_invoices": Described(
        "Invoices", "Customers, items, invoices, credit memos, payments and refund receipts."
    ),
    "sync_expenses": Described(
        "Expenses", "Vendors, expenses, bills, bill payments, vendor credits and receipts."
    ),
    "write_quickbooks": Described(
        "To QuickBooks", "What is entered or edited on the platform is written to QuickBooks."
    ),
    "write_platform": Described(
        "To the platform", "What is entered or edited in QuickBooks is written to the platform."
    ),
    "frequency_minutes": Described(
        "Minutes between two syncs",
        "How often a sync is due, for every data type without a number of its own. Where webhooks "
        "are set up, what changes in QuickBooks is synced within seconds anyway.",
        f"{_MINUTES}.",
    ),
    **{
        f"frequency_minutes_{each}": Described(
            f"{each.capitalize()}, minutes between two syncs",
            f"Another number for {each}. Leave it empty for the general one.",
            f"{_MINUTES}, or nothing.",
        )
        for each in DataType
    },
    "expense_posting": Described(
        "An approved expense becomes",
        "What an expense of the platform is in QuickBooks. One that is there stays what it is.",
        f"choose one of {', '.join(ExpensePosting)}.",
    ),
    "batch_writes": Described(
        "Send writes in batches",
        "Up to 30 writes go to QuickBooks in one metered call, which is fast. Without it each goes "
        "by itself, which costs nothing.",
    ),
    "receipt_megabytes_max": Described(
        "Largest file of a receipt, in MB",
        "A larger file is set aside with what to do, and is not sent or fetched.",
        f"write a number above 0 and up to {FILE_BYTES_MAX // _MEGABYTE}, such as 25 or 2.5.",
    ),
    "approval_amount_max": Described(
        "Approval limit",
        "A sync that would write amounts of more than this in all waits until somebody approves "
        "its plan. Leave it empty for no limit.",
        "write an amount of 0 or more without signs or thousands separators, such as 25000.00, or "
        "nothing.",
    ),
    **{
        f"default_account_{setting}": Described(
            each.label,
            each.meaning,
            f"write the number or name of {wanted_types(setting)}, as the list has it, or nothing.",
        )
        for setting, each in DEFAULT_ACCOUNTS.items()
    },
}
#: Settings whose fields have other names -> the fields.
_FIELD_OF: Final = {
    "receipt_bytes_max": "receipt_megabytes_max",
    **{f"frequency_minutes_of.{each}": f"frequency_minutes_{each}" for each in DataType},
    **{f"default_accounts.{each}": f"default_account_{each}" for each in DefaultAccount},
}
#: A setting -> its name in the log of changes.
NAMES: Final[Mapping[str, str]] = {
    "data_types": "Data types",
    "write_to": "Written sides",
    "frequency_minutes_of": "Minutes between two syncs, by data type",
    "receipt_bytes_max": "Largest file of a receipt, in bytes",
    "notify": "Who is told of alerts",
    "default_accounts": "Default accounts",
    **{
        name: FIELDS[name].label
        for name in ("frequency_minutes", "expense_posting", "batch_writes", "approval_amount_max")
    },
}


def shown(settings: ConnectionSettings, accounts: Mapping[int, Account]) -> Typed:
    """Settings as a person would type them; accounts by what people call them."""
    found: Typed = {f"sync_{each}": each in settings.data_types for each in DataType}
    found |= {f"write_{each}": each in settings.write_to for each in Side}
    found |= {
        f"frequency_minutes_{each}": str(settings.frequency_minutes_of.get(each, ""))
        for each in DataType
    }
    chosen = settings.default_accounts
    found |= {
        f"default_account_{each}": called(chosen[each], accounts) if each in chosen else ""
        for each in DefaultAccount
    }
    limit = settings.approval_amount_max
    return found | {
        "frequency_minutes": str(settings.frequency_minutes),
        "expense_posting": settings.expense_posting.value,
        "batch_writes": settings.batch_writes,
        "receipt_megabytes_max": _megabytes(settings.receipt_bytes_max),
        "approval_amount_max": "" if limit is None else str(limit),
    }


def typed_in(form: SettingsForm) -> Typed:
    """What somebody has typed."""
    values = {name: getattr(form, name) for name in FIELDS}
    return {name: each.strip() if isinstance(each, str) else each for name, each in values.items()}


def merged(typed: Typed, before: Typed, now: Typed) -> Typed:
    """What somebody typed where they changed something, and what is stored now elsewhere."""
    return {name: typed[name] if typed[name] != before[name] else now[name] for name in now}


def settings_of(
    typed: Typed, based_on: ConnectionSettings, accounts: Mapping[int, Account]
) -> ConnectionSettings:
    """The settings that were typed; policies stay those that the form was made from.

    Raises:
        WrongSettingsError: naming each setting that cannot be.
    """
    chosen, unknown = _accounts_of(typed, based_on, accounts)
    values: dict[str, Any] = based_on.model_dump(mode="json")
    values |= {
        "data_types": [each for each in DataType if typed[f"sync_{each}"]],
        "write_to": [each for each in Side if typed[f"write_{each}"]],
        "frequency_minutes": typed["frequency_minutes"],
        "frequency_minutes_of": {
            each: typed[f"frequency_minutes_{each}"]
            for each in DataType
            if typed[f"frequency_minutes_{each}"]
        },
        "expense_posting": typed["expense_posting"],
        "batch_writes": typed["batch_writes"],
        "receipt_bytes_max": _bytes(str(typed["receipt_megabytes_max"])),
        "approval_amount_max": typed["approval_amount_max"] or None,
        "default_accounts": chosen,
    }
    try:
        found = settings_from_json(json.dumps(values))
    except WrongSettingsError as error:
        raise WrongSettingsError(str(error), error.mistakes | unknown) from error
    if unknown:
        place, words = next(iter(unknown.items()))
        raise WrongSettingsError(f"settings: {place}: {words}", unknown)
    return found


def _accounts_of(
    typed: Typed, based_on: ConnectionSettings, accounts: Mapping[int, Account]
) -> tuple[dict[str, int], dict[str, str]]:
    """The accounts that were typed, by their numbers; and settings that name none -> why.

    What nobody changed is the account that it was, also where several are called so.
    """
    before = shown(based_on, accounts)
    found: dict[str, int] = {}
    unknown: dict[str, str] = {}
    for setting in DefaultAccount:
        name = f"default_account_{setting}"
        text = str(typed[name])
        if text and text == before[name]:
            found[setting] = based_on.default_accounts[setting]
        elif text:
            try:
                found[setting] = account_called(text, accounts)
            except UsageError as error:
                unknown[f"default_accounts.{setting}"] = f"{error}; {FIELDS[name].allowed}"
    return found, unknown


def mistakes_of(error: WrongSettingsError, typed: Typed) -> dict[str, str]:
    """Field of the form -> what is wrong with what was typed, and what to type."""
    at_fault = {_FIELD_OF.get(name, name): words for name, words in error.mistakes.items()}
    return {
        name: f"{each.label} is {shorten(repr(typed[name]))}: {_words(name, each, at_fault[name])}"
        for name, each in FIELDS.items()
        if name in at_fault
    }


def _words(name: str, field: Described, found: str) -> str:
    """What is wrong with an account, which only its books can say; of all else, what can be."""
    return found if name.startswith("default_account_") else field.allowed


def _bytes(text: str) -> str:
    """Megabytes as a number of bytes; "", which is none, where it is no whole one."""
    try:
        found = Decimal(text)
    except DecimalException:
        return ""
    if not found.is_finite() or found.adjusted() > _DIGITS_MAX:
        return ""
    count = found * _MEGABYTE
    return str(int(count)) if count == int(count) else ""


def _megabytes(count: int) -> str:
    """A number of bytes in megabytes, exactly."""
    text = f"{Decimal(count) / _MEGABYTE:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
