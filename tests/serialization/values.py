# ruff: noqa: DTZ001 - naive times are values too
"""Values to send, and what makes two of them the same."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    [None, UTC, BERLIN, timezone(timedelta(hours=-3, minutes=-30)), timezone(timedelta(seconds=1))]
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats()
    | st.text()
    | st.binary()
    | st.binary().map(bytearray)
    | st.dates()
    | st.builds(
        datetime.replace, st.datetimes(timezones=ZONES, allow_imaginary=True), fold=st.sampled_from([0, 1])
    )
    | st.builds(time.replace, st.times(timezones=ZONES), fold=st.sampled_from([0, 1]))
    | st.timedeltas()
    | st.uuids()
    | st.decimals()
    | st.complex_numbers()
    | st.sampled_from([Path("a/b"), Path("/"), Path("ж")])
)
HASHABLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.dates() | st.uuids(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
NAMES = st.text(max_size=4) | st.sampled_from(["$set", "$dict", "$", "$date", "$bytes"])


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.frozensets(HASHABLE, max_size=3)
    )


VALUES = st.recursive(SCALARS, _containers, max_leaves=10)

EXAMPLES: list[Any] = [
    *(None, True, 0, -1, 2**63, 2**64, -(2**63) - 1, 10**400, 10**5000, 1.5, -0.0, 1e308),
    *(math.nan, math.inf, -math.inf, "", "ж\x00😀", b"", b"\x00\xff", bytearray(b"\x00\xff")),
    *(date(2027, 1, 31), time(9, 30, 0, 5), time(9, tzinfo=BERLIN), timedelta(-1, 5, 7)),
    *(
        datetime(2027, 1, 31, 9, 30, 0, 5),
        datetime(2026, 10, 25, 2, 30, fold=1),
        datetime(2027, 1, 1, tzinfo=UTC),
    ),
    *(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN), datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)),
    *(
        UUID(int=5),
        Decimal("1E+400"),
        Decimal("-0.00"),
        Decimal("NaN"),
        Path("a/b"),
        1j,
        complex(math.nan, -0.0),
    ),
    *((), (1, (2, [3])), {1, 2}, frozenset({(1, b"x")}), [], {}, {"a": {1: (2,)}}),
    *({1: "a", None: "b", (1, 2): "c", True and "t": 1}, {1: "one", "1": "text"}),
    *({"$set": [1]}, {"$dict": []}, {"$": 1}, {"$unknown": {"$date": "x"}}, [{"$tuple": [1]}, (1,)]),
]


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal and of the same types, all the way down."""
    return type(left) is type(right) and _form(left) == _form(right)


def _form(value: Any) -> Any:
    """What two values have in common exactly when they are the same."""
    kind = type(value)
    if isinstance(value, (float, complex, Decimal)):
        return kind, repr(value)
    if isinstance(value, (datetime, time)):
        return kind, value.isoformat(), value.fold, value.tzinfo
    if isinstance(value, (list, tuple)):
        return kind, [_form(one) for one in value]
    if isinstance(value, dict):
        return kind, [(_form(key), _form(content)) for key, content in value.items()]
    if isinstance(value, (set, frozenset)):
        return kind, len(value), sorted(repr(_form(one)) for one in value)
    return kind, value
