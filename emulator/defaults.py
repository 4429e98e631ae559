"""What a US company has from its first day, for the lists a folder does not bring.

Source: dossier section 10.2 (preferences a client reads at connect); the recorded company for the
usual ids of terms (1 due on receipt, 2 net 15, 3 net 30, 4 net 60, 5 net 10) and payment methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.company import Company, Record

_TERMS = (("Due on receipt", 0), ("Net 15", 15), ("Net 30", 30), ("Net 60", 60), ("Net 10", 10))
_PAYMENT_METHODS = (
    ("Cash", "NON_CREDIT_CARD"),
    ("Check", "NON_CREDIT_CARD"),
    ("Visa", "CREDIT_CARD"),
    ("MasterCard", "CREDIT_CARD"),
    ("Discover", "CREDIT_CARD"),
    ("American Express", "CREDIT_CARD"),
)


def _company_info(company: Company) -> list[Record]:
    name = company.name or "Sandbox Company"
    address = {"Id": company.draw("addresses"), "Line1": "1 Main Street", "City": "San Francisco"}
    address |= {"CountrySubDivisionCode": "CA", "PostalCode": "94105", "Country": "USA"}
    return [
        {
            "CompanyName": name,
            "LegalName": name,
            "CompanyAddr": address,
            "CompanyStartDate": "2024-01-01",
            "FiscalYearStartMonth": "January",
            "Country": "US",
            "SupportedLanguages": "en",
            "DefaultTimeZone": "America/Los_Angeles",
            "NameValue": [
                {"Name": "NeoEnabled", "Value": "true"},
                {"Name": "SubscriptionStatus", "Value": "PAID"},
                {"Name": "OfferingSku", "Value": "QuickBooks Online Plus"},
                {"Name": "ItemCategoriesFeature", "Value": "true"},
            ],
            "Id": "1",
        }
    ]


def _preferences(company: Company) -> list[Record]:
    del company
    return [
        {
            "AccountingInfoPrefs": {
                "FirstMonthOfFiscalYear": "January",
                "UseAccountNumbers": False,
                "TrackDepartments": True,
                "ClassTrackingPerTxn": False,
                "ClassTrackingPerTxnLine": True,
                "CustomerTerminology": "Customers",
            },
            "ProductAndServicesPrefs": {
                "ForSales": True,
                "ForPurchase": True,
                "QuantityWithPriceAndRate": True,
                "QuantityOnHand": True,
            },
            "SalesFormsPrefs": {
                "CustomTxnNumbers": False,
                "AllowDeposit": False,
                "AllowDiscount": True,
                "AllowEstimates": True,
                "AllowServiceDate": False,
                "AllowShipping": False,
                "AutoApplyCredit": False,
                "AutoApplyPayments": False,
                "DefaultTerms": {"value": "3"},
            },
            "VendorAndPurchasesPrefs": {
                "EnableBills": True,
                "TrackingByCustomer": True,
                "BillableExpenseTracking": True,
            },
            "TimeTrackingPrefs": {"UseServices": True, "BillCustomers": True},
            "TaxPrefs": {"UsingSalesTax": True, "PartnerTaxEnabled": False},
            "CurrencyPrefs": {"MultiCurrencyEnabled": False, "HomeCurrency": {"value": "USD"}},
            "ReportPrefs": {"ReportBasis": "Accrual"},
            "OtherPrefs": {
                "NameValue": [
                    {"Name": "VendorAndPurchasesPrefs.UseCustomTxnNumbers", "Value": "false"},
                    {"Name": "WarnDuplicateCheckNumber", "Value": "true"},
                ]
            },
            "Id": "1",
        }
    ]


def _terms(company: Company) -> list[Record]:
    del company
    return [
        {"Name": name, "Active": True, "Type": "STANDARD", "DueDays": days, "Id": str(number)}
        for number, (name, days) in enumerate(_TERMS, start=1)
    ]


def _payment_methods(company: Company) -> list[Record]:
    del company
    return [
        {"Name": name, "Active": True, "Type": kind, "Id": str(number)}
        for number, (name, kind) in enumerate(_PAYMENT_METHODS, start=1)
    ]


def _tax_codes(company: Company) -> list[Record]:
    del company
    return [
        {"Name": "TAX", "Description": "Taxable", "Active": True, "Taxable": True, "Id": "TAX"},
        {"Name": "NON", "Description": "Nontaxable", "Active": True, "Taxable": False, "Id": "NON"},
    ]


def _currencies(company: Company) -> list[Record]:
    del company
    return [{"Name": "United States Dollar", "Code": "USD", "Active": True, "Id": "1"}]


#: What to make when a folder has no file for the entity.
DEFAULTS: dict[str, Callable[[Company], list[Record]]] = {
    "CompanyInfo": _company_info,
    "Preferences": _preferences,
    "Term": _terms,
    "PaymentMethod": _payment_methods,
    "TaxCode": _tax_codes,
    "CompanyCurrency": _currencies,
}
