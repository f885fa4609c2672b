"""The one node: it runs the pods of our image as processes of this machine, and takes all others as ready."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import httpx

from contract import SERVE_COMMAND, Env
from executor.embedded.loopback import HOST
from tools.cluster.kube import Document, Kind, Kube, Refused
from tools.cluster.place import Place
from tools.cluster.pod import Pod, Secrets, Surroundings
from tools.cluster.status import State, status
from tools.containers import Unfilled

NAME = "local"
POD, SECRET = Kind("v1", "Pod"), Kind("v1", "Secret")
HTTP = "local-node/http"
LOGS = "local-node/logs"
LONG_AGO = "2000-01-01T00:00:00Z"
BREAK = 0.5


class Node:
    """The pods of this machine by their uid."""

    def __init__(self, kube: Kube, place: Place, names: Mapping[str, str], model: str) -> None:
        self.pods: dict[str, Pod] = {}
        self._kube = kube
        self._complain = place.said
        self._lives: dict[str, asyncio.Task[None]] = {}
        beside = {Env.OPENAI_API_KEY.value: {Env.OPENAI_BASE_URL.value: model}}
        self._around = Surroundings(place.within("pods"), names, beside, self._secrets, self._tell)

    async def run(self) -> None:
        """Take what the API server says until cancelled, even after it was away; then end every process."""
        try:
            while True:
                with suppress(httpx.TransportError, Refused):
                    await self._watch()
                await asyncio.sleep(BREAK)
        finally:
            await self._end_all()

    async def _watch(self) -> None:
        async for event, told in self._kube.watch(POD):
            if event == "LISTED":
                there = {pod["metadata"]["uid"] for pod in told["items"]}
                for uid in self.pods.keys() - there:
                    self._forget(uid)
                for pod in told["items"]:
                    await self._take(pod)
            elif event == "DELETED":
                self._forget(told["metadata"]["uid"])
            else:
                await self._take(told)

    async def _take(self, pod: Document) -> None:
        """Do what a pod needs next: a node, a life, an end."""
        uid = pod["metadata"]["uid"]
        with suppress(Refused):  # it changed meanwhile: what it is now comes with the next event
            if pod["metadata"].get("deletionTimestamp"):
                await self._dismiss(pod)
            elif not pod["spec"].get("nodeName"):
                await self._kube.bind(pod, NAME)
            elif uid not in self.pods and "phase" in pod["status"] and not _has_ended(pod):
                await self._begin(pod)

    async def _begin(self, pod: Document) -> None:
        if not _is_ours(pod):
            if pod["status"]["phase"] == "Pending":
                await self._tell(pod, _taken_as_ready(pod))
            return
        uid, metadata = pod["metadata"]["uid"], pod["metadata"]
        self.pods[uid] = living = Pod(pod, self._around)
        said = {HTTP: f"http://{HOST}:{living.port}", LOGS: str(living.folder)}
        await self._kube.patch(POD, metadata["name"], {"metadata": {"annotations": said}}, metadata["namespace"])
        self._lives[uid] = asyncio.create_task(self._accompany(living))

    async def _accompany(self, pod: Pod) -> None:
        try:
            await pod.live()
        except Exception as error:  # noqa: BLE001 - the other pods live on
            self._complain(f"{pod.folder.name}: {type(error).__name__}: {error}")
        if pod.leaves:
            await self._bury(pod.document)

    async def _dismiss(self, pod: Document) -> None:
        """A deleted pod: its processes end first, then it goes."""
        uid = pod["metadata"]["uid"]
        if (life := self._lives.get(uid)) and not life.done():
            self.pods[uid].leave()
        else:
            await self._bury(pod)

    async def _bury(self, pod: Document) -> None:
        with suppress(Refused, httpx.TransportError):
            await self._kube.delete(POD, pod["metadata"]["name"], pod["metadata"]["namespace"], at_once=True)

    def _forget(self, uid: str) -> None:
        self.pods.pop(uid, None)
        if life := self._lives.pop(uid, None):
            life.cancel()

    async def _end_all(self) -> None:
        for life in self._lives.values():
            life.cancel()
        await asyncio.gather(*self._lives.values(), return_exceptions=True)

    async def _tell(self, pod: Document, said: Document) -> None:
        metadata = pod["metadata"]
        with suppress(Refused, httpx.TransportError):  # a pod that is gone wants no status
            await self._kube.patch(POD, metadata["name"], {"status": said}, metadata["namespace"], within="status")

    async def _secrets(self, pod: Document) -> Secrets:
        """The Secrets that a pod names, as far as they are there."""
        namespace = pod["metadata"]["namespace"]
        try:
            found = [(name, await self._kube.get(SECRET, name, namespace)) for name in _named(pod)]
        except (Refused, httpx.TransportError) as error:
            raise Unfilled(f"the API server did not say: {error}") from error
        return {name: _decoded(secret) for name, secret in found if secret}


@asynccontextmanager
async def node(kube: Kube, place: Place, names: Mapping[str, str], model: str) -> AsyncIterator[Node]:
    """The node, as long as the block lasts."""
    local = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}}
    await kube.apply(local)
    ready = {"type": "Ready", "status": "True", "reason": "Local", "lastTransitionTime": LONG_AGO}
    await kube.patch(Kind("v1", "Node"), NAME, {"status": {"conditions": [ready]}}, within="status")
    agent = Node(kube, place, names, model)
    running = asyncio.create_task(agent.run())
    try:
        yield agent
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _is_ours(pod: Document) -> bool:
    return any(spec.get("command", [""])[0] == SERVE_COMMAND[0] for spec in pod["spec"]["containers"])


def _has_ended(pod: Document) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def _taken_as_ready(pod: Document) -> Document:
    def states(key: str) -> list[State]:
        return [State(spec["name"], spec["image"]).runs(LONG_AGO) for spec in pod["spec"].get(key, ())]

    before = [state.ends(0, LONG_AGO) for state in states("initContainers")]
    main = [replace(state, started=True, ready=True) for state in states("containers")]
    return status(before, main, again=True, since={}, now=LONG_AGO)


def _named(pod: Document) -> set[str]:
    spec = pod["spec"]
    variables = (it for each in (*spec.get("initContainers", ()), *spec["containers"]) for it in each.get("env", ()))
    references = [it["valueFrom"]["secretKeyRef"]["name"] for it in variables if "valueFrom" in it]
    volumes = [it["secret"]["secretName"] for it in spec.get("volumes", ()) if "secret" in it]
    return {*references, *volumes}


def _decoded(secret: Document) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret.get("data", {}).items()}
