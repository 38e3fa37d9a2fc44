"""Start the measured processes and hear what they have found out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LONGEST = 300.0


class Failed(Exception):
    """A measured process ended with an error; what it measured counts for nothing."""


@contextmanager
def placed(cores: Sequence[int]) -> Iterator[None]:
    """Be on these cores: a process that is started meanwhile stays there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def ask(script: str, role: str, cores: Sequence[int], **arguments: Any) -> dict[str, Any]:
    """Run a role of a script on these cores and return its answer.

    Raises:
        Failed: It gave none.
    """
    with placed(cores):
        done = subprocess.run(
            [sys.executable, script, role, json.dumps(arguments)],
            cwd=HERE,
            stdout=subprocess.PIPE,
            timeout=LONGEST,
            check=False,
        )
    if done.returncode:
        raise Failed(f"{script} {role} has ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def answer(roles: Mapping[str, Callable[..., Any]]) -> None:
    """Do what `ask` asks, in the child."""
    print(json.dumps(roles[sys.argv[1]](**json.loads(sys.argv[2]))))


@contextmanager
def running(
    command: Sequence[str], cores: Sequence[int], **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process on these cores, and stop it gracefully in the end.

    Raises:
        Failed: It did not end well.
    """
    with placed(cores):
        process = subprocess.Popen([sys.executable, *command], cwd=HERE, env={**os.environ, **environment})
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        code = process.wait(30)
    finally:
        process.kill()
        process.wait()
    if code not in {0, -signal.SIGTERM}:
        raise Failed(f"{' '.join(command)} has ended with {code}")


def worker(url: str) -> Sequence[str]:
    """Return the command of a worker, as users start it."""
    return ("-m", "qtasks", "-A", "noop:app", "run", "--url", url, "--log-level", "warning")
