"""What a kubelet says of a pod: pure, from the states of its containers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tools.cluster.kube import Document

# Of the network for documentation: Kubernetes takes no loopback address, and nobody reaches a pod by this.
ADDRESS = "192.0.2.1"
SCHEDULED, INITIALIZED, CONTAINERS_READY, READY = "PodScheduled", "Initialized", "ContainersReady", "Ready"


@dataclass(frozen=True)
class State:
    """One container. It waits for a `reason`, runs since `began`, or ended with `code`."""

    name: str
    image: str
    reason: str = "PodInitializing"
    message: str = ""
    began: str = ""
    ended: str = ""
    code: int = 0
    started: bool = False
    ready: bool = False
    restarts: int = 0

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return bool(self.ended) and self.code == 0

    def waits(self, reason: str, message: str = "") -> "State":
        """The same container before its next start."""
        return State(self.name, self.image, reason, message, restarts=self.restarts)

    def runs(self, now: str) -> "State":
        """The same container, started."""
        return State(self.name, self.image, began=now, restarts=self.restarts)

    def ends(self, code: int, now: str) -> "State":
        """The same container at its end; a negative code is a signal."""
        said = 128 - code if code < 0 else code
        reason = "Error" if said else "Completed"
        return replace(self, reason=reason, ended=now, code=said, ready=False, started=False)

    def document(self) -> Document:
        """Its containerStatus."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": "",
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self._state(),
        }

    def _state(self) -> Document:
        if self.ended:
            times = {"startedAt": self.began or self.ended, "finishedAt": self.ended}
            return {"terminated": {"exitCode": self.code, "reason": self.reason, **times}}
        if self.began:
            return {"running": {"startedAt": self.began}}
        return {"waiting": {"reason": self.reason, **({"message": self.message} if self.message else {})}}


def status(
    before: Sequence[State], main: Sequence[State], *, again: bool, since: Mapping[str, Any], now: str
) -> Document:
    """The status of a pod with these init containers and these containers; `again` where ended ones start anew.

    `since` is the last status, of which conditions that did not change keep their time.
    """
    initialized = all(state.succeeded for state in before)
    ready = initialized and all(state.ready for state in main)
    truth = {SCHEDULED: True, INITIALIZED: initialized, CONTAINERS_READY: ready, READY: ready}
    return {
        "phase": _phase(before, main, again=again),
        "conditions": list(_conditions(truth, since, now)),
        "hostIP": ADDRESS,
        "podIP": ADDRESS,
        "podIPs": [{"ip": ADDRESS}],
        "startTime": since.get("startTime", now),
        **({"initContainerStatuses": [state.document() for state in before]} if before else {}),
        "containerStatuses": [state.document() for state in main],
    }


def _phase(before: Sequence[State], main: Sequence[State], *, again: bool) -> str:
    if not again and any(state.ended and state.code for state in (*before, *main)):
        return "Failed"
    if not again and all(state.succeeded for state in main):
        return "Succeeded"
    return "Running" if any(state.began or state.restarts for state in main) else "Pending"


def _conditions(truth: Mapping[str, bool], since: Mapping[str, Any], now: str) -> Iterable[Document]:
    told = {entry["type"]: entry for entry in since.get("conditions", ())}
    for kind, holds in truth.items():
        last = told.get(kind, {})
        then = last["lastTransitionTime"] if last.get("status") == str(holds) else now
        yield {"type": kind, "status": str(holds), "lastTransitionTime": then}
