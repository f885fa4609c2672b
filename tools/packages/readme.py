"""The command by which the README tells a tenant to render a claim, and that command run."""

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from tools import toolchain
from tools.packages.build import crossplane
from tools.packages.release import Document
from tools.version import ROOT

FOLDER = "render-v2"
PROGRAM = "crossplane"


def command() -> list[str]:
    """The words of the command."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    [found] = [line for line in lines if line.startswith(f"{PROGRAM} composition render")]
    return shlex.split(found)


def lay_out(rendering: Path, folder: Path) -> None:
    """Put into a folder what a tenant has there: the examples, and what a release brings to render them."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copytree(rendering, folder / FOLDER)


def render(folder: Path, environment: Mapping[str, str], address: str | None = None) -> list[Document]:
    """What the command prints in such a folder; with an `address`, where the function is there already.

    Crossplane's own image cannot be pulled everywhere, so its binary is named; a function that is not there is started
    from its package over Docker's API.
    """
    _, *arguments = command()
    there = [f"runtime-development-target={address}", "runtime=Development"] if address else []
    annotations = [f"--function-annotations=render.crossplane.io/{annotation}" for annotation in there]
    engine = f"--crossplane-binary={toolchain.crossplane_core()}"
    said = crossplane(*arguments, *annotations, engine, within=folder, environment=environment)
    return list(yaml.safe_load_all(said))
