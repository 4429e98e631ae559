"""Peers, each in a virtual environment of its own, installed from the configured package registry.

They stay in a cache folder outside the repository, so that the next run finds them. Where one
cannot be installed, the line that it is measured for says so, with pip's own words.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

#: Where the environments are kept, instead of the system's folder for temporary files.
FOLDER_VARIABLE: Final = "QBSYNC_BENCHMARK_PEERS"
INSTALL_SECONDS_MAX: Final = 300.0
RUN_SECONDS_MAX: Final = 600.0
_PROGRAMS: Final = Path(__file__).parent / "peer_programs"
#: How much of pip's words is told.
_REASON_CHARACTERS_MAX: Final = 300


@dataclass(frozen=True)
class Peer:
    """A program that others use, at the version that was measured."""

    package: str
    version: str
    #: What it is called in the results.
    label: str

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.package}=={self.version}"


SINGER_TAP: Final = Peer("tap-quickbooks", "2.5.0", "Singer tap")
PYTHON_QUICKBOOKS: Final = Peer("python-quickbooks", "0.9.12", "python-quickbooks")
QBOSDK: Final = Peer("qbosdk", "1.6.1", "Fyle's SDK")


class UnavailableError(Exception):
    """A peer that cannot be had here; the message says why."""


def run(peer: Peer, program: str, arguments: str) -> dict[str, Any]:
    """What one of the programs in `peer_programs` prints, run with a peer's interpreter.

    Raises:
        UnavailableError: the peer cannot be installed, or its program failed.
    """
    python = python_of(peer)
    done = subprocess.run(
        [python, _PROGRAMS / f"{program}.py", arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS_MAX,
        # as its users run it: the registry's own compiled files may be used and kept
        env={**os.environ, "OAUTHLIB_INSECURE_TRANSPORT": "1", "PYTHONDONTWRITEBYTECODE": ""},
    )
    if done.returncode:
        raise UnavailableError(f"{peer.label} failed: {reason_in(done.stderr)}")
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


@cache
def python_of(peer: Peer) -> Path:
    """The interpreter of a peer's environment, which is made where it is missing.

    Raises:
        UnavailableError: pip could not install it.
    """
    folder = _folder() / f"{peer.package}-{peer.version}-{sys.version_info[0]}{sys.version_info[1]}"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if complete.is_file():
        return python
    venv.create(folder, with_pip=True, clear=True)
    options = ["--disable-pip-version-check", "--quiet"]
    try:
        done = subprocess.run(
            [python, "-m", "pip", "install", *options, peer.requirement],
            capture_output=True,
            text=True,
            check=False,
            timeout=INSTALL_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(
            f"{peer.requirement} was not installed within {INSTALL_SECONDS_MAX:.0f} s"
        ) from None
    if done.returncode:
        raise UnavailableError(f"{peer.requirement} cannot be installed: {reason_in(done.stderr)}")
    complete.touch()
    return python


def reason_in(words: str) -> str:
    """The last line that says something, without the names of hosts."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    told = [line for line in lines if "://" not in line]
    return (told or ["it did not say why"])[-1][:_REASON_CHARACTERS_MAX]


def _folder() -> Path:
    """The cache folder, which only this user may write."""
    given = os.environ.get(FOLDER_VARIABLE)
    default = Path(tempfile.gettempdir()) / f"quickbooks-sync-peers-{os.getuid()}"
    folder = Path(given) if given else default
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = folder.stat().st_uid
    assert owner == os.getuid(), f"{folder} belongs to somebody else: set {FOLDER_VARIABLE}"
    return folder
