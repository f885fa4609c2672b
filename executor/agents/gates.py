"""The gates of this process, one for each provider, base URL and model: every call of a model comes through its own."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from executor.errors import GateClosed
from executor.jobs import faults
from executor.jobs.gate import Gate

log = structlog.get_logger()

ADDRESSES = ("base", "url", "endpoint")  # how the fields end in which models keep their base URL


class Gates(BaseCallbackHandler):
    """LangChain tells it of each call of a model, wherever in a graph; what it raises, the call raises."""

    raise_error = True
    run_inline = True  # not in a thread of its own: it must stop a call before it begins
    ignore_agent = ignore_chain = ignore_retriever = ignore_retry = ignore_custom_event = True

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._gates: dict[str, Gate] = {}
        self._calls: dict[UUID, str] = {}
        self._opened: set[str] = set()

    def check(self, name: str) -> None:
        """Raise GateClosed where no call would get through now; nobody becomes a probe by it."""
        gate = self._gates.get(name)
        if gate is not None and (wait := gate.wait(self._clock())):
            raise _closed(name, gate, wait)

    def opened(self) -> list[str]:
        """The gates that have opened since the last time, or turned out to be open in this process."""
        opened, self._opened = list(self._opened), set()
        return opened

    def put_back(self, names: list[str]) -> None:
        """Tell of these gates again, as nobody could be told."""
        self._opened.update(names)

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
        self._enter(_name_of(serialized or {}, metadata or {}), run_id)

    def on_llm_start(
        self,
        serialized: dict[str, Any],
        prompts: list[str],  # noqa: ARG002 - LangChain's signature
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        """The same of a model that knows no messages."""
        self._enter(_name_of(serialized or {}, metadata or {}), run_id)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """A call came to its end."""
        if (name := self._calls.pop(run_id, None)) is not None:
            self._succeeded(name)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        """A call failed, with all the retries of its client; one that was only refused was answered all the same."""
        name = self._calls.pop(run_id, None)
        if name is None:
            return
        if faults.is_worlds(error):
            self._refused(name, error)
        elif faults.is_refusal(error):
            self._succeeded(name)

    def _enter(self, name: str, run_id: UUID) -> None:
        gate = self._gates.setdefault(name, Gate())
        if wait := gate.enter(self._clock()):
            raise _closed(name, gate, wait)
        self._calls[run_id] = name

    def _succeeded(self, name: str) -> None:
        if self._gates[name].succeeded():
            self._opened.add(name)

    def _refused(self, name: str, error: BaseException) -> None:
        gate = self._gates[name]
        gate.refused(self._clock(), faults.retry_after(error, datetime.now(UTC)), type(error).__name__)
        if gate.is_closed:
            log.warning("a provider is away", gate=name, error=gate.last, probe_after=gate.wait(self._clock()))


def name_of(provider: str, model: str, address: str | None) -> str:
    """A gate's name, which the ledger keeps and people see."""
    return " ".join(filter(None, (provider, model, address)))


def _name_of(serialized: dict[str, Any], metadata: dict[str, Any]) -> str:
    fields = serialized.get("kwargs") or {}
    address = next((str(value) for key, value in fields.items() if key.endswith(ADDRESSES) and value), None)
    return name_of(str(metadata.get("ls_provider", "model")), str(metadata.get("ls_model_name", "")), address)


def _closed(name: str, gate: Gate, wait: float) -> GateClosed:
    return GateClosed(name, wait, gate.last)
