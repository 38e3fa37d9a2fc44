"""Models of other libraries are recognised by their attributes; QTasks imports none of them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from serialization.values import same

from qtasks.errors import DecodeError, EncodeError
from qtasks.serialization import Signature, decode_envelope, decode_value, encode_envelope, encode_value

WHEN = datetime(2027, 1, 31, 9, 30, tzinfo=UTC)


def through(annotation: Any, value: Any) -> Any:
    """What arrives of the value at a parameter with this annotation."""

    def task(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - set below
        return x

    task.__annotations__ = {"x": annotation}
    body = encode_envelope(id="i", task="t", args=[value], kwargs={}, created=1.0)
    ((read,), _) = Signature.of(task).decode(decode_envelope(body))
    return read


def test_no_library_is_imported() -> None:
    """Reading and writing messages loads neither of them."""
    code = "import sys, qtasks.serialization; print({'pydantic', 'attr', 'attrs'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_pydantic_models() -> None:
    """A model arrives as a model, alone and inside of other types, and its validators name the argument."""
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):  # type: ignore[name-defined,misc]
        when: datetime
        words: frozenset[str] = frozenset()
        more: Any = None
        count: int = pydantic.Field(default=1, ge=1)

    sent = Model(when=WHEN, words=frozenset({"a"}), more=(1, {b"x"}))
    assert same(through(Model, sent), sent)
    for annotation, value in ((Model | None, sent), (list[Model], [sent]), (dict[str, Model], {"k": sent})):
        assert same(through(annotation, value), value)
    assert same(decode_value(encode_value(sent))["more"], (1, {b"x"}))
    with pytest.raises(DecodeError, match="argument 'x' of task 'task'"):
        through(Model, {"when": WHEN, "count": 0})


def test_a_secret_is_refused_rather_than_lost() -> None:
    """What a model would hide in its dump cannot be sent, and the error says where it is."""
    pydantic = pytest.importorskip("pydantic")

    class Login(pydantic.BaseModel):  # type: ignore[name-defined,misc]
        password: pydantic.SecretStr  # type: ignore[name-defined]

    with pytest.raises(EncodeError, match=r"at \['password'\]: .*SecretStr"):
        encode_value(Login(password="x"))


def test_attrs_classes() -> None:
    """An attrs class arrives as one."""
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Thing:
        when: datetime = WHEN
        more: Any = None

    sent = Thing()
    sent.more = (1, {b"x"})
    assert same(through(Thing, sent), sent)
    assert same(through(list[Thing], [sent]), [sent])
