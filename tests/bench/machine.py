"""The machine that figures were taken on: without it they cannot be read."""

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def facts() -> dict[str, Any]:
    """Cores, memory, load and versions, as they are now; a limit of the container is among them where there is one."""
    one, five, _ = os.getloadavg()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _field(Path("/proc/cpuinfo"), "model name"),
        "cpu_max": CPU_MAX.read_text(encoding="ascii").strip() if CPU_MAX.exists() else None,
        "memory": _field(Path("/proc/meminfo"), "MemTotal"),
        "load": [round(one, 2), round(five, 2)],
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def report(facts: Mapping[str, Any], asked: argparse.Namespace, figures: Sequence[Mapping[str, Any]]) -> None:
    """Print as one line of JSON what was asked for and found, and on what."""
    print(json.dumps({"machine": facts, "asked": vars(asked), "figures": [_rounded(each) for each in figures]}))


def _rounded(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}


def _field(path: Path, name: str) -> str | None:
    """What a line `name : value` of a file in /proc says."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return None
