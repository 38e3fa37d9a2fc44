"""`-A module:app`: from the text to the app, with errors that show the user's own mistake."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from inspect import iscoroutinefunction
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

from qtasks.app import QueueTasks
from qtasks.errors import UsageError
from qtasks.guards import importing
from qtasks.sync import QueueTasks as BlockingQueueTasks


def load_app(target: str) -> QueueTasks:
    """Import an app and return its engine, which both faces have in common.

    The working directory comes first on the path of imports, as it does for `python -m`. Without
    `:attribute` the module must hold exactly one app. An attribute that is a function is called and
    returns the app.

    Raises:
        UsageError: There is no such module, attribute or app; or the import failed, and the text is
            the traceback of the user's own code.
    """
    module_name, _, attribute = target.partition(":")
    _check_module_name(module_name, attribute)
    folder = str(Path.cwd())
    if sys.path[0] not in {"", folder}:
        sys.path.insert(0, folder)
    with importing(target):
        module = _import(module_name)
        value = _find(module, attribute) if attribute else _only_app(module)
        app = value if _is_app(value) else _make(target, value)
    engine: QueueTasks = getattr(app, "engine", app)
    return engine


def _check_module_name(name: str, attribute: str) -> None:
    if name and all(part.isidentifier() for part in name.split(".")) and not name.endswith(".py"):
        return
    parts = PurePath(name).with_suffix("").parts if name.endswith(".py") else ()
    meant = ".".join(part for part in parts if part.isidentifier())
    hint = f"-A {meant}{':' + attribute if attribute else ''}" if meant else "-A module:app"
    raise UsageError(f"-A takes the name of a module, not {name!r}: {hint}")


def _import(name: str) -> ModuleType:
    try:
        _in_users_words(f"the import of {name}", functools.partial(__import__, name))
    except ModuleNotFoundError:
        raise UsageError(
            f"there is no module {name!r} in {Path.cwd()} or on the path of imports (PYTHONPATH, "
            f"installed packages); {_where_else(name)}"
        ) from None
    return sys.modules[name]


def _where_else(name: str) -> str:
    """Return what to do: a project with its modules in `src` is run with that folder on the path."""
    top = name.partition(".")[0]
    if (Path("src") / top).is_dir() or (Path("src") / f"{top}.py").is_file():
        return "it is in src: set PYTHONPATH=src, or install the project (pip install -e .)"
    return "run the command in the folder that holds it"


def _find(module: ModuleType, attribute: str) -> Any:
    try:
        return functools.reduce(getattr, attribute.split("."), module)
    except AttributeError as exc:
        near = list(_apps(module)) or get_close_matches(attribute, dir(module), n=1)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"{_place(module)} has no attribute {attribute!r}{hint}") from exc


def _only_app(module: ModuleType) -> Any:
    apps = _apps(module)
    engines = {id(getattr(app, "engine", app)) for app in apps.values()}
    if len(engines) == 1:
        return next(iter(apps.values()))
    name = module.__name__
    if not engines:
        raise UsageError(
            f"{_place(module)} holds no QueueTasks; name the app, or a function that returns it: "
            f"-A {name}:attribute"
        )
    raise UsageError(f"{_place(module)} holds several apps: " + " or ".join(f"-A {name}:{a}" for a in apps))


def _make(target: str, factory: Any) -> Any:
    if isinstance(factory, type) or not callable(factory):
        kind = "class" if isinstance(factory, type) else type(factory).__name__
        raise UsageError(f"{target} is a {kind}, neither a QueueTasks nor a function that returns one")
    if iscoroutinefunction(factory):
        raise UsageError(f"{target} is an async function; the function that returns the app is a plain one")
    app = _in_users_words(f"the call of {target}", factory)
    if not _is_app(app):
        raise UsageError(f"{target}() has returned a {type(app).__name__}, which is no QueueTasks")
    return app


def _is_app(value: Any) -> bool:
    # By its type: isinstance() asks the value, and a lazy proxy in a module may answer with an error.
    return issubclass(type(value), (QueueTasks, BlockingQueueTasks))


def _apps(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if _is_app(value)}


def _place(module: ModuleType) -> str:
    return f"the module {module.__name__} ({getattr(module, '__file__', None) or 'a namespace package'})"


def _in_users_words(what: str, call: Callable[[], Any]) -> Any:
    """Call code of the user; its error is told by its traceback, without frames of ours.

    Raises:
        ModuleNotFoundError: It was raised outside the user's code: the very module is missing.
        UsageError: Any other error.
    """
    try:
        return call()
    except (Exception, SystemExit) as exc:
        report = traceback.TracebackException.from_exception(exc)
        report.stack[:] = [frame for frame in report.stack if _is_users(frame.filename)]
        if isinstance(exc, ModuleNotFoundError) and not report.stack:
            raise
        raise UsageError(f"{what} failed:\n\n{''.join(report.format())}") from exc


def _is_users(filename: str) -> bool:
    return filename != __file__ and not filename.startswith("<frozen importlib")
