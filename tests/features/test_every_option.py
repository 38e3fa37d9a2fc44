"""Every option of a task changes what it says, in memory and in a file.

Each trial runs a task without the option and with it. An option that has no trial fails the last tests:
nothing is accepted and ignored.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, get_overloads

import pytest
from features.option_trials import OPTIONS
from features.trial_bodies import say
from features.trials import Case, Places, each

from qtasks import QueueTasks as BlockingQueueTasks
from qtasks.asyncio import QueueTasks
from qtasks.making import TaskMaker
from qtasks.options import OPTION_NAMES
from qtasks.sync.making import SyncTaskMaker

NO_OPTION = "colour"
"""A keyword that is none: it is kept for plugins."""
COMPANY: Final[dict[str, dict[str, Any]]] = {
    "max_memory": {"executor": "process"},
    "limit_by": {"concurrency": 1},
}
"""Options without which these say nothing."""


@each(OPTIONS)
async def test_an_option_of_a_task(places: Places, case: Case) -> None:
    """`@app.task(…)`: without the option one thing is seen, with it another."""
    assert await case.trial(places.app()) == case.usual
    assert await case.trial(places.app(), **case.given) == case.then


def test_every_option_of_a_task_has_a_trial() -> None:
    """The table has the names of the options, and one keyword that is none."""
    OPTIONS.check(OPTION_NAMES | {NO_OPTION})


@pytest.mark.parametrize("maker", [TaskMaker, SyncTaskMaker])
def test_the_signature_names_no_other_option(maker: type[Any]) -> None:
    """Every keyword that type checkers see in the decorator, on either face, is in the table."""
    functions: list[Callable[..., Any]] = [maker.__call__, *get_overloads(maker.__call__)]
    parameters = [one for function in functions for one in inspect.signature(function).parameters.values()]
    named = {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}
    assert named
    assert named <= OPTION_NAMES, f"keywords of the decorator that are no option: {named - OPTION_NAMES}"


@each(OPTIONS)
def test_both_faces_keep_the_same_of_an_option(case: Case) -> None:
    """The blocking decorator makes the same definition of each value, and not that of no option."""
    company = COMPANY.get(case.name, {})
    faces = QueueTasks("tests", "memory://", plugins=False), BlockingQueueTasks("tests", "memory://")

    made = [face.task(**company, **case.given)(say).definition for face in faces]
    usual = faces[0].task(name="usual", **company)(say).definition
    assert made[0].options == made[1].options
    assert made[0].name == made[1].name
    assert made[0].options != usual.options or case.name == "name"


def test_a_table_tells_what_has_no_trial() -> None:
    """The words of the failure name the option that was forgotten, and the trial that was left."""
    names = {case.name for case in OPTIONS}
    with pytest.raises(AssertionError, match=r"without a trial that shows the effect: brand_new$"):
        OPTIONS.check(names | {"brand_new"})
    with pytest.raises(AssertionError, match=r"that there are not: queue$"):
        OPTIONS.check(names - {"queue"})
