"""The base of the suites: fixtures, and the guard against promises that are quietly dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

import pytest
import pytest_asyncio

from qtasks.testing.conformance._world import World

Make = Callable[[], Awaitable[Any]]
"""Gives a fresh component, not started. All that one test makes share their data, like processes."""


class Suite:
    """A set of promises, one test each. A subclass provides `make` and says what it differs in."""

    pytestmark: ClassVar[list[pytest.MarkDecorator]] = [pytest.mark.asyncio]

    separate_storage: ClassVar[bool] = False
    """True for a broker under a storage that it does not join."""

    takes_clock: ClassVar[bool] = True
    """False where the backend takes the time from a server: then the suite waits in real time."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, test in vars(cls).items():
            promised = any(name in vars(base) for base in cls.__mro__[1:])
            if name.startswith("test_") and promised and not _is_expected_to_fail(test):
                raise TypeError(
                    f"{cls.__name__}.{name} replaces a promise of the conformance kit; "
                    f"a known gap is marked with @pytest.mark.xfail(reason=…)"
                )

    ease: ClassVar[float] = 1.0
    """Where machines are busy, a greater number: what has to come at once may take so many times longer.

    What the backend looks at now and then by itself should then come less often too.
    """

    @pytest.fixture
    def make(self) -> Make:
        """Return the factory of the component under test; every subclass overrides it.

        Components that one test makes see the same data; those of two tests do not.
        """
        kind = type(self).__name__
        raise NotImplementedError(f"{kind} needs a fixture `make`; see the docstring of this package")

    @pytest_asyncio.fixture
    async def world(self, make: Make) -> AsyncIterator[World]:
        """Give the processes of one test, and stop them at its end."""
        world = World(make, takes_clock=self.takes_clock, ease=self.ease)
        try:
            yield world
        finally:
            await world.close()


def _is_expected_to_fail(test: object) -> bool:
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)
