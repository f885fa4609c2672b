"""The one version of the project, which images, packages, the wheel and `--version` all have: pyproject.toml's."""

import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def version() -> str:
    """Such as `0.1.0`."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


def tag() -> str:
    """The version as Crossplane and OCI registries spell it, such as `v0.1.0`."""
    return f"v{version()}"


def revision() -> str:
    """The commit of the checkout, marked where something in it is not committed; empty outside of git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
