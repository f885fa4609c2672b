"""What is in each package, and what installs and renders them: decided from the files of the checkout and two names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.version import ROOT

PACKAGE = ROOT / "package"
FUNCTION = "function-agent-executor"
NAME_LIMIT = 63

Document = dict[str, Any]
Files = Mapping[str, Document]


@dataclass(frozen=True)
class Configuration:
    """One version of Crossplane's API: the package of our definition for it, and how that is installed.

    `manifests` are applied with the packages; files of `later` by who has come so far, as docs/install.md says.
    """

    name: str
    version: str
    function_api: str
    manifests: tuple[str, ...]
    later: tuple[str, ...] = ()

    @property
    def apis(self) -> Path:
        """Where the definition and the composition lie."""
        return ROOT / "apis" / self.version


CONFIGURATIONS = (
    Configuration("configuration-agent-executor", "v2", "pkg.crossplane.io/v1", ("rbac.yaml", "runtime.yaml")),
    Configuration(
        "configuration-agent-executor-v1",
        "v1",
        "pkg.crossplane.io/v1beta1",
        ("runtime.yaml", "provider-v1.yaml"),
        ("providerconfig-v1.yaml", "rbac.yaml"),
    ),
)


@dataclass(frozen=True)
class Release:
    """Where packages are pushed to, such as `ghcr.io/acme`, and under which tag, such as `v0.1.0`."""

    repository: str
    tag: str

    def image(self, name: str) -> str:
        """A package with its tag."""
        return f"{self.repository}/{name}:{self.tag}"

    def installed_as(self, name: str) -> str:
        """What Crossplane names a package that it installs as a dependency: its path, without the registry's host."""
        path = f"{self.repository}/{name}".partition("/")[2]
        return path.replace("/", "-").replace(".", "-").replace("_", "")[:NAME_LIMIT].strip("-")

    def function(self) -> Files:
        """The function's package: metadata and the schema of its input."""
        paths = (PACKAGE / "function/crossplane.yaml", PACKAGE / "input.yaml")
        return {path.name: _one(path) for path in paths}

    def configuration(self, which: Configuration) -> Files:
        """A configuration package: metadata with its dependencies, the definition, the composition."""
        metadata = _one(PACKAGE / f"configuration-{which.version}" / "crossplane.yaml")
        needed = [self._dependency(it) for it in metadata["spec"]["dependsOn"]]
        return {
            "crossplane.yaml": metadata | {"spec": metadata["spec"] | {"dependsOn": needed}},
            **self.definitions(which),
        }

    def definitions(self, which: Configuration) -> Files:
        """The definition and the compositions, which call the function by the name that it is installed under."""
        return {path.name: self._calling(_one(path)) for path in sorted(which.apis.glob("*.yaml"))}

    def render(self, which: Configuration) -> Files:
        """What `crossplane composition render` needs beside a claim."""
        return {**self.definitions(which), "functions.yaml": self._installed_function(which)}

    def install(self, which: Configuration) -> list[Document]:
        """What a platform applies: rights, the runtime's configuration, and the two packages.

        The function comes under the very name that it would get as a dependency, so that it has its runtime
        configuration from its first pod on.
        """
        manifests = [document for name in which.manifests for document in _all(PACKAGE / name)]
        function = self._installed_function(which)
        function["spec"]["runtimeConfigRef"] = {"name": FUNCTION}
        name, image = self.installed_as(which.name), self.image(which.name)
        return [*manifests, function, _package("pkg.crossplane.io/v1", "Configuration", name, image)]

    def _installed_function(self, which: Configuration) -> Document:
        return _package(which.function_api, "Function", self.installed_as(FUNCTION), self.image(FUNCTION))

    def _dependency(self, needed: Document) -> Document:
        if needed.get("function") != FUNCTION:
            return needed
        return {"function": f"{self.repository}/{FUNCTION}", "version": f">={self.tag}"}

    def _calling(self, document: Document) -> Document:
        if document["kind"] != "Composition":
            return document
        steps = [self._step(step) for step in document["spec"]["pipeline"]]
        return document | {"spec": document["spec"] | {"pipeline": steps}}

    def _step(self, step: Document) -> Document:
        reference = {"name": self.installed_as(step["functionRef"]["name"])}
        return step | {"functionRef": reference} if step["functionRef"]["name"] == FUNCTION else step


def _package(api: str, kind: str, name: str, image: str) -> Document:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": {"package": image}}


def _one(path: Path) -> Document:
    [document] = _all(path)
    return document


def _all(path: Path) -> Iterator[Document]:
    return (document for document in yaml.safe_load_all(path.read_text()) if document)
