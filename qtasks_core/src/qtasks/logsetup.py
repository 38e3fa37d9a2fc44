"""The log of an app: where its lines go, and from which level on, as the settings say."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, Final

from qtasks.config import QueueConfig
from qtasks.logformat import Formatter

_SERVER: Final = "logs_default_level_server"
_CLIENT: Final = "logs_default_level_client"
_OURS: Final = "qtasks"
"""The logger above all loggers of QTasks."""


def set_up_log(config: QueueConfig, *, serves: bool, own: logging.Logger | None = None) -> ExitStack:
    """Log to standard error in the format `config.logs_format`, which may change meanwhile.

    Where the root logger has a handler, or `own` reaches one, the program has set up its log: it stays.

    Args:
        config: The settings of the app.
        serves: Whether the level is that of a server, and not that of a client.
        own: The logger that the app was given.

    Returns:
        What puts the root logger back as it was, when it is closed.
    """
    found, root = ExitStack(), logging.getLogger()
    if root.handlers or (own is not None and own.hasHandlers()):
        return found
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(config.logs_format))

    def reshape(_config: QueueConfig, field: str, value: Any) -> None:
        if field == "logs_format":
            handler.setFormatter(Formatter(value))

    config.subscribe(reshape)
    found.callback(config.unsubscribe, reshape)
    found.callback(root.setLevel, root.level)
    root.addHandler(handler)
    found.callback(root.removeHandler, handler)
    root.setLevel(config.logs_default_level_server if serves else config.logs_default_level_client)
    return found


class _Claim:
    """The level that somebody wants loggers to have."""

    def __init__(self, *, serves: bool) -> None:
        self.serves = serves
        self.level: int | None = None
        """None where it wants nothing."""


class LevelClaim(_Claim):
    """The level that the settings of one app want the loggers of QTasks to have.

    None, while the setting has its default: a library leaves the levels of a program alone. Where
    several apps of a process want one, the lowest counts; those of clients do not while a server
    works. The logger that an app was given follows too.

    Args:
        log: The logger of the app.
        serves: Whether it is the level of a server, and not that of a client.
    """

    def __init__(self, log: logging.Logger, *, serves: bool) -> None:
        super().__init__(serves=serves)
        self._field = _SERVER if serves else _CLIENT
        is_ours = f"{log.name}.".startswith(f"{_OURS}.")
        self._loggers = (logging.getLogger(_OURS), *(() if is_ours else (log,)))
        self._config: QueueConfig | None = None

    def begin(self, config: QueueConfig) -> None:
        """Claim the level, and follow the setting, until `end`."""
        self.end()
        self._config = config
        config.subscribe(self._follow)
        self._claim(getattr(config, self._field) if config.is_given(self._field) else None)

    def end(self) -> None:
        """Claim nothing more."""
        if self._config is not None:
            self._config.unsubscribe(self._follow)
            self._config = None
        with _LOCK:
            for logger in self._loggers:
                _claimed(logger).remove(self)

    def _claim(self, level: int | None) -> None:
        with _LOCK:
            self.level = level
            for logger in self._loggers:
                _claimed(logger).add(self)

    def _follow(self, _config: QueueConfig, field: str, value: Any) -> None:
        if field == self._field:
            self._claim(value)


class _ClaimedLogger:
    """A logger, the claims on its level, and the level that it had before."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._claims: list[_Claim] = []
        self._before = logging.NOTSET
        self.level: int | None = None
        """What was agreed upon; None where nobody wants any."""

    def add(self, claim: _Claim) -> None:
        if claim not in self._claims:
            self._claims.append(claim)
        self._apply()

    def remove(self, claim: _Claim) -> None:
        if claim in self._claims:
            self._claims.remove(claim)
        self._apply()

    def _apply(self) -> None:
        entitled = [claim for claim in self._claims if claim.serves] or self._claims
        wanted = min((claim.level for claim in entitled if claim.level is not None), default=None)
        if wanted is not None:
            if self.level is None:
                self._before = self._logger.level
            self.level = max(wanted, 1)  # to logging, 0 says nothing
            self._logger.setLevel(self.level)
        elif self.level is not None:
            if self._logger.level == self.level:  # else the program has set another one meanwhile
                self._logger.setLevel(self._before)
            self.level = None


_LOCK: Final = threading.RLock()
_CLAIMED: Final[dict[logging.Logger, _ClaimedLogger]] = {}
_TAKEN: Final[dict[str, _Claim]] = {}


def _claimed(logger: logging.Logger) -> _ClaimedLogger:
    return _CLAIMED.setdefault(logger, _ClaimedLogger(logger))


def levels() -> dict[str, int]:
    """Return the levels that settings have given to loggers, by their names."""
    with _LOCK:
        return {logger.name: held.level for logger, held in _CLAIMED.items() if held.level is not None}


def take_levels(told: Mapping[str, int]) -> None:
    """In a process that runs bodies for a worker: take its `levels`, whatever settings say here."""
    with _LOCK:
        for name in {_OURS, *told, *_TAKEN}:
            claim = _TAKEN.setdefault(name, _Claim(serves=True))
            claim.level = told.get(name)
            _claimed(logging.getLogger(name)).add(claim)
