"""The body gets what was sent, the caller gets what the body returned, and the rest is refused."""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Optional, Union
from uuid import UUID

import pytest
from cases.apps import Place, working
from cli import inside
from serialization.late_annotations import partly
from serialization.test_table import OBJECTS, REFUSED, STANDARD
from serialization.values import same

from qtasks.errors import EncodeError, TaskFailed
from qtasks.result import Task

BOTH = pytest.mark.parametrize("serializer", ["json", "msgpack"])
ID = UUID("0b5c3f9e-63b5-4c1f-8d2e-0a4b6f1d9c77")
WHEN = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)


class Echo:
    """A sender and a worker at one place, with a task for each type that returns what it is given."""

    def __init__(self, place: Place, serializer: str) -> None:
        self.sender = place.app(serializer=serializer)
        self.worker = place.app(serializer=serializer)
        self._got: list[Any] = []
        self._names: dict[Any, str] = {}

    async def wrong(self, annotation: Any, value: Any, expected: Any) -> list[str]:
        """Send a value by place and by name; return what of body and caller did not get what was expected."""
        name = self._task(annotation)
        wrong = []
        for args, kwargs in (((value,), {}), ((), {"x": value})):
            task = await self.sender.add_task(name, *args, **kwargs)
            returned = await task.result(30)
            for who, got in (("body", self._got.pop()), ("caller", returned)):
                if not same(got, expected):
                    wrong.append(f"{who} got {got!r} of {value!r} as {annotation}")
        return wrong

    def _task(self, annotation: Any) -> str:
        """Return the name of the task with this type of argument and result; None is no annotation."""
        if annotation not in self._names:
            self._names[annotation] = f"echo{len(self._names)}"
            for app in (self.sender, self.worker):
                app.task(name=self._names[annotation])(self._body(annotation))
        return self._names[annotation]

    def _body(self, annotation: Any) -> Callable[..., Any]:
        async def echo(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - set below
            self._got.append(x)
            return x

        echo.__annotations__ = {} if annotation is None else {"x": annotation, "return": annotation}
        return echo


@BOTH
async def test_standard_types_arrive_and_return_exactly(place: Place, serializer: str) -> None:
    """With and without an annotation, by place and by name: equal and of the same type all the way down."""
    echo, wrong = Echo(place, serializer), list[str]()
    async with working(echo.worker):
        for value in STANDARD:
            for annotation in (None, type(value)):
                wrong += await echo.wrong(annotation, value, value)

    assert wrong == []


@BOTH
async def test_objects_arrive_and_return_by_their_annotation(place: Place, serializer: str) -> None:
    """Enums, tuples, dataclasses and models are exact; without annotation they are what the page says."""
    echo, wrong = Echo(place, serializer), list[str]()
    async with working(echo.worker):
        for value, plain in OBJECTS:
            listed = list.__class_getitem__(type(value))
            wrong += await echo.wrong(type(value), value, value)
            wrong += await echo.wrong(listed, [value], [value])
            wrong += await echo.wrong(None, value, plain)

    assert wrong == []


@BOTH
async def test_what_cannot_travel_is_refused_where_it_is_sent(place: Place, serializer: str) -> None:
    """The error names the argument and the type, and nothing is sent."""
    app = place.app(serializer=serializer)

    @app.task
    async def take(first: int, second: object) -> None: ...

    for make, said in REFUSED:
        for value in (make(), {"inside": [make()]}):
            with pytest.raises(
                EncodeError, match=rf"'second'\) of task 'take' cannot be written: .*({said})"
            ):
                await take.add_task(1, value)
            with pytest.raises(EncodeError, match=rf"'second' of task 'take' cannot be written: .*({said})"):
                await take.add_task(1, second=value)
    assert (await app.counts()).total == 0


@BOTH
@pytest.mark.parametrize("kind", ["async", "thread"])
async def test_a_result_that_cannot_be_stored_is_told(
    place: Place, tmp_path: Path, serializer: str, kind: str
) -> None:
    """The caller learns the type within a second, the body has run once, and the worker goes on."""
    app, ran = place.app(serializer=serializer), list[int]()

    def body(which: int) -> Any:
        ran.append(which)
        return makes[which][0]()

    async def on_the_loop(which: int) -> Any:
        return body(which)

    app.task(name="make")(on_the_loop if kind == "async" else body)

    @app.task
    async def small() -> int:
        return 1

    with (tmp_path / "file").open("w") as file:
        makes = [*REFUSED, (lambda: file, "TextIOWrapper")]
        if kind == "thread":  # what a plain function returns to be awaited is awaited
            makes = [(make, said) for make, said in makes if said != "coroutine"]
        async with working(app):
            worker = app.worker.info
            for which, (_, said) in enumerate(makes):
                task = await app.add_task("make", which)
                with pytest.raises(TaskFailed, match=f"the result of task 'make' cannot be .*({said})"):
                    await task.result(30)
                assert (await task.refresh()).status == "error"
                assert await (await small.add_task()).result(30) == 1
            assert app.worker.info == worker

    assert ran == list(range(len(makes)))


NUMBERS = (math.nan, math.inf, -math.inf, -0.0, 10**400, 2**63, 1e308 * 10)


@BOTH
async def test_numbers_that_json_has_not_are_shown_as_json(place: Place, serializer: str) -> None:
    """They come back exactly; a strict parser reads what the command shows of them, and the stored bytes."""
    app = place.app(serializer=serializer)

    @app.task
    async def echo(values: list[Any]) -> list[Any]:
        return values

    async with working(app):
        task = await (await echo.add_task([*NUMBERS])).wait(30)
    shown = await asyncio.to_thread(
        inside.qtasks, "task", "show", task.id, "--url", place.url, "--name", "tests", "--json"
    )

    assert same(task.value(), [*NUMBERS])
    assert shown.code == 0
    (read,) = inside.strict(shown.out)
    assert read["args"] == [read["result"]]
    assert read["result"][:3] == [{"$float": "nan"}, {"$float": "inf"}, {"$float": "-inf"}]
    assert int(read["result"][4]["$int"], 16) == 10**400
    if serializer == "json":
        assert task.record.result is not None
        for data in (task.record.body, task.record.result):
            inside.strict(data.decode())


# Which annotation is whose


class Taker:
    """A body of every form that notes what each of its parameters got."""

    def __init__(self) -> None:
        self.got: list[tuple[Any, ...]] = []

    def method(self, a, b: int, *c: datetime, d: UUID | None = None, **e: Decimal) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Its annotations are text, as all in this file."""
        self.got.append((a, b, c, d, e))

    __call__ = method

    @property
    def resolved(self) -> Callable[..., None]:
        """A function whose annotations are types, but for one in quotes."""

        def body(a, b, *c, d=None, **e):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN202 - set below
            self.got.append((a, b, c, d, e))

        body.__annotations__ = {"b": int, "c": datetime, "d": "UUID | None", "e": Decimal, "return": None}
        return body

    @property
    def wrapped(self) -> Callable[..., None]:
        """A function behind a decorator, which has no annotations of its own."""

        @functools.wraps(Taker.method)
        def inner(_self: object, *args: Any, **kwargs: Any) -> None:
            self.method(*args, **kwargs)

        return functools.partial(inner, None)

    @property
    def partial(self) -> Callable[..., None]:
        """A partial whose first argument is given."""
        return functools.partial(Taker.method, self)


FORMS: dict[str, Callable[[Taker], Callable[..., Any]]] = {
    "annotations as text": lambda taker: taker.method,
    "annotations as types": lambda taker: taker.resolved,
    "behind a decorator": lambda taker: taker.wrapped,
    "a partial": lambda taker: taker.partial,
    "an object": lambda taker: taker,
}
LATER = [WHEN + timedelta(days=day) for day in range(3)]


@BOTH
@pytest.mark.parametrize("form", FORMS)
async def test_each_parameter_gets_its_own_value(place: Place, serializer: str, form: str) -> None:
    """Bound as Python binds, then converted one by one: what has no annotation stays as it is."""
    stranger, worker, taker = place.app(serializer=serializer), place.app(), Taker()
    worker.task(name="take")(FORMS[form](taker))
    texts = [moment.isoformat() for moment in LATER]
    async with working(worker):
        plain = await stranger.add_task("take", "12345", 7, *texts, d=str(ID), x="1.50", y="2")
        exact = await stranger.add_task("take", WHEN, 7, *LATER, d=ID, x=Decimal("1.50"), y=Decimal(2))
        short = await stranger.add_task("take", b=7, a="2027-01-31")
        for task in (plain, exact, short):
            await task.result(30)

    rest = (7, tuple(LATER), ID, {"x": Decimal("1.50"), "y": Decimal(2)})
    assert taker.got == [("12345", *rest), (WHEN, *rest), ("2027-01-31", 7, (), None, {})]


@BOTH
@pytest.mark.parametrize("form", FORMS)
async def test_a_value_that_does_not_fit_names_its_parameter(
    place: Place, serializer: str, form: str
) -> None:
    """It is an error of the task at once; the body is not called, and its retries are not used."""
    stranger, worker, taker = place.app(serializer=serializer), place.app(), Taker()
    worker.task(name="take", retry=3, backoff=0.01)(FORMS[form](taker))
    now = WHEN.isoformat()
    wrong: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
        "b": (("x", "7"), {}),
        "c[0]": (("x", 7, "12345"), {}),
        "c[2]": (("x", 7, now, now, 5), {}),
        "d": (("x", 7), {"d": "no id"}),
        "y": (("x", 7), {"x": "1.50", "y": "dear"}),
    }
    async with working(worker):
        for name, (args, kwargs) in wrong.items():
            done = await (await stranger.add_task("take", *args, **kwargs)).wait(30)
            assert (done.status, done.attempts) == ("error", 1)
            assert f"argument {name!r} of task 'take'" in (done.error or "")

    assert taker.got == []


async def test_unions_and_names_for_type_checkers_shift_nothing(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """`Optional`, `Union`, `Annotated`, and annotations of which some cannot be resolved in this program."""
    stranger, worker = place.app(), place.app()
    got: list[tuple[Any, ...]] = []

    def several(a, b: Optional[datetime], c: Union[int, UUID], d: Annotated[Decimal, "euro"]) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, UP007, UP045
        got.append((a, b, c, d))

    @functools.wraps(partly)
    def hidden(*args: Any) -> None:
        got.append(args)

    worker.task(name="several")(several)
    worker.task(name="hidden")(hidden)
    async with working(worker):
        sent: list[Task[Any]] = [
            await stranger.add_task("several", "1", WHEN.isoformat(), str(ID), "1.5"),
            await stranger.add_task("several", "1", None, 5, "1.5"),
            await stranger.add_task("hidden", "1", WHEN.isoformat(), [str(ID)], str(ID)),
        ]
        for task in sent:
            await task.result(30)

    assert got == [
        ("1", WHEN, ID, Decimal("1.5")),
        ("1", None, 5, Decimal("1.5")),
        ("1", WHEN, [str(ID)], ID),
    ]
    assert "'a' cannot be resolved" in caplog.text
