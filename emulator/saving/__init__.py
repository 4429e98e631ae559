"""Keeping books: snapshots in memory and in files, and a store on SQLite."""
