"""Benchmarks: each prints its figures as JSON, beside a peer's or a limit's of the same run.

The lines of docs/performance.md are named in `__main__`. They share `result` (ratio, goal and
whether it is reached), `company` and `books` (what QuickBooks holds), `ours` (our own side),
`peers` with `peer_programs` (the others), and `charts` and `page` (what is written from figures).
"""
