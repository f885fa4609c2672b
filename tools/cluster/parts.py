"""What a cluster is made of beyond `tools.toolchain`: pinned in tools/modules, built once, kept in the same cache.

`python -m tools.cluster.parts [VERSION]` prepares it.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from executor.embedded.process import NotStarted
from tools import golang, toolchain
from tools.toolchain import HERE, PRIVATE_METRICS, Definitions, Part, Program

_KUBERNETES = "k8s.io/kubernetes"
_KEDA = "github.com/kedacore/keda/v2"
_PROVIDER = "github.com/crossplane-contrib/provider-kubernetes"
_CROSSPLANE = "github.com/crossplane/crossplane"
_MODULES = HERE / "modules"
_COMPONENT = "k8s.io/component-base/version"
_KUBERNETES_VERSION = f"-X {_COMPONENT}.gitVersion={{version}} -X {_COMPONENT}.gitMajor=1 -X {_COMPONENT}.gitMinor=34"

ETCD = Program("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3")
APISERVER = Program(
    "kube-apiserver", _KUBERNETES, f"{_KUBERNETES}/cmd/kube-apiserver", "kubernetes", _KUBERNETES_VERSION
)
CONTROLLER_MANAGER = Program(
    "kube-controller-manager",
    _KUBERNETES,
    f"{_KUBERNETES}/cmd/kube-controller-manager",
    "kubernetes",
    _KUBERNETES_VERSION,
)
KEDA_OPERATOR = Program("keda-operator", _KEDA, f"{_KEDA}/cmd/operator", "keda", PRIVATE_METRICS)
KEDA_ADAPTER = Program("keda-adapter", _KEDA, f"{_KEDA}/cmd/adapter", "keda", PRIVATE_METRICS)
PROVIDER_KUBERNETES = Program("provider-kubernetes", _PROVIDER, f"{_PROVIDER}/cmd/provider", link=PRIVATE_METRICS)


def _files(name: str, what: str, module: str, *files: str) -> Definitions:
    variable = f"AGENT_EXECUTOR_{what.replace('-', '_').upper()}"
    return Definitions(name, module, files, variable, folder=_MODULES / name, what=what)


KEDA_CRDS = _files("keda", "all-crds", _KEDA, "config/crd/bases/*.yaml")
KEDA_ROLES = _files("keda", "roles", _KEDA, "config/rbac/role.yaml")
PROVIDER_CRDS = _files("provider-kubernetes", "all-crds", _PROVIDER, "package/crds/*.yaml")


@dataclass(frozen=True)
class Crossplane:
    """One version of Crossplane: its core, the CRDs that it brings, and its chart's templates."""

    core: Program
    crds: Definitions
    templates: Definitions
    legacy: bool = True

    @property
    def flags_of_old(self) -> bool:
        """Whether it has the flags of 1.16, which are fewer."""
        return self.core.version.startswith("v1.16.")

    @property
    def packages(self) -> str:
        """The version of its API of functions."""
        return "pkg.crossplane.io/v1beta1" if self.flags_of_old else "pkg.crossplane.io/v1"


def _legacy(name: str) -> Crossplane:
    link = f"-X {_CROSSPLANE}/internal/version.version={{version}} {PRIVATE_METRICS}"
    return _crossplane(Program(name, _CROSSPLANE, f"{_CROSSPLANE}/cmd/crossplane", link=link), legacy=True)


def _crossplane(core: Program, *, legacy: bool) -> Crossplane:
    crds = _files(core.name, "all-crds", core.module, "cluster/crds/*.yaml")
    templates = _files(core.name, "chart", core.module, "cluster/charts/crossplane/templates/*.yaml")
    return Crossplane(core, crds, templates, legacy)


NEWEST = "2.3"
VERSIONS = {
    NEWEST: _crossplane(toolchain.CORE, legacy=False),
    "1.20": _legacy("crossplane-1.20"),
    "1.16": _legacy("crossplane-1.16"),
}


def needed(crossplane: Crossplane) -> tuple[Part, ...]:
    """All that a cluster with this Crossplane is made of."""
    own = (crossplane.core, crossplane.crds, crossplane.templates)
    operators: tuple[Part, ...] = (KEDA_CRDS, KEDA_ROLES, KEDA_OPERATOR, KEDA_ADAPTER)
    if crossplane.legacy:
        operators = (PROVIDER_CRDS, PROVIDER_KUBERNETES, *operators)
    return (ETCD, APISERVER, CONTROLLER_MANAGER, *own, *operators)


def there(part: Part) -> Path:
    """Where a part is; NotStarted where it is not made yet, which takes too long to do by the way."""
    if found := part.found():
        return found
    raise NotStarted(f"{part.name} {part.version} is missing: python -m tools.cluster.parts makes it")


def main() -> int:
    """Build and download what is missing; 0 when all is there."""
    version = sys.argv[1] if len(sys.argv) > 1 else NEWEST
    if version not in VERSIONS:
        print(f"there is no version {version}: {', '.join(VERSIONS)}", file=sys.stderr)
        return 2
    parts = needed(VERSIONS[version])
    if missing := toolchain.missing(parts):
        print(f"tools: to be made, once: {', '.join(missing)}", file=sys.stderr)
    try:
        toolchain.prepare(parts)
    except golang.GoError as error:
        print(f"tools: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
