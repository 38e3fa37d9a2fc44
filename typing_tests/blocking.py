"""What type checkers know of a blocking app: never run, only checked."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

from qtasks import QueueTasks, SyncRouter, Task
from qtasks.models import Cancelled
from qtasks.sync import SyncTask
from qtasks.task import AsyncTask, BoundCall

app = QueueTasks("types", broker_url="memory://")
router = SyncRouter()


@app.task
async def add(a: int, b: int) -> int:
    """Take two arguments."""
    return a + b


@app.task(name="upper", priority=5, retry=3, any_extra="kept")
def upper(text: str, *, times: int = 1) -> str:
    """Be a plain function with a keyword."""
    return text.upper() * times


@app.task
async def count(to: int) -> AsyncIterator[int]:
    """Yield, asynchronously."""
    for number in range(to):
        yield number


@app.task(generate_handler=print)
def lines(text: str) -> Iterator[str]:
    """Yield from a thread."""
    yield from text.splitlines()


@app.task(echo=True)
async def told(self: AsyncTask[Any, Any], a: int) -> str:
    """Get itself as the first argument, which callers do not give."""
    self.ctx.progress(0.5, "half")
    return f"{self.ctx.attempt} {a}"


@app.task("told.plainly", echo=True, executor="thread", ack="early", unique=True, rate_limit="5/s")
def told_plainly(self: SyncTask[Any, Any], a: int) -> float:
    """Be a plain function with a context."""
    self.ctx.sleep(0)
    return a / 2


@router.task
async def of_a_router(a: float) -> float:
    """Belong to a router."""
    return a


@router.task("named")
def of_a_router_by_name(a: float) -> bool:
    """Belong to a router, under a name."""
    return bool(a)


async def calling() -> None:
    """A task called as a function gives what the function gives: of an async one, a coroutine."""
    assert_type(await add(1, 2), int)
    assert_type(upper("a", times=2), str)
    await add(1, "2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def sending() -> None:
    """The result type reaches whoever waits."""
    task = add.add_task(1, b=2)
    assert_type(task, Task[int])
    assert_type(task.result(timeout=1), int)
    assert_type(task.wait(), Task[int])
    assert_type(task.returning, int | None)
    assert_type(upper.add_task("a", times=2).result(), str)
    assert_type(add.add_task(1, 2, timeout=5), Task[int])
    assert_type(add.add_task(1, 2, priority=9), Task[int])
    assert_type(add.options(delay=1, priority=9, queue="slow").add_task(1, 2), Task[int])
    assert_type(of_a_router.add_task(1.0), Task[float])
    assert_type(of_a_router_by_name.add_task(1.0), Task[bool])


def through_the_app() -> None:
    """Bound calls keep their type; names are not known to type checkers."""
    call = add.bind(1, 2)
    assert_type(call, BoundCall[int])
    assert_type(app.add_task(call), Task[int])
    assert_type(app.add_task(call, timeout=5), Task[int])
    assert_type(app.add_task("add", 1, 2, timeout=5), Task[Any])
    assert_type(upper.options(retry=1).bind("a"), BoundCall[str])
    app.add_tasks(add.bind(i, 1) for i in range(3))


def mistakes() -> None:
    """Found before anything runs."""
    add.bind(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    add.bind(1, "2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add.options().add_task(1, c=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    add.options(delay=1).add_task("1", 2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add.options(pririoty=9)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add.options(ack="early")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add.options(result_ttl="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add.options(delay="soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.add_task(7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    QueueTasks(broker_uri="memory://")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def streaming() -> None:
    """The type of the values that a task yields reaches whoever listens."""
    task = count.add_task(3)
    assert_type(task, Task[list[int]])
    for number in task.stream():
        assert_type(number, int)
    for line in (lines.add_task("a")).stream():
        assert_type(line, str)


def with_a_context() -> None:
    """Callers do not give the first parameter of a task with `echo=True`."""
    assert_type((told.add_task(1)).result(), str)
    assert_type((told_plainly.options(unique=False).add_task(a=1)).result(), float)
    told.bind("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    told.bind()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def looking_after() -> None:
    """What is known of queues and of ends."""
    assert_type(app.cancel("0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77", "why"), Cancelled)
    assert_type(app.queues.peek("default"), list[Task[Any]])
    assert_type(app.dead.requeue_all(), int)
    assert_type(app.chain(add.bind(1, 2), upper.bind("a")).get(timeout=1), list[Task[Any]])
    app.find(status="dead", limit="1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
