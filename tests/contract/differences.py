"""Where the small books (`tests/simulation/small_books.py`) differ from the emulator on purpose.

A test of the contract that a world does not keep is named here with the reason, and nowhere else.
"""

from __future__ import annotations

#: (world, beginning of the test's name) -> why it does not hold there.
DIFFERENCES: dict[tuple[str, str], str] = {
    (
        "small",
        "test_what_can_be_voided_is_voided[SalesReceipt]",
    ): "the product knows no sales receipts; another entity is a declaration and its rules",
    (
        "small",
        "test_what_can_be_voided_is_voided[BillPayment]",
    ): "the product knows no bill payments; another entity is a declaration and its rules",
    (
        "small",
        "test_an_unknown_field_in_a_query_is_refused",
    ): "a condition that the product never sends is a mistake of ours, and stops the run",
}
