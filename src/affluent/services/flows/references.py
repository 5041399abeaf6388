"""What expressions of a flow refer to: whether it is there, and whether it is there in time."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from affluent.domain.expression import Expression, ExpressionError, Path, compile_expression
from affluent.domain.mapping import compile_template, texts
from affluent.kit.jsons import JSONValue
from affluent.services.flows.problems import FlowProblem, warning

_EVENT = ("id", "type", "occurred_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an expression at one place may refer to."""

    trigger: type[BaseModel] | None
    inputs: frozenset[str]
    earlier: Mapping[str, type[BaseModel] | None] = field(default_factory=dict)
    """Earlier steps and what they give."""
    later: frozenset[str] = frozenset()
    """This step and later ones: they have given nothing yet."""


def expressions_of(value: JSONValue) -> list[Expression]:
    """Every expression in a mapped value; raises ExpressionError for the first that cannot be compiled."""
    return [piece for text in texts(value) for piece in compile_template(text).pieces if isinstance(piece, Expression)]


def check_mapped(value: JSONValue, known: Known, place: str) -> Iterator[FlowProblem]:
    """Every problem of the references of a mapped value."""
    try:
        expressions = expressions_of(value)
    except ExpressionError as error:
        yield FlowProblem(field=place, message=str(error))
        return
    for expression in expressions:
        yield from _check_paths(expression, known, place)


def check_condition(source: str, known: Known, place: str) -> Iterator[FlowProblem]:
    """Every problem of the references of a condition."""
    if not source:
        return
    try:
        expression = compile_expression(source)
    except ExpressionError as error:
        yield FlowProblem(field=place, message=str(error))
        return
    yield from _check_paths(expression, known, place)


def _check_paths(expression: Expression, known: Known, place: str) -> Iterator[FlowProblem]:
    for path in expression.paths:
        problem = _problem(path, known, place)
        if problem is not None:
            yield problem


def _problem(path: Path, known: Known, place: str) -> FlowProblem | None:
    root, *rest = path
    name = str(rest[0]) if rest else ""
    if root == "steps":
        return _step_problem(name, tuple(rest[1:]), known, place)
    if root == "inputs" and rest and name not in known.inputs:
        there_are = f"; it asks for {', '.join(sorted(known.inputs))}" if known.inputs else ""
        return FlowProblem(field=place, message=f"This flow does not ask for {name!r}{there_are}.")
    if root == "event" and rest and name not in _EVENT:
        return FlowProblem(field=place, message=f"An event has no {name!r}; it has {', '.join(_EVENT)}.")
    if root == "trigger":
        missing = missing_part(known.trigger, tuple(rest))
        if missing:
            return warning(place, f"The trigger does not give {'.'.join(map(str, path))}: there is no {missing!r}.")
    return None


def _step_problem(name: str, rest: Path, known: Known, place: str) -> FlowProblem | None:
    if name in known.later:
        return FlowProblem(
            field=place, message=f"Step {name!r} has given nothing yet when this is built; it comes later."
        )
    if name not in known.earlier:
        there_are = f" There are {', '.join(known.earlier)}." if known.earlier else ""
        return FlowProblem(field=place, message=f"There is no earlier step {name!r}.{there_are}")
    output = known.earlier[name]
    if rest and rest[0] != "outcome":
        missing = str(rest[0]) if output is None else missing_part(output, rest)
        if missing:
            return warning(place, f"Step {name!r} does not give {missing!r}.")
    return None


def missing_part(model: type[BaseModel] | None, rest: Path) -> str:
    """The first part of a path that a model does not have; empty when all of it may be there."""
    current: object = model
    for part in rest:
        inner = _model(current)
        if inner is None:
            return ""
        if not isinstance(part, str):
            return str(part)
        info = inner.model_fields.get(part) or _by_alias(inner, part)
        if info is None:
            return "" if inner.model_config.get("extra") == "allow" else part
        current = info.annotation
    return ""


def _by_alias(model: type[BaseModel], name: str) -> FieldInfo | None:
    """The field that is called otherwise in the data, e.g. "class"."""
    return next((info for info in model.model_fields.values() if info.alias == name), None)


def _model(hint: object) -> type[BaseModel] | None:
    """The model of `X` and `X | None`; None for anything whose parts are not known."""
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return hint
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    is_optional = type(None) in typing.get_args(hint)
    return _model(options[0]) if is_optional and len(options) == 1 else None
