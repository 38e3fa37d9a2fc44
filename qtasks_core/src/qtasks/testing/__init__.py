"""Help for tests: apps in memory, a clock that is moved by hand, assertions, the conformance kit.

`docs/testing.md` shows how users test their tasks. The fixtures for pytest are in `qtasks.testing.plugin`,
which pytest finds by itself. Nothing else of QTasks imports this package.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from qtasks.testing.case import AsyncTestCase as AsyncTestCase
    from qtasks.testing.case import SyncTestCase as SyncTestCase
    from qtasks.testing.case import TestConfig as TestConfig
    from qtasks.testing.clock import FakeClock as FakeClock
    from qtasks.testing.places import AsyncPlace as AsyncPlace
    from qtasks.testing.places import SyncPlace as SyncPlace
    from qtasks.testing.places import in_memory as in_memory
    from qtasks.testing.setup import TestSetup as TestSetup

__all__ = [
    "AsyncPlace",
    "AsyncTestCase",
    "FakeClock",
    "SyncPlace",
    "SyncTestCase",
    "TestConfig",
    "TestSetup",
    "in_memory",
]

_MODULES: Final = {
    "AsyncPlace": "places",
    "AsyncTestCase": "case",
    "FakeClock": "clock",
    "SyncPlace": "places",
    "SyncTestCase": "case",
    "TestConfig": "case",
    "TestSetup": "setup",
    "in_memory": "places",
}

if (_pytest := sys.modules.get("pytest")) is not None:  # who tests with unittest needs no pytest
    _pytest.register_assert_rewrite(
        "qtasks.testing.conformance"
    )  # before its import: else asserts say nothing

if not TYPE_CHECKING:  # type checkers must not see it: they would believe every misspelt name

    def __getattr__(name: str) -> object:
        # pytest imports this package at every start, also where nobody uses it.
        from importlib import import_module

        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        return globals().setdefault(name, getattr(import_module(f"{__name__}.{_MODULES[name]}"), name))
