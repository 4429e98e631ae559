"""Run all benchmarks: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import json

from benchmarks import audit, emulator, first_sync, idle_companies, page_times, webhook_latency

BENCHMARKS = (first_sync, idle_companies, webhook_latency, page_times, emulator, audit)

if __name__ == "__main__":
    for benchmark in BENCHMARKS:
        print(json.dumps(benchmark.run(), indent=2))
