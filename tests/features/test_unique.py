"""`unique`: a second call returns the first task while that one is there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from core.conftest import Working

from qtasks import Unique
from qtasks.asyncio import QueueTasks, Task
from qtasks.errors import ConfigError, TaskArgumentError


async def test_equal_arguments_are_one_task(app: QueueTasks) -> None:
    """However they are given; others are another one."""

    @app.task(unique=True)
    async def load(a: int, b: int = 2) -> None: ...

    first = await load.add_task(1)

    assert (await load.add_task(1, b=2)).id == first.id
    assert (await load.add_task(a=1)).id == first.id
    assert (await load.add_task(2)).id != first.id
    assert (await app.counts()).total == 2


async def test_a_key_is_for_one_task_whatever_its_arguments(app: QueueTasks) -> None:
    """Keys of different tasks never meet."""

    @app.task(unique="only")
    async def load(a: int) -> None: ...

    @app.task(unique="only")
    async def save(a: int) -> None: ...

    first = await load.add_task(1)

    assert (await load.add_task(2)).id == first.id
    assert (await save.add_task(1)).id != first.id


async def test_chosen_arguments_count(app: QueueTasks) -> None:
    """The others may differ; one that the task does not have is named."""

    @app.task(unique=Unique(args=["account"]))
    async def refresh(account: int, reason: str = "") -> None: ...

    first = await refresh.add_task(7, "a")

    assert (await refresh.add_task(7, "b")).id == first.id
    with pytest.raises(TaskArgumentError, match="'acount'"):
        await refresh.options(unique=Unique(args=["acount"])).add_task(7)


async def test_a_call_may_say_it_for_itself(app: QueueTasks) -> None:
    """`.options(unique=…)` makes one call unique, and `False` accepts it in any case."""

    @app.task
    async def plain(a: int) -> None: ...

    @app.task(unique=True)
    async def load(a: int) -> None: ...

    first = await plain.options(unique="x").add_task(1)

    assert (await plain.options(unique="x").add_task(2)).id == first.id
    assert (await plain.add_task(1)).id != first.id
    kept = await load.add_task(1)
    assert (await load.options(unique=False).add_task(1)).id != kept.id


async def test_it_is_free_when_the_first_has_ended(app: QueueTasks, working: Working) -> None:
    """Whatever its end; while it runs it is not."""
    gate, running = asyncio.Event(), asyncio.Event()

    @app.task(unique=True)
    async def load(a: int) -> None:  # noqa: ARG001 - it counts for the key
        running.set()
        await gate.wait()

    async with working(app):
        first = await load.add_task(1)
        await running.wait()
        assert (await load.add_task(1)).id == first.id
        gate.set()
        await first.wait(30)
        second = await load.add_task(1)
        await second.wait(30)

    assert second.id != first.id


async def test_chosen_states_count(app: QueueTasks, working: Working) -> None:
    """With `new` alone, a second one is accepted as soon as the first one runs."""
    gate, running = asyncio.Event(), asyncio.Event()

    @app.task(unique=Unique(states=["new"]))
    async def load() -> None:
        running.set()
        await gate.wait()

    async with working(app):
        first = await load.add_task()
        await running.wait()
        second = await load.add_task()
        gate.set()
        await second.wait(30)

    assert second.id != first.id


@pytest.mark.parametrize("end", ["success", "error", "cancel", "dead"])
async def test_ends_count_where_they_are_named(app: QueueTasks, working: Working, end: str) -> None:
    """The second call returns the finished task; another end than the one named keeps nobody away."""
    others = {"success", "error", "cancel", "dead"} - {end}

    @app.task
    async def load(how: str) -> str:
        if how == "error":
            raise ValueError(how)
        return how

    async def send(states: set[str]) -> Task[str]:
        unique = Unique(args=["how"], states=states)
        late = (
            {"delay": 0.01, "expires": 0.001} if end == "dead" else {"delay": 60} if end == "cancel" else {}
        )
        return await load.options(unique=unique, **late).add_task(end)

    first = await send({end})
    if end == "cancel":
        await first.cancel()
    if end == "dead":
        await asyncio.sleep(0.05)
    async with working(app):
        assert (await first.wait(30)).status == end
        second = await send({end, "new"})
        assert (second.id, second.status) == (first.id, end)
        third = await send(others)

    assert third.id != first.id


async def test_an_end_counts_as_long_as_its_record_is_there(app: QueueTasks, working: Working) -> None:
    """With the record the key is gone."""

    @app.task(unique=Unique(states=["new", "process", "success"]))
    async def load() -> int:
        return 7

    async with working(app):
        first = await load.add_task()
        assert await first.result(30) == 7
        assert await (await load.add_task()).result(30) == 7
        assert (await load.add_task()).id == first.id
        await app.storage.delete([first.id])
        second = await load.add_task()
        await second.wait(30)

    assert second.id != first.id


async def test_one_moment_in_two_zones_is_one_task(app: QueueTasks) -> None:
    """A `datetime` counts as the moment that it is."""

    @app.task(unique=True)
    async def load(at: datetime) -> None: ...

    moment = datetime(2030, 6, 1, 12, tzinfo=UTC)
    first = await load.add_task(moment)

    assert (await load.add_task(moment.astimezone(timezone(timedelta(hours=9))))).id == first.id
    assert (await load.add_task(moment + timedelta(seconds=1))).id != first.id


async def test_it_ends_with_its_time(app: QueueTasks) -> None:
    """After `ttl` seconds a second one is accepted, although the first one still waits."""

    @app.task(unique=Unique(ttl=0.05))
    async def load() -> None: ...

    first = await load.add_task()
    assert (await load.add_task()).id == first.id
    async with asyncio.timeout(30):
        while (await load.add_task()).id == first.id:
            await asyncio.sleep(0.01)


async def test_one_batch_has_one_of_each(app: QueueTasks) -> None:
    """In `add_tasks` too, each call gives a task: equal ones the same."""

    @app.task(unique=True)
    async def load(a: int) -> None: ...

    tasks = await app.add_tasks(load.bind(i % 3) for i in range(9))

    assert len({task.id for task in tasks}) == 3
    assert [task.id for task in tasks[:3]] == [task.id for task in tasks[3:6]]
    assert (await app.counts()).total == 3


async def test_racing_callers_make_one_task(app: QueueTasks) -> None:
    """Of many calls at the same moment one is accepted."""

    @app.task(unique=True)
    async def load(a: int) -> None: ...

    tasks = await asyncio.gather(*(load.add_task(1) for _ in range(20)))

    assert len({task.id for task in tasks}) == 1


async def test_the_second_caller_gets_the_result_of_the_first(app: QueueTasks, working: Working) -> None:
    """Its handle is that of the first task, with the arguments of that one."""

    @app.task(unique="k")
    async def double(a: int) -> int:
        return 2 * a

    first, second = await double.add_task(1), await double.add_task(5)
    async with working(app):
        assert await second.result(30) == 2

    assert (first.args, second.args) == ([1], [1])


@pytest.mark.parametrize("wrong", [7, Unique, {"key": "x"}, ""], ids=["number", "class", "dict", "empty"])
def test_what_is_no_key_is_refused(wrong: object) -> None:
    """The error says what is right."""
    with pytest.raises(ConfigError, match="unique"):
        QueueTasks("x", "memory://").task(unique=wrong)(print)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "a", "args": ["b"]},
        {"ttl": 0},
        {"ttl": float("nan")},
        {"states": []},
        {"states": ["news"]},
        {"args": "account"},
    ],
    ids=str,
)
def test_what_cannot_be_kept_is_refused(wrong: dict[str, object]) -> None:
    """Wrong values are found where they are written."""
    with pytest.raises(ConfigError, match="unique"):
        Unique(**wrong)  # type: ignore[arg-type]
