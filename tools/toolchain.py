"""The crossplane CLI, its core and the CRDs of other projects: pinned, found or built once, kept in a cache.

`python -m tools.toolchain` prepares all of it, `--check` says what is missing. The cache lies outside the checkout, so
that a second clone builds nothing and needs no Go.
"""

import argparse
import fcntl
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools import golang

HERE = Path(__file__).parent
PLATFORM = f"{platform.system()}-{platform.machine()}".lower()


@dataclass(frozen=True)
class Program:
    """A program that is built from the go.mod in `folder`, unless `variable` names one that is there already."""

    name: str
    module: str
    package: str
    variable: str
    says_version: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where the versions are pinned."""
        return HERE / self.name

    @property
    def version(self) -> str:
        """The pinned version."""
        return _pinned(self.folder, self.module)

    @property
    def cached(self) -> Path:
        """Where the cache keeps this version."""
        return cache() / f"{self.name}-{self.version}-{PLATFORM}"

    def found(self) -> Path | None:
        """The program, where it is there already."""
        if override := os.environ.get(self.variable):
            return Path(override)
        return self.cached if self.cached.exists() else self._on_path()

    def make(self, go: golang.Go) -> None:
        """Build the program into the cache."""
        _say(f"building {self.name} {self.version} (some minutes, once; kept in {cache()})")
        with _scratch() as scratch:
            built = scratch / self.name
            go.build(self.folder, self.package, self.version, built)
            built.replace(self.cached)

    def _on_path(self) -> Path | None:
        command = shutil.which("crossplane")
        if not command:
            return None
        answer = subprocess.run([command, *self.says_version], capture_output=True, text=True, check=False)
        return Path(command) if self.version in answer.stdout.split() else None


@dataclass(frozen=True)
class Definitions:
    """The CustomResourceDefinitions of another project, out of its Go module."""

    name: str
    module: str
    files: tuple[str, ...]
    variable: str = "AGENT_EXECUTOR_CRDS"
    folder: Path = HERE / "crds"

    @property
    def version(self) -> str:
        """The pinned version."""
        return _pinned(self.folder, self.module)

    @property
    def cached(self) -> Path:
        """Where the cache keeps this version."""
        return cache() / f"crds-{self.name}-{self.version}"

    def found(self) -> Path | None:
        """The folder of YAML files, where it is there already."""
        if override := os.environ.get(self.variable):
            return Path(override) / self.name
        return self.cached if self.cached.exists() else None

    def make(self, go: golang.Go) -> None:
        """Copy the definitions from the module into the cache."""
        _say(f"downloading the CRDs of {self.name} {self.version} (once; kept in {cache()})")
        module = go.download(self.folder, f"{self.module}@{self.version}")
        with _scratch() as scratch:
            copy = scratch / self.name
            copy.mkdir()
            for source in (module / file for file in self.files):
                (copy / source.name).write_bytes(source.read_bytes())
            copy.replace(self.cached)


CLI = Program(
    name="crossplane-cli",
    module="github.com/crossplane/cli/v2",
    package="github.com/crossplane/cli/v2/cmd/crossplane",
    variable="AGENT_EXECUTOR_CROSSPLANE_CLI",
    says_version=("version", "--client"),
)
CORE = Program(
    name="crossplane-core",
    module="github.com/crossplane/crossplane/v2",
    package="github.com/crossplane/crossplane/v2/cmd/crossplane",
    variable="AGENT_EXECUTOR_CROSSPLANE_CORE",
    says_version=("--version",),
)
_KEDA = ("github.com/kedacore/keda/v2", ("config/crd/bases/keda.sh_scaledobjects.yaml",))
_EXTERNAL_SECRETS = (
    "github.com/external-secrets/external-secrets",
    ("config/crds/bases/external-secrets.io_externalsecrets.yaml",),
)
_PROMETHEUS_OPERATOR = (
    "github.com/prometheus-operator/prometheus-operator",
    tuple(
        f"example/prometheus-operator-crd/monitoring.coreos.com_{kind}.yaml"
        for kind in ("podmonitors", "prometheusrules")
    ),
)
# The older versions are those that clusters in the field still have; a go.mod pins one version of a module.
OLDER = HERE / "crds" / "older"
CRDS = {
    part.name: part
    for part in (
        Definitions("keda", *_KEDA),
        Definitions("external-secrets", *_EXTERNAL_SECRETS),
        Definitions("prometheus-operator", *_PROMETHEUS_OPERATOR),
        Definitions("keda-older", *_KEDA, folder=OLDER),
        Definitions("external-secrets-older", *_EXTERNAL_SECRETS, folder=OLDER),
    )
}
PARTS: tuple[Program | Definitions, ...] = (*CRDS.values(), CORE, CLI)


def crossplane_cli() -> Path:
    """The pinned crossplane CLI, built when it is nowhere."""
    return _provide(CLI)


def crossplane_core() -> Path:
    """The pinned crossplane core, which `crossplane composition render` runs, built when it is nowhere."""
    return _provide(CORE)


def crds(name: str) -> Path:
    """A folder with the pinned CustomResourceDefinitions of `name`, such as `keda`."""
    return _provide(CRDS[name])


def missing() -> list[str]:
    """The parts that would have to be built or downloaded, with their versions."""
    return [f"{part.name} {part.version}" for part in PARTS if part.found() is None]


def ready() -> bool:
    """Whether everything is there; builds nothing."""
    return not missing()


def prepare() -> None:
    """Find or make every part, then drop what only making them needed."""
    for part in PARTS:
        _provide(part)
    with _locked():
        _forget(cache() / "go")


def cache() -> Path:
    """The folder outside the checkout that all clones share."""
    if own := os.environ.get("AGENT_EXECUTOR_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent-executor"


def _provide(part: Program | Definitions) -> Path:
    if found := part.found():
        return found
    with _locked():
        if part.found() is None:
            part.make(golang.find(golang.needed(part.folder), cache() / "go"))
    return part.cached


@contextmanager
def _locked() -> Iterator[None]:
    """Keep other set-ups out: two clones that start at once build once."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder on the cache's own file system, so that what was made is renamed into place whole."""
    with tempfile.TemporaryDirectory(dir=cache(), prefix=".making-") as scratch:
        yield Path(scratch)


def _forget(folder: Path) -> None:
    for inner in [folder, *folder.rglob("*")]:
        if inner.is_dir() and not inner.is_symlink():
            inner.chmod(stat.S_IRWXU)  # Go's module cache is read-only
    shutil.rmtree(folder, ignore_errors=True)


def _pinned(folder: Path, module: str) -> str:
    found = re.search(rf"^(?:require )?\s*{re.escape(module)} (v\S+)", (folder / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise golang.GoError(f"{folder}/go.mod does not pin {module}")
    return found[1]


def _say(line: str) -> None:
    print(f"tools: {line}", file=sys.stderr, flush=True)


def main() -> int:
    """Prepare everything, or say with `--check` what is missing; 0 only when all is there."""
    parser = argparse.ArgumentParser(prog="python -m tools.toolchain", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="build nothing, list what is missing")
    if parser.parse_args().check:
        for part in missing():
            _say(f"missing: {part}")
        return 0 if ready() else 1
    try:
        prepare()
    except golang.GoError as error:
        _say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
