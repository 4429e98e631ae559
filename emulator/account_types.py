"""Account types and their subtypes: either determines the other, and the classification.

Source: dossier section 10.3 (the list of types, "the other is derived"); the subtypes are
Intuit's published ones for the US, the first of each line being the default for its type (the
recorded company shows it for Bank: CashOnHand).
"""

from __future__ import annotations

_TYPES: dict[str, tuple[str, str]] = {
    "Bank": (
        "Asset",
        """
        CashOnHand Checking MoneyMarket RentsHeldInTrust Savings TrustAccounts
        """,
    ),
    "Other Current Asset": (
        "Asset",
        """
        EmployeeCashAdvances AllowanceForBadDebts DevelopmentCosts Inventory
        Investment_MortgageRealEstateLoans Investment_Other Investment_TaxExemptSecurities
        Investment_USGovernmentObligations LoansToOfficers LoansToOthers LoansToStockholders
        OtherCurrentAssets PrepaidExpenses Retainage UndepositedFunds BalWithGovtAuthorities
        """,
    ),
    "Fixed Asset": (
        "Asset",
        """
        FurnitureAndFixtures AccumulatedDepletion AccumulatedDepreciation DepletableAssets
        FixedAssetComputers FixedAssetCopiers FixedAssetFurniture FixedAssetPhone
        FixedAssetPhotoVideo FixedAssetSoftware FixedAssetOtherToolsEquipment Land
        LeaseholdImprovements OtherFixedAssets AccumulatedAmortization Buildings
        IntangibleAssets MachineryAndEquipment Vehicles
        """,
    ),
    "Other Asset": (
        "Asset",
        """
        Licenses AccumulatedAmortizationOfOtherAssets Goodwill LeaseBuyout
        OrganizationalCosts OtherLongTermAssets SecurityDeposits
        """,
    ),
    "Accounts Receivable": ("Asset", "AccountsReceivable"),
    "Accounts Payable": ("Liability", "AccountsPayable"),
    "Credit Card": ("Liability", "CreditCard"),
    "Other Current Liability": (
        "Liability",
        """
        OtherCurrentLiabilities DirectDepositPayable LineOfCredit LoanPayable
        GlobalTaxPayable GlobalTaxSuspense FederalIncomeTaxPayable InsurancePayable
        PayrollClearing PayrollTaxPayable PrepaidExpensesPayable RentsInTrustLiability
        SalesTaxPayable StateLocalIncomeTaxPayable TrustAccountsLiabilities
        UndepositedFundsLiability DeferredRevenue
        """,
    ),
    "Long Term Liability": (
        "Liability",
        """
        NotesPayable OtherLongTermLiabilities ShareholderNotesPayable
        """,
    ),
    "Equity": (
        "Equity",
        """
        OpeningBalanceEquity AccumulatedAdjustment CommonStock EstimatedTaxes Healthcare
        OwnersEquity PaidInCapitalOrSurplus PartnerContributions PartnerDistributions
        PartnersEquity PersonalExpense PersonalIncome PreferredStock RetainedEarnings
        TreasuryStock
        """,
    ),
    "Income": (
        "Revenue",
        """
        ServiceFeeIncome DiscountsRefundsGiven NonProfitIncome OtherPrimaryIncome
        SalesOfProductIncome UnappliedCashPaymentIncome
        """,
    ),
    "Other Income": (
        "Revenue",
        """
        OtherInvestmentIncome DividendIncome InterestEarned OtherMiscellaneousIncome
        TaxExemptInterest GainLossOnSaleOfFixedAssets ExchangeGainOrLoss
        """,
    ),
    "Cost of Goods Sold": (
        "Expense",
        """
        SuppliesMaterialsCogs CostOfLaborCos EquipmentRentalCos OtherCostsOfServiceCos
        ShippingFreightDeliveryCos
        """,
    ),
    "Expense": (
        "Expense",
        """
        Travel AdvertisingPromotional Auto BadDebts BankCharges CharitableContributions
        CommissionsAndFees CostOfLabor DuesSubscriptions Entertainment EntertainmentMeals
        EquipmentRental FinanceCosts GlobalTaxExpense Insurance InterestPaid
        LegalProfessionalFees OfficeExpenses OfficeGeneralAdministrativeExpenses
        OtherBusinessExpenses OtherMiscellaneousServiceCost PayrollExpenses PromotionalMeals
        RentOrLeaseOfBuildings RepairMaintenance ShippingFreightDelivery SuppliesMaterials
        TaxesPaid TravelMeals UnappliedCashBillPaymentExpense Utilities
        """,
    ),
    "Other Expense": (
        "Expense",
        """
        Depreciation Amortization ExchangeGainOrLossExpense GasAndFuel HomeOffice
        HomeOwnerRentalInsurance MortgageInterest OtherHomeOfficeExpenses
        OtherMiscellaneousExpense OtherVehicleExpenses ParkingAndTolls PenaltiesSettlements
        Vehicle VehicleInsurance VehicleLease VehicleLoan VehicleLoanInterest
        VehicleRegistration VehicleRepairs WashAndRoadServices
        """,
    ),
    "Non-Posting": ("Equity", "NonPosting"),
}

CLASSIFICATIONS = {name: classification for name, (classification, _) in _TYPES.items()}
DEFAULT_SUBTYPES = {name: subtypes.split()[0] for name, (_, subtypes) in _TYPES.items()}
TYPE_OF_SUBTYPE = {
    subtype: name for name, (_, subtypes) in _TYPES.items() for subtype in subtypes.split()
}
BALANCE_SHEET = frozenset({"Asset", "Liability", "Equity"})
#: Subtypes QuickBooks makes itself; nothing may be nested under them or turned into them.
UNNESTABLE = frozenset(
    {"OpeningBalanceEquity", "UndepositedFunds", "RetainedEarnings", "ExchangeGainOrLoss"}
)
