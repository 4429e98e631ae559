"""The sync's own memory: links, bases, intents, parked records, conflicts, cursors, audit log.

`port` says what the steps need of it; `sql` keeps it in the database that also holds the platform's
tables, so that one transaction covers a platform write and what is remembered of it.
"""
