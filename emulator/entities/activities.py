"""Time worked, and budgets.

A time activity names an employee or a vendor and how long they worked; it posts nothing. Budgets
cannot be written through the API. Neither appears in CDC.
Source: dossier sections 3.6 and 5; Intuit's XSD for the fields; the recorded ones of both.
"""

from __future__ import annotations

from emulator.entities.common import RECORD
from emulator.entities.declaration import Entity, parse_fields

TIME_ACTIVITY = Entity(
    name="TimeActivity",
    group="transaction",
    title="Time Activity",
    verbs=frozenset({"create", "update", "delete"}),
    behaviours=("transaction_date", "time_worked"),
    defaults={"BillableStatus": "NotBillable", "Taxable": False, "HourlyRate": 0},
    fields=parse_fields(
        RECORD,
        """
        TimeZone                 text
        TxnDate                  date filter
        NameOf                   enum:Employee|Vendor|Other required
        EmployeeRef              ref:Employee filter
        VendorRef                ref:Vendor filter
        OtherNameRef             any
        CustomerRef              ref:Customer filter
        DepartmentRef            ref:Department
        ItemRef                  ref:Item
        ClassRef                 ref:Class
        PayrollItemRef           any
        ProjectRef               any
        TimeChargeId             int readonly
        BillableStatus           enum:Billable|NotBillable|HasBeenBilled
        Taxable                  bool
        HourlyRate               number
        CostRate                 number
        Hours                    int
        Minutes                  int
        Seconds                  int
        BreakHours               int
        BreakMinutes             int
        BreakSeconds             int
        StartTime                instant
        EndTime                  instant
        Description              text:4000
        TransactionLocationType  text
        LinkedTxn                list:LinkedTxn
        TimeActivityEx           any readonly
        HoursInEmployeeTimeZone  bool
        """,
    ),
)

BUDGET = Entity(
    name="Budget",
    group="list",
    name_field="Name",
    title="budget",
    plural="Budget",
    verbs=frozenset(),
    fields=parse_fields(
        RECORD,
        """
        Name             text readonly filter
        StartDate        date readonly filter
        EndDate          date readonly filter
        BudgetType       enum:ProfitAndLoss|BalanceSheet readonly filter
        BudgetEntryType  enum:Yearly|Quarterly|Monthly readonly filter
        Active           bool readonly filter
        BudgetDetail     list:BudgetDetail readonly
        """,
    ),
)

ENTITIES = (TIME_ACTIVITY, BUDGET)
