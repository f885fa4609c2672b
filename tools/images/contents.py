"""What is in a root file system: sizes, packages and what nobody needs at run time; and that as a bill of materials."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

MEGABYTE = 1_000_000
COMMANDS = ("usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin", "app/.venv/bin")
SITES = (
    "app/.venv/lib/python3*/site-packages",
    "usr/local/lib/python3*/dist-packages",
    "usr/lib/python3/dist-packages",
)
SHELLS = frozenset({"sh", "bash", "dash", "busybox"})
TOOLS = frozenset({"apt-get", "cc", "curl", "dpkg", "gcc", "g++", "make", "perl", "pip", "pip3", "uv", "wget"})


@dataclass(frozen=True, order=True)
class Package:
    """A package of Debian's (`deb`) or of Python's (`pypi`)."""

    kind: str
    name: str
    version: str

    @property
    def purl(self) -> str:
        """Its package URL."""
        namespace = "debian/" if self.kind == "deb" else ""
        return f"pkg:{self.kind}/{namespace}{quote(self.name)}@{quote(self.version, safe=':')}"


@dataclass(frozen=True)
class Contents:
    """What a root file system holds. `unneeded` are the commands of it that only help to change the image."""

    megabytes: float
    files: int
    commands: int
    set_user: int
    packages: tuple[Package, ...]
    unneeded: tuple[str, ...]

    def count(self, kind: str) -> int:
        """How many packages of a kind."""
        return sum(package.kind == kind for package in self.packages)


def read(root: Path) -> Contents:
    """Look at every file once, without following links."""
    found = list(_files(root))
    sizes = {(status.st_dev, status.st_ino): status.st_size for status in found}
    commands = frozenset(_commands(root))
    return Contents(
        megabytes=sum(sizes.values()) / MEGABYTE,
        files=len(found),
        commands=len(commands),
        set_user=sum(bool(status.st_mode & (stat.S_ISUID | stat.S_ISGID)) for status in found),
        packages=tuple(sorted({*_debian(root), *_python(root)})),
        unneeded=tuple(sorted(commands & (SHELLS | TOOLS))),
    )


def bill(name: str, version: str, contents: Contents) -> dict[str, Any]:
    """The software bill of materials, in CycloneDX 1.6."""
    components = [
        {"type": "library", "name": it.name, "version": it.version, "purl": it.purl, "bom-ref": it.purl}
        for it in contents.packages
    ]
    subject = {"type": "container", "name": name, "version": version, "bom-ref": name}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
    }


def _files(root: Path) -> Iterator[os.stat_result]:
    for folder, _, names in os.walk(root):
        for name in names:
            status = os.lstat(os.path.join(folder, name))  # noqa: PTH118 - Path costs more than the rest of it
            if stat.S_ISREG(status.st_mode):
                yield status


def _commands(root: Path) -> Iterator[str]:
    for folder in COMMANDS:
        yield from (path.name for path in (root / folder).glob("*") if not path.is_dir())


def _debian(root: Path) -> Iterator[Package]:
    """From `status` where dpkg ran, from `status.d` where packages were only extracted."""
    folder = root / "var/lib/dpkg"
    files = [path for path in (folder / "status", *(folder / "status.d").glob("*")) if path.is_file()]
    for paragraph in (text for path in files for text in path.read_text().split("\n\n")):
        fields = HeaderParser().parsestr(paragraph)
        if fields["Package"] and fields.get("Status", "installed").endswith("installed"):
            yield Package("deb", fields["Package"], fields["Version"])


def _python(root: Path) -> Iterator[Package]:
    folders = [str(folder) for pattern in SITES for folder in root.glob(pattern)]
    for found in metadata.distributions(path=folders):
        yield Package("pypi", found.metadata["Name"].lower().replace("_", "-"), found.version)
