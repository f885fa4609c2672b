"""What `langgraph.json` names: a graph, or what makes one, in each form that LangGraph's own server takes."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph, StateGraph

from executor.agents.declared import Graph


async def made(found: Any, stack: AsyncExitStack) -> Graph:
    """The graph; a context manager that yields one stays entered as long as the stack; raises TypeError where none."""
    value = await _entered(await _called(found), stack)
    graph = value.compile() if isinstance(value, StateGraph) else value
    if not isinstance(graph, CompiledStateGraph):
        raise TypeError("is no graph, nor makes one")
    return graph


async def _called(found: Any) -> Any:
    """A factory runs off the event loop, but for what it awaits."""
    if isinstance(found, StateGraph | CompiledStateGraph) or not callable(found):
        return found
    arguments = [_config()] if _takes_config(found) else []
    value = await asyncio.to_thread(found, *arguments)
    return await value if inspect.isawaitable(value) else value


def _config() -> RunnableConfig:
    """The config of a factory, which is called once for all jobs: what is a job's own comes as its context."""
    return {"configurable": {}}


def _takes_config(factory: Callable[..., Any]) -> bool:
    first = next(iter(inspect.signature(factory).parameters.values()), None)
    if first is None or first.kind not in {first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD}:
        return False
    return first.name == "config" or first.default is first.empty


async def _entered(value: Any, stack: AsyncExitStack) -> Any:
    if hasattr(value, "__aenter__"):
        return await stack.enter_async_context(value)
    if hasattr(value, "__enter__"):
        entered = await asyncio.to_thread(value.__enter__)
        stack.push(value)
        return entered
    return value
