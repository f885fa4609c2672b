"""A registry on loopback, and what lies in one: manifests, layers and their annotations, by its HTTP API."""

import io
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from executor.embedded.loopback import HOST, free_port, http_ok
from executor.embedded.process import Process
from tools.packages.build import PackageError
from tools.packages.release import Document

ANNOTATION = "io.crossplane.xpkg"
BASE = "base"
STREAM = "package.yaml"
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


@dataclass(frozen=True)
class Arrived:
    """One image of a package as a registry has it."""

    architecture: str
    layers: int
    megabytes: float
    documents: list[Document]


@dataclass(frozen=True)
class Repository:
    """One repository of the registry that listens at `address`."""

    address: str
    name: str

    def read(self, tag: str) -> list[Arrived]:
        """The images behind a tag; PackageError where one is not a package."""
        with httpx.Client(base_url=f"http://{self.address}/v2/{self.name}") as client:
            return [self._image(client, manifest) for manifest in _manifests(client, tag)]

    def _image(self, client: httpx.Client, manifest: dict[str, Any]) -> Arrived:
        config = _blob(client, manifest["config"]["digest"]).json()
        layers = manifest["layers"]
        bases = [layer for layer in layers if layer.get("annotations", {}).get(ANNOTATION) == BASE]
        if len(bases) != 1:
            raise PackageError(f"{self.name}: {len(bases)} layers are annotated {ANNOTATION}={BASE}, not one")
        return Arrived(
            architecture=config["architecture"],
            layers=len(layers),
            megabytes=sum(layer["size"] for layer in layers) / 1e6,
            documents=documents(_blob(client, bases[0]["digest"]).content),
        )


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """Debian's docker-registry on a free port: its address, as push and pull take it for one without TLS."""
    port = free_port()
    settings = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": f"{HOST}:{port}"},
    }
    configuration = folder / "registry.yaml"
    configuration.write_text(yaml.safe_dump(settings))
    async with Process(["docker-registry", "serve", str(configuration)], log=folder / "registry.log") as process:
        await process.until("the registry answers", lambda: http_ok(port, "/v2/"))
        yield f"localhost:{port}"


def _manifests(client: httpx.Client, tag: str) -> Iterator[dict[str, Any]]:
    found = _manifest(client, tag)
    if found["mediaType"] not in INDEXES:
        yield found
    for each in found.get("manifests", ()):
        yield _manifest(client, each["digest"])


def _manifest(client: httpx.Client, reference: str) -> dict[str, Any]:
    accepted = {"accept": ", ".join((*INDEXES, *MANIFESTS))}
    answer = client.get(f"/manifests/{reference}", headers=accepted).raise_for_status()
    return {"mediaType": answer.headers["content-type"], **answer.json()}


def _blob(client: httpx.Client, digest: str) -> httpx.Response:
    return client.get(f"/blobs/{digest}").raise_for_status()


def documents(layer: bytes) -> list[Document]:
    """What Crossplane reads of a package: the documents in its annotated layer."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        stream = files.extractfile(STREAM)
        return [document for document in yaml.safe_load_all(stream) if document] if stream else []
