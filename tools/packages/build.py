"""Package files, by `crossplane xpkg build`, and beside them what installs and renders them."""

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools import toolchain
from tools.packages.release import CONFIGURATIONS, FUNCTION, PACKAGE, Document, Files, Release


class PackageError(Exception):
    """A package could not be built, pushed or is not as it should be; the message says which and why."""


@dataclass(frozen=True)
class Package:
    """A package's files, one for each architecture, and what each holds."""

    name: str
    files: tuple[Path, ...]
    documents: tuple[Document, ...]
    runs: bool


def build(release: Release, runtimes: Sequence[Path], folder: Path) -> list[Package]:
    """Build all packages into the folder; the function's once for each runtime image, as `docker save` writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    files = release.function()
    built = [_build(files, folder / f"{FUNCTION}-{architecture(path)}.xpkg", path) for path in runtimes]
    packages = [Package(FUNCTION, tuple(built), tuple(files.values()), runs=True)]
    for which in CONFIGURATIONS:
        files = release.configuration(which)
        built = [_build(files, folder / f"{which.name}.xpkg")]
        packages.append(Package(which.name, tuple(built), tuple(files.values()), runs=False))
    return packages


def describe(release: Release, folder: Path) -> None:
    """Write `install-*.yaml` and what comes after it for a platform, and `render-*/` for a tenant."""
    for which in CONFIGURATIONS:
        write(folder / f"install-{which.version}.yaml", release.install(which))
        for name in which.later:
            shutil.copy(PACKAGE / name, folder)
        for name, document in release.render(which).items():
            write(folder / f"render-{which.version}" / name, [document])


def write(path: Path, documents: Iterable[Document]) -> None:
    """Write documents as YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False, width=120))


def architecture(archive: Path) -> str:
    """What an image in the form of `docker save` is made for, such as `amd64`."""
    try:
        with tarfile.open(archive) as image:
            [manifest] = _json(image, "manifest.json")
            return str(_json(image, manifest["Config"])["architecture"])
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        raise PackageError(f"{archive} is not an image as `docker save` writes it: {error}") from error


def _json(image: tarfile.TarFile, name: str) -> Any:
    file = image.extractfile(name)
    return json.loads(file.read()) if file else {}


def _build(files: Files, package: Path, runtime: Path | None = None) -> Path:
    """Build from a folder that holds these files and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        for name, document in files.items():
            write(Path(folder, name), [document])
        embedded = [f"--embed-runtime-image-tarball={runtime.resolve()}"] if runtime else []
        crossplane(
            "xpkg", "build", f"--package-root={folder}", f"--package-file={package.resolve()}", *embedded, within=folder
        )
    return package


def crossplane(*arguments: str, within: str | Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Call the pinned crossplane CLI; PackageError with what it said when it fails."""
    command = [str(toolchain.crossplane_cli()), *arguments]
    given = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=within, env=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"crossplane {' '.join(arguments[:2])}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
