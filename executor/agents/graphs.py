"""Graphs that the image brings along: those that its `langgraph.json` names, as LangGraph's own server reads it.

A tenant builds an image from ours; a job asks for `{"graph": NAME}` in place of a definition. It is the image's code
that runs, never the message's.
"""

import asyncio
import importlib
import importlib.util
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from executor.agents import context
from executor.agents.declared import Graph
from executor.agents.definition import ROOT
from executor.agents.factories import made
from executor.agents.state_classes import Predicate, lost
from executor.errors import Misconfigured, Rejected
from executor.jobs.validation import describe

Graphs = Mapping[str, Graph]
T = TypeVar("T")


class Place(BaseModel):
    """Where a graph is, in the longer form."""

    path: str
    description: str | None = None


class File(BaseModel):
    """What is read of a `langgraph.json`; the rest is for other programs."""

    graphs: dict[str, str | Place] = Field(min_length=1)
    dependencies: tuple[str, ...] = ()


@asynccontextmanager
async def open_graphs(file: Path) -> AsyncIterator[Graphs]:
    """The graphs of a file, none where there is no file; raises Misconfigured that says which is none and why.

    What their factories opened is closed at the end.
    """
    places = _places(file)
    async with AsyncExitStack() as stack:
        yield {name: await _open(file, name, place.path, stack) for name, place in places.items()}


def descriptions(file: Path) -> dict[str, str | None]:
    """What the file says of each graph; raises Misconfigured."""
    return {name: place.description for name, place in _places(file).items()}


def is_asked(definition: Mapping[str, Any]) -> bool:
    """Whether a job asks for a graph in place of a definition, for which `graph` is an unknown key like any other."""
    return definition.get("graph") is not None and "nodes" not in definition


def chosen(definition: Mapping[str, Any], known: Mapping[str, T]) -> T | None:
    """What a job asks for by its graph's name, or None where it brings a definition; raises Rejected."""
    if not is_asked(definition):
        return None
    name = definition["graph"]
    if not isinstance(name, str) or name not in known:
        names = ", ".join(sorted(known)) or "none, as it has no langgraph.json"
        raise Rejected("unknown_graph", f"{ROOT}.graph: {name!r} is no graph of this image ({names})")
    return known[name]


def doubts(known: Graphs, reads_back: Predicate) -> Iterator[str]:
    """What will not be as a graph's author may have meant it."""
    for name, graph in known.items():
        if graph.context_schema is not None and context.reader(graph.context_schema) is None:
            yield f"graphs.{name}: its context_schema is not read from JSON: what a job gives reaches it as it is"
        for channel, classes in lost(graph, reads_back).items():
            yield (
                f"graphs.{name}: channel {channel!r}: {', '.join(classes)} comes back from a checkpoint as plain data, "
                "if at all: make it a TypedDict, or the graph's whole state a pydantic model"
            )


def _places(file: Path) -> dict[str, Place]:
    if not file.exists():
        return {}
    try:
        read = File.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise Misconfigured("; ".join(describe(error, str(file)))) from None
    for folder in [str((file.parent / each).resolve()) for each in read.dependencies if each.startswith(".")]:
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return {name: Place(path=at) if isinstance(at, str) else at for name, at in read.graphs.items()}


async def _open(file: Path, name: str, at: str, stack: AsyncExitStack) -> Graph:
    try:
        # Whatever the graph needs is imported with it, so not on the event loop.
        found = await asyncio.to_thread(_attribute, file.parent, at, name)
        return await made(found, stack)
    except Exception as error:  # a tenant's module may raise anything
        raise Misconfigured(f"{file}: graphs.{name}: {at}: {error!r}") from error


def _attribute(folder: Path, at: str, name: str) -> Any:
    where, _, attribute = at.rpartition(":")
    return getattr(_module(folder, where, name), attribute)


def _module(folder: Path, where: str, name: str) -> ModuleType:
    """A file, or a module that can be imported."""
    if not where.endswith(".py"):
        return importlib.import_module(where)
    spec = importlib.util.spec_from_file_location(f"langgraph_json_{name}", folder / where)
    if spec is None or spec.loader is None:
        raise ImportError(where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and annotations look their module up
    spec.loader.exec_module(module)
    return module
