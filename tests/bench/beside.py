"""Images beside each other in one run: each at work on streams and a database of its own, and what it has used."""

import os
import statistics
import tempfile
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from contract import Env
from executor.embedded.commands import Service
from executor.embedded.loopback import free_port
from tests import rig
from tests.rig import Environment
from tests.upgrade import landed
from tests.upgrade.images import Image
from tools.version import ROOT

Figures = dict[str, Any]


def images(*, alone: bool = False) -> list[Image]:
    """This checkout and, unless it is to be measured alone, the image that landed last."""
    return [Image("new", ROOT), *([] if alone else [Image("landed", landed.provide())])]


@asynccontextmanager
async def own_place(given: Environment, **more: str) -> AsyncIterator[Environment]:
    """The environment of services on streams and a database that nobody else has; `more` is added to it."""
    async with rig.own_place(given, **more) as own:
        await rig.provision(own)
        yield own


@asynccontextmanager
async def at_work(image: Image, place: Mapping[str, str], graphs: Path, **more: str) -> AsyncIterator[Service]:
    """A service of the image at the place, with the graphs that this file names; it gives nothing back when it ends."""
    own = {
        **place,
        Env.EXECUTOR_GRAPHS: str(graphs),
        Env.EXECUTOR_DRAIN_SECONDS: "0",
        Env.PORT: str(free_port()),
        **more,
    }
    with tempfile.TemporaryDirectory() as folder:
        async with Service(own, log=Path(folder) / "log", program=image.program) as service:
            yield service


def spent(pid: int | None) -> float:
    """Seconds of CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int | None, name: str = "VmRSS") -> float:
    """MiB that a process has; `VmHWM` is its peak."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024


def table(found: Sequence[Figures], by: Mapping[str, int], columns: Mapping[str, int], width: int) -> str:
    """A line for each case: the medians of its figures.

    A case is what the figures by the names in `by` say, each so many characters wide; `columns` are digits.
    """
    cases: dict[Hashable, list[Figures]] = {}
    for each in found:
        cases.setdefault(tuple(each[name] for name in by), []).append(each)
    head = "".join(f"{name:<{wide}}" for name, wide in by.items()) + "".join(f"{name:>{width}}" for name in columns)
    return "\n".join([head, *(_row(mine, by, columns, width) for mine in cases.values())])


def _row(mine: Sequence[Figures], by: Mapping[str, int], columns: Mapping[str, int], width: int) -> str:
    case = "".join(f"{mine[0][name]:<{wide}}" for name, wide in by.items())
    return case + "".join(f"{median(mine, name):>{width}.{digits}f}" for name, digits in columns.items())


def median(mine: Sequence[Figures], name: str) -> float:
    """The middle one of a figure."""
    return float(statistics.median(each[name] for each in mine))
