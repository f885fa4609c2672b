"""The gates of this process, one for each provider, base URL and model: every call of a model comes through its own."""

import logging
import re
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.tracers.context import register_configure_hook

from executor.errors import GateClosed
from executor.jobs import faults
from executor.jobs.gate import Gate

log = structlog.get_logger()

CALLBACKS = "langchain_core.callbacks.manager"
CREDENTIALS = re.compile("//[^/@]*@")
ADDRESSES = ("base", "url", "endpoint")  # how the fields end in which models keep their base URL


_watching: ContextVar[BaseCallbackHandler | None] = ContextVar("gates", default=None)
# Not inherited, so that it comes after all others: what comes after one that raises, LangChain makes and never awaits.
register_configure_hook(_watching, inheritable=False)


class Gates(BaseCallbackHandler):
    """LangChain tells it of each call of a model, wherever in a graph; what it raises before one, the call raises."""

    raise_error = True
    run_inline = True  # else LangChain makes a task for each event of each node
    ignore_agent = ignore_chain = ignore_retriever = ignore_retry = ignore_custom_event = True

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        logging.getLogger(CALLBACKS).addFilter(_is_news)
        self._clock = clock
        self._gates: dict[str, Gate] = {}
        self._calls: dict[UUID, str] = {}
        self._opened: set[str] = set()

    def watch(self) -> None:
        """Watch the calls that are made in this context, and in those that come from it."""
        _watching.set(self)

    def check(self, name: str) -> None:
        """Raise GateClosed where no call would get through now; nobody becomes a probe by it."""
        gate = self._gates.get(name)
        if gate is not None and gate.wait(self._clock()):
            raise GateClosed(name, gate.turn_away(self._clock()), gate.last)

    def opened(self) -> list[str]:
        """The gates that have opened since the last time, or turned out to be open in this process."""
        opened, self._opened = list(self._opened), set()
        return opened

    def put_back(self, names: list[str]) -> None:
        """Tell of these gates again, as nobody could be told."""
        self._opened.update(names)

    def enter(self, name: str, call: UUID) -> None:
        """Let a call through, or raise GateClosed."""
        gate = self._gates.setdefault(name, Gate())
        if wait := gate.enter(self._clock()):
            raise GateClosed(name, wait, gate.last)
        self._calls[call] = name

    def leave(self, call: UUID, error: BaseException | None = None) -> None:
        """A call came to its end, with all the retries of its client; one that was refused was answered, too."""
        name = self._calls.pop(call, None)
        if name is None:
            return
        if error is None or faults.is_refusal(error):
            self._succeeded(name)
        elif faults.is_worlds(error):
            self._refused(name, error)

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],  # noqa: ARG002 - LangChain's signature
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """A call is about to be made."""
        self.enter(name_of(serialized or {}, metadata or {}), run_id)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """It was answered."""
        self.leave(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """It failed."""
        self.leave(run_id, error)

    def _succeeded(self, name: str) -> None:
        if self._gates[name].succeeded():
            self._opened.add(name)

    def _refused(self, name: str, error: BaseException) -> None:
        gate = self._gates[name]
        gate.refused(self._clock(), faults.retry_after(error, datetime.now(UTC)), type(error).__name__)
        if gate.is_closed:
            log.warning("a provider is away", gate=name, error=gate.last, probe_after=gate.wait(self._clock()))


def _is_news(record: logging.LogRecord) -> bool:
    """LangChain warns of each callback that raises; that a gate turns a call away is its purpose."""
    return GateClosed.__name__ not in record.getMessage()


def name_of(serialized: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """The name of the gate of a model that LangChain describes so; the ledger keeps it, and people see it."""
    fields = serialized.get("kwargs") or {}
    address = next((str(value) for key, value in fields.items() if key.endswith(ADDRESSES) and value), "")
    address = CREDENTIALS.sub("//", address)
    known = str(metadata.get("ls_provider", "model")), str(metadata.get("ls_model_name", "")), address
    return " ".join(filter(None, known))
