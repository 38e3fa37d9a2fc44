"""What pydantic has to say about an annotation.

It is asked only where the program has imported it: QTasks itself never does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any, Final, get_args, get_origin

Make = Callable[[Any], Any]

_ROOTS: Final = frozenset({"pydantic", "annotated_types"})


def make_by_pydantic(annotation: Any) -> Make | None:
    """Return what makes a value of one of pydantic's own types, or None where it is none."""
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_validator__"):
        return _model(annotation)
    if "pydantic" not in sys.modules:
        return None
    if extras_of(annotation) or hasattr(annotation, "__get_pydantic_core_schema__"):
        return _adapter(annotation)
    return None


def extras_of(annotation: Any) -> tuple[Any, ...]:
    """Return what `Annotated` adds for pydantic: constraints, fields and validators."""
    if get_origin(annotation) is not Annotated or "pydantic" not in sys.modules:
        return ()
    return tuple(extra for extra in annotation.__metadata__ if _root_of(extra) in _ROOTS)


def only_constrains(annotation: Any) -> bool:
    """Whether the value is of the annotated type before pydantic looks at it: then it is no parser."""
    return all(_is_constraint(extra) for extra in extras_of(annotation))


def words_of(exc: Any) -> str:
    """Return the text of an error; of pydantic's own the reasons alone, without the value."""
    if _root_of(exc) != "pydantic_core" or not hasattr(exc, "errors"):
        return str(exc)
    reasons = [(".".join(map(str, one["loc"])), one["msg"]) for one in exc.errors(include_url=False)]
    return "; ".join(f"{message} - at `{where}`" if where else message for where, message in reasons)


def _model(kind: Any) -> Make:
    validator = kind.__pydantic_validator__
    # A model is sent by the names of its fields, and other programs use its aliases.
    known = getattr(type(validator).validate_python, "__text_signature__", None) or ""
    ways = {"by_alias": True, "by_name": True} if "by_name" in known else {}

    def make(value: Any) -> Any:
        return value if type(value) is kind else kind.__pydantic_validator__.validate_python(value, **ways)

    return make


def _adapter(annotation: Any) -> Make:
    made: Make = sys.modules["pydantic"].TypeAdapter(annotation).validate_python
    return made


def _is_constraint(extra: Any) -> bool:
    if _root_of(extra) == "annotated_types":
        return True
    return type(extra).__name__ == "FieldInfo" and getattr(extra, "discriminator", None) is None


def _root_of(extra: Any) -> str:
    kind = extra if isinstance(extra, type) else type(extra)
    return kind.__module__.partition(".")[0]


def base_of(annotation: Any) -> Any:
    """Return the type that `Annotated` adds to."""
    return get_args(annotation)[0]
