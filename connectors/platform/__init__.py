"""The platform's tables: reads its change log, writes with compare-and-swap."""
