"""The Singer tap reads a company to a file, as its users run it: `python singer_tap.py JSON`.

Its only change is the address: the three constants of its client are set to the emulator's.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Read once; print what it took."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    import tap_quickbooks
    from singer import metadata
    from tap_quickbooks import client
    from tap_quickbooks.discover import do_discover

    client.PROD_ENDPOINT_BASE = client.SANDBOX_ENDPOINT_BASE = asked["base_url"]
    client.TOKEN_REFRESH_URL = f"{asked['base_url']}/oauth2/v1/tokens/bearer"
    catalog = do_discover().to_dict()
    for stream in catalog["streams"]:
        known = metadata.to_map(stream["metadata"])
        selected = stream["tap_stream_id"] in asked["streams"]
        stream["metadata"] = metadata.to_list(metadata.write(known, (), "selected", selected))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = {
            "start_date": asked.get("since", "2000-01-01T00:00:00Z"),
            "user_agent": "benchmark",
            **{each: asked[each] for each in ("realm_id", "client_id", "client_secret")},
            "refresh_token": asked["refresh_token"],
        }
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "catalog.json").write_text(json.dumps(catalog))
        sys.argv[1:] = ["--config", f"{folder}/config.json", "--catalog", f"{folder}/catalog.json"]
        taken = _timed(tap_quickbooks.main, folder / "messages")
        lines = (folder / "messages").read_text().splitlines()
        taken["records"] = sum(json.loads(line)["type"] == "RECORD" for line in lines)
    print(json.dumps(taken))


def _timed(work: Any, target: Path) -> dict[str, float]:
    """Let it write its messages to a file, where a pipe would lead them to its users' target."""
    kept = os.dup(1)
    with target.open("wb") as file:
        os.dup2(file.fileno(), 1)
        started, used = time.perf_counter(), time.process_time()
        work()
        sys.stdout.flush()
        seconds, processor = time.perf_counter() - started, time.process_time() - used
    os.dup2(kept, 1)
    return {"seconds": seconds, "processor_seconds": processor}


main()
