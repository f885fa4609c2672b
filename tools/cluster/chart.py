"""The RBAC of Crossplane's Helm chart, rendered without Helm: its templates need little."""

import re
from collections.abc import Iterator
from pathlib import Path

from tools.cluster.kube import Document, documents

NAMESPACE = "crossplane-system"
TEMPLATES = (
    "clusterrole.yaml",
    "clusterrolebinding.yaml",
    "rbac-manager-clusterrole.yaml",
    "rbac-manager-clusterrolebinding.yaml",
    "rbac-manager-managed-clusterroles.yaml",
    "rbac-manager-allowed-provider-permissions.yaml",
)
# The one branch that its default values do not take.
OTHER_BRANCH = re.compile(r"\{\{-? if not \.Values\.serviceAccount\.create \}\}.*?\{\{-? else \}\}", re.DOTALL)
NAME = re.compile(r"\{\{-? *template \"crossplane\.name\" \. *-?\}\}")
LINE = re.compile(r"^[ \t]*\{\{[^\n]*\}\}[ \t]*$", re.MULTILINE)


def roles(templates: Path) -> Iterator[Document]:
    """The roles and bindings of a Crossplane that is called so; those that a version does not have are left out."""
    for file in (templates / name for name in TEMPLATES):
        if file.exists():
            yield from documents(render(file.read_text()))


def render(template: str) -> str:
    """A template with the chart's default values; ValueError where one needs more than is known here."""
    text = OTHER_BRANCH.sub("", template)
    text = NAME.sub("crossplane", text).replace("{{ .Release.Namespace }}", NAMESPACE)
    text = LINE.sub("", text)
    if "{{" in text:
        raise ValueError(f"not rendered: {text[text.index('{{') :][:100]}")
    return text
