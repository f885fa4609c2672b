"""Graphs that the image brings along: those that its `langgraph.json` names, as LangGraph's own server reads it.

A tenant builds an image from ours; a job asks for `{"graph": NAME}` in place of a definition. It is the image's code
that runs, never the message's.
"""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from langgraph.graph.state import CompiledStateGraph, StateGraph
from pydantic import BaseModel, Field, ValidationError

from executor.agents.definition import ROOT
from executor.errors import Misconfigured, Rejected
from executor.jobs.validation import describe

Graph = CompiledStateGraph[Any, Any, Any, Any]
Graphs = Mapping[str, Graph]


class Place(BaseModel):
    """Where a graph is, in the longer form."""

    path: str


class File(BaseModel):
    """What is read of a `langgraph.json`; the rest is for other programs."""

    graphs: dict[str, str | Place] = Field(min_length=1)
    dependencies: tuple[str, ...] = ()


def load(file: Path) -> Graphs:
    """Import the graphs of a file, none where there is no file; raises Misconfigured that says which and why.

    Imports whatever the graphs need, so not for the event loop.
    """
    if not file.exists():
        return {}
    try:
        read = File.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise Misconfigured("; ".join(describe(error, str(file)))) from None
    for folder in [each for each in read.dependencies if each.startswith(".")]:
        sys.path.insert(0, str((file.parent / folder).resolve()))
    return {name: _load(file, name, at if isinstance(at, str) else at.path) for name, at in read.graphs.items()}


def chosen(definition: Mapping[str, Any], graphs: Graphs) -> Graph | None:
    """The graph that a job asks for by name, or None where it brings a definition; raises Rejected."""
    name = definition.get("graph")
    if name is None or "nodes" in definition:  # an unknown key of a definition like any other
        return None
    if not isinstance(name, str) or name not in graphs:
        known = ", ".join(sorted(graphs)) or "none, as it has no langgraph.json"
        raise Rejected("unknown_graph", f"{ROOT}.graph: {name!r} is no graph of this image ({known})")
    return graphs[name]


def _load(file: Path, name: str, at: str) -> Graph:
    where, _, attribute = at.rpartition(":")
    try:
        found = getattr(_module(file.parent, where, name), attribute)
        graph = found() if callable(found) and not isinstance(found, CompiledStateGraph) else found
    except Exception as error:  # a tenant's module may raise anything
        raise Misconfigured(f"{file}: graphs.{name}: {at}: {error!r}") from error
    if isinstance(graph, StateGraph):
        graph = graph.compile()
    if not isinstance(graph, CompiledStateGraph):
        raise Misconfigured(f"{file}: graphs.{name}: {at} is no graph, nor a function without arguments that makes one")
    return graph


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
