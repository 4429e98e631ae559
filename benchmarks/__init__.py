"""Benchmarks: each prints its figures as JSON, beside a peer's or a limit's of the same run."""
