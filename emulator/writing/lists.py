"""What is particular to accounts, items, terms, classes, departments, currencies and parties.

Source: dossier sections 10.3, 10.2 (preferences), 8.1 (5030, 6430); the recorded company for the
zeros a new account and customer are served with.
"""

from __future__ import annotations

from emulator import faults
from emulator.account_types import CLASSIFICATIONS, DEFAULT_SUBTYPES, TYPE_OF_SUBTYPE, UNNESTABLE
from emulator.writing.draft import ZERO, Draft, amount, cents, reference
from emulator.writing.entries import Entry
from emulator.writing.posting import move
from emulator.writing.references import CURRENCY_NAMES, currency_reference

_INVENTORY_NEEDS = ("AssetAccountRef", "ExpenseAccountRef", "InvStartDate", "QtyOnHand")
_ITEM_ACCOUNTS = {
    "IncomeAccountRef": {"Income", "Other Income", "Expense", "Cost of Goods Sold"},
    "ExpenseAccountRef": {"Expense", "Cost of Goods Sold", "Other Expense", "Income"},
    "AssetAccountRef": {"Other Current Asset", "Fixed Asset", "Other Asset"},
}


def classify_account(draft: Draft) -> None:
    """Derive type from subtype or subtype from type, and the classification from both."""
    after = draft.after
    if '"' in str(draft.sent.get("Name") or ""):
        raise faults.bad_name("Name")
    gave_type, gave_subtype = draft.gave("AccountType"), draft.gave("AccountSubType")
    if gave_type:
        _check_choice("AccountType", after["AccountType"], CLASSIFICATIONS)
    if gave_subtype:
        _check_choice("AccountSubType", after["AccountSubType"], TYPE_OF_SUBTYPE)
    if not gave_type and not gave_subtype:
        if draft.before is None:
            raise faults.missing("AccountType")
        for name in ("AccountType", "AccountSubType", "Classification"):
            after[name] = draft.before.get(name)
    else:
        kind, subtype = _both_types(draft, gave_type=gave_type, gave_subtype=gave_subtype)
        after["AccountType"], after["AccountSubType"] = kind, subtype
        after["Classification"] = CLASSIFICATIONS[kind]
    _check_parent_account(draft)


def _both_types(draft: Draft, *, gave_type: bool, gave_subtype: bool) -> tuple[str, str]:
    """Return type and subtype of an account that was given one of them, or both."""
    kind, subtype = str(draft.after.get("AccountType")), str(draft.after.get("AccountSubType"))
    belongs_to = TYPE_OF_SUBTYPE.get(subtype)
    if gave_type and not gave_subtype:
        return kind, subtype if belongs_to == kind else DEFAULT_SUBTYPES[kind]
    assert belongs_to is not None, "the subtype was checked"
    if gave_type and belongs_to != kind:
        raise faults.business(
            f"The detail type {subtype} does not belong to the account type {kind}.",
            "AccountSubType",
        )
    return belongs_to, subtype


def _check_choice(name: str, value: object, allowed: dict[str, str]) -> None:
    if value not in allowed:
        raise faults.bad_choice(name, value)


def _check_parent_account(draft: Draft) -> None:
    parent = draft.company.get("Account", reference(draft.after, "ParentRef"))
    if parent is None or not draft.touched("ParentRef", "AccountType", "AccountSubType"):
        return
    if parent.get("AccountType") != draft.after["AccountType"]:
        raise faults.business(
            "The account type of a sub-account must be the same as that of its parent.", "ParentRef"
        )
    if parent.get("AccountSubType") in UNNESTABLE or draft.after["AccountSubType"] in UNNESTABLE:
        raise faults.business("This account cannot have a parent or sub-accounts.", "ParentRef")


def account_currency(draft: Draft) -> None:
    """Give a new account its currency and its zero balances."""
    draft.default("CurrencyRef", currency_reference(draft.company.home_currency))
    code = reference(draft.after, "CurrencyRef")
    if draft.creating and code != draft.company.home_currency:
        require_multicurrency(draft, code)
    if draft.creating:
        draft.after["CurrentBalance"] = 0
        draft.after["CurrentBalanceWithSubAccounts"] = 0


def party_currency(draft: Draft) -> None:
    """Give a customer or vendor its currency, which never changes afterwards."""
    home = draft.company.home_currency
    draft.default("CurrencyRef", currency_reference(home))
    code = reference(draft.after, "CurrencyRef")
    if code == home:
        return
    require_multicurrency(draft, code)
    kind = "Accounts Payable" if draft.entity.name == "Vendor" else "Accounts Receivable"
    if draft.company.account_by_subtype(kind.replace(" ", ""), code) is None:
        # QuickBooks makes the account for a currency with its first customer or vendor.
        short = "A/P" if draft.entity.name == "Vendor" else "A/R"
        account = {"Name": f"{kind} ({short}) - {code}", "AccountType": kind}
        draft.followers.append(("Account", {**account, "CurrencyRef": {"value": code}}))


def require_multicurrency(draft: Draft, code: str) -> None:
    """Refuse a foreign currency in a company that keeps only one, or one it does not list."""
    if not draft.company.preference("CurrencyPrefs", "MultiCurrencyEnabled"):
        raise faults.business(
            "Multi Currency should be enabled to perform this operation.", "CurrencyRef"
        )
    known = {str(currency.get("Code")) for currency in draft.company.all("CompanyCurrency")}
    if code not in known:
        raise faults.invalid_reference(
            f"CompanyCurrency element id {code} not found", "CurrencyRef"
        )


def opening_balance(draft: Draft) -> None:
    """Start a party at zero; a Balance sent on create becomes an opening-balance transaction."""
    if not draft.creating:
        return
    opening = amount(draft.after, "Balance")
    day = draft.after.pop("OpenBalanceDate", None) or draft.company.clock.today().isoformat()
    draft.after["Balance"] = 0
    if draft.entity.name == "Customer":
        draft.after["BalanceWithJobs"] = 0
    if opening <= 0:
        return
    line: dict[str, object] = {"Amount": opening, "Description": "Opening Balance"}
    common = {"TxnDate": day, "PrivateNote": "Opening Balance", "Line": [line]}
    own = {"value": str(draft.after["Id"])}
    if draft.entity.name == "Customer":
        line |= {"DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {}}
        draft.followers.append(("Invoice", {**common, "CustomerRef": own}))
    else:
        equity = draft.company.account_by_subtype("OpeningBalanceEquity")
        account = equity or next(iter(draft.company.records["Account"]))
        detail = {"AccountRef": {"value": account}}
        line |= {
            "DetailType": "AccountBasedExpenseLineDetail",
            "AccountBasedExpenseLineDetail": detail,
        }
        draft.followers.append(("Bill", {**common, "VendorRef": own}))


def check_item(draft: Draft) -> None:
    """Check that an item has the accounts that its type needs."""
    after = draft.after
    if draft.before is not None:
        draft.default("Type", draft.before.get("Type"))
    kind = after.get("Type")
    if kind is None:
        raise faults.missing("Type")
    _check_item_parent(draft)
    if kind == "Group":
        if draft.creating and draft.author.client_id:
            # A person can make a bundle in QuickBooks, the API cannot.
            raise faults.unsupported("create Group item")
        return
    if kind == "Category":
        for name in ("UnitPrice", "PurchaseCost", "TrackQtyOnHand", "Taxable"):
            after.pop(name, None)
        return
    _require_item_fields(draft, str(kind))
    if draft.old("TrackQtyOnHand") and not after.get("TrackQtyOnHand"):
        raise faults.business("Quantity tracking cannot be turned off.", "TrackQtyOnHand")
    _check_item_accounts(draft)


def _check_item_parent(draft: Draft) -> None:
    parent = draft.company.get("Item", reference(draft.after, "ParentRef"))
    categories = draft.company.single("CompanyInfo").get("NameValue") or []
    pairs = {str(pair.get("Name")): str(pair.get("Value")) for pair in categories}
    if parent is None or not draft.gave("ParentRef"):
        return
    if pairs.get("ItemCategoriesFeature") == "true" and parent.get("Type") != "Category":
        raise faults.business("The parent of an item must be a category.", "ParentRef")


def quantity_on_hand(draft: Draft) -> None:
    """Book what an inventory item starts with, or is adjusted by, against opening equity."""
    after, company = draft.after, draft.company
    if after.get("Type") != "Inventory" or "QtyOnHand" not in draft.sent:
        return
    if amount(after, "QtyOnHand") < 0:
        raise faults.negative_amount("QtyOnHand")
    moved = amount(after, "QtyOnHand") - amount(draft.before or {}, "QtyOnHand")
    worth = cents(moved * amount(after, "PurchaseCost"))
    if not worth:
        return
    shelf = reference(after, "AssetAccountRef")
    equity = company.account_by_subtype("OpeningBalanceEquity") or "@OpeningBalanceEquity"
    entries = (Entry(shelf, worth, worth, ZERO), Entry(equity, -worth, -worth, ZERO))
    key = f"Item:{after['Id']}"
    company.ledger.book(company, key, (*(company.ledger.get(company, key) or ()), *entries))
    move(company, (), entries)


def _require_item_fields(draft: Draft, kind: str) -> None:
    after = draft.after
    buys_only = kind == "NonInventory" and after.get("ExpenseAccountRef")
    if not after.get("IncomeAccountRef") and not buys_only:
        raise faults.missing("IncomeAccountRef")
    if kind == "Inventory" and draft.creating:
        for name in _INVENTORY_NEEDS:
            if after.get(name) is None:
                raise faults.missing(name)
        if after.get("TrackQtyOnHand") is not True:
            raise faults.missing("TrackQtyOnHand")


def _check_item_accounts(draft: Draft) -> None:
    for name, allowed in _ITEM_ACCOUNTS.items():
        if draft.gave(name):
            check_account_type(draft, name, allowed)


def check_account_type(draft: Draft, name: str, allowed: set[str]) -> None:
    """Refuse an account whose type does not fit its place (6430)."""
    account = draft.company.get("Account", reference(draft.after, name)) or {}
    kind = account.get("AccountType")
    if kind not in allowed:
        raise faults.QuickBooksFault(
            "6430",
            "Invalid account type used",
            f"Invalid account type : {kind} account cannot be used for {name}",
            name,
        )


def check_term(draft: Draft) -> None:
    """Check that a term says when payment is due, and derive its type."""
    if draft.after.get("DueDays") is None and draft.after.get("DayOfMonthDue") is None:
        raise faults.missing("DueDays")
    by_days = draft.after.get("DueDays") is not None
    draft.after["Type"] = "STANDARD" if by_days else "DATE_DRIVEN"


def needs_class_tracking(draft: Draft) -> None:
    """Refuse classes in a company that does not track them."""
    names = ("ClassTrackingPerTxn", "ClassTrackingPerTxnLine")
    preference = draft.company.preference
    if not any(preference("AccountingInfoPrefs", name) for name in names):
        raise _feature_off("Class tracking")


def needs_department_tracking(draft: Draft) -> None:
    """Refuse departments in a company that does not track them."""
    if not draft.company.preference("AccountingInfoPrefs", "TrackDepartments"):
        raise _feature_off("Location tracking")


def _feature_off(feature: str) -> faults.QuickBooksFault:
    return faults.QuickBooksFault(
        "5030", "Feature Not Supported Error", f"{feature} is not enabled for this company."
    )


def name_currency(draft: Draft) -> None:
    """Give a currency of the company its name."""
    code = str(draft.after["Code"]).upper()
    if code not in CURRENCY_NAMES:
        raise faults.bad_choice("Code", code)
    draft.after["Code"] = code
    draft.default("Name", CURRENCY_NAMES[code])
    others = draft.company.all("CompanyCurrency")
    if draft.creating and any(other.get("Code") == code for other in others):
        raise faults.duplicate_name("Another currency is already using this code.")
