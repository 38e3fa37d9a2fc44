"""The supervisor of `--processes N`, run as a process of its own with small children."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SUPERVISOR = """
import logging, sys
from qtasks.worker.pool import Pool
logging.basicConfig(stream=sys.stderr, level="INFO", format="%(message)s")
command = [sys.executable, "-c", sys.argv[1]]
print("supervisor", flush=True)
sys.exit(Pool(command, int(sys.argv[2]), float(sys.argv[3]), logging.getLogger("pool")).run())
"""

# A child as a worker is: graceful at the first SIGTERM, at once at the second.
CHILD = """
import os, signal, sys, time
from qtasks.worker.pool import hold_lifeline
line = hold_lifeline()
if line is not None:
    line.grace = 1.0
terms = []  # no Event: its lock may be held when the signal comes
def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # one write: lines of children do not mix
def on_term(number, frame):
    terms.append(number)
    tell("term", len(terms))
signal.signal(signal.SIGTERM, on_term)
tell("child", os.getpid(), os.getsid(0))
"""

OBEDIENT = CHILD + "while not terms: time.sleep(0.01)\n"
NEEDS_TWO = CHILD + "while len(terms) < 2: time.sleep(0.01)\n"
STUBBORN = CHILD + "while True: time.sleep(0.01)\n"


class Supervisor:
    """A running supervisor, and the lines that it and its children print."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pids: list[int] = []
        """Of all children that have told of their start."""

    def line(self) -> list[str]:
        """Return the words of the next line; the test's time-out bounds the wait."""
        assert self.process.stdout is not None
        words = self.process.stdout.readline().split()
        if words and words[0] == "child":
            self.pids.append(int(words[1]))
        return words

    def children(self, number: int) -> None:
        """Wait until so many children have started in all."""
        while len(self.pids) < number:
            assert self.line(), "the supervisor has ended"

    def end(self, timeout: float = 30.0) -> int:
        """Wait for the end, and check that no process is left."""
        code = self.process.wait(timeout)
        self.rest()
        return code

    def rest(self) -> str:
        """Read on until every process that holds the output is gone: then none is left."""
        assert self.process.stdout is not None
        return self.process.stdout.read()


@contextmanager
def supervisor(child: str, processes: int = 2, grace: float = 1.0) -> Iterator[Supervisor]:
    """Run a supervisor; whatever is left at the end of a failed test is killed."""
    command = [sys.executable, "-c", SUPERVISOR, child, str(processes), str(grace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        started = Supervisor(process)
        try:
            assert started.line() == ["supervisor"]
            yield started
        finally:
            process.kill()
            for pid in started.pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def repeat(process: subprocess.Popen[str], number: signal.Signals, every: float) -> None:
    """Send a signal again and again until the process has ended."""
    while process.poll() is None:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(every)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_children_gracefully(number: signal.Signals) -> None:
    """One SIGTERM or SIGINT reaches every child as one SIGTERM, and the supervisor exits with 0."""
    with supervisor(OBEDIENT) as started:
        started.children(2)
        started.process.send_signal(number)
        assert started.process.wait(30) == 0
        text = started.rest()
    assert text.count("term 1") == 2
    assert "term 2" not in text


def test_children_have_sessions_of_their_own() -> None:
    """Ctrl+C of the terminal, which goes to the session, reaches the supervisor alone."""
    with supervisor(OBEDIENT, processes=1) as started:
        words = started.line()
        while words[0] != "child":
            words = started.line()
        assert words[1] == words[2]
        started.process.terminate()
        assert started.end() == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the processor time from /proc")
def test_an_idle_supervisor_sleeps() -> None:
    """While nothing happens the supervisor uses no processor time."""
    with supervisor(OBEDIENT) as started:
        started.children(2)
        ticks = []
        for _ in range(2):
            ticks.append(processor_ticks(started.process.pid))
            threading.Event().wait(0.5)
        assert ticks[1] - ticks[0] <= 2
        started.process.terminate()
        assert started.end() == 0


def processor_ticks(pid: int) -> int:
    """Return user and system time of a process, in clock ticks (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_dead_child_is_replaced() -> None:
    """A killed child is followed by another one; the others go on."""
    with supervisor(OBEDIENT) as started:
        started.children(2)
        os.kill(started.pids[0], signal.SIGKILL)
        started.children(3)
        os.kill(started.pids[1], 0)
        started.process.terminate()
        assert started.end() == 0


def test_restarts_slow_down() -> None:
    """A child that dies at once is started again after pauses that double, never in a busy loop."""
    with supervisor(CHILD + "os._exit(0)", processes=1) as started:
        begin, pauses = time.monotonic(), list[str]()
        while len(pauses) < 4:
            words = started.line()
            pauses += words[-2:-1] if "ended" in words else []
        assert pauses == ["0.1", "0.2", "0.4", "0.8"]
        assert time.monotonic() - begin >= 0.1 + 0.2 + 0.4
        started.process.terminate()
        assert started.end() == 0


def test_a_child_knows_whether_it_replaces_another() -> None:
    """The first process of a place does not, the next one does: what is for the start is not done again."""
    with supervisor(CHILD + "tell('replaces', line.is_replacement); os._exit(1)", processes=1) as started:
        told: list[str] = []
        while len(told) < 2:
            words = started.line()
            told += words[1:] if words[:1] == ["replaces"] else []
        assert told == ["False", "True"]
        started.process.terminate()
        assert started.end() in {0, 1}


def test_a_repeated_signal_within_a_moment_is_one() -> None:
    """Fifty signals a millisecond apart stop gracefully, as one does."""
    with supervisor(OBEDIENT) as started:
        started.children(2)
        for _ in range(50):
            with suppress(ProcessLookupError):
                os.kill(started.process.pid, signal.SIGINT)
            threading.Event().wait(0.001)
        assert started.process.wait(30) == 0
        assert "term 2" not in started.rest()


def test_the_second_signal_hurries() -> None:
    """A child that needs a second SIGTERM gets it with the second signal of the supervisor."""
    with supervisor(NEEDS_TWO, grace=60.0) as started:
        started.children(2)
        repeat(started.process, signal.SIGTERM, every=0.6)
        assert started.process.returncode == 0
        assert started.rest().count("term 2") == 2


def test_the_third_signal_kills() -> None:
    """Children that do not stop are killed by the third signal; the exit code is 1."""
    with supervisor(STUBBORN, grace=60.0) as started:
        started.children(2)
        repeat(started.process, signal.SIGTERM, every=0.6)
        assert started.end() == 1


def test_a_child_that_overstays_its_grace_is_killed() -> None:
    """One signal is enough: past the grace and the time to settle, the children are killed."""
    with supervisor(STUBBORN, grace=0.0) as started:
        started.children(2)
        started.process.terminate()
        assert started.end() == 1


def test_the_children_stop_when_the_supervisor_is_killed() -> None:
    """SIGKILL of the supervisor stops the children gracefully: none is left behind."""
    with supervisor(OBEDIENT) as started:
        started.children(2)
        started.process.kill()
        started.process.wait(30)
        assert started.rest().count("term 1") == 2


def test_a_stubborn_child_does_not_survive_a_killed_supervisor() -> None:
    """A child that ignores the end of its supervisor is killed by its own lifeline."""
    with supervisor(STUBBORN, processes=1) as started:
        started.children(1)
        started.process.kill()
        started.process.wait(30)
        started.rest()


def test_a_signal_while_children_start_leaves_nothing() -> None:
    """In many rounds a SIGTERM at a random moment of the start ends everything, with 0."""
    chance = random.Random(115)
    for _ in range(15):
        with supervisor(OBEDIENT, processes=4) as started:
            threading.Event().wait(chance.uniform(0.0, 0.4))
            started.process.terminate()
            assert started.end(10.0) == 0
