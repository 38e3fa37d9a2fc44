"""Every trigger has its method in `Plugin`, its row and its heading, and they say the same."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from qtasks.plugins import Plugin, events
from qtasks.plugins._keywords import ANSWERS, COMPONENTS, RENAMED, keywords_of
from qtasks.plugins.kinds import First, Fold, Notify
from qtasks.plugins.triggers import Triggers, catalogue

PAGE = (Path(__file__).parents[2] / "docs" / "triggers.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `(\w+)(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
TRIGGERS = list(catalogue())


def test_plugin_has_a_method_for_each_trigger_and_no_other() -> None:
    """In the order of `Triggers`, each with a docstring."""
    methods = {name: value for name, value in vars(Plugin).items() if inspect.isfunction(value)}
    assert list(methods) == TRIGGERS == list(Triggers.__struct_fields__)
    assert all(method.__doc__ for method in methods.values())


def test_the_page_has_a_heading_for_each_trigger_and_no_other() -> None:
    """In the order of `Triggers`."""
    assert list(SECTIONS) == TRIGGERS


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_the_heading_is_the_signature(trigger: str) -> None:
    """Argument and answer are those of the method of `Plugin`."""
    signature = inspect.signature(getattr(Plugin, trigger))
    _self, event = signature.parameters.values()
    heading = SECTIONS[trigger].splitlines()[0]
    assert heading == f"(event: {event.annotation}) -> {signature.return_annotation}`"


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_the_method_fits_the_kind(trigger: str) -> None:
    """A notify answers nothing, a fold its event, a first the type of its row."""
    row = catalogue()[trigger]
    signature = inspect.signature(getattr(Plugin, trigger))
    assert signature.parameters["event"].annotation == row.event.__name__
    expected = "None" if row.answer is None else f"{row.answer.__name__} | None"
    assert signature.return_annotation == expected
    assert (row.answer is None) == (row.kind is Notify)
    assert (row.answer is row.event) == (row.kind is Fold)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_the_page_tells_kind_moment_fields_and_answer(trigger: str) -> None:
    """As the code has them."""
    row, text = catalogue()[trigger], SECTIONS[trigger]
    fields = ", ".join(f"`{name}: {hint}`" for name, hint in inspect.get_annotations(row.event).items())
    assert f"\n- Kind: {row.kind.__name__.lower()}\n" in text
    assert re.search(r"\n- Moment: .+\.\n", text)
    assert f"\n- Fields: {fields}\n" in text
    assert ("\n- Answer: ignored.\n" in text) == (row.kind is Notify)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_the_page_tells_the_keywords_of_a_base_plugin(trigger: str) -> None:
    """Both what it gets and what it may answer."""
    expected = ", ".join(f"`{keyword}`" for keyword in keywords_of(trigger))
    if trigger in ANSWERS:
        expected += "; keys of its answer: " + ", ".join(f"`{key}`" for key in ANSWERS[trigger])
    assert f"\n- Keywords of a `BasePlugin`: {expected}\n" in SECTIONS[trigger]


def test_answers_are_rows_of_folds_and_firsts() -> None:
    """Each has keys that exist, and no notify has any."""
    assert set(ANSWERS) == {name for name, row in catalogue().items() if row.kind is not Notify}
    assert set(RENAMED) <= set(catalogue())
    for trigger, keys in ANSWERS.items():
        row = catalogue()[trigger]
        assert row.answer is not None
        known = row.answer.__struct_fields__ if row.kind is First else keywords_of(trigger)
        assert set(keys) <= set(known)


def test_each_trigger_is_of_one_component() -> None:
    """The beginnings of names tell them apart."""
    beginnings = [beginning for group in COMPONENTS.values() for beginning in group]
    for trigger in TRIGGERS:
        assert len([b for b in beginnings if trigger.startswith(b)]) == 1


def test_each_event_is_frozen_documented_and_of_one_trigger() -> None:
    """Nothing in the module of events is left over."""
    public: list[Any] = [value for value in vars(events).values() if inspect.isclass(value)]
    made = {value for value in public if value.__module__ == events.__name__}
    used = [row.event for row in catalogue().values()]
    assert made == {*used, events.HookEvent, events.ResultAnswer, events.RetryAnswer}
    assert len(used) == len(set(used))
    for event in made:
        assert event.__struct_config__.frozen
        assert event.__doc__
        assert not event.__doc__.startswith(f"{event.__name__}(")
