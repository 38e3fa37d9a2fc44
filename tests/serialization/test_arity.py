# ruff: noqa: D103, PT017 - the functions do nothing; the words of the error are compared
"""Number and names of arguments are checked as Python itself checks them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtasks.errors import TaskArgumentError
from qtasks.serialization import Signature


def f0() -> None: ...
def f1(a: Any, b: Any = 1) -> None: ...
def f2(a: Any, /, b: Any, *, c: Any, d: Any = 1) -> None: ...
def f3(a: Any, *b: Any, c: Any = 1) -> None: ...
def f4(a: Any, /, **b: Any) -> None: ...
def f5(*args: Any, **kwargs: Any) -> None: ...
def f6(a: Any, b: Any, c: Any, d: Any) -> None: ...
def f7(*, a: Any, b: Any) -> None: ...
def f8(a: Any = 1, /) -> None: ...
def f9(a: Any, /, b: Any, c: Any = 1, *d: Any, e: Any, **g: Any) -> None: ...


FUNCTIONS: list[Callable[..., None]] = [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9]


def _python_says(function: Callable[..., None], args: list[Any], kwargs: dict[str, Any]) -> str | None:
    try:
        function(*args, **kwargs)
    except TypeError as exc:
        return str(exc).partition(" Did you mean")[0].rstrip(".")
    return None


@given(
    st.sampled_from(FUNCTIONS),
    st.lists(st.none(), max_size=6),
    st.dictionaries(st.sampled_from([*"abcdex"]), st.none(), max_size=4),
)
@settings(max_examples=1500, deadline=None)
def test_the_check_says_what_python_says(
    function: Callable[..., None], args: list[Any], kwargs: dict[str, Any]
) -> None:
    """A call is refused exactly where Python refuses it, in the same words."""
    expected = _python_says(function, args, kwargs)
    try:
        Signature.of(function).check(args, kwargs)
    except TaskArgumentError as exc:
        assert str(exc) == expected
    else:
        assert expected is None


def test_the_error_names_the_task() -> None:
    """The name of the task stands where Python has that of the function."""
    with pytest.raises(
        TaskArgumentError, match=r"^shop\.add\(\) missing 1 required positional argument: 'a'$"
    ):
        Signature.of(f1, name="shop.add").check((), {})


def test_the_first_parameter_can_be_left_out() -> None:
    """What the worker gives is neither asked for nor accepted."""
    signature = Signature.of(f1, skip_first=True)
    assert signature.names == ("b",)
    signature.check((1,), {})
    with pytest.raises(TaskArgumentError, match="takes from 0 to 1 positional arguments but 2 were given"):
        signature.check((1, 2), {})
    Signature.of(f5, skip_first=True).check((1, 2), {"x": 1})
    assert Signature.of(f3, skip_first=True).names == ()


def test_partials_and_wrappers_count_as_what_they_call() -> None:
    """A partial lacks what it has already; a wrapper has the signature of what it wraps."""

    @functools.wraps(f1)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        f1(*args, **kwargs)

    with pytest.raises(TaskArgumentError, match="takes from 1 to 2"):
        Signature.of(wrapper).check((1, 2, 3), {})
    part = functools.partial(f6, 1, d=4)
    Signature.of(part).check((2, 3), {})
    with pytest.raises(TaskArgumentError, match="missing 1 required positional argument: 'c'"):
        Signature.of(part).check((2,), {})
    assert Signature.of(part).name == "partial"


def test_a_callable_that_does_not_tell_takes_everything() -> None:
    """Some functions written in C have no signature to ask."""
    Signature.of(getattr).check((1, 2, 3), {"x": 1})
