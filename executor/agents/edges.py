"""The edges of a definition: lines between its nodes that mean nothing more here. Pure."""

from collections.abc import Collection, Iterator
from typing import Any

ENDS = frozenset({"__start__", "__end__", "START", "END"})  # LangGraph's names for where a graph begins and ends

PLACES = frozenset({"source", "target", "from", "to"})
# What editors of definitions write on a line and no graph needs.
HARMLESS = frozenset({"id", "type", "label", "data", "metadata", "sourceHandle", "targetHandle", "animated", "style"})


def astray(edges: Collection[Any], known: Collection[str]) -> Iterator[str]:
    """Each end of an edge that is none of the nodes, with its path below `edges`."""
    for index, edge in enumerate(edges):
        for where, name in _ends(edge):
            if name not in known and name not in ENDS:
                yield f"[{index}]{where}: {name!r} is none of the nodes"


def surprises(edges: Collection[Any]) -> Iterator[str]:
    """Paths below `edges` of what is not understood: an edge of an unknown shape, or keys of one."""
    for index, edge in enumerate(edges):
        if not _ends(edge):
            yield f"[{index}]"
        elif isinstance(edge, dict):
            yield from (f"[{index}].{key}" for key in sorted(edge.keys() - PLACES - HARMLESS))


def _ends(edge: Any) -> tuple[tuple[str, str], ...]:
    """Both ends of an edge with their places in it, or nothing where its shape is unknown."""
    match edge:
        case {"source": str(source), "target": str(target)}:
            return (".source", source), (".target", target)
        case {"from": str(source), "to": str(target)}:
            return (".from", source), (".to", target)
        case [str(source), str(target)]:
            return ("[0]", source), ("[1]", target)
        case _:
            return ()
