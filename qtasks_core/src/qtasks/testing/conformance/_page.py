"""The promises of the kit as a page for people."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from inspect import getdoc

from qtasks.testing.conformance._suite import Suite
from qtasks.testing.conformance.broker import BrokerConformance
from qtasks.testing.conformance.config import ConfigConformance
from qtasks.testing.conformance.storage import StorageConformance

_HEAD = """\
# Contracts

What every backend promises, as the conformance kit proves it: one sentence is one test, and its name stands
before it. `scripts/contracts` writes this page from the kit (`qtasks.testing.conformance`). How somebody who
writes a backend proves it is told in the docstring of that package; [what is promised](delivery.md) tells
users what follows from it.
"""

_PARTS: tuple[tuple[str, type[Suite], str], ...] = (
    ("Broker", BrokerConformance, "A broker with its storage, joined or apart."),
    ("Storage", StorageConformance, "A storage by itself, whose tasks are queued by another broker."),
    ("Global config", ConfigConformance, "The small facts that all processes of an app share."),
)


def contracts() -> str:
    """Return the page `docs/contracts.md`: every promise of the kit, by suite, in its own words."""
    return "\n".join([_HEAD, *(line for part in _PARTS for line in _part(*part))])


def _part(title: str, kind: type[Suite], about: str) -> Iterator[str]:
    suites = {suite: list(_promises(suite)) for suite in _suites(kind)}
    number = sum(len(promises) for promises in suites.values())
    yield f"## {title}: {number} promises\n\n{about} Suite: `{kind.__name__}`.\n"
    for suite, promises in suites.items():
        module = suite.__module__
        yield f"### {_first_line(sys.modules[module]).rstrip('.')}\n\n`{module.rpartition('.')[2]}.py`\n"
        yield from (f"* **{name.replace('_', ' ')}.** {text}" for name, text in promises)
        yield ""


def _suites(kind: type[Suite]) -> Iterator[type[Suite]]:
    """Yield what a suite is made of: its bases in their order, then itself."""
    bases = [base for base in kind.__mro__[1:] if issubclass(base, Suite) and base is not Suite]
    yield from (suite for suite in [*bases, kind] if any(_promises(suite)))


def _promises(suite: type[Suite]) -> Iterator[tuple[str, str]]:
    for name, test in vars(suite).items():
        if name.startswith("test_"):
            yield name.removeprefix("test_"), _first_line(test)


def _first_line(thing: object) -> str:
    return (getdoc(thing) or "").partition("\n")[0]
