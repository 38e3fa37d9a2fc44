"""`assert_enqueued`: what counts as sent, how arguments are compared, and what a failure says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from unittest.mock import ANY

import pytest

from qtasks import Secret
from qtasks.asyncio import AsyncTask, QueueTasks
from qtasks.errors import TaskArgumentError, UsageError
from qtasks.ids import new_id
from qtasks.testing import AsyncPlace, in_memory


@dataclass
class Order:
    """An argument that is an object."""

    number: int


@pytest.fixture
async def place() -> AsyncIterator[AsyncPlace]:
    """An app in memory."""
    async with in_memory(QueueTasks("tests", broker_url="memory://", plugins=False)) as place:
        yield place


async def test_arguments_are_compared_by_parameter(place: AsyncPlace) -> None:
    """By place or by name, with defaults; what is not given may be anything."""

    @place.app.task
    async def mail(to: str, text: str = "Hello", *, copy: bool = False) -> None: ...

    await mail.add_task("ann", copy=True)

    place.assert_enqueued(mail)
    place.assert_enqueued(mail, "ann")
    place.assert_enqueued(mail, "ann", "Hello")
    place.assert_enqueued(mail, to="ann", copy=True)
    place.assert_enqueued(mail, ANY, "Hello")
    place.assert_not_enqueued(mail, "bob")
    place.assert_not_enqueued(mail, text="Bye")
    place.assert_not_enqueued(mail, "ann", copy=False)


async def test_stars_are_compared_one_by_one(place: AsyncPlace) -> None:
    """`*args` as a whole, `**kwargs` by name."""

    @place.app.task
    async def tell(*words: str, **marks: int) -> None: ...

    await tell.add_task("a", "b", x=1, y=2)

    place.assert_enqueued(tell, "a", "b", y=2)
    place.assert_not_enqueued(tell, "a")
    place.assert_not_enqueued(tell, z=3)


async def test_objects_are_compared_as_they_arrive(place: AsyncPlace) -> None:
    """With an annotation as the object, without one as what is left of it."""

    @place.app.task
    async def typed(order: Order, at: datetime) -> None: ...

    @place.app.task
    async def untyped(order: Any) -> None: ...

    moment = datetime(2026, 1, 2, tzinfo=UTC)
    await typed.add_task(Order(3), moment)
    await untyped.add_task(Order(4))

    place.assert_enqueued(typed, Order(3), moment)
    place.assert_not_enqueued(typed, Order(4))
    place.assert_enqueued(untyped, Order(4))
    place.assert_enqueued(untyped, {"number": 4})
    place.assert_not_enqueued(untyped, object())


async def test_values_of_a_wrong_type_are_compared_as_sent(place: AsyncPlace) -> None:
    """The worker would refuse them, and that is not the matter here."""

    @place.app.task
    async def count(n: int) -> None: ...

    await place.app.add_task("count", "many")

    place.assert_enqueued(count, "many")
    place.assert_not_enqueued(count, 3)


async def test_the_subject_of_echo_is_no_argument(place: AsyncPlace) -> None:
    """Callers do not give it."""

    @place.app.task(echo=True)
    async def tell(self: AsyncTask[..., Any], n: int) -> None: ...

    await tell.add_task(3)

    place.assert_enqueued(tell, 3)
    place.assert_enqueued(tell, n=3)


async def test_a_task_that_is_not_known_here(place: AsyncPlace) -> None:
    """It is compared by place and by name."""
    await place.app.add_task("elsewhere", 1, 2, x=3)

    place.assert_enqueued("elsewhere", 1, x=3)
    place.assert_not_enqueued("elsewhere", 2)


async def test_queue_and_delay(place: AsyncPlace) -> None:
    """A delay may come as `eta`, and differs by the time that has passed since."""

    @place.app.task(queue="slow")
    async def nothing() -> None: ...

    await nothing.options(delay=60).add_task()
    await nothing.options(eta=datetime.now(UTC) + timedelta(hours=1), queue="q").add_task()

    place.assert_enqueued(nothing, queue="slow", delay=60)
    place.assert_enqueued(nothing, queue="q", delay=3600)
    place.assert_not_enqueued(nothing, delay=0)
    place.assert_not_enqueued(nothing, queue="default")


async def test_counting(place: AsyncPlace) -> None:
    """Exactly so often; None is at least once."""

    @place.app.task
    async def nothing() -> None: ...

    with pytest.raises(AssertionError, match=r"nothing\(…\) was enqueued never, expected at least once"):
        place.assert_enqueued(nothing, count=None)
    await place.app.add_tasks([nothing.bind(), nothing.bind()])

    place.assert_enqueued(nothing, count=2)
    place.assert_enqueued(nothing, count=None)
    with pytest.raises(AssertionError, match="2 times, expected once"):
        place.assert_enqueued(nothing)
    with pytest.raises(AssertionError, match="2 times, expected never"):
        place.assert_not_enqueued(nothing)


async def test_only_what_is_new_counts(place: AsyncPlace) -> None:
    """No repeated id, no call that an earlier one keeps away, no retry and no requeue."""

    @place.app.task(unique=True, retry=1)
    async def once(n: int) -> None:
        raise ValueError(n)

    task_id = new_id()
    await once.options(id=task_id).add_task(1)
    await once.options(id=task_id).add_task(1)
    await once.add_task(1)
    await place.drain(delayed=True, raise_errors=False)
    assert await place.app.requeue(task_id)
    await place.drain(delayed=True, raise_errors=False)

    place.assert_enqueued(once, 1)
    assert [task.id for task in place.enqueued] == [task_id]


async def test_secrets_are_not_shown(place: AsyncPlace) -> None:
    """They are compared all the same."""

    @place.app.task
    async def login(name: str, word: Annotated[str, Secret]) -> None: ...

    await login.add_task("ann", "open sesame")

    place.assert_enqueued(login, word="open sesame")
    with pytest.raises(AssertionError) as caught:
        place.assert_enqueued(login, "bob")
    assert "login('ann', '***')" in str(caught.value)
    assert "sesame" not in str(caught.value)


async def test_arguments_that_the_task_has_not_are_refused(place: AsyncPlace) -> None:
    """Else a misspelt name would make `assert_not_enqueued` pass."""

    @place.app.task
    async def mail(to: str) -> None: ...

    with pytest.raises(TaskArgumentError, match="too many positional arguments"):
        place.assert_not_enqueued(mail, "ann", "bob")
    with pytest.raises(TaskArgumentError, match="unexpected keyword argument 'too'"):
        place.assert_not_enqueued(mail, too="ann")


async def test_what_is_no_task_is_refused(place: AsyncPlace) -> None:
    """A function that is not registered has no name in the queue."""

    def mail() -> None: ...

    with pytest.raises(UsageError, match="give the task or its name"):
        place.assert_not_enqueued(mail)
