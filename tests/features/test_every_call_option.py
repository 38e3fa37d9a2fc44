"""Every option of one call changes what it says, in memory and in a file, whatever the task says.

An option that has no trial fails the last tests.
"""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest
from features.call_trials import CALLS, KEYWORDS
from features.trial_bodies import say
from features.trials import Case, Places, each

from qtasks import QueueTasks as BlockingQueueTasks
from qtasks.asyncio import QueueTasks
from qtasks.options import CallOptions
from qtasks.sync.handles import SyncTask
from qtasks.task import CALL_KEYWORDS, AsyncTask


@each(CALLS)
async def test_an_option_of_a_call(places: Places, case: Case) -> None:
    """`.options(…)`: without the option one thing is seen, with it another."""
    assert await case.trial(places.app()) == case.usual
    assert await case.trial(places.app(), **case.given) == case.then


@each(KEYWORDS)
async def test_a_keyword_of_add_task(places: Places, case: Case) -> None:
    """`task.add_task(…, keyword=…)`: the same."""
    assert await case.trial(places.app()) == case.usual
    assert await case.trial(places.app(), **case.given) == case.then


def test_every_option_of_a_call_has_a_trial() -> None:
    """The table has the names of the fields."""
    CALLS.check(field.name for field in fields(CallOptions))


def test_every_keyword_of_add_task_has_a_trial() -> None:
    """The table has the names of the keywords that are no arguments of the task."""
    KEYWORDS.check(CALL_KEYWORDS)


@pytest.mark.parametrize("kind", [AsyncTask, SyncTask])
def test_the_signature_names_the_options(kind: type[Any]) -> None:
    """Both faces take what is in the table, and nothing else."""
    parameters = inspect.signature(kind.options).parameters.values()
    CALLS.check(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


@each(CALLS)
def test_both_faces_keep_the_same_of_an_option(case: Case) -> None:
    """The blocking call carries the same options."""
    faces = QueueTasks("tests", "memory://", plugins=False), BlockingQueueTasks("tests", "memory://")
    made = [face.task(say).options(**case.given).bind().options for face in faces]
    assert made[0] == made[1] != CallOptions()
