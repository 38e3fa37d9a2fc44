"""`QueueConfig`: the settings of an app, validated, with values from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

from qtasks import environment
from qtasks.errors import ConfigError, UsageError
from qtasks.printable import short_repr
from qtasks.settings import (
    LONGEST_DELAY,
    MOST_URGENT,
    SETTINGS,
    Acts,
    Setting,
    check_count,
    checked,
    is_number,
    is_whole,
)

__all__ = [
    "LONGEST_DELAY",
    "MOST_URGENT",
    "SETTINGS",
    "Acts",
    "QueueConfig",
    "Setting",
    "Subscriber",
    "check_count",
    "is_number",
    "is_whole",
]

Subscriber = Callable[["QueueConfig", str, Any], None]

_FORMER: Final[Mapping[str, str]] = {
    "global_config_status_set_periodic": "`lease` says how often a worker tells that it lives",
    "global_config_status_ttl": "`lease` says how long a silent worker counts as alive",
}
_BUSY: Final = {
    Acts.CONNECTING: "the app is connected: change it before, or disconnect the app first",
    Acts.STARTING: "one works: change it before, or stop the worker first",
}


class QueueConfig:
    """The settings of an app; every field is described in `docs/config.md`.

    Values come from the arguments, else from `QTASKS_<FIELD>` in the environment, else from the
    default. A setting made before the start reaches every component, however it was made.

    Args:
        environ_prefix: What variables of the environment begin with, in place of `QTASKS_`.
        values: Settings.

    Raises:
        ConfigError: An unknown field, or a value of a wrong type; or a variable that is nearly a
            setting. The text names the variable.
    """

    environ_prefix: str = environment.PREFIX
    """Read when the settings are made."""

    max_tasks_process: int
    queues: tuple[str, ...]
    task_default_priority: int
    task_default_decode: Callable[[Any], Any] | None
    serializer: str
    max_message_size: int
    max_result_size: int
    running_older_tasks: bool
    delete_finished_tasks: bool
    lease: float
    grace: float
    max_deliveries: int
    unknown_grace: float
    result_ttl: float | None
    dead_ttl: float | None
    max_dead: int
    result_time_interval: float
    result_statuses_end: tuple[str, ...]
    blocked_loop_time: float
    max_abandoned: int
    hook_timeout: float
    logs_default_level_server: int
    logs_default_level_client: int
    logs_format: str

    def __init__(self, *, environ_prefix: str | None = None, **values: Any) -> None:
        prefix = self.environ_prefix if environ_prefix is None else environ_prefix
        if not isinstance(prefix, str) or not prefix.isidentifier():
            raise ConfigError(
                f"environ_prefix is the begin of names, such as 'SHOP_', not {short_repr(prefix)}"
            )
        _check_spelling(prefix)
        for name, value in {
            "environ_prefix": prefix, "_subscribers": [], "_holds": {}, "_given": set()
        }.items():  # fmt: skip
            object.__setattr__(self, name, value)
        for field, setting in SETTINGS.items():
            variable = prefix + field.upper()
            object.__setattr__(self, field, _from_environment(variable, setting))
            if variable in os.environ:
                self._given.add(field)
        for field, value in values.items():
            setattr(self, field, value)

    def __setattr__(self, field: str, value: Any) -> None:
        setting = SETTINGS.get(field)
        if setting is None:
            raise ConfigError(_unknown(field))
        value = checked(field, setting, value)
        if setting.acts is not Acts.AT_ONCE and value != getattr(self, field):
            self._check_free(field, setting.acts)
        object.__setattr__(self, field, value)
        self._given.add(field)
        self._tell(field, value)

    def __delattr__(self, field: str) -> None:
        raise ConfigError(f"a setting cannot be deleted: set {field} to its default instead")

    def is_given(self, field: str) -> bool:
        """Whether the value was set, here or in the environment, and is not just the default."""
        return field in self._given

    def subscribe(self, callback: Subscriber) -> None:
        """Call `callback(config, field, value)` after each change of a field.

        Callbacks are called in the order of their subscription. When one raises, the change stands, the
        others are called, and then the error is raised where the field was set; several errors together
        in an ExceptionGroup.

        Raises:
            ConfigError: It cannot be called.
        """
        if not callable(callback):
            raise ConfigError(
                f"subscribe takes a function of config, field and value, not {short_repr(callback)}"
            )
        self._subscribers.append(callback)

    def unsubscribe(self, callback: Subscriber) -> None:
        """Call it no more.

        Raises:
            UsageError: It is not subscribed.
        """
        if callback not in self._subscribers:
            raise UsageError(f"{callback!r} is not subscribed to these settings")
        self._subscribers.remove(callback)

    def hold(self, holder: Hashable, acts: Acts, is_live: Callable[[], bool]) -> None:
        """Refuse changes that would act only at the next start or connection of this holder.

        Args:
            holder: To be given to `release`.
            acts: Which fields it holds.
            is_live: Asked before a change is refused.
        """
        self._holds[holder] = acts, is_live

    def release(self, holder: Hashable) -> None:
        """Permit changes again."""
        self._holds.pop(holder, None)

    def _check_free(self, field: str, acts: Acts) -> None:
        if any(held is acts and is_live() for held, is_live in tuple(self._holds.values())):
            raise UsageError(f"{field} acts {acts}, and {_BUSY[acts]}")

    def _tell(self, field: str, value: Any) -> None:
        errors: list[Exception] = []
        for subscriber in tuple(self._subscribers):
            try:
                subscriber(self, field, value)
            except Exception as exc:  # noqa: BLE001 - it is raised below, once the others know
                errors.append(exc)
        if len(errors) > 1:
            raise ExceptionGroup(f"subscribers of {field} have failed", errors)
        if errors:
            raise errors[0]

    def __repr__(self) -> str:
        changed = {f: getattr(self, f) for f, s in SETTINGS.items() if getattr(self, f) != s.default}
        return f"QueueConfig({', '.join(f'{k}={v!r}' for k, v in changed.items())})"

    _subscribers: list[Subscriber]
    _holds: dict[Hashable, tuple[Acts, Callable[[], bool]]]
    _given: set[str]


def _check_spelling(prefix: str) -> None:
    for variable, right in environment.misspelt(prefix, SETTINGS).items():
        raise ConfigError(f"{variable} in the environment is not known; did you mean {right}?")


def _from_environment(variable: str, setting: Setting) -> Any:
    text = os.environ.get(variable)
    if text is None:
        return setting.default
    try:
        return checked(variable, setting, setting.read(text))
    except ConfigError:
        raise
    except ValueError as exc:
        raise ConfigError(f"{variable} must be {setting.rule}, not {short_repr(text)}") from exc


def _unknown(field: str) -> str:
    from difflib import get_close_matches  # only needed for the error

    if (instead := _FORMER.get(field)) is not None:
        return f"{field} was a field of version 1: {instead}; see docs/migration.md"
    if field == "environ_prefix":
        return "environ_prefix is read when settings are made: QueueConfig(environ_prefix='SHOP_')"
    near = get_close_matches(field, SETTINGS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"QueueConfig has no field {field!r}{hint}"
