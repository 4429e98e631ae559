"""Everything that talks to something outside the process.

A vendor's class never leaves its module: the rest of the product sees `connectors.ports` only.
"""
