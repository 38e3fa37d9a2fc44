"""Whether a call fits the parameters of a function, in the words of Python itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Final

from qtasks.errors import TaskArgumentError

_POSITIONAL: Final = frozenset({Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD})


class Arity:
    """Number and names of the arguments that a function takes."""

    __slots__ = (
        "_least",
        "_most",
        "_name",
        "_needed",
        "_needed_keywords",
        "keywords",
        "positional",
        "star",
        "star_star",
    )

    def __init__(self, name: str, parameters: Sequence[Parameter]) -> None:
        self._name = name
        self.positional = tuple(p.name for p in parameters if p.kind in _POSITIONAL)
        """Names of the parameters that take positional arguments, in order."""
        self.star = _name_of(parameters, Parameter.VAR_POSITIONAL)
        """The name of `*args`, or None."""
        self.star_star = _name_of(parameters, Parameter.VAR_KEYWORD)
        """The name of `**kwargs`, or None."""
        needed = [p for p in parameters if p.default is Parameter.empty]
        self._needed = tuple(p.name for p in needed if p.kind in _POSITIONAL)
        self._needed_keywords = tuple(p.name for p in needed if p.kind is Parameter.KEYWORD_ONLY)
        named = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        self.keywords = frozenset(p.name for p in parameters if p.kind in named)
        """Names that a parameter of its own takes by keyword, rather than `**kwargs`."""
        self._least = math.inf if self._needed_keywords else len(self._needed)
        self._most = math.inf if self.star else len(self.positional)

    def check(self, args: Sequence[object], kwargs: Mapping[str, object]) -> None:
        """Do nothing where the call fits.

        Raises:
            TaskArgumentError: It does not.
        """
        if kwargs or not self._least <= len(args) <= self._most:
            self._check_keywords(len(args), kwargs)
            self._check_number(len(args), kwargs)
            self._check_missing(len(args), kwargs)

    def _check_keywords(self, given: int, kwargs: Mapping[str, object]) -> None:
        taken = self.positional[:given]
        for key in kwargs:
            if key in self.keywords:
                if key in taken:
                    raise self._wrong(f"got multiple values for argument {key!r}")
            elif self.star_star is None:
                self._refuse_keyword(key, kwargs)

    def _refuse_keyword(self, key: str, kwargs: Mapping[str, object]) -> None:
        only = [name for name in self.positional if name in kwargs and name not in self.keywords]
        if only:
            names = ", ".join(only)
            raise self._wrong(f"got some positional-only arguments passed as keyword arguments: {names!r}")
        raise self._wrong(f"got an unexpected keyword argument {key!r}")

    def _check_number(self, given: int, kwargs: Mapping[str, object]) -> None:
        if given <= self._most:
            return
        most, least = len(self.positional), len(self._needed)
        number = f"{most}" if least == most else f"from {least} to {most}"
        plural = _s(most) if least == most else "s"
        raise self._wrong(
            f"takes {number} positional argument{plural} but {self._given(given, kwargs)} given"
        )

    def _given(self, given: int, kwargs: Mapping[str, object]) -> str:
        beside = sum(key not in self.positional for key in kwargs if key in self.keywords)
        if beside:
            keywords = f"(and {beside} keyword-only argument{_s(beside)})"
            return f"{given} positional argument{_s(given)} {keywords} were"
        return f"{given} {'was' if given == 1 else 'were'}"

    def _check_missing(self, given: int, kwargs: Mapping[str, object]) -> None:
        taken = self.positional[:given]
        missing = [name for name in self._needed if name not in taken and not self._names(name, kwargs)]
        if missing:
            raise self._wrong(_missing(missing, "positional"))
        missing = [name for name in self._needed_keywords if name not in kwargs]
        if missing:
            raise self._wrong(_missing(missing, "keyword-only"))

    def _names(self, name: str, kwargs: Mapping[str, object]) -> bool:
        return name in kwargs and name in self.keywords

    def _wrong(self, text: str) -> TaskArgumentError:
        return TaskArgumentError(f"{self._name}() {text}")


def _name_of(parameters: Sequence[Parameter], kind: object) -> str | None:
    return next((parameter.name for parameter in parameters if parameter.kind is kind), None)


def _missing(names: Sequence[str], kind: str) -> str:
    quoted = [repr(name) for name in names]
    listed = quoted[0]
    if len(quoted) > 1:
        comma = "," if len(quoted) > 2 else ""  # noqa: PLR2004 - as Python writes its lists
        listed = f"{', '.join(quoted[:-1])}{comma} and {quoted[-1]}"
    return f"missing {len(names)} required {kind} argument{_s(len(names))}: {listed}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
