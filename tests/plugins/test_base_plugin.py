"""`BasePlugin`, the form with handlers, works on every trigger in both faces."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from qtasks.errors import PluginError, PluginNotFound, UsageError
from qtasks.plugins import (
    AppPinged,
    ArgsReplace,
    BasePlugin,
    ResultReplace,
    RetryAnswer,
    TaskAdding,
    TaskErrored,
    WorkerStart,
    hookimpl,
)
from qtasks.plugins.manager import PluginManager, Triggers

ANY: Any = None
ADDING = TaskAdding(ANY, ANY, "add", 3, (1, 2), {"c": 3}, {})
ARGS = ArgsReplace(ANY, ANY, ANY, [1], {"b": 2}, (), {"test": "test"})
ERRORED = TaskErrored(ANY, ANY, ANY, ANY, ValueError(), 1, "")

PAGE = """
class TestPlugin(BasePlugin):
    def __init__(self, name=None):
        super().__init__(name)

        self.handlers = {
            "task_executor_args_replace": self.task_executor_args_replace
        }

    async def start(self, *args, **kwargs):
        return super().start(*args, **kwargs)

    async def stop(self, *args, **kwargs):
        return super().stop(*args, **kwargs)

    async def trigger(self, name, **kwargs):
        handler = self.handlers.get(name)
        if handler:
            return handler(**kwargs)
        return None

    def task_executor_args_replace(self, **kwargs):
        print(kwargs)
        return None
"""


class Handling(BasePlugin):
    """A plugin with just these handlers."""

    def __init__(self, **handlers: Callable[..., Any]) -> None:
        super().__init__()
        self.handlers = dict(handlers)


@dataclass
class Added:
    """A manager, and how to compile one plugin."""

    manager: PluginManager

    def __call__(self, plugin: BasePlugin, *names: str, component: str | None = None) -> Triggers:
        """Add the plugin and compile."""
        self.manager.add(plugin, trigger_names=names or None, component=component)
        return self.manager.compile(0.5)


@pytest.fixture
def added() -> Added:
    """Return a way to add one plugin."""
    return Added(PluginManager(logging.getLogger("tests.base_plugin")))


async def test_the_plugin_of_the_users_page_works(added: Added, capsys: pytest.CaptureFixture[str]) -> None:
    """As it is written there: async `trigger`, a plain handler with every keyword, no change."""
    names: dict[str, Any] = {"BasePlugin": BasePlugin}
    exec(PAGE, names)
    triggers = added(names["TestPlugin"](), "task_executor_args_replace", component="worker")
    await added.manager.start()
    assert triggers.task_executor_args_replace is not None
    assert await triggers.task_executor_args_replace(ARGS) is ARGS
    assert triggers.worker_start is None
    await added.manager.stop()
    printed = capsys.readouterr().out
    assert "'extra': {'test': 'test'}" in printed
    assert "'kw': {'b': 2}" in printed


async def test_what_an_answer_does_not_name_stays(added: Added) -> None:
    """An answer of the priority alone keeps the arguments."""
    triggers = added(Handling(qtasks_add_task_before_broker=lambda **_kw: {"priority": 7}))
    assert triggers.qtasks_add_task_before_broker is not None
    event = await triggers.qtasks_add_task_before_broker(ADDING)
    assert (event.priority, event.args, event.kwargs, event.task_name) == (7, (1, 2), {"c": 3}, "add")


async def test_answers_go_into_the_fields(added: Added) -> None:
    """`args` and `kw` come in as what the event has: a tuple in a producer, a list in a worker."""
    answer = {"args": [9], "kw": {"z": 1}}
    plugin = Handling(qtasks_add_task_before_broker=lambda: answer, task_executor_args_replace=lambda: answer)
    added.manager.add(plugin)
    triggers = added(plugin, component="worker")
    assert triggers.qtasks_add_task_before_broker is not None
    assert triggers.task_executor_args_replace is not None
    adding = await triggers.qtasks_add_task_before_broker(ADDING)
    replaced = await triggers.task_executor_args_replace(ARGS)
    assert (adding.args, adding.kwargs) == ((9,), {"z": 1})
    assert (replaced.args, replaced.kwargs) == ([9], {"z": 1})


async def test_async_handlers_answer_in_every_depth(added: Added) -> None:
    """A plain `trigger` whose async handler returns another coroutine is awaited to the end."""

    async def inner() -> dict[str, Any]:
        return {"result": "deep"}

    async def handler(result: Any) -> Any:
        return inner() if result == 1 else None

    triggers = added(Handling(task_executor_after_execute_result_replace=handler), component="worker")
    hook = triggers.task_executor_after_execute_result_replace
    assert hook is not None
    assert (await hook(ResultReplace(ANY, ANY, ANY, result=1))).result == "deep"


async def test_a_handler_gets_what_its_signature_names(added: Added) -> None:
    """Also through an override of `trigger` that hands on all it got, as plugins of old do."""
    seen: list[object] = []

    class Old(BasePlugin):
        def __init__(self) -> None:
            super().__init__()
            self.handlers = {"task_executor_args_replace": self.replace}

        def trigger(self, name: str, **kwargs: Any) -> Any:
            return self.handlers[name](**kwargs)

        def replace(self, task_executor: Any, args: Any, kw: Any, args_info: Any) -> None:
            seen.extend((task_executor, args, kw, args_info))

    triggers = added(Old(), "task_executor_args_replace", component="worker")
    assert triggers.task_executor_args_replace is not None
    await triggers.task_executor_args_replace(ARGS)
    assert seen == [ANY, [1], {"b": 2}, ()]


async def test_a_trigger_override_without_handlers_gets_everything(added: Added) -> None:
    """All keywords of the trigger, under the names that users know."""
    seen: dict[str, set[str]] = {}

    class Own(BasePlugin):
        async def trigger(self, name: str, **kwargs: Any) -> None:
            seen[name] = set(kwargs)

    triggers = added(Own())
    assert triggers.qtasks_add_task_before_broker is not None
    assert triggers.qtasks_ping is not None
    await triggers.qtasks_add_task_before_broker(ADDING)
    await triggers.qtasks_ping(AppPinged(ANY, ANY))
    expected = {"qtasks", "broker", "task_name", "priority", "args", "kw", "extra"}
    assert seen == {"qtasks_add_task_before_broker": expected, "qtasks_ping": {"qtasks", "global_config"}}


async def test_a_handler_may_be_exchanged(added: Added) -> None:
    """The handler that is there at the moment of the trigger is the one that answers."""
    plugin = Handling(qtasks_add_task_before_broker=lambda task_name: {"task_name": task_name + "1"})
    hook = added(plugin).qtasks_add_task_before_broker
    assert hook is not None
    assert (await hook(ADDING)).task_name == "add1"
    plugin.handlers = {"qtasks_add_task_before_broker": lambda priority: {"priority": priority + 1}}
    assert (await hook(ADDING)).priority == 4


async def test_a_retry_is_answered_by_a_dict(added: Added) -> None:
    """`retry` and `delay` become a RetryAnswer."""
    plugin = Handling(worker_task_error_retry=lambda: {"retry": True, "delay": 1.5})
    hook = added(plugin, component="worker").worker_task_error_retry
    assert hook is not None
    assert await hook(ERRORED) == RetryAnswer(retry=True, delay=1.5)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"prio": 7}, "unknown key 'prio'; the keys are task_name, priority, extra, args, kw"),
        ({"args": None}, "list or tuple under 'args', not NoneType"),
        ({"kw": [1]}, "dict under 'kw', not list"),
        ("no", "None or a dict, not str"),
    ],
)
async def test_a_wrong_answer_is_named(added: Added, answer: object, text: str) -> None:
    """Nothing is guessed and nothing is erased; the error names plugin and trigger once."""
    hook = added(Handling(qtasks_add_task_before_broker=lambda: answer)).qtasks_add_task_before_broker
    assert hook is not None
    with pytest.raises(PluginError, match=text) as caught:
        await hook(ADDING)
    assert (caught.value.plugin, caught.value.hook) == ("Handling", "qtasks_add_task_before_broker")
    assert caught.value.__cause__ is None


async def test_a_delay_without_retry_is_no_answer(added: Added) -> None:
    """A RetryAnswer needs to say whether."""
    hook = added(
        Handling(worker_task_error_retry=lambda: {"delay": 1}), component="worker"
    ).worker_task_error_retry
    assert hook is not None
    with pytest.raises(PluginError, match="retry"):
        await hook(ERRORED)


async def test_an_answer_to_a_notify_is_ignored(added: Added, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it is."""
    hook = added(Handling(worker_start=lambda: {"what": 1}), component="worker").worker_start
    assert hook is not None
    await hook(WorkerStart(ANY))
    assert caplog.records == []


async def test_a_plugin_covers_several_components_and_starts_once(added: Added) -> None:
    """Adding it a second time adds to what it covers."""
    seen: list[str] = []

    class Both(BasePlugin):
        def start(self, *_args: Any, **_kwargs: Any) -> None:
            seen.append("start")

        def trigger(self, name: str, **_kwargs: Any) -> None:
            seen.append(name)

    plugin = Both()
    added.manager.add(plugin, ["qtasks_ping"])
    triggers = added(plugin, "worker_start", component="worker")
    await added.manager.start()
    assert triggers.qtasks_ping is not None
    assert triggers.worker_start is not None
    assert triggers.worker_stop is None
    await triggers.qtasks_ping(AppPinged(ANY, ANY))
    await triggers.worker_start(WorkerStart(ANY))
    assert seen == ["start", "qtasks_ping", "worker_start"]


@pytest.mark.parametrize("names", [(), ("Globals",)])
def test_a_component_covers_its_own(added: Added, names: tuple[str, ...]) -> None:
    """`worker` is the worker and the executor; nothing of the others."""
    triggers = added(BasePlugin(), *names, component="worker")
    covered = {name for name in Triggers.__struct_fields__ if getattr(triggers, name) is not None}
    expected = {n for n in Triggers.__struct_fields__ if n.startswith(("worker_", "task_executor_"))}
    assert covered == expected


def test_a_plugin_may_cover_nothing(added: Added) -> None:
    """`["-"]` is for a plugin that only starts and stops."""
    triggers = added(BasePlugin("server"), "-")
    assert [name for name in Triggers.__struct_fields__ if getattr(triggers, name) is not None] == []
    assert [info.name for info in added.manager.listing()] == ["server"]


@pytest.mark.parametrize(
    ("name", "component", "text"),
    [
        ("worker_start", None, r"'worker_start' is none of the app but of component 'worker'"),
        (
            "qtasks_ping",
            "broker",
            r"none of component 'broker' but of the app: add_plugin\(…, component=None\)",
        ),
        ("worker_strat", "worker", r"no trigger 'worker_strat'; did you mean 'worker_start'"),
        ("worker_start", "wroker", r"no component 'wroker'"),
        ("Globals", "stats", r"no trigger of component 'stats'"),
    ],
)
def test_a_misplaced_name_is_refused(added: Added, name: str, component: str | None, text: str) -> None:
    """The error says where the trigger belongs."""
    with pytest.raises(PluginNotFound, match=text):
        added(BasePlugin(), name, component=component)


def test_a_base_plugin_with_marked_hooks_is_refused(added: Added) -> None:
    """The two forms are not mixed: one of them would be silent."""

    class Mixed(BasePlugin):
        @hookimpl
        def qtasks_ping(self) -> None:
            """Never called."""

    with pytest.raises(UsageError, match="qtasks_ping"):
        added(Mixed())
