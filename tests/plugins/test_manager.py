"""Plugins are found, checked, put in order and compiled; what does not fit is refused before the start."""

from __future__ import annotations

import logging
import subprocess
import sys
import types
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import installed
import pytest
from installed import Site

from qtasks.discovery import PLUGINS
from qtasks.errors import PluginError, PluginNotFound, QTasksError, UsageError
from qtasks.plugins import AppPinged, Plugin, ResultReplace, hookimpl
from qtasks.plugins.manager import NO_TRIGGERS, PluginInfo, PluginManager, Triggers

ANY: Any = None
PINGED = AppPinged(ANY, ANY)
MODULE = """
from qtasks.plugins import hookimpl
told = []
@hookimpl
async def qtasks_ping(event):
    told.append(event)
"""


@pytest.fixture
def manager() -> PluginManager:
    """Return a manager without plugins."""
    return PluginManager(logging.getLogger("tests.manager"))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return an empty folder of distributions; no other one offers a plugin."""
    monkeypatch.delenv("QTASKS_PLUGINS", raising=False)
    with installed.site(tmp_path, alone=True) as made:
        yield made


class Append(Plugin):
    """Appends its name to the result."""

    def __init__(self, name: str) -> None:
        self.name = name

    @hookimpl
    async def task_executor_after_execute_result_replace(self, event: ResultReplace) -> ResultReplace:
        """Append the name."""
        return event.replace(result=[*event.result, self.name])


class AppendFirst(Append):
    """The same, before the others."""

    @hookimpl(tryfirst=True)
    async def task_executor_after_execute_result_replace(self, event: ResultReplace) -> ResultReplace:
        """Append the name."""
        return event.replace(result=[*event.result, self.name])


async def result_of(triggers: Triggers) -> Any:
    """Return what the plugins make of an empty list."""
    hook = triggers.task_executor_after_execute_result_replace
    assert hook is not None
    return (await hook(ResultReplace(ANY, ANY, ANY, result=[]))).result


def test_without_plugins_there_is_nothing_to_call(manager: PluginManager) -> None:
    """The plan of an app without plugins is the one constant, with None everywhere."""
    assert manager.compile(1.0) is NO_TRIGGERS
    values = (getattr(NO_TRIGGERS, name) for name in Triggers.__struct_fields__)
    assert set(values) == {None}


def test_only_what_is_implemented_is_compiled(manager: PluginManager) -> None:
    """A trigger that no plugin implements stays None, though `Plugin` has a method for it."""
    manager.add(Append("a"))
    triggers = manager.compile(1.0)
    compiled = [name for name in Triggers.__struct_fields__ if getattr(triggers, name) is not None]
    assert compiled == ["task_executor_after_execute_result_replace"]


async def test_the_last_one_added_is_asked_first(manager: PluginManager) -> None:
    """Order is the reverse of adding, and `tryfirst` goes before."""
    for plugin in (AppendFirst("early"), Append("a"), Append("b")):
        manager.add(plugin)
    assert await result_of(manager.compile(1.0)) == ["early", "b", "a"]


async def test_plain_functions_classes_and_modules_are_plugins(manager: PluginManager) -> None:
    """A module with a plain hook that takes no event, and a class, which is made."""
    told: list[str] = []
    module = types.ModuleType("some_plugin")

    @hookimpl
    def qtasks_ping() -> None:
        told.append("module")

    class Maker:
        @hookimpl
        def qtasks_ping(self, event: AppPinged) -> None:
            told.append(type(event).__name__)

    module.qtasks_ping = qtasks_ping  # type: ignore[attr-defined]
    manager.add(module)
    manager.add(Maker)
    hook = manager.compile(1.0).qtasks_ping
    assert hook is not None
    await hook(PINGED)
    assert told == ["AppPinged", "module"]
    assert hook.plugins == ("Maker", "some_plugin")


async def test_an_event_that_is_not_the_first_parameter_is_found(manager: PluginManager) -> None:
    """A hook may have parameters of its own with defaults, and take the event by keyword."""
    told: list[object] = []

    class Odd:
        @hookimpl
        def qtasks_ping(self, *, event: AppPinged) -> None:
            told.append(event)

        @hookimpl
        def qtasks_flush_all(self, note: Callable[[object], None] = told.append) -> None:
            note("flushed")

    manager.add(Odd())
    triggers = manager.compile(1.0)
    assert triggers.qtasks_ping is not None
    assert triggers.qtasks_flush_all is not None
    await triggers.qtasks_ping(PINGED)
    await triggers.qtasks_flush_all(ANY)
    assert told == [PINGED, "flushed"]


def test_an_unknown_hook_is_refused_with_the_nearest_name(manager: PluginManager) -> None:
    """A misspelt hook is found at start, not by its silence."""

    class Misspelt:
        @hookimpl
        def worker_strat(self, event: Any) -> None:
            """Never called."""

    manager.add(Misspelt())
    with pytest.raises(
        PluginNotFound, match=r"'Misspelt' implements 'worker_strat'.*did you mean 'worker_start'"
    ):
        manager.compile(1.0)


def test_a_hook_with_a_wrong_argument_is_refused_where_it_is_added(manager: PluginManager) -> None:
    """Pluggy compares the arguments with those of `Plugin`; nothing of the plugin stays."""

    class Wrong:
        @hookimpl
        def worker_start(self, worker: Any) -> None:
            """Never called."""

    with pytest.raises(PluginError, match="worker"):
        manager.add(Wrong())
    assert manager.compile(1.0) is NO_TRIGGERS


def test_a_wrapper_is_refused(manager: PluginManager) -> None:
    """A wrapper would wrap the making of a coroutine and not its run."""

    class Wrapping:
        @hookimpl(wrapper=True)
        def worker_start(self) -> Generator[None, Any, Any]:
            return (yield)

    manager.add(Wrapping())
    with pytest.raises(PluginError, match=r"'Wrapping' wraps worker_start"):
        manager.compile(1.0)


def test_a_generator_is_refused(manager: PluginManager) -> None:
    """A generator would be made and never run."""

    class Yielding:
        @hookimpl
        def worker_start(self) -> Iterator[int]:
            yield 1

    manager.add(Yielding())
    with pytest.raises(PluginError, match="generator"):
        manager.compile(1.0)


def test_what_is_no_plugin_is_refused(manager: PluginManager) -> None:
    """An object without a marked function is most likely a forgotten mark."""
    with pytest.raises(UsageError, match="@hookimpl"):
        manager.add(object())


def test_a_plugin_is_added_once(manager: PluginManager) -> None:
    """The same object a second time is a mistake; another one of its name gets a number."""
    plugin = Append("a")
    manager.add(plugin)
    manager.add(Append("a"))
    with pytest.raises(UsageError, match="second time"):
        manager.add(plugin)
    assert [info.name for info in manager.listing()] == ["a", "a-2"]


def test_trigger_names_are_for_a_base_plugin(manager: PluginManager) -> None:
    """An argument that would change nothing is refused."""
    with pytest.raises(UsageError, match="BasePlugin"):
        manager.add(Append("a"), component="worker")


def test_nothing_is_added_after_compile(manager: PluginManager) -> None:
    """The plan is fixed; whoever comes late learns it."""
    manager.compile(1.0)
    late: list[Callable[[], None]] = [
        lambda: manager.add(Append("a")), lambda: manager.block("a"), manager.load,
    ]  # fmt: skip
    for call in late:
        with pytest.raises(UsageError, match="before the app starts"):
            call()


def test_a_blocked_plugin_is_gone_and_stays_out(manager: PluginManager) -> None:
    """Blocking forgets the plugin that is there and refuses one that comes."""
    manager.add(Append("a"))
    manager.block("a")
    manager.add(Append("a"))
    manager.add(Append("b"))
    assert [info.name for info in manager.listing()] == ["b"]


async def test_calls_can_be_traced(
    manager: PluginManager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """QTASKS_TRACE_PLUGINS=1 prints the trigger and the plugin of each call."""
    monkeypatch.setenv("QTASKS_TRACE_PLUGINS", "1")
    manager.add(Append("a"))
    assert await result_of(manager.compile(1.0)) == ["a"]
    assert capsys.readouterr().err == "qtasks: task_executor_after_execute_result_replace -> a\n"


class Living:
    """A plugin that only starts and stops."""

    def __init__(self, name: str, seen: list[str], *, broken: str = "") -> None:
        self.name = name
        self.seen = seen
        self.broken = broken

    async def start(self, app: str) -> None:
        """Note it; takes just one of the keywords."""
        self._do(f"start {self.name} of {app}")

    def stop(self) -> None:
        """Note it."""
        self._do(f"stop {self.name}")

    def _do(self, what: str) -> None:
        if self.broken and what.startswith(self.broken):
            raise OSError("port is taken")
        self.seen.append(what)


async def test_plugins_start_in_order_and_stop_in_reverse(manager: PluginManager) -> None:
    """Each once, however often it is asked, and again after a stop."""
    seen: list[str] = []
    manager.add(Living("a", seen))
    manager.add(Living("b", seen))
    for _ in range(2):
        await manager.start(app="shop", loop=None)
    for _ in range(2):
        await manager.stop(app="shop")
    assert seen == ["start a of shop", "start b of shop", "stop b", "stop a"]
    await manager.start(app="shop")
    assert seen[4:] == ["start a of shop", "start b of shop"]


async def test_a_plugin_that_cannot_start_stops_the_others(manager: PluginManager) -> None:
    """The error names the plugin and keeps the cause; what had started is stopped."""
    seen: list[str] = []
    manager.add(Living("a", seen))
    manager.add(Living("b", seen, broken="start"))
    with pytest.raises(PluginError, match=r"'b' failed to start: OSError: port is taken") as caught:
        await manager.start(app="shop")
    assert isinstance(caught.value.__cause__, OSError)
    assert seen == ["start a of shop", "stop a"]


async def test_a_plugin_that_cannot_stop_is_logged(
    manager: PluginManager, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are stopped all the same."""
    seen: list[str] = []
    manager.add(Living("a", seen))
    manager.add(Living("b", seen, broken="stop"))
    await manager.start(app="shop")
    await manager.stop()
    assert seen[-1] == "stop a"
    assert "'b' failed to stop" in caplog.text


async def test_installed_plugins_are_loaded(manager: PluginManager, site: Site) -> None:
    """A module and a class behind entry points; the listing says where they come from."""
    site.install("shop-plugins", PLUGINS, pinger="pinger_plugin", maker="maker_plugin:Maker")
    site.module("pinger_plugin", MODULE)
    site.module("maker_plugin", "from qtasks.plugins import BasePlugin\nclass Maker(BasePlugin): pass\n")
    manager.load()
    pinger = PluginInfo("pinger", "shop-plugins", ("qtasks_ping",))
    maker, found = manager.listing()
    assert (maker.name, maker.distribution, found) == ("maker", "shop-plugins", pinger)
    hook = manager.compile(1.0).qtasks_ping
    assert hook is not None
    await hook(PINGED)
    assert sys.modules["pinger_plugin"].told == [PINGED]
    manager.load()


@pytest.mark.parametrize(
    ("environment", "names", "loaded"),
    [
        ({}, True, ["one", "two"]),
        ({"QTASKS_PLUGINS": "two, "}, True, ["two"]),
        ({"QTASKS_PLUGINS": ""}, True, []),
        ({"QTASKS_PLUGINS": "two"}, ["one"], ["one"]),
        ({}, False, []),
    ],
)
def test_plugins_are_selected(
    manager: PluginManager,
    site: Site,
    environment: dict[str, str],
    names: bool | list[str],
    loaded: list[str],
) -> None:
    """QTASKS_PLUGINS selects, the program selects before it, and empty is none."""
    site.install("shop-plugins", PLUGINS, one="one_plugin", two="two_plugin")
    site.module("one_plugin", MODULE)
    site.module("two_plugin", MODULE)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        manager.load(names)
    assert [info.name for info in manager.listing()] == loaded


def test_a_selected_plugin_that_is_not_installed_is_named(manager: PluginManager, site: Site) -> None:
    """The error has the nearest name."""
    site.install("shop-plugins", PLUGINS, pinger="pinger_plugin")
    with pytest.raises(PluginNotFound, match=r"'piger'.*did you mean 'pinger'"):
        manager.load(["piger"])


@pytest.mark.parametrize(
    "source",
    ["import no_such_module_at_all", "def made(): ...", "class made:\n    def __init__(self): 1 / 0"],
)
def test_a_broken_plugin_names_its_distribution_and_spares_the_others(
    manager: PluginManager, site: Site, source: str
) -> None:
    """A module that cannot be imported, a thing that is no plugin, and a class that cannot be made."""
    site.install("broken-plugins", PLUGINS, broken="broken_plugin:made")
    site.module("broken_plugin", source)
    site.install("shop-plugins", PLUGINS, pinger="pinger_plugin")
    site.module("pinger_plugin", MODULE)
    for _ in range(2):
        with pytest.raises(PluginError, match="broken-plugins") as caught:
            manager.load()
        assert "shop-plugins" not in str(caught.value)
    assert [info.name for info in manager.listing()] == ["pinger"]


def test_several_broken_plugins_are_one_error(manager: PluginManager, site: Site) -> None:
    """The text names every one of them."""
    for name in ("one", "two"):
        site.install(f"{name}-plugins", PLUGINS, **{name: f"missing_{name}"})
    with pytest.raises(PluginError, match=r"one-plugins.*two-plugins"):
        manager.load()


def test_two_distributions_with_one_plugin_name_are_refused(manager: PluginManager, site: Site) -> None:
    """The error names both."""
    for name in ("one", "two"):
        site.install(f"{name}-plugins", PLUGINS, same=f"{name}_plugin")
    with pytest.raises(QTasksError, match="one-plugins and two-plugins"):
        manager.load()


def test_a_blocked_plugin_is_not_even_imported(manager: PluginManager, site: Site) -> None:
    """Blocking is a way out of a broken plugin."""
    site.install("broken-plugins", PLUGINS, broken="no_such_module_at_all")
    manager.block("broken")
    manager.load()
    assert manager.listing() == []


def test_plugins_need_no_pluggy_before_somebody_hooks() -> None:
    """An app without plugins does not pay for loading it."""
    code = (
        "import logging, sys\n"
        "from qtasks.plugins import BasePlugin\n"
        "from qtasks.plugins.manager import PluginManager\n"
        "PluginManager(logging.getLogger('x')).compile(1.0)\n"
        "assert 'pluggy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
