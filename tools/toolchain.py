"""Programs and files of other projects: pinned, found or built once, kept in a cache.

`python -m tools.toolchain` prepares what the tests need, `--check` says what of it is missing; what only a cluster
needs is in `tools.cluster.parts`. The cache lies outside the checkout, so that a second clone builds nothing and needs
no Go.
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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools import golang

HERE = Path(__file__).parent
PLATFORM = f"{platform.system()}-{platform.machine()}".lower()


@dataclass(frozen=True)
class Program:
    """A program that is built from the go.mod in `folder`, unless `variable` names one that is there already.

    `link` are flags for the linker, with {version} in them. `on_path` is a command that may be the program already, and
    says which version it is.
    """

    name: str
    module: str
    package: str
    pinned_with: str = ""
    link: str = ""
    on_path: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the versions are pinned."""
        return HERE / "modules" / (self.pinned_with or self.name)

    @property
    def variable(self) -> str:
        """The environment variable that may name one elsewhere, such as AGENT_EXECUTOR_CROSSPLANE_CLI."""
        return f"AGENT_EXECUTOR_{re.sub(r'[-.]', '_', self.name).upper()}"

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
        say(f"building {self.name} {self.version} (some minutes, once; kept in {cache()})")
        with scratch() as folder:
            built = folder / self.name
            link = self.link.format(version=self.version)
            go.build(self.folder, self.package, built, link=link, progress=self._tell)
            built.replace(self.cached)

    def _tell(self, packages: int) -> None:
        say(f"{self.name}: {packages} packages compiled")

    def _on_path(self) -> Path | None:
        command = shutil.which(self.on_path[0]) if self.on_path else None
        if not command:
            return None
        answer = subprocess.run([command, *self.on_path[1:]], capture_output=True, text=True, check=False)
        return Path(command) if self.version in answer.stdout.split() else None


@dataclass(frozen=True)
class Definitions:
    """The CustomResourceDefinitions of another project, or other files of its Go module; `files` may have wildcards."""

    name: str
    module: str
    files: tuple[str, ...]
    variable: str = "AGENT_EXECUTOR_CRDS"
    folder: Path = HERE / "crds"
    what: str = "crds"

    @property
    def version(self) -> str:
        """The pinned version."""
        return _pinned(self.folder, self.module)

    @property
    def cached(self) -> Path:
        """Where the cache keeps this version."""
        return cache() / f"{self.what}-{self.name}-{self.version}"

    def found(self) -> Path | None:
        """The folder of YAML files, where it is there already."""
        if override := os.environ.get(self.variable):
            return Path(override) / self.name
        return self.cached if self.cached.exists() else None

    def make(self, go: golang.Go) -> None:
        """Copy the files from the module into the cache."""
        say(f"downloading the {self.what} of {self.name} {self.version} (once; kept in {cache()})")
        module = go.download(self.folder, f"{self.module}@{self.version}")
        with scratch() as folder:
            copy = folder / self.name
            copy.mkdir()
            for source in (found for file in self.files for found in module.glob(file)):
                (copy / source.name).write_bytes(source.read_bytes())
            copy.replace(self.cached)


_RUNTIME_VERSION = "-X github.com/crossplane/crossplane-runtime/v2/pkg/version.version={version}"
# Of programs without a flag for it: their metrics are on :8080 where nobody says otherwise, all of theirs.
PRIVATE_METRICS = "-X sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress=127.0.0.1:0"
CLI = Program(
    name="crossplane-cli",
    module="github.com/crossplane/cli/v2",
    package="github.com/crossplane/cli/v2/cmd/crossplane",
    link=_RUNTIME_VERSION,
    on_path=("crossplane", "version", "--client"),
)
CORE = Program(
    name="crossplane-core",
    module="github.com/crossplane/crossplane/v2",
    package="github.com/crossplane/crossplane/v2/cmd/crossplane",
    link=f"{_RUNTIME_VERSION} {PRIVATE_METRICS}",
    on_path=("crossplane", "--version"),
)
ACTIONLINT = Program(
    name="actionlint",
    module="github.com/rhysd/actionlint",
    package="github.com/rhysd/actionlint/cmd/actionlint",
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
_PROVIDER_KUBERNETES = (
    "github.com/crossplane-contrib/provider-kubernetes",
    ("package/crds/kubernetes.crossplane.io_objects.yaml",),
)
# The older versions are those that clusters in the field still have; a go.mod pins one version of a module.
OLDER = HERE / "crds" / "older"
CRDS = {
    part.name: part
    for part in (
        Definitions("keda", *_KEDA),
        Definitions("external-secrets", *_EXTERNAL_SECRETS),
        Definitions("prometheus-operator", *_PROMETHEUS_OPERATOR),
        Definitions("provider-kubernetes", *_PROVIDER_KUBERNETES),
        Definitions("crossplane", CORE.module, ("cluster/crds/pkg.crossplane.io_*.yaml",), folder=CORE.folder),
        Definitions("keda-older", *_KEDA, folder=OLDER),
        Definitions("external-secrets-older", *_EXTERNAL_SECRETS, folder=OLDER),
        Definitions("provider-kubernetes-older", *_PROVIDER_KUBERNETES, folder=OLDER),
    )
}
Part = Program | Definitions
PARTS: tuple[Part, ...] = (*CRDS.values(), CORE, CLI, ACTIONLINT)


def crossplane_cli() -> Path:
    """The pinned crossplane CLI, built when it is nowhere."""
    return provide(CLI)


def crossplane_core() -> Path:
    """The pinned crossplane core, which `crossplane composition render` runs, built when it is nowhere."""
    return provide(CORE)


def actionlint() -> Path:
    """The pinned linter of workflows, built when it is nowhere."""
    return provide(ACTIONLINT)


def crds(name: str) -> Path:
    """A folder with the pinned CustomResourceDefinitions of `name`, such as `keda`."""
    return provide(CRDS[name])


def missing(parts: Iterable[Part] = PARTS) -> list[str]:
    """The parts that would have to be built or downloaded, with their versions."""
    return [f"{part.name} {part.version}" for part in parts if part.found() is None]


def ready() -> bool:
    """Whether everything is there; builds nothing."""
    return not missing()


def prepare(parts: Iterable[Part] = PARTS) -> None:
    """Find or make every part, then drop what only making them needed."""
    for part in parts:
        provide(part)
    with locked():
        _forget(cache() / "go")


def cache() -> Path:
    """The folder outside the checkout that all clones share."""
    if own := os.environ.get("AGENT_EXECUTOR_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "agent-executor"


def provide(part: Part) -> Path:
    """Where the part is, made when it is nowhere."""
    if found := part.found():
        return found
    with locked():
        if part.found() is None:
            part.make(golang.find(golang.needed(part.folder), cache() / "go"))
    return part.cached


@contextmanager
def locked() -> Iterator[None]:
    """Keep other set-ups out: two clones that start at once build once."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up on this machine")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on the cache's own file system, so that what was made is renamed into place whole."""
    with tempfile.TemporaryDirectory(dir=cache(), prefix=".making-") as folder:
        yield Path(folder)


def say(line: str) -> None:
    """Tell whoever waits for us."""
    print(f"tools: {line}", file=sys.stderr, flush=True)


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


def main() -> int:
    """Prepare everything, or say with `--check` what is missing; 0 only when all is there."""
    parser = argparse.ArgumentParser(prog="python -m tools.toolchain", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="build nothing, list what is missing")
    if parser.parse_args().check:
        for part in missing():
            say(f"missing: {part}")
        return 0 if ready() else 1
    try:
        prepare()
    except golang.GoError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
