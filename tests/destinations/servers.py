"""The servers that tests start on this machine: emulators, and a PostgreSQL of their own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.destinations.environments import ENVIRONMENTS, Missing, server_of

__all__ = ["PROJECT", "bigquery_server", "postgres_server", "postgres_version", "snowflake_server"]

PROJECT = "amplemarket-tests"
STATEMENT_LOG: Path | None = None
"""Set by a benchmark, a PostgreSQL that is started logs every statement into the file."""
_PATIENCE = 60.0
_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root


@contextmanager
def snowflake_server() -> Iterator[str]:
    """Yields: dlt's credentials for it, a URL."""
    (port,) = _free_ports(1)
    with _emulator("snowflake", port, str(port)):
        yield (
            "snowflake://tests:tests@fakesnow/AMPLEMARKET?warehouse=wh&role=r"
            f"&host=127.0.0.1&port={port}&protocol=http"
        )


@contextmanager
def bigquery_server() -> Iterator[str]:
    """Yields: what goes into ``BIGQUERY_EMULATOR_HOST``."""
    port, grpc_port = _free_ports(2)
    with (
        tempfile.TemporaryDirectory() as folder,
        _emulator("bigquery", port, str(port), str(grpc_port), folder, PROJECT),
    ):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def postgres_server() -> Iterator[str]:
    """Yields: dlt's credentials for it, a URL.

    Raises:
        Missing: no server binaries are installed.
    """
    binaries = _postgres_binaries()
    (port,) = _free_ports(1)
    root = os.geteuid() == 0
    user: dict[str, Any] = {"user": _UNPRIVILEGED, "extra_groups": []} if root else {}
    with tempfile.TemporaryDirectory() as folder:
        if root:
            owner = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = f"{folder}/data"
        subprocess.run(
            [binaries / "initdb", "--auth=trust", "--username=tests", "--no-sync", "-D", data],
            check=True,
            capture_output=True,
            cwd=folder,
            **user,
        )
        settings = ("fsync=off", f"unix_socket_directories={folder}", "listen_addresses=127.0.0.1")
        command = [str(binaries / "postgres"), "-D", data, "-p", str(port)]
        if STATEMENT_LOG is not None:
            settings += ("log_statement=all",)
        command += [word for setting in settings for word in ("-c", setting)]
        with _running(command, lambda: _answers(port), cwd=folder, **user):
            yield f"postgresql://tests:tests@127.0.0.1:{port}/postgres"


def postgres_version() -> str:
    """What the server's binary says of itself, such as ``PostgreSQL 15.14``."""
    command = [str(_postgres_binaries() / "postgres"), "--version"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return f"PostgreSQL {said.split()[2]}"


def _postgres_binaries() -> Path:
    on_path = shutil.which("postgres")
    places = [Path(on_path).resolve().parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise Missing("PostgreSQL's server is not installed: apt-get install postgresql, or the like.")


@contextmanager
def _emulator(name: str, port: int, *arguments: str) -> Iterator[None]:
    command = [str(ENVIRONMENTS[name].ensure()), str(server_of(name)), *arguments]
    with _running(command, lambda: _answers(port)):
        yield


@contextmanager
def _running(command: list[str], is_ready: Callable[[], bool], **how: Any) -> Iterator[None]:
    with (
        STATEMENT_LOG.open("a+b") if STATEMENT_LOG else tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, **how) as process,
    ):
        try:
            until = time.monotonic() + _PATIENCE
            while not is_ready():
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    said = log.read().decode(errors="replace")[-2000:]
                    raise RuntimeError(f"{command[0]} did not start: {said}")
                time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(count: int) -> list[int]:
    taken = [socket.socket() for _ in range(count)]
    try:
        for one in taken:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in taken]
    finally:
        for one in taken:
            one.close()
