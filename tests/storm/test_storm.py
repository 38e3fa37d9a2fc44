"""A short storm, and the judge of storms. The long one is `scripts/prove storm`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from storm.ledger import Books, Run
from storm.weather import ALLOWED_TAKEOVER, SHORT, storm, takeover

from qtasks.models import Event, Record, Token
from qtasks.serialization import encode_value
from qtasks.status import TaskStatus

MARGIN = 10.0
"""Seconds that a busy machine may take for the same."""

FIRST, SECOND = Token(1, 1, 1), Token(1, 1, 2)


@pytest.mark.timeout(120)
async def test_nothing_is_lost_in_a_short_storm(tmp_path: Path) -> None:
    """Workers are killed in the middle of their work: all is done, twice only after a lost lease."""
    outcome = await storm(f"sqlite:///{tmp_path / 'storm.db'}", tmp_path, SHORT)

    assert outcome.faults == []
    assert outcome.kills >= SHORT.kills
    assert outcome.ran_again > 0


async def test_an_idle_worker_takes_over_in_time(tmp_path: Path) -> None:
    """The task of a killed worker runs again soon after the end of its lease, on an idle queue too."""
    seconds = await takeover(f"sqlite:///{tmp_path / 'storm.db'}", tmp_path)

    assert seconds <= ALLOWED_TAKEOVER + MARGIN


def record(*lost: Token, status: TaskStatus = TaskStatus.SUCCESS, result: int = 7) -> Record:
    """Return the record of the task `a`, whose deliveries with these tokens were lost."""
    return Record(
        id="a",
        task="on_the_loop",
        queue="default",
        priority=0,
        status=status,
        body=b"",
        created_at=1.0,
        updated_at=1.0,
        result=encode_value(result),
        history=tuple(Event(token, "lost", 1.0) for token in lost),
    )


ONCE = [Run("a", FIRST, 10, 1.0, 2.0)]
TWICE = [Run("a", FIRST, 10, 1.0, None), Run("a", SECOND, 11, 3.0, 4.0)]
ORDERLY = Books({"a": 7}, [record(FIRST)], TWICE)


def test_a_repeated_run_after_a_lost_lease_is_in_order() -> None:
    """That is what at least once means."""
    assert list(ORDERLY.faults()) == []
    assert (len(ORDERLY.repeated()), ORDERLY.overlapping()) == (1, 0)


@pytest.mark.parametrize(
    ("books", "fault"),
    [
        (Books({"a": 7}, [None], ONCE), "a is lost"),
        (Books({"a": 7}, [record(status=TaskStatus.PROCESS)], ONCE), "a is not final"),
        (Books({"a": 7}, [record(status=TaskStatus.DEAD)], ONCE), "a ended in dead"),
        (Books({"a": 7}, [record(result=8)], ONCE), "a returned 8, not 7"),
        (Books({"a": 7}, [record()], []), "a is done without a run"),
        (Books({"a": 7}, [record()], TWICE), "a ran again although the lease"),
        (Books({"a": 7}, [record(SECOND)], TWICE), "a ran again although the lease"),
        (Books({"a": 7}, [record(FIRST)], [ONCE[0], ONCE[0]]), "a ran with"),
    ],
)
def test_the_judge_finds_what_is_wrong(books: Books, fault: str) -> None:
    """Each way of losing or doubling is a fault, and just one."""
    (found,) = books.faults()

    assert found.startswith(fault)


def test_a_run_that_goes_on_beside_its_successor_is_counted() -> None:
    """Its worker lived, and had lost its lease."""
    runs: Sequence[Run] = [replace(TWICE[0], ended=3.5), TWICE[1]]

    assert replace(ORDERLY, runs=runs).overlapping() == 1


def test_the_longest_gap_begins_with_the_kill() -> None:
    """Only runs of killed workers count, each from the kill of its own worker."""
    assert ORDERLY.longest_gap({10: 1.5}) == 1.5
    assert ORDERLY.longest_gap({11: 1.5}) == 0.0
