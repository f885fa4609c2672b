"""Lints what Python's linters do not see: workflows, Dockerfiles and shell scripts. Offline, and in a second."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools import toolchain
from tools.version import ROOT

BIN = Path(sys.executable).parent
DOCKERFILES = ("Dockerfile.function", "Dockerfile.executor")
SCRIPTS = (".ci/run", "tools/images/runtime.sh")


def commands() -> Iterator[list[str]]:
    """The linters, each of which exits 0 only when it found nothing."""
    yield [str(toolchain.actionlint())]
    yield [str(BIN / "zizmor"), "--offline", "--quiet", ".github"]
    yield [str(BIN / "hadolint"), *DOCKERFILES]
    yield [str(BIN / "shellcheck"), *SCRIPTS]


def main() -> int:
    """Run all of them; 0 only when none found anything."""
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
    }  # actionlint calls shellcheck
    found = [subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode for command in commands()]
    return int(any(found))


if __name__ == "__main__":
    sys.exit(main())
