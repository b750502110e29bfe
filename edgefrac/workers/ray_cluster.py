"""Reaching a Ray cluster, or saying within seconds why not; nothing that it does is reported to anyone."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgefrac.errors import UsageError, WorkersError
from edgefrac.workers.pool import usable_cores

_HINT = "is it running (ray status), and are address and port right? --ray local starts a cluster on this machine"
# where Ray looks for what a cluster asks everyone for
_TOKEN = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}
_SECONDS_TO_CONNECT, _SECONDS_TO_ANSWER = 3.0, 10.0


@contextmanager
def connected(address: str, processes: int | None) -> Iterator[int]:
    """Within, this process is connected to the cluster; gives how many actors may run at a time.

    A connection that the caller already has is used, and kept. Raises ``UsageError`` for an address that can be none,
    and ``WorkersError`` for a cluster that cannot be reached.
    """
    import ray

    with _quiet():
        if ray.is_initialized():
            yield processes or _cpus(address)
        elif address == "local":
            with _own_cluster(processes or usable_cores()) as count:
                yield count
        else:
            _reach(address)
            try:
                yield processes or _cpus(address)
            finally:
                ray.shutdown()


@contextmanager
def _own_cluster(processes: int) -> Iterator[int]:
    """A cluster of this machine alone, whose logs and sockets are gone afterwards."""
    import ray

    if not _TOKEN & set(os.environ):  # Ray would make one, and leave it in the home folder
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    # not where TMPDIR says: the path of a socket holds 107 bytes at most
    folder = tempfile.mkdtemp(prefix="edgefrac-ray-", dir="/tmp")
    try:
        with _without_stderr():
            ray.init(
                address="local",
                num_cpus=processes,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                _temp_dir=folder,
            )
        try:
            yield processes
        finally:
            ray.shutdown()
    except OSError as error:
        raise WorkersError(f"a Ray cluster on this machine does not start ({error})") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reach(address: str) -> None:
    import ray

    if address != "auto":
        _require_open_port(address)
    _require_answer(address)
    try:
        with _without_stderr():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise WorkersError(f"--ray {address}: {_first_line(error)}", hint=_HINT) from error


def _require_open_port(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in address:
        hint = "HOST:PORT of a cluster that this machine belongs to, auto for the one running here, or local"
        raise UsageError(f"--ray {address}: not an address of a cluster", hint=hint)
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise WorkersError(f"--ray {address}: nothing answers there ({error})", hint=_HINT) from error


def _require_answer(address: str) -> None:
    """In a process of its own: Ray tries for more than a minute, and then ends the one that asked, or hangs."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "status"]
    command += [] if address == "auto" else ["--address", address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=False)
    except subprocess.TimeoutExpired:
        raise WorkersError(f"--ray {address}: no Ray cluster answers there", hint=_HINT) from None
    if done.returncode:
        cause = (done.stderr.strip().splitlines() or ["no message"])[-1].rpartition("exceptions.")[2]
        raise WorkersError(f"--ray {address}: no cluster takes it ({cause.partition('. ')[0]})", hint=_HINT)


def _cpus(address: str) -> int:
    import ray

    count = int(ray.cluster_resources().get("CPU", 0))  # type: ignore[no-untyped-call]
    if not count:
        raise WorkersError(f"--ray {address}: the cluster has no CPUs to work with", hint=_HINT)
    return count


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Data tells of its plans and its progress, which standard error is not for."""
    from ray.data import DataContext

    context = DataContext.get_current()
    loggers = [logging.getLogger(name) for name in ("ray", "ray.data")]
    before = (context.enable_progress_bars, context.print_on_execution_start, [one.level for one in loggers])
    context.enable_progress_bars = context.print_on_execution_start = False
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        context.enable_progress_bars, context.print_on_execution_start, levels = before
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Ray's native part tells there which level its log has."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
