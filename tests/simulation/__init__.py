"""The world for simulated schedules: a small, fast QuickBooks and the true emulator, side by side.

Both stand behind `connectors.ports.QuickBooksPort`, and `tests/contract` holds them to the same
promises, so that what is learnt with the small one holds for the true one.
"""
