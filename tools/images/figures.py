"""What was built, in numbers, as a table of Markdown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.images.containers import Start
from tools.images.contents import Contents


@dataclass(frozen=True)
class Figures:
    """One image: what is in it, what of that is its base's, and how it started, where it was run."""

    contents: Contents
    base: Contents
    archive: float
    start: Start | None = None


def table(images: Mapping[str, Figures]) -> str:
    """A column an image."""
    rows = [_row(("", *images)), _row(("---",) * (len(images) + 1))]
    rows += [_row((name, *(read(figures) for figures in images.values()))) for name, read in ROWS.items()]
    return "\n".join(rows)


ROWS: dict[str, Callable[[Figures], str]] = {
    "size, MB": lambda it: f"{it.contents.megabytes:.0f}",
    "of it beyond Debian and Python, MB": lambda it: f"{it.contents.megabytes - it.base.megabytes:.0f}",
    "compressed, MB": lambda it: f"{it.archive:.0f}",
    "files": lambda it: f"{it.contents.files}",
    "Debian packages": lambda it: f"{it.contents.count('deb')}",
    "Python packages": lambda it: f"{it.contents.count('pypi')}",
    "commands": lambda it: f"{it.contents.commands}",
    "files that set the user": lambda it: f"{it.contents.set_user}",
    "shells, compilers, installers": lambda it: " ".join(it.contents.unneeded) or "none",
    "process to ready, s": lambda it: f"{it.start.seconds:.2f}" if it.start else "",
    "of it computing, s": lambda it: f"{it.start.busy:.2f}" if it.start else "",
    "memory when ready, MB": lambda it: f"{it.start.megabytes:.0f}" if it.start else "",
}


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
