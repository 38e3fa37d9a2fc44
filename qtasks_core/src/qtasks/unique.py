"""`unique`: a second task of one kind is not accepted while the first one is there."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qtasks.config import is_number
from qtasks.errors import ConfigError, EncodeError, TaskArgumentError
from qtasks.models import UniqueKey
from qtasks.names import LONGEST_NAME, is_name
from qtasks.printable import short_repr
from qtasks.serialization import encode_value
from qtasks.status import FINAL, TaskStatus

NOT_FINAL = frozenset(TaskStatus) - FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """What makes two tasks one: then the second call returns the first task.

    Without `key` and `args`, all arguments do.

    Args:
        key: One word for all calls of the task, whatever their arguments.
        args: Names of the parameters that count; the others may differ.
        ttl: Seconds after which a second one is accepted all the same; None is never.
        states: Statuses of the first task that keep a second one away; by default all that are not final.

    Raises:
        ConfigError: A value that cannot be kept.
    """

    key: str | None = None
    args: Sequence[str] | None = None
    ttl: float | None = None
    states: Collection[TaskStatus | str] = NOT_FINAL

    def __post_init__(self) -> None:
        if self.key is not None and self.args is not None:
            raise ConfigError("unique takes either a key or the names of arguments, not both")
        if self.key is not None and not is_name(self.key):
            raise ConfigError(
                f"a unique key is a text of 1 … {LONGEST_NAME} characters, not {short_repr(self.key)}"
            )
        names = self.args
        if names is not None and not _are_names(names):
            raise ConfigError(f"unique args are a list of names of parameters, not {short_repr(names)}")
        if self.ttl is not None and not (is_number(self.ttl) and self.ttl > 0):
            raise ConfigError(f"unique ttl must be a positive number of seconds, not {short_repr(self.ttl)}")
        object.__setattr__(self, "states", _states(self.states))

    @classmethod
    def of(cls, value: object) -> Unique | None:
        """Return what `unique=…` means: True, a key, or a `Unique`; None and False are none.

        Raises:
            ConfigError: It is none of these.
        """
        if value is None or value is False:
            return None
        if value is True:
            return cls()
        if isinstance(value, str):
            return cls(key=value)
        if isinstance(value, cls):
            return value
        raise ConfigError(f"unique is True, a key or a Unique(…), not {short_repr(value)}")

    def key_of(self, task: str, bound: Mapping[str, Any], now: float) -> UniqueKey:
        """Return the key of one call.

        Args:
            task: The name of the task: a key never keeps another task away.
            bound: The arguments by the names of their parameters.
            now: Seconds since the epoch.

        Raises:
            TaskArgumentError: An argument that counts is no parameter of the task.
            EncodeError: An argument cannot be compared because it cannot be written.
        """
        text = self.key if self.key is not None else self._digest(bound)
        since = None if self.ttl is None else now - self.ttl
        return UniqueKey(f"{task}\n{text}", frozenset(map(TaskStatus, self.states)), since)

    def _digest(self, bound: Mapping[str, Any]) -> str:
        """Return a short text that is the same for equal arguments, however they are given."""
        if self.args is not None:
            if missing := [name for name in self.args if name not in bound]:
                raise TaskArgumentError(
                    f"unique counts the argument {missing[0]!r}, which the call does not have"
                )
            bound = {name: bound[name] for name in self.args}
        try:
            return digest_of(dict(bound))
        except EncodeError:
            for name, value in bound.items():
                encode_value(value, f"argument {name!r}, which counts for unique,")
            raise


def digest_of(value: Any) -> str:
    """Return a short text that is the same for equal values, in every process.

    Raises:
        EncodeError: The value cannot be compared because it cannot be written.
    """
    return hashlib.blake2b(_written(_ordered(value)), digest_size=16).hexdigest()


def _ordered(value: Any) -> Any:
    """Return the value as it counts: with dicts and sets in an order of their own, and moments in UTC."""
    if isinstance(value, dict):
        return sorted(((_ordered(key), _ordered(each)) for key, each in value.items()), key=_written)
    if isinstance(value, (set, frozenset)):
        return {"set": sorted(map(_ordered, value), key=_written)}
    if type(value) in {list, tuple}:
        return type(value)(map(_ordered, value))
    return _moment(value) if isinstance(value, datetime) else value


def _moment(value: datetime) -> datetime:
    """Return it in UTC, so that one moment is one key in any time zone; as it is where it has none."""
    if value.utcoffset() is None:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:  # beside the first or last moment that there is
        return value


def _written(value: Any) -> bytes:
    return encode_value(value, "what is to be compared")


def _are_names(value: object) -> bool:
    return (
        isinstance(value, Collection)
        and not isinstance(value, str)
        and bool(value)
        and all(map(_is_text, value))
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isprintable()


def _states(states: Collection[TaskStatus | str]) -> frozenset[TaskStatus]:
    try:
        known = frozenset(map(TaskStatus, (states,) if isinstance(states, str) else states))
    except (TypeError, ValueError):
        known = frozenset()
    if not known:
        raise ConfigError(f"unique states are statuses such as 'new' and 'process', not {short_repr(states)}")
    return known
