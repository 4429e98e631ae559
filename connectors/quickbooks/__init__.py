"""QuickBooks Online: one connected company, its faults, its limits and its tokens.

`client.QuickBooksClient` is the port `connectors.ports.QuickBooksPort`. The vendor's libraries stay
inside: python-quickbooks in `transport`, intuit-oauth in `oauth`.
"""
