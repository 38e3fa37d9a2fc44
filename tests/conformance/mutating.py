"""How the in-memory backend is broken in one way, and which promises must notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

Break = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One way to be wrong."""

    break_it: Break
    contract: str
    """The contract of a backend that it breaks."""
    promises: tuple[tuple[str, str], ...]
    """Suite and name of the tests that must fail, every one of them."""

    @property
    def name(self) -> str:
        """How it is called."""
        return self.break_it.__name__

    @property
    def text(self) -> str:
        """What it does wrong."""
        return self.break_it.__doc__ or ""


MUTANTS: list[Mutant] = []


def breaks(contract: str, *promises: str) -> Callable[[Break], Break]:
    """Register a way to break the backend with the promises that must notice.

    Args:
        contract: Number or name of what it breaks.
        promises: Names without `test_`; those of other suites than the broker's as `suite:name`, where
            `apart` is the broker's over a storage of another place.
    """

    def register(break_it: Break) -> Break:
        named = tuple(_suite_and_test(promise) for promise in promises)
        MUTANTS.append(Mutant(break_it=break_it, contract=contract, promises=named))
        return break_it

    return register


def _suite_and_test(promise: str) -> tuple[str, str]:
    suite, _, name = promise.rpartition(":")
    return suite or "broker", f"test_{name}"


def around(patch: pytest.MonkeyPatch, owner: object, name: str) -> Callable[[Callable[..., Any]], None]:
    """Replace a method, or a function of a module, by one that gets the old one first."""
    old = getattr(owner, name)

    def put(new: Callable[..., Any]) -> None:
        patch.setattr(owner, name, lambda *args, **kwargs: new(old, *args, **kwargs))

    return put
