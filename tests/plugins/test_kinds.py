"""What happens when a trigger is fired: who is told, whose answer counts, and what a failure does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from qtasks.errors import PluginError
from qtasks.plugins import AppPinged, ResultReplace, RetryAnswer, TaskErrored
from qtasks.plugins.kinds import First, Fold, Implementation, Notify

LOG = logging.getLogger("tests.kinds")
ANY: Any = None
RESULT = ResultReplace(ANY, ANY, ANY, result=1)
PINGED = AppPinged(ANY, ANY)
ERRORED = TaskErrored(ANY, ANY, ANY, ANY, ValueError(), 1, "")


def implementations(*functions: Callable[[Any], Any]) -> tuple[Implementation, ...]:
    """Return the functions as implementations of the plugins p0, p1 and so on."""
    return tuple(
        Implementation(f"p{number}", function, asyncio.iscoroutinefunction(function))
        for number, function in enumerate(functions)
    )


def fold(*functions: Callable[[ResultReplace], Any], timeout: float = 5.0) -> Fold[ResultReplace]:
    """Return a fold of these functions."""
    return Fold("h", implementations(*functions), timeout=timeout, log=LOG, answer=ResultReplace)


def notify(*functions: Callable[[AppPinged], Any], timeout: float = 5.0) -> Notify[AppPinged]:
    """Return a notify of these functions."""
    return Notify("h", implementations(*functions), timeout=timeout, log=LOG, answer=None)


def first(*functions: Callable[[TaskErrored], Any], timeout: float = 5.0) -> First[TaskErrored, RetryAnswer]:
    """Return a first of these functions."""
    return First("h", implementations(*functions), timeout=timeout, log=LOG, answer=RetryAnswer)


async def for_ever(_event: Any) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def fail(_event: Any) -> None:
    """Raise, after a step."""
    await asyncio.sleep(0)
    raise ValueError("broken")


def add(number: int) -> Callable[[ResultReplace], ResultReplace]:
    """Return a plain hook that adds to the result."""
    return lambda event: event.replace(result=event.result + number)


def times(number: int) -> Callable[[ResultReplace], Awaitable[ResultReplace]]:
    """Return an async hook that multiplies the result."""

    async def hook(event: ResultReplace) -> ResultReplace:
        await asyncio.sleep(0)
        return event.replace(result=event.result * number)

    return hook


async def test_fold_hands_the_event_from_one_to_the_next() -> None:
    """Each plugin sees what the one before has left, whether it is plain or async."""
    answer = await fold(add(1), times(10), add(3))(RESULT)
    assert answer.result == 23


async def test_fold_keeps_the_event_where_the_answer_is_none() -> None:
    """None changes nothing, and the very same event comes back."""
    assert await fold(lambda _event: None)(RESULT) is RESULT


async def test_fold_refuses_an_answer_of_a_wrong_type() -> None:
    """A dict instead of an event is an error that names plugin, hook and both types."""
    with pytest.raises(PluginError, match=r"'p0' answered h with dict, not ResultReplace or None") as caught:
        await fold(lambda _event: {"result": 2})(RESULT)
    assert (caught.value.plugin, caught.value.hook) == ("p0", "h")


async def test_fold_fails_with_the_cause_and_asks_nobody_after() -> None:
    """The failure of a plugin is the cause of the PluginError, and the rest is not asked."""
    asked: list[object] = []
    with pytest.raises(PluginError, match=r"'p0' failed in h: ValueError: broken") as caught:
        await fold(fail, asked.append)(RESULT)
    assert isinstance(caught.value.__cause__, ValueError)
    assert asked == []


async def test_first_asks_until_one_answers() -> None:
    """An async None is no answer, and who comes after the answer is not asked."""
    asked: list[object] = []

    async def declines(event: TaskErrored) -> None:
        asked.append(event)

    answer = await first(declines, lambda _event: RetryAnswer(retry=True, delay=2.0), asked.append)(ERRORED)
    assert answer == RetryAnswer(retry=True, delay=2.0)
    assert asked == [ERRORED]


async def test_first_is_none_where_nobody_answers() -> None:
    """Without an answer the core decides."""
    assert await first(lambda _event: None)(ERRORED) is None


async def test_first_refuses_an_answer_of_a_wrong_type() -> None:
    """True is no RetryAnswer."""
    with pytest.raises(PluginError, match=r"bool, not RetryAnswer or None"):
        await first(lambda _event: True)(ERRORED)


async def test_notify_logs_a_failure_and_tells_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """The log names plugin and hook and has the traceback; the next plugin is told."""
    told: list[object] = []
    await notify(fail, told.append)(PINGED)
    assert told == [PINGED]
    (line,) = caplog.records
    assert "'p0' failed in h" in line.getMessage()
    assert line.exc_info is not None
    assert isinstance(line.exc_info[1], ValueError)


async def test_notify_ignores_answers() -> None:
    """Whatever a plugin answers, nothing comes out."""
    assert await notify(lambda _event: 7)(PINGED) is None  # type: ignore[func-returns-value]


async def test_an_async_hook_is_bounded() -> None:
    """A fold and a first that hang fail with a time-out that names the setting."""
    for kind in (fold(for_ever, timeout=0.01), first(for_ever, timeout=0.01)):
        with pytest.raises(PluginError, match="hook_timeout") as caught:
            await kind(ANY)
        assert isinstance(caught.value.__cause__, TimeoutError)


async def test_a_hanging_notify_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A notify that hangs is given up, and the next plugin is told."""
    told: list[object] = []
    await notify(for_ever, told.append, timeout=0.01)(PINGED)
    assert told == [PINGED]
    assert "hook_timeout" in caplog.text


async def test_an_awaitable_of_a_plain_function_is_awaited_and_bounded() -> None:
    """A plain function may return a future; one that never ends is bounded as well."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    ended.set_result(RESULT.replace(result=5))
    assert (await fold(lambda _event: ended)(RESULT)).result == 5
    with pytest.raises(PluginError, match="hook_timeout"):
        await fold(lambda _event: loop.create_future(), timeout=0.01)(RESULT)


async def test_a_time_out_of_the_hook_itself_is_its_own_failure() -> None:
    """A TimeoutError that the hook raises is not taken for the bound."""

    async def own(_event: ResultReplace) -> None:
        await asyncio.sleep(0)
        raise TimeoutError("mine")

    with pytest.raises(PluginError, match="TimeoutError: mine"):
        await fold(own)(RESULT)


@pytest.mark.parametrize("kind", [fold, notify, first])
async def test_the_end_of_the_task_around_it_passes_through(kind: Callable[..., Any]) -> None:
    """Cancelling the task that fires a trigger reaches the hook, and comes out of the trigger."""
    inside = asyncio.Event()
    cleaned = asyncio.Event()

    async def hook(_event: Any) -> None:
        inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    around = asyncio.create_task(kind(hook)(ANY))
    await inside.wait()
    around.cancel()
    with pytest.raises(asyncio.CancelledError):
        await around
    assert around.cancelled()
    assert cleaned.is_set()


async def test_a_hook_that_only_gives_way_is_cancelled_too() -> None:
    """A hook that waits for nothing in particular gets the cancellation at its next step."""
    inside = asyncio.Event()
    steps: list[int] = []

    async def hook(_event: Any) -> None:
        inside.set()
        for step in range(1000):
            await asyncio.sleep(0)
            steps.append(step)

    around = asyncio.create_task(notify(hook)(PINGED))
    await inside.wait()
    around.cancel()
    with pytest.raises(asyncio.CancelledError):
        await around
    assert len(steps) < 3


async def test_a_hook_that_raises_cancelled_error_by_itself_has_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody asked for the end of the task, so it goes on."""

    async def hook(_event: Any) -> None:
        raise asyncio.CancelledError

    await notify(hook)(PINGED)
    assert "CancelledError" in caplog.text
    with pytest.raises(PluginError):
        await fold(hook)(RESULT)


async def test_a_hook_that_exits_has_failed() -> None:
    """SystemExit out of a plugin does not end the process."""

    def leave(_event: Any) -> None:
        raise SystemExit(3)

    with pytest.raises(PluginError, match="SystemExit"):
        await fold(leave)(RESULT)


async def test_a_hook_sees_the_task_that_fires_it() -> None:
    """A hook runs in the task that fires the trigger, before and after it has waited."""
    seen: list[object] = []

    async def hook(_event: Any) -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    await notify(hook)(PINGED)
    assert seen == [asyncio.current_task()] * 2


async def test_what_a_hook_awaits_can_raise_into_it() -> None:
    """An exception of what the hook awaits reaches the hook, which may handle it and answer."""

    async def hook(event: ResultReplace) -> ResultReplace:
        try:
            await asyncio.gather(fail(event))
        except ValueError:
            await asyncio.sleep(0)
        return event.replace(result="saved")

    assert (await fold(hook)(RESULT)).result == "saved"


def test_kinds_name_their_plugins_in_order() -> None:
    """Who is called, the first one first."""
    assert fold(add(1), add(2)).plugins == ("p0", "p1")
