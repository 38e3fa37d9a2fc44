"""The log of what the command runs, where the app has not set one up."""

from __future__ import annotations

import logging

from qtasks.config import QueueConfig
from qtasks.errors import ConfigError


def set_up_logging(config: QueueConfig, usual: int, level: int | None = None) -> None:
    """Log to standard error in the format `config.logs_format`.

    An app that has given the root logger a handler keeps its own log; then only an explicit `level` is
    applied, to the loggers of QTasks.

    Args:
        config: The settings of the app.
        usual: The least level without an explicit one: that of a server or that of a client.
        level: What the user has asked for.

    Raises:
        ConfigError: `logs_format` is no format of `logging`.
    """
    root = logging.getLogger()
    if root.handlers:
        if level is not None:
            logging.getLogger("qtasks").setLevel(level)
        return
    try:
        formatter = logging.Formatter(config.logs_format)
    except ValueError as exc:
        raise ConfigError(f"logs_format is no format of the module logging: {exc}") from exc
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root.addHandler(handler)
    root.setLevel(usual if level is None else level)
