"""The operator's folder of agents: one definition a file, named as the file is, also in folders in it.

A ConfigMap that is mounted swaps all its files at once, behind a symbolic link whose name begins with a dot.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from executor.agents import definition, documents
from executor.agents.documents import NoDocument
from executor.errors import Misconfigured, Rejected
from executor.jobs.agents import Resolved
from executor.values import is_unicode

SUFFIXES = {".json": False, ".yaml": True, ".yml": True}
LARGEST = 1 << 20  # bytes; no ConfigMap holds more
MOST = 1000  # files

Fingerprint = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class FolderAgent:
    """A definition of the folder; `source` is its file, from the folder on."""

    name: str
    source: str
    definition: dict[str, Any] = field(repr=False)
    resolved: Resolved
    description: str | None = None
    surprises: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """What a folder holds: agents by name, and of the other names what is wrong with them."""

    agents: Mapping[str, FolderAgent]
    complaints: Mapping[str, str]


def fingerprint(folder: Path) -> Fingerprint:
    """Changes when a file of the folder does; raises OSError or Misconfigured where it cannot be read."""
    return tuple((str(path), *_state(path)) for path in _files(folder))


def read(folder: Path, graphs: Mapping[str, str]) -> Reading:
    """All that is there, but for the names of `graphs`, each with its file; raises OSError or Misconfigured."""
    named: dict[str, list[Path]] = defaultdict(list)
    for path in _files(folder):
        named[path.stem].append(path)
    agents, complaints = {}, {}
    for name, paths in named.items():
        try:
            agents[name] = _agent(folder, name, paths, graphs)
        except NoDocument as error:
            complaints[name] = str(error)
    return Reading(agents, complaints)


def _agent(folder: Path, name: str, paths: list[Path], graphs: Mapping[str, str]) -> FolderAgent:
    if taken := [*map(str, paths[1:]), *([graphs[name]] if name in graphs else [])]:
        raise NoDocument(f"{paths[0]}: {name!r} is an agent of {' and of '.join(taken)} too")
    [path] = paths
    if not is_unicode(name):
        raise NoDocument(f"{path}: its name is not UTF-8")
    try:
        document = documents.parse(_text(path), is_yaml=SUFFIXES[path.suffix])
        read = definition.read(document, str(path))
    except Rejected as error:
        raise NoDocument(str(error)) from None
    except (OSError, NoDocument) as error:
        raise NoDocument(f"{path}: {error}") from None
    told = document.get("description")
    return FolderAgent(
        name,
        str(path.relative_to(folder)),
        document,
        Resolved.of(document, name),
        told if isinstance(told, str) else read.root.config.description,
        tuple(read.surprises()),
    )


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise NoDocument(f"is larger than {LARGEST} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NoDocument("is not UTF-8") from None


def _files(folder: Path) -> list[Path]:
    found = []
    for path in _listed(folder):
        found.extend([each for each in _listed(path) if not each.is_dir()] if path.is_dir() else [path])
    files = [path for path in found if path.suffix in SUFFIXES]
    if len(files) > MOST:
        raise Misconfigured(f"{folder}: holds {len(files)} agents, {MOST} at most are taken")
    return files


def _listed(folder: Path) -> Iterator[Path]:
    """What a folder holds, in order; what begins with a dot is the kubelet's."""
    try:
        paths = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    yield from (path for path in paths if not path.name.startswith("."))


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
