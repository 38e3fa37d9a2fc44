"""What a function wants, compiled once at registration.

The producer checks number and names of arguments by it; the worker converts them to the annotated
types, and the result when it is read.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec

from qtasks.errors import DecodeError, TaskArgumentError
from qtasks.protocols import Serializer
from qtasks.serialization.annotations import annotations_of
from qtasks.serialization.arity import Arity
from qtasks.serialization.convert import Converter, Unsupported, converter_for
from qtasks.serialization.envelope import Envelope
from qtasks.serialization.secret import MASK, Place, is_secret
from qtasks.serialization.serializers import JSON
from qtasks.serialization.values import decode_value, encode_value

_log = logging.getLogger("qtasks")

_STARS: Final = frozenset({inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})


class ArgMeta(msgspec.Struct, frozen=True):
    """One argument of a call, for hooks that replace arguments."""

    name: str
    """The parameter that takes it."""
    value: Any
    origin: Any
    """`list` for `list[int]`; None where the type is not generic."""
    raw_type: Any
    """The annotation without `Annotated`; None where there is none."""
    annotation: Any
    """The annotation as it is written, resolved; None where there is none."""
    is_kwarg: bool
    index: int | None
    """Its place in args; None for a keyword."""
    key: str | None
    """Its name in kwargs; None for a positional argument."""
    secret: bool = False
    """Whether its parameter is marked: do not show the value."""

    def __repr__(self) -> str:
        return f"ArgMeta(name={self.name!r}, value={MASK if self.secret else repr(self.value)})"


class Signature:
    """The parameters of a function, and how values become what their annotations say."""

    __slots__ = (
        "_annotations",
        "_arity",
        "_by_key",
        "_by_name",
        "_by_place",
        "_other",
        "_python",
        "_rest",
        "_result",
        "_result_is",
        "name",
        "names",
        "secret_result",
        "secrets",
    )

    def __init__(
        self, name: str, parameters: Sequence[inspect.Parameter], annotations: Mapping[str, Any]
    ) -> None:
        self.name = name
        """What errors call the task."""
        self._python = inspect.Signature(parameters)
        self._arity = Arity(name, parameters)
        self.names = self._arity.positional
        """The names of the positional parameters, in order."""
        self._annotations = annotations
        self._by_name = {key: self._compiled(key, annotation) for key, annotation in annotations.items()}
        self._by_place = tuple(self._by_name.get(key) for key in self.names)
        self._by_key = {key: self._by_name.get(key) for key in self._arity.keywords}
        self._rest = self._by_name.get(self._arity.star or "")
        self._other = self._by_name.get(self._arity.star_star or "")
        self._result = self._by_name.get("return")
        self._result_is = f"the result of task {name!r}"
        secret = frozenset(key for key, annotation in annotations.items() if is_secret(annotation))
        self.secrets = secret - {"return"}
        """The names of the parameters whose values are not shown."""
        self.secret_result = "return" in secret
        """Whether the result is not shown."""

    @classmethod
    def of(
        cls, function: Callable[..., Any], *, skip_first: bool = False, name: str | None = None
    ) -> Signature:
        """Compile the signature of a function. Annotations that cannot be resolved take every value.

        Args:
            function: Any callable.
            skip_first: Leave out the first parameter, which the worker itself gives.
            name: What errors call the task; the default is the name of the function.
        """
        called = name or getattr(function, "__name__", None) or type(function).__name__
        parameters = _parameters(function)
        if skip_first and parameters and parameters[0].kind not in _STARS:
            del parameters[0]
        return cls(called, parameters, annotations_of(function, called))

    def check(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Check number and names of the arguments.

        Raises:
            TaskArgumentError: Python itself would refuse the call; the text says why.
        """
        self._arity.check(args, kwargs)

    def decode(self, envelope: Envelope) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of a message in the annotated types. Defaults are left to the function.

        Raises:
            TaskArgumentError: They do not fit: the function has changed since the message was sent.
            DecodeError: One is of a wrong type; the text names it.
        """
        sent, kwargs = envelope.arguments()
        self._arity.check(sent, kwargs)
        args = sent
        for index, (value, converter) in enumerate(zip(sent, self._by_place, strict=False)):
            if converter is not None and type(value) not in converter.exact:
                args = list(sent) if args is sent else args
                name = self.names[index]
                args[index] = self._convert(converter, value, name, name)
        if self._rest is not None and len(sent) > len(self.names):
            args = [*args[: len(self.names)], *self._decoded_rest(sent, self._rest)]
        return args, self._decoded_keywords(kwargs) if kwargs else kwargs

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of all parameters, those of `*args` and `**kwargs` too."""
        return tuple(self._python.parameters)

    def bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by the names of their parameters, defaults included.

        What `*args` and `**kwargs` take is there by the names of these.

        Raises:
            TaskArgumentError: They do not fit.
        """
        try:
            bound = self._python.bind(*args, **kwargs)
        except TypeError as exc:
            raise TaskArgumentError(f"{self.name}() {exc}") from exc
        bound.apply_defaults()
        return dict(bound.arguments)

    def secret_places(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Place]:
        """Return the positions and names of the secret arguments of a call."""
        if not self.secrets:
            return []
        rest = [self._arity.star or ""] * (len(args) - len(self.names))
        placed = enumerate((*self.names[: len(args)], *rest))
        by_place: list[Place] = [index for index, name in placed if name in self.secrets]
        return by_place + [key for key in kwargs if self._taker(key) in self.secrets]

    def encode_result(self, value: Any, limit: int | None = None, serializer: Serializer = JSON) -> bytes:
        """Return the bytes that a result is stored as.

        Args:
            value: What the body returned.
            limit: The largest number of bytes; None is any.
            serializer: Who writes it.

        Raises:
            EncodeError: It cannot be stored; the text says what in it and of what type, or how large it is.
        """
        return encode_value(value, self._result_is, limit, serializer, self.secret_result)

    def decode_result(self, data: bytes) -> Any:
        """Return the stored result in the type of the return annotation.

        Python does not hold a function to that annotation, so a result of another type is given as
        it was stored.

        Raises:
            DecodeError: These bytes are no result.
        """
        value = decode_value(data)
        if self._result is None:
            return value
        try:
            return self._result(value, "return")
        except DecodeError:
            return value

    def args_info(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[ArgMeta]:
        """Return what is known of each argument of a call, in its order."""
        rest = [self._arity.star or ""] * (len(args) - len(self.names))
        placed = zip((*self.names, *rest), args, strict=False)
        info = [self._meta(name, value, index, None) for index, (name, value) in enumerate(placed)]
        return info + [self._meta(self._taker(key), value, None, key) for key, value in kwargs.items()]

    def _compiled(self, parameter: str, annotation: Any) -> Converter | None:
        try:
            return converter_for(annotation)
        except Unsupported as exc:
            _log.warning("task %s: values of %r are not converted: %s", self.name, parameter, exc)
            return None

    def _taker(self, key: str) -> str:
        """Return the parameter that takes this keyword."""
        return key if key in self._arity.keywords else self._arity.star_star or key

    def _decoded_keywords(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        kwargs = dict(sent)
        for key, value in sent.items():
            converter = self._by_key.get(key, self._other)
            if converter is not None and type(value) not in converter.exact:
                kwargs[key] = self._convert(converter, value, key, self._taker(key))
        return kwargs

    def _decoded_rest(self, sent: Sequence[Any], converter: Converter) -> list[Any]:
        first, star = len(self.names), self._arity.star or ""
        rest = enumerate(sent[first:])
        return [self._convert(converter, value, f"{star}[{index}]", star) for index, value in rest]

    def _convert(self, converter: Converter, value: Any, name: str, parameter: str) -> Any:
        try:
            return converter(value, name)
        except DecodeError as exc:
            what = f"argument {name!r} of task {self.name!r}"
            if parameter in self.secrets:
                raise DecodeError(f"{what}, which is secret, is not of the annotated type") from None
            raise DecodeError(f"{what}: {exc}") from exc.__cause__

    def _meta(self, name: str, value: Any, index: int | None, key: str | None) -> ArgMeta:
        annotation = self._annotations.get(name)
        raw = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
        secret = name in self.secrets
        return ArgMeta(name, value, get_origin(raw), raw, annotation, key is not None, index, key, secret)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some functions that are written in C do not tell
        stars = {"args": inspect.Parameter.VAR_POSITIONAL, "kwargs": inspect.Parameter.VAR_KEYWORD}
        return [inspect.Parameter(name, kind) for name, kind in stars.items()]
