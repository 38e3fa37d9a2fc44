"""What `qtasks doctor` looks at: installation, environment, URL, backend, workers and tasks."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import AsyncIterator, Iterator
from typing import Final

from qtasks import discovery, environment
from qtasks.app import QueueTasks
from qtasks.cli.looking import app_of, looking_app
from qtasks.config import SETTINGS
from qtasks.doctor import Check, Doctor, Level
from qtasks.errors import BackendConflict, BackendError, QTasksError
from qtasks.status import WAITING, TaskStatus

PATIENCE: Final = 10.0
"""Seconds within which a backend must answer."""

_START_WORKER: Final = "start one: qtasks -A module:app run"


async def examine(target: str | None, url: str | None, name: str | None = None) -> AsyncIterator[Check]:
    """Look at everything; what cannot be looked at because of an earlier problem is left out.

    Raises:
        UsageError: The app cannot be imported.
    """
    found = [*installation(), *backends(), *variables(environment.PREFIX)]
    for check in found:
        yield check
    if environment.misspelt(environment.PREFIX, SETTINGS):
        return  # an app would be refused
    try:
        app = _app(target, url, name)
        broker = app.broker
    except BackendError as exc:
        yield Check(Level.PROBLEM, str(exc))
        return
    if app.config.environ_prefix != environment.PREFIX:
        for check in variables(app.config.environ_prefix):
            yield check
    yield Check(Level.OK, f"app {app.name!r} keeps its tasks in {app.place}")
    if not broker.limits.durable:
        yield Check(Level.WARNING, "tasks end with the process that keeps them", "memory:// is for tests")
    async for check in of_backend(app.url):
        yield check
    async for check in alive(app):
        yield check


def installation() -> Iterator[Check]:
    """Compare the versions of all packages of QTasks that are installed."""
    from importlib.metadata import version

    own = version("qtasks")
    yield Check(Level.OK, f"qtasks {own}, Python {platform.python_version()}, {platform.system()}")
    offers = [offer for group in discovery.GROUPS for offer in discovery.find(group).values()]
    owners = {name for offer in offers for name in offer.distributions if name.startswith("qtasks-")}
    for name in sorted(owners):
        found = version(name)
        if found == own:
            yield Check(Level.OK, f"{name} {found}")
        else:
            hint = f'pip install "qtasks=={own}" "{name}=={own}"'
            yield Check(Level.PROBLEM, f"{name} {found} does not belong to qtasks {own}", hint)


def backends() -> Iterator[Check]:
    """Load every backend that is installed."""
    working = []
    for scheme, offer in discovery.find(discovery.SCHEMES).items():
        try:
            offer.load()
        except BackendConflict as exc:
            yield Check(Level.PROBLEM, str(exc))
        except BackendError as exc:
            yield Check(Level.WARNING, str(exc), f"install it again, or uninstall {offer.distributions[0]}")
        else:
            working.append(f"{scheme}://")
    yield Check(Level.OK, f"backends found: {' '.join(working) or 'none'}")


def variables(prefix: str) -> Iterator[Check]:
    """Find variables of the environment that look like settings and are none."""
    for variable, right in environment.misspelt(prefix, SETTINGS).items():
        text = f"{variable} in the environment is not known: QueueConfig() refuses it"
        yield Check(Level.PROBLEM, text, f"did you mean {right}?")
    for variable in environment.unread(prefix, SETTINGS):
        text = f"{variable} in the environment is no setting: QTasks does not read it"
        yield Check(Level.WARNING, text, "unset it, unless another program reads it; docs/config.md has all")


async def of_backend(url: str | None) -> AsyncIterator[Check]:
    """Let the backend check what is special to it."""
    if url is None:
        return
    doctor: Doctor | None = getattr(discovery.backend_for(url), "doctor", None)
    if doctor is None:
        return
    try:
        async for check in doctor(url):
            yield check
    except QTasksError as exc:
        yield Check(Level.PROBLEM, str(exc))


async def alive(app: QueueTasks) -> AsyncIterator[Check]:
    """Connect as a producer does, count tasks and workers, and let go."""
    try:
        async with asyncio.timeout(PATIENCE), app:
            counts, workers = await app.counts(), await app.storage.global_config.workers()
    except TimeoutError:
        text = f"the backend has not answered for {PATIENCE:g} s"
        yield Check(Level.PROBLEM, text, "is its server running?")
        return
    except QTasksError as exc:
        yield Check(Level.PROBLEM, str(exc))
        return
    waiting = sum(counts[status] for status in WAITING)
    yield Check(Level.OK, f"the backend answers: {counts.total} records, {waiting} waiting")
    if workers:
        slots = sum(worker.slots for worker in workers)
        yield Check(Level.OK, f"{len(workers)} workers are alive, with {slots} slots")
    elif waiting:
        yield Check(Level.PROBLEM, f"{waiting} tasks wait and no worker is alive", _START_WORKER)
    else:
        yield Check(Level.WARNING, "no worker is alive", _START_WORKER)
    if dead := counts[TaskStatus.DEAD]:
        yield Check(
            Level.WARNING,
            f"{dead} tasks were given up",
            "see why: qtasks dead list; run them again: qtasks dead requeue --all",
        )


def _app(target: str | None, url: str | None, name: str | None) -> QueueTasks:
    """Return the app that is meant; with nothing said, the one that an app without a URL would be."""
    return looking_app(url, name) if target is None else app_of(target, url, name)
