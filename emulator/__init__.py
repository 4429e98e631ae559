"""A QuickBooks Online company in a box, spoken to over real HTTP.

The emulator exists so that a sync engine can be developed, tested and broken on purpose without a
QuickBooks subscription. It imports nothing of the product and nothing of the product imports it:
the only thing between them is the wire. Where it had to choose, it chose the stricter reading,
because an emulator that is kinder than QuickBooks hides the bugs it was built to find.

How the parts lie:

    entities/     what QuickBooks knows about each record type, as data
    writing/      what happens when a record is written: checks, derived values, links, balances
    query/        the query language
    oauth/        consent, tokens, keys
    webhooks/     events, the queue and its retries, sending
    saving/       snapshots, and a store on SQLite
    server/       HTTP: routes, answers, administration, the running server
    company.py    one company: its records, sequences, journal
    emulator.py   several companies, one clock, one lock
    injection.py  faults on order; mishaps.py and server/troubles.py carry out the odder ones
    testing.py    a server in a thread, for tests
    pytest_plugin.py  fixtures made of it
"""
