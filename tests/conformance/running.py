"""Runs one promise of the conformance kit against the in-memory backend, as it is or broken."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from qtasks.ids import new_id
from qtasks.memory import AsyncMemoryBroker, AsyncMemoryGlobalConfig, AsyncMemoryStorage
from qtasks.testing.conformance import (
    BrokerConformance,
    ConfigConformance,
    Make,
    StorageConformance,
    World,
)


class ApartConformance(BrokerConformance):
    """A broker over a storage of another place."""

    separate_storage = True


def _apart(url: str) -> AsyncMemoryBroker:
    return AsyncMemoryBroker(url, storage=AsyncMemoryStorage(f"{url}-records"))


SUITES: dict[str, tuple[type, Callable[[str], Any]]] = {
    "broker": (BrokerConformance, AsyncMemoryBroker),
    "storage": (StorageConformance, AsyncMemoryStorage),
    "config": (ConfigConformance, AsyncMemoryGlobalConfig),
}
"""What must have a mutant for each of its promises."""

ALL: dict[str, tuple[type, Callable[[str], Any]]] = {**SUITES, "apart": (ApartConformance, _apart)}


def promises(suite: str) -> list[str]:
    """Return the names of all promises of a suite."""
    kind, _ = ALL[suite]
    return [name for name in dir(kind) if name.startswith("test_")]


EASE = 20.0
"""How many times longer may take what has to come at once: a busy machine breaks no promise."""


async def broken_promise(
    suite: str, promise: str, *, takes_clock: bool = True, is_hurried: bool = False
) -> str | None:
    """Run one promise at a place of its own; return how it failed, or None where it is kept.

    One that is broken for certain may be hurried: then a wait that is in vain ends soon.
    """
    kind, component = ALL[suite]
    url = f"memory://{new_id()}"

    async def make() -> Any:
        return component(url)

    world = World(make, takes_clock=takes_clock, ease=1.0 if is_hurried else EASE)
    world.patience = 0.6 if is_hurried else world.patience
    try:
        async with asyncio.timeout(5 if is_hurried else 50):
            await _call(getattr(kind(), promise), make, world)
    except pytest.skip.Exception:
        return None
    except Exception as exc:  # noqa: BLE001  # a mutant may fail in any way
        return f"{type(exc).__name__}: {exc}"
    finally:
        await world.close()
    return None


async def _call(test: Any, make: Make, world: World) -> None:
    wants_world = "world" in inspect.signature(test).parameters
    await (test(world) if wants_world else test(make))
