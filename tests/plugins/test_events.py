"""What an event is: frozen, copied with changes, equal to nothing else, and light to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import qtasks
from qtasks.plugins.events import HookEvent, ResultReplace, RetryAnswer
from qtasks.plugins.triggers import catalogue

ANY: Any = None
ALONE = """
import sys, types
package = types.ModuleType("qtasks")
package.__path__ = [sys.argv[1]]
sys.modules["qtasks"] = package
import qtasks.plugins.events
print(*sorted(name for name in sys.modules if name.split(".")[0] in {"qtasks", "pluggy", "asyncio"}))
"""


def test_replace_makes_a_changed_copy() -> None:
    """The fields that are not named are the very same objects, and the event stays as it was."""
    value: list[int] = [1]
    event = ResultReplace(value, ANY, ANY, result=1)
    changed = event.replace(result=2)
    assert (event.result, changed.result) == (1, 2)
    assert type(changed) is ResultReplace
    assert changed.task_executor is value


def test_replace_refuses_an_unknown_field() -> None:
    """A misspelt field is an error that names it."""
    with pytest.raises(TypeError, match="reslt"):
        ResultReplace(ANY, ANY, ANY, result=1).replace(reslt=2)


@pytest.mark.parametrize("event", [row.event for row in catalogue().values()])
def test_an_event_is_frozen_and_equal_to_itself_alone(event: type[HookEvent]) -> None:
    """Whatever it carries, it can be a key, and nothing can be set."""
    fields: dict[str, Any] = {name: [] for name in event.__struct_fields__}
    one, other = event(**fields), event(**fields)
    assert len({one, other, one}) == 2
    with pytest.raises(AttributeError, match="immutable"):
        setattr(one, event.__struct_fields__[0], 1)


def test_answers_are_compared_by_value() -> None:
    """An answer carries no live objects."""
    assert RetryAnswer(retry=True, delay=2.0) == RetryAnswer(retry=True, delay=2.0)
    assert RetryAnswer(retry=True) != RetryAnswer(retry=False)


def test_the_module_of_events_imports_nothing_heavy() -> None:
    """Beside the package that it is in it needs neither the rest of the core nor pluggy nor asyncio."""
    folder = str(Path(qtasks.__file__).parent)
    done = subprocess.run([sys.executable, "-c", ALONE, folder], capture_output=True, text=True, check=True)
    plugins = ["qtasks.plugins", "qtasks.plugins.base", "qtasks.plugins.events"]
    assert done.stdout.split() == ["qtasks", "qtasks._migration", *plugins]
