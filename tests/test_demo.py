"""The demo tells the truth: it adds up, it notices what does not, and it leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from qtasks.demo.app import app
from qtasks.demo.balance import Balance
from qtasks.demo.ledger import Run
from qtasks.demo.words import Measured, Totals, combine, library, measure
from qtasks.models import Event, Record, Token
from qtasks.result import Task
from qtasks.status import TaskStatus

TOTALS = Totals(7, "digest")
FIRST, SECOND = Token(1, 1, 1), Token(1, 1, 2)


@contextmanager
def demo(folder: Path, files: int) -> Iterator[subprocess.Popen[str]]:
    """Start the demo, with its temporary files in this folder."""
    command = [sys.executable, "-m", "qtasks.demo", "--files", str(files)]
    environment = {**os.environ, "TMPDIR": str(folder)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def still_running(folder: Path) -> list[str]:
    """Return the processes that were started for this folder and are there yet."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if os.fsencode(folder) in (line := path.read_bytes()):
                found.append(line.decode(errors="replace"))
    return found


def test_it_adds_up(tmp_path: Path) -> None:
    """All tasks are done, some were retried, some ran twice, none is lost, and the totals are right."""
    with demo(tmp_path, 250) as process:
        output, _ = process.communicate(timeout=50)
    rows = {
        name: int(value) for name, value in re.findall(r"^  (\w+ ?\w+) +(\d+)(?: |$)", output, re.MULTILINE)
    }

    assert process.returncode == 0, output
    assert (rows["tasks in"], rows["done"], rows["lost"]) == (250, 250, 0)
    assert rows["retried"] > 0
    assert rows["ran twice"] > 0
    assert "Everything adds up" in output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_its_workers(number: signal.Signals, tmp_path: Path) -> None:
    """Ctrl+C leaves no process and no file behind."""
    with demo(tmp_path, 1000) as process:
        assert process.stdout is not None
        while "/s" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)

    assert process.returncode == 130, output
    assert list(tmp_path.iterdir()) == []
    assert still_running(tmp_path) == []


def ended(*lost: Token, status: TaskStatus = TaskStatus.SUCCESS, attempts: int = 1) -> Task[Measured]:
    """Return a task as its record says it ended."""
    history = tuple(Event(token, "lost", 1.0) for token in lost)
    record = Record(
        id="a",
        task="count_words",
        queue="default",
        priority=0,
        status=status,
        body=b"",
        created_at=1.0,
        updated_at=1.0,
        attempts=attempts,
        history=history,
    )
    return Task(app, record)


def balance(*tasks: Task[Measured], sent: int = 1) -> Balance:
    """Return books of a task that ran twice."""
    return Balance(
        sent=sent,
        ended=tasks,
        runs=[Run("a", FIRST, 10, 1.0), Run("a", SECOND, 11, 4.5)],
        stumbling=0,
        killed_at=2.0,
        totals=TOTALS,
        expected=TOTALS,
        seconds=1.0,
    )


def test_books_that_add_up_have_no_fault() -> None:
    """A run that was cut short and made up for is in order."""
    books = balance(ended(FIRST))

    assert list(books.faults()) == []
    assert books.takeover() == 2.5


def test_a_lost_task_is_noticed() -> None:
    """More went in than has a record."""
    assert list(balance(ended(FIRST), sent=2).faults()) == ["2 tasks went in, 1 are done, 1 are lost"]


def test_a_task_that_did_not_succeed_is_noticed() -> None:
    """A final task is not yet a done one."""
    (fault,) = balance(ended(FIRST, status=TaskStatus.DEAD)).faults()

    assert fault == "1 tasks went in, 0 are done, 0 are lost"


def test_running_twice_without_a_lost_lease_is_noticed() -> None:
    """The record must tell of the loss of that very delivery."""
    assert list(balance(ended(SECOND)).faults()) == ["task a ran twice although its lease was not lost"]


def test_a_retry_too_much_is_noticed() -> None:
    """Only what fails on purpose is retried."""
    assert list(balance(ended(FIRST, attempts=2)).faults()) == [
        "0 tasks were to fail in their first run, 1 were retried"
    ]


def test_a_kill_that_hit_nothing_is_noticed() -> None:
    """The demo does not boast of a kill between two tasks."""
    books = replace(balance(ended()), runs=[Run("a", FIRST, 10, 1.0)])

    assert list(books.faults()) == ["the kill has cut no run short"]


def test_other_totals_are_noticed() -> None:
    """One word more is a fault."""
    (fault,) = replace(balance(ended(FIRST)), totals=Totals(8, "digest")).faults()

    assert fault.startswith("the totals are Totals(words=8")


def test_measuring_counts_words_and_hashes(tmp_path: Path) -> None:
    """The totals depend on each file and on their order."""
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("import os\n")
    second.write_text("x = 1  # one\n")
    one, two = measure(first), measure(second)

    assert (one.words, two.words) == (2, 5)
    assert combine([one, two]).words == 7
    assert combine([one, two]).sha256 != combine([two, one]).sha256


def test_the_library_is_the_standard_one() -> None:
    """Files of installed packages are not counted."""
    files = library()

    assert Path(os.__file__) in files
    assert not any("site-packages" in file.parts for file in files)
