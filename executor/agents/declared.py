"""A graph, and what it declares that it needs of a job."""

from dataclasses import dataclass
from typing import Any, Self

from langgraph.graph.state import CompiledStateGraph

from executor.agents import context, files
from executor.jobs.job import JobRequest

Graph = CompiledStateGraph[Any, Any, Any, Any]


@dataclass(frozen=True)
class Declared:
    """A graph, with what reads the context of its jobs, and with the channels of its input that hold files.

    `gate` is the one that its first call of a model comes to, where that is known.
    """

    graph: Graph
    reader: context.Reader | None
    files: frozenset[str]
    gate: str | None = None

    @classmethod
    def of(cls, graph: Graph, gate: str | None = None) -> Self:
        """Look at what a graph declares."""
        channels = files.channels_of_files(graph.builder.input_schema)
        return cls(graph, context.reader(graph.context_schema), channels, gate)

    def context(self, job: JobRequest) -> Any:
        """What the graph's runtime is given; raises Rejected where the job's context is not what the graph needs."""
        return context.read(self.reader, self.graph.context_schema, job.context)

    def input(self, job: JobRequest) -> dict[str, Any] | None:
        """What the graph begins with."""
        return None if job.input_payload is None else files.with_files(job.input_payload, self.files)
