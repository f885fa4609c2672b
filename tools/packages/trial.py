"""Pushes the packages, looks at what arrived, and renders a claim with it as the README tells a tenant to."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import yaml

from executor.embedded.loopback import HOST
from tools import demo_claim
from tools.images import docker
from tools.images.engine import Engine
from tools.packages import build, installation, readme, registry
from tools.packages.build import Package, crossplane
from tools.packages.registry import Repository
from tools.packages.release import FUNCTION, Document, Release
from tools.story import Story


@dataclass(frozen=True)
class Trial:
    """The packages that were built in `dist`, and a folder for what is only for now; with a `cluster` or without."""

    story: Story
    engine: Engine
    release: Release
    dist: Path
    folder: Path
    cluster: bool

    async def run(self, packages: list[Package]) -> None:
        """Prove each package on a registry of its own; raises PackageError, EngineError or Unseen."""
        async with registry.serving(self.folder) as address:
            path = self.release.repository.partition("/")[2]
            for package in packages:
                _push(self.story, package, Repository(address, f"{path}/{package.name}"), self.release.tag)
            await self._render(f"{address}/{path}/{FUNCTION}:{self.release.tag}")
            if self.cluster:
                await self._install(Release(f"{HOST}:{address.rpartition(':')[2]}/{path}", self.release.tag))

    async def _install(self, local: Release) -> None:
        """Have Crossplane install the release from where it lies now; only the configurations name that."""
        self.story.chapter(f"Crossplane installs install-v2.yaml of {local.repository}")
        for package in build.build(local, (), self.folder / "local")[1:]:
            crossplane("xpkg", "push", f"--package-files={package.files[0]}", local.image(package.name))
        await installation.install(self.story, local, self.folder / "cluster")

    async def _render(self, image: str) -> None:
        """Render with what was packaged and nothing else of the repository, then with the function of the checkout."""
        await asyncio.to_thread(self.engine.pull, image)
        self.engine.tag(image, self.release.image(FUNCTION))
        readme.lay_out(self.dist / readme.FOLDER, self.folder)
        async with docker.answering(self.engine, self.folder) as socket:
            packaged = await asyncio.to_thread(readme.render, self.folder, {"DOCKER_HOST": f"unix://{socket}"})
        async with demo_claim.function(self.folder / "function.log") as address:
            ours = await asyncio.to_thread(readme.render, self.folder, {}, address)
        self.story.line(f"{' '.join(readme.command())}")
        self.story.check(f"as the README prints it, with the package alone: {len(packaged)} documents", packaged)
        self.story.check("the same as with the checkout's function", packaged == ours)
        self.engine.forget(image, self.release.image(FUNCTION))


def _push(story: Story, package: Package, to: Repository, tag: str) -> None:
    files = ",".join(map(str, package.files))
    crossplane("xpkg", "push", f"--package-files={files}", f"{to.address}/{to.name}:{tag}")
    arrived = to.read(tag)
    for image in arrived:
        size = f"layers: {image.layers}, {image.megabytes:.2f} MB"
        story.check(
            f"{package.name}:{tag} for {image.architecture or 'any'}, {size}: package.yaml is whole",
            _whole(package, image),
        )
    story.check(f"{package.name} has an image for each file", len(arrived) == len(package.files))


def _whole(package: Package, arrived: registry.Arrived) -> bool:
    """Whether exactly the package's documents arrived, in whatever order, and the image with them."""
    same = sorted(map(_key, arrived.documents)) == sorted(map(_key, package.documents))
    return same and (arrived.layers > 1) == package.runs


def _key(document: Document) -> str:
    """The document as text, without the empty fields that the CLI's own types add."""
    kept = {name: value for name, value in document.items() if name != "status"}
    metadata = {name: value for name, value in kept["metadata"].items() if value is not None}
    return yaml.safe_dump(kept | {"metadata": metadata}, sort_keys=True)
