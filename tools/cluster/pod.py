"""One pod of our image as processes of this machine, from its first init container to its last SIGKILL."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from contract import Env
from executor.embedded.loopback import free_port, http_ok
from executor.embedded.process import Ends, Process
from tools.cluster import names
from tools.cluster.kube import Document
from tools.cluster.status import State, status
from tools.containers import Container, Locally, Unfilled, read

Secrets = Mapping[str, Mapping[str, str]]
GRACE = 30
EAGER = 0.25  # a kubelet would take its whole period to the first yes
LONGEST_BACKOFF = 30.0
MISSING_SECRET = "CreateContainerConfigError"  # noqa: S105 - what a kubelet says


@dataclass(frozen=True)
class Surroundings:
    """What a pod finds on its node."""

    folder: Path
    names: Mapping[str, str]
    beside: Mapping[str, Mapping[str, str]]
    secrets: Callable[[Document], Awaitable[Secrets]]
    tell: Callable[[Document, Document], Awaitable[None]]


class Pod:
    """A pod that runs. `live` returns when it has ended for good; `leave` asks it to, as a deletion does."""

    def __init__(self, document: Document, around: Surroundings) -> None:
        self.document = document
        self.port = free_port()
        self._around = around
        self._spec = document["spec"]
        self.folder = around.folder / document["metadata"]["namespace"] / document["metadata"]["name"]
        self._states = {spec["name"]: State(spec["name"], spec["image"]) for spec in self._containers}
        self._status: Document = {}
        self._leaving = asyncio.Event()

    @property
    def again(self) -> bool:
        """Whether what ended starts anew."""
        return bool(self._spec["restartPolicy"] == "Always")

    @property
    def leaves(self) -> bool:
        """Whether it was asked to end."""
        return self._leaving.is_set()

    def leave(self) -> None:
        """Let its processes have SIGTERM, and after the grace period SIGKILL."""
        self._leaving.set()

    async def live(self) -> None:
        """Run the init containers one after the other, then the containers, until they end or it has to leave."""
        self.folder.mkdir(parents=True)
        await self._tell()
        try:
            if await self._initialise():
                await asyncio.gather(*(self._run(spec) for spec in self._spec["containers"]))
        finally:
            shutil.rmtree(self.folder / "volumes", ignore_errors=True)

    @property
    def _containers(self) -> list[Document]:
        return [*self._spec.get("initContainers", ()), *self._spec["containers"]]

    async def _initialise(self) -> bool:
        for spec in self._spec.get("initContainers", ()):
            await self._run(spec)
            if not self._states[spec["name"]].succeeded:
                return False
        return True

    async def _run(self, spec: Document) -> None:
        """Run one container, again after an end that is none for it."""
        backoff = 1.0
        while not self.leaves:
            await self._once(spec)
            state = self._states[spec["name"]]
            done = not self.again or (state.succeeded and spec not in self._spec["containers"])
            if done or self.leaves:
                return
            await self._change(spec, replace(state, restarts=state.restarts + 1).waits("CrashLoopBackOff"))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), backoff)
            backoff = min(backoff * 2, LONGEST_BACKOFF)

    async def _once(self, spec: Document) -> None:
        container = await self._filled(spec)
        if container is None:
            return
        process = Process(
            container.command,
            environment=container.environment,
            log=self.folder / f"{container.name}.log",
            ends=Ends(),
        )
        try:
            await process.start()
            await self._change(spec, self._states[spec["name"]].runs(_now()))
            await self._first(process.wait(), self._leaving.wait(), self._probe(spec))
            code = await process.stop(self._spec.get("terminationGracePeriodSeconds", GRACE))
        except BaseException:
            await process.kill()
            raise
        await self._change(spec, self._states[spec["name"]].ends(code or 0, _now()))

    @staticmethod
    async def _first(*events: Awaitable[object]) -> None:
        """Return when the first of them comes, and give the others up."""
        waiting = [asyncio.ensure_future(event) for event in events]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _filled(self, spec: Document) -> Container | None:
        """The container with all that it is given, once the Secrets are there; None where it has to leave first."""
        while not self.leaves:
            try:
                secrets = await self._around.secrets(self.document)
                locally = Locally(secrets, {Env.PORT: str(self.port)}, self._around.beside)
                container = read(spec, locally)
                places = {**self._around.names, **self._mount(spec, secrets)}
            except Unfilled as error:
                await self._change(spec, self._states[spec["name"]].waits(MISSING_SECRET, str(error)))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._leaving.wait(), 1)
            else:
                return replace(container, environment=names.led_in(container.environment, places))
        return None

    def _mount(self, spec: Document, secrets: Secrets) -> dict[str, str]:
        """Make the container's volumes, and say where they are for whoever is told their paths in a variable."""
        volumes = {volume["name"]: volume for volume in self._spec.get("volumes", ())}
        places = {}
        for mount in spec.get("volumeMounts", ()):
            place = self.folder / "volumes" / mount["name"]
            place.mkdir(parents=True, exist_ok=True)
            if wanted := volumes[mount["name"]].get("secret"):
                _write(place, secrets.get(wanted["secretName"], {}), wanted.get("items"))
            places[mount["mountPath"]] = str(place)
        return places

    async def _probe(self, spec: Document) -> None:
        """Keep the container's readiness up to date; return when it is no longer alive."""
        await self._started(spec)
        state = self._states[spec["name"]]
        await self._change(spec, replace(state, started=True, ready="readinessProbe" not in spec))
        await self._first(self._alive(spec), self._ready(spec))

    async def _started(self, spec: Document) -> None:
        if probe := spec.get("startupProbe"):
            while not await self._says_yes(probe):  # noqa: ASYNC110 - it is asked over HTTP
                await asyncio.sleep(EAGER)

    async def _alive(self, spec: Document) -> None:
        probe = spec.get("livenessProbe")
        failures = 0
        while not probe or failures < probe["failureThreshold"]:
            await asyncio.sleep(probe["periodSeconds"] if probe else LONGEST_BACKOFF)
            failures = 0 if not probe or await self._says_yes(probe) else failures + 1

    async def _ready(self, spec: Document) -> None:
        probe = spec.get("readinessProbe")
        failures = 0
        while True:
            if probe:
                yes = await self._says_yes(probe)
                failures = 0 if yes else failures + 1
                ready = yes or (self._states[spec["name"]].ready and failures < probe["failureThreshold"])
                await self._change(spec, replace(self._states[spec["name"]], ready=ready))
            await asyncio.sleep(probe["periodSeconds"] if probe and self._states[spec["name"]].ready else EAGER)

    async def _says_yes(self, probe: Document) -> bool:
        return await http_ok(self.port, probe["httpGet"]["path"])

    async def _change(self, spec: Document, state: State) -> None:
        if self._states[spec["name"]] != state:
            self._states[spec["name"]] = state
            await self._tell()

    async def _tell(self) -> None:
        inits = self._spec.get("initContainers", ())
        self._status = status(
            [self._states[spec["name"]] for spec in inits],
            [self._states[spec["name"]] for spec in self._spec["containers"]],
            again=self.again,
            since=self._status,
            now=_now(),
        )
        await self._around.tell(self.document, self._status)


def _write(place: Path, secret: Mapping[str, str], items: Sequence[Mapping[str, str]] | None) -> None:
    chosen = {item["key"]: item["path"] for item in items} if items else {key: key for key in secret}
    for key, path in chosen.items():
        if key not in secret:
            raise Unfilled(f"a volume wants the key {key} of a secret that has none")
        (place / path).write_text(secret[key])


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
