"""What users get wrong where they register, send, ask and look: each is told what to write instead."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from core.conftest import _working

import qtasks
from qtasks import Unique
from qtasks.asyncio import AsyncResult, AsyncRouter, QueueTasks
from qtasks.decorate import define
from qtasks.errors import ConfigError, QTasksError, TaskError, TaskNameTaken
from qtasks.models import Message
from qtasks.options import OPTION_NAMES
from qtasks.printable import one_line
from qtasks.synonyms import ADVICE


def note() -> None:
    """Do nothing."""


async def done(answer: Any) -> Any:
    """Wait for what a call has answered, where it is to be waited for."""
    return await answer if inspect.isawaitable(answer) else answer


@pytest.fixture
def app() -> QueueTasks:
    """An app in memory, which opens nothing before it is used."""
    return QueueTasks("tests", "memory://", plugins=False)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("retries", "retry="),
        ("max_retries", "retry="),
        ("timeout", "max_time="),
        ("time_limit", "max_time="),
        ("soft_time_limit", "max_time="),
        ("delay", ".options(delay="),
        ("countdown", ".options(delay="),
        ("eta", ".options(eta="),
        ("ttl", "result_ttl="),
        ("jitter", "backoff_jitter="),
        ("id", ".options(id="),
        ("autoretry_for", "retry_on_exc="),
        ("retry_backoff", "backoff="),
        ("ignore_result", "result_ttl=0"),
        ("acks_late", "ack="),
        ("bind", "echo=True"),
        ("serializer", "app.config.serializer"),
        ("singleton", "unique=True"),
        ("cron", "timetable"),
    ],
)
def test_an_option_of_another_queue(app: QueueTasks, name: str, word: str) -> None:
    """It does not land in `extra`, where it would do nothing: the error says what to write here."""
    made: Any = app.task
    with pytest.raises(ConfigError) as caught:
        made(**{name: 3})(note)

    assert f"unknown task option {name!r}" in str(caught.value)
    assert word in str(caught.value)
    assert not app.tasks


def test_no_advice_is_for_an_option_of_ours() -> None:
    """What we do have is never refused, and any other keyword is kept for plugins."""
    assert not ADVICE.keys() & OPTION_NAMES
    assert define(note, None, {"owner": "ann", "on_call": True}).options.extra == {
        "owner": "ann",
        "on_call": True,
    }


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"ack": "early"}, "@app.task(ack=…)"),
        ({"executor": "thread"}, "@app.task(executor=…)"),
        ({"tags": ["a"]}, "@app.task(tags=…)"),
        ({"backoff": 3}, "@app.task(backoff=…)"),
        ({"countdown": 3}, "delay=10"),
        ({"timeout": 3}, ".wait(timeout=5)"),
        ({"prioriti": 3}, "did you mean 'priority'?"),
        ({"zzz": 3}, "there are id, queue"),
    ],
)
def test_what_is_no_option_of_a_call(app: QueueTasks, options: dict[str, Any], word: str) -> None:
    """The error names the keyword and says where it is said; both faces alike."""
    for task in (app.task(note), qtasks.QueueTasks("x", "memory://", plugins=False).task(note)):
        with pytest.raises(ConfigError) as caught:
            task.options(**options)

        assert f".options() has no {next(iter(options))!r}" in str(caught.value)
        assert word in str(caught.value)


NO_NAMES = [5, "", "a\nb", "a\x1b[2J", "a" * 201, "\udcff", None, []]


@pytest.mark.parametrize("name", NO_NAMES, ids=lambda name: repr(name)[:12])
async def test_what_is_no_name_of_a_task(app: QueueTasks, name: Any) -> None:
    """One rule wherever a name is given, and the error shows no more of it than fits in a line."""
    task = app.task(note)
    calls: list[Callable[[], Any]] = [
        lambda: app.add_task(name),
        lambda: app.chain(task.bind(), qtasks.task.BoundCall(name, (), {})).add_task(),
    ]
    if name is not None:
        calls += [
            lambda: app.task(name=name)(print),
            lambda: qtasks.shared_task(name=name)(print),
            lambda: task.add_task(task_name=name),
            lambda: app.find(task=name),
            lambda: app.dead.tasks(task=name),
            lambda: app.dead.purge(task=name),
        ]
    for call in calls:
        with pytest.raises(ConfigError, match="the name of a task is text of 1 … 200") as caught:
            await done(call())
        assert len(str(caught.value)) < 250
        assert str(caught.value).isprintable()
    assert (await app.counts()).total == 0
    await app.disconnect()


def test_two_names(app: QueueTasks) -> None:
    """A name is given once."""
    with pytest.raises(ConfigError, match="two names: 'a' and name='b'"):
        app.task("a", name="b")(note)


async def test_a_name_from_elsewhere_cannot_forge_the_log(
    app: QueueTasks, caplog: pytest.LogCaptureFixture
) -> None:
    """A message that another producer has written is handled to its end; its line of the log is one line."""
    app.config.unknown_grace, app.config.max_deliveries = 0.0, 1
    caplog.set_level(logging.DEBUG)
    name = "pay\n2030-01-01 CRITICAL all is lost\x1b[2J"
    await app.connect()
    now = app.clock.now()
    for task_id, body in (
        ("7" * 8 + "-0000-4000-8000-000000000000", b"x"),
        ("8" * 8 + "-0000-4000-8000-000000000000", b"{}"),
    ):
        await app.broker.publish([Message(task_id, name, "default", 0, body, now)])
    async with _working(app), asyncio.timeout(30):
        tasks = [await (await app.get(task.id)).wait(30) for task in await app.find()]

    assert {(task.status.value, task.task_name) for task in tasks} == {("dead", name)}
    told = [record.getMessage() for record in caplog.records if "CRITICAL" in record.getMessage()]
    assert [line for line in told if "ended: dead" in line]
    assert all(line.isprintable() for line in told)


def test_text_in_one_line() -> None:
    """Printable text stays as it is; the rest is escaped, and what is endless is cut."""
    assert one_line("заказ 7") == "заказ 7"
    assert one_line("a\nb\x1b\u2028") == "a\\nb\\x1b\\u2028"
    assert len(one_line("\n" * 10**6)) < 5000


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda app: app.add_tasks(5), "add_tasks takes several bound calls"),
        (lambda app: app.add_tasks(app.task(note).bind()), "add_tasks takes several bound calls"),
        (lambda app: app.add_tasks([5]), "add_tasks takes bound calls"),
        (lambda app: app.get(5), "a task id is a UUID, not 5"),
        (lambda app: app.cancel("x"), "a task id is a UUID, not 'x'"),
        (lambda app: app.cancel("0" * 32, 5), "reason is text, not 5"),
        (lambda app: app.requeue("x"), "a task id is a UUID"),
        (lambda app: app.find(status="nope"), "status is one of new, delayed"),
        (lambda app: app.find(queue=5), "a queue name is"),
        (lambda app: app.find(after=5), "after is a task"),
        (lambda app: app.dead.requeue_all(queue=5), "a queue name is"),
        (lambda app: app.include_router(5), "include_router takes an AsyncRouter"),
        (lambda app: app.include_router(AsyncRouter), "include_router takes an AsyncRouter"),
        (lambda app: app.config.subscribe(5), "subscribe takes a function"),
        (
            lambda app: app.add_middleware(
                type("Own", (qtasks.executors.TaskMiddleware,), {"__call__": note}), []
            ),
            "position is 'before' or 'after'",
        ),
        (lambda app: app.autodiscover_tasks("shop"), "packages is a list of names"),
        (lambda app: app.autodiscover_tasks(["shop"], "tasks"), "modules is a list of names"),
        (lambda app: app.autodiscover_tasks([5]), "packages is a list of names"),
        (lambda app: app.autodiscover_tasks([".shop"]), "packages is a list of names"),
        (lambda app: app.autodiscover_tasks(["nosuchshop"]), "there is no package 'nosuchshop'"),
        (lambda app: app.autodiscover_tasks(["json.decoder.x"]), "there is no package 'json.decoder.x'"),
        (lambda app: app.run(5), "starter is an object with run"),
        (lambda _: QueueTasks(5, "memory://"), "the name of an app is 1 … 200 printable characters, not 5"),  # type: ignore[arg-type]
        (lambda _: QueueTasks("x", 5), "a URL is text such as sqlite:///qtasks.db, not int"),  # type: ignore[arg-type]
        (lambda _: QueueTasks("x", "memory://", config={}), "config is a QueueConfig"),  # type: ignore[arg-type]
        (lambda _: QueueTasks("x", "memory://", log=5), "log is a logging.Logger"),  # type: ignore[arg-type]
        (lambda _: QueueTasks("x", "memory://", clock=5), "clock is an object with now"),  # type: ignore[arg-type]
        (lambda _: QueueTasks("x", "memory://", worker=5), "worker is an object with"),  # type: ignore[arg-type]
        (lambda _: QueueTasks("x", broker=5), "broker is an object with publish"),  # type: ignore[arg-type]
        (lambda _: QueueTasks("x", "memory://", plugins=5).counts(), "plugins is True, False or a list"),  # type: ignore[arg-type]
        (lambda _: QueueTasks("x", "memory://", plugins="ab").counts(), "plugins is True, False or a list"),
        (lambda _: AsyncResult("0" * 32, 5), "app is an object with add_task"),
        (lambda _: Unique(args=5), "unique args are a list"),  # type: ignore[arg-type]
        (lambda app: app.task(note).options(id=5), "a task id is a UUID"),
        (lambda app: app.task(retry_on_exc=5)(note), "retry_on_exc is a list"),
        (lambda app: app.task(retry_on_exc=[], retry=1)(note), "retry_on_exc is a list"),
        (lambda app: app.task(retry=10**30)(note), "retry must be a whole number 0 … 1000000000"),
        (
            lambda app: app.task(max_time=10**30)(note),
            "max_time must be a positive number of seconds, at most",
        ),
        (lambda app: app.task(rate_limit=1e-300)(note), "rate_limit is starts per second"),
        (lambda app: app.task(rate_limit="9" * 5000 + "/s")(note), "rate_limit is starts per second"),
        (lambda app: app.task(rate_limit="1/" + "9" * 400 + "d")(note), "rate_limit is starts per second"),
        (
            lambda app: app.task(unique=True)(two).add_task(1, a=print),
            "argument 'a', which counts for unique, cannot be written",
        ),
        (lambda app: app.task(result_ttl=-1)(note), "result_ttl must be seconds, 0 or more"),
        (lambda app: app.task(note).options(result_ttl=1e300), "and at most 315360000, not 1e+300"),
        (lambda app: app.task(note).options(priority=10**5000), "not this int"),
        (lambda app: app.task(retry=10**5000)(note), "not this int"),
        (lambda app: app.task(tags=10**5000)(note), "not this int"),
    ],
)
async def test_a_value_of_a_wrong_kind(app: QueueTasks, call: Callable[[Any], Any], words: str) -> None:
    """It is one of our errors, which says what is right; never one of Python from somewhere inside."""
    with pytest.raises(QTasksError) as caught:
        await done(call(app))

    assert words in str(caught.value)
    await app.disconnect()


async def test_a_status_that_nobody_has(app: QueueTasks) -> None:
    """`until=` takes statuses, also one alone; else the error lists them."""
    task = await app.task(note).add_task()
    with pytest.raises(ConfigError, match="until is one of new, delayed"):
        await task.wait(30, until={"nope"})  # type: ignore[arg-type]

    assert (await task.wait(30, until={task.status})).status == "new"
    await app.disconnect()


def test_a_body_that_nothing_can_end(app: QueueTasks) -> None:
    """A plain function on the loop with `max_time` is refused, at registration and per call."""
    with pytest.raises(ConfigError, match="max_time cannot end the plain function of task 'note'"):
        app.task(executor="loop", max_time=5)(note)
    task = app.task(executor="loop")(note)
    with pytest.raises(ConfigError, match="executor='thread'"):
        task.options(max_time=5)

    @app.task(executor="loop", max_time=5)
    async def can() -> None: ...

    assert app.tasks["can"].options.max_time == 5


def test_none_is_as_if_it_were_not_said(app: QueueTasks) -> None:
    """Each option may be None, as what is handed on from elsewhere often is; extra keywords keep theirs."""
    made: Any = app.task
    task = made(**dict.fromkeys(OPTION_NAMES), owner=None)(note)

    options = define(note, None, {}).options
    assert (task.definition.options.retry, task.queue, task.ack) == (options.retry, "default", "late")
    assert (task.description, task.extra) == ("Do nothing.", {"owner": None})


def test_echo_needs_a_parameter(app: QueueTasks) -> None:
    """A function that takes nothing cannot be given its task."""
    with pytest.raises(TaskError, match="no first parameter"):
        app.task(echo=True)(note)  # type: ignore[arg-type]


def test_a_task_that_comes_after_its_router_is_included(app: QueueTasks) -> None:
    """It is in the app as well, and a taken name is refused there too."""
    router = AsyncRouter()
    app.include_router(router)
    app.include_router(router)
    router.task(note)
    app.task(name="taken")(print)
    with pytest.raises(TaskNameTaken):
        router.task(name="taken")(note)

    assert (sorted(app.tasks), sorted(router.tasks), len(app.routers)) == (["note", "taken"], ["note"], 1)


@pytest.mark.parametrize("is_async", [True, False])
def test_a_task_tells_its_options(*, is_async: bool) -> None:
    """Both faces have them as attributes, also where nobody has said them."""
    made: Any = QueueTasks if is_async else qtasks.QueueTasks
    app = made("x", "memory://", plugins=False)

    def keep(value: Any) -> Any:
        return value

    @app.task(retry=2, retry_on_exc=[KeyError], decode=keep, generate_handler=keep, executor="thread")  # type: ignore[untyped-decorator]  # either face
    def numbers(to: int) -> Any:
        yield from range(to)

    plain = app.task(
        echo=True,
        unique="k",
        ack="early",
        expires=5,
        result_ttl=0,
        rate_limit="9/m",
        concurrency=2,
        limit_by="a",
    )(two)

    assert (numbers.retry_on_exc, numbers.decode, numbers.generate_handler) == ((KeyError,), keep, keep)
    assert (numbers.executor, plain.executor, plain.ack) == ("thread", "loop", "early")
    assert (plain.echo, numbers.echo, plain.unique.key, numbers.unique) == (True, False, "k", None)
    assert (plain.expires, plain.result_ttl, numbers.result_ttl) == (5, 0, None)
    assert (plain.rate_limit, plain.concurrency, plain.limit_by) == ("9/m", 2, "a")
    assert (numbers.rate_limit, numbers.concurrency, numbers.limit_by) == (None, None, None)
    assert (numbers.middlewares_before, numbers.middlewares_after, numbers.max_memory) == ((), (), None)


async def two(self: Any, a: int) -> None:
    """Take itself and one argument."""


async def test_true_and_false_by_place(app: QueueTasks) -> None:
    """`ping(False)` asks the backend alone, as version 1 had it."""
    assert await app.ping(False) is True
    assert await app.ping(True) is False
    await app.disconnect()


def test_one_moment_is_one_key() -> None:
    """In whatever zone it is written; a naive one, and numbers of other types, are other keys."""
    from zoneinfo import ZoneInfo

    unique = Unique()

    def key(value: Any) -> str:
        return unique.key_of("t", {"at": [value]}, 0.0).key

    moment = datetime(2030, 6, 1, 12, tzinfo=UTC)
    assert key(moment) == key(moment.astimezone(ZoneInfo("Asia/Tokyo")))
    assert key(moment) != key(moment.replace(tzinfo=None))
    assert key(datetime.max.replace(tzinfo=ZoneInfo("America/New_York")))
    assert len({key(1), key(1.0), key(True)}) == 3
