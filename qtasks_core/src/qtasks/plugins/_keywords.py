"""How a `BasePlugin` sees the triggers: their components, their keywords and the keys of its answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from qtasks.errors import PluginNotFound
from qtasks.plugins.triggers import catalogue, nearest

COMPONENTS: Final[Mapping[str | None, tuple[str, ...]]] = {
    None: ("qtasks_",),
    "worker": ("worker_", "task_executor_"),
    "broker": ("broker_",),
    "storage": ("storage_",),
    "global_config": ("global_config_",),
    "starter": ("starter_",),
    "stats": ("stats_",),
}
"""Component → how the names of its triggers begin. None is the app."""

EVERYTHING: Final = "Globals"
"""Among trigger names: all of the component."""
NOTHING: Final = "-"
"""As the only trigger name: none, for a plugin that only starts and stops."""

_RENAMED: Final[Mapping[str, str]] = {"app": "qtasks"}
_KW: Final[Mapping[str, str]] = {"app": "qtasks", "kwargs": "kw"}
RENAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "qtasks_add_task_before_broker": _KW,
    "task_executor_args_replace": _KW,
}
"""Trigger → field of its event → keyword, where that differs from `app` → `qtasks` alone."""

ANSWERS: Final[Mapping[str, tuple[str, ...]]] = {
    "qtasks_add_task_before_broker": ("task_name", "priority", "extra", "args", "kw"),
    "qtasks_get": ("task",),
    "worker_execute_before": ("extra",),
    "worker_task_error_retry": ("retry", "delay"),
    "task_executor_args_replace": ("args", "kw"),
    "task_executor_run_task_trigger_error": ("result",),
    "task_executor_after_execute_result_replace": ("result",),
}
"""Trigger → the keys that count in an answer. Answers to other triggers are ignored."""


def keywords_of(trigger: str) -> dict[str, str]:
    """Return keyword → field of the event, for every field."""
    renamed = RENAMED.get(trigger, _RENAMED)
    return {renamed.get(name, name): name for name in catalogue()[trigger].event.__struct_fields__}


def covered(trigger_names: Sequence[str] | None, component: str | None) -> frozenset[str]:
    """Return the triggers that a plugin covers when it is added with these names.

    Raises:
        PluginNotFound: No such component or trigger, or the trigger is of another component.
    """
    own = _triggers_of(component)
    if trigger_names is None or EVERYTHING in trigger_names:
        return own
    if list(trigger_names) == [NOTHING]:
        return frozenset()
    for name in trigger_names:
        if name not in own:
            raise PluginNotFound(_misplaced(name, component), hook=name)
    return frozenset(trigger_names)


def _triggers_of(component: str | None) -> frozenset[str]:
    if component not in COMPONENTS:
        known = ", ".join(repr(c) for c in COMPONENTS)
        raise PluginNotFound(f"there is no component {component!r}; there are {known}")
    own = frozenset(_starting_with(COMPONENTS[component], catalogue()))
    if not own:
        raise PluginNotFound(f"no trigger of component {component!r} is fired in this version")
    return own


def _starting_with(beginnings: tuple[str, ...], names: Iterable[str]) -> Iterable[str]:
    return (name for name in names if name.startswith(beginnings))


def _misplaced(name: str, component: str | None) -> str:
    if name not in catalogue():
        return f"there is no trigger {name!r}{nearest(name)}"
    owner = next(c for c, beginnings in COMPONENTS.items() if name.startswith(beginnings))
    of_other = f"trigger {name!r} is none of {_called(component)} but of {_called(owner)}"
    return f"{of_other}: add_plugin(…, component={owner!r})"


def _called(component: str | None) -> str:
    return "the app" if component is None else f"component {component!r}"
