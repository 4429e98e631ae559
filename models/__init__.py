"""What the business is: record types, merge rules, plans, intents and the audit chain.

Pure: no input or output, no clock, no randomness. Only `models.tables` knows SQLAlchemy.
"""
