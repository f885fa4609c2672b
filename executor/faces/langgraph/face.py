"""What the protocol stands on: nothing while the service starts, everything once it is open."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from executor.api.service import JobService
from executor.api.state import State
from executor.errors import TryAgain
from executor.faces.langgraph.ports import Graphs, Threads
from executor.faces.langgraph.states import States
from executor.jobs.caller import ANYBODY, Caller


@dataclass(frozen=True)
class Desk:
    """Who is asked: for jobs, for threads and their states, for graphs; `forget` drops a thread's checkpoints.

    `caller` is who asks: anybody, since who has a tenant is not let in yet.
    """

    jobs: JobService
    threads: Threads
    states: States
    forget: Callable[[str], Awaitable[None]]
    graphs: Graphs
    caller: Caller = ANYBODY


@dataclass
class Face:
    """The desk is put in by the service; `state` is what our own API stands on."""

    state: State
    desk: Desk | None = None

    def open_desk(self) -> Desk:
        """The desk behind the routes; raises TryAgain while there is none."""
        if self.desk is None:
            raise TryAgain("the service is starting: it waits for NATS and Postgres")
        return self.desk
