"""Classes that a graph's state names: what comes back from a checkpoint as something else is said before it happens."""

from collections.abc import Callable, Iterator
from inspect import isclass
from typing import Any, Literal, get_args, get_origin

from langgraph.channels.untracked_value import UntrackedValue
from pydantic import BaseModel
from typing_extensions import is_typeddict

from executor.agents.annotations import alternatives, hints
from executor.agents.declared import Graph

Predicate = Callable[[type], bool]


def lost(graph: Graph, reads_back: Predicate) -> dict[str, list[str]]:
    """Classes by the channels that hold them, of which `reads_back` says that they do not come back as themselves.

    A state that is a pydantic model makes its values anew from what comes back.
    """
    found: dict[str, set[str]] = {}
    for schema in graph.builder.schemas:
        if isclass(schema) and issubclass(schema, BaseModel):
            continue
        for name, annotation in hints(schema).items():
            if _is_kept(graph, name):
                named = {f"{cls.__module__}.{cls.__qualname__}" for cls in classes(annotation) if not reads_back(cls)}
                found[name] = found.get(name, set()) | named
    return {name: sorted(named) for name, named in found.items() if named}


def classes(annotation: Any) -> Iterator[type]:
    """Every class that an annotation names at any depth."""
    ahead, seen = [annotation], list[Any]()
    while ahead:
        for part in alternatives(ahead.pop()):
            if part in seen:
                continue
            seen.append(part)
            ahead.extend(_inside(part))
            origin = get_origin(part) or part
            if isclass(origin) and not is_typeddict(origin):
                yield origin


def _inside(part: Any) -> Iterator[Any]:
    if is_typeddict(part):
        yield from hints(part).values()
    elif get_origin(part) is not Literal:
        yield from get_args(part)
        yield from [part.__supertype__] if hasattr(part, "__supertype__") else []


def _is_kept(graph: Graph, channel: str) -> bool:
    return channel in graph.channels and not isinstance(graph.channels[channel], UntrackedValue)
