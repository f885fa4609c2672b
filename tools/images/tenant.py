"""A tenant's image, built FROM the executor's by the very Dockerfile that docs/images.md shows."""

import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path

from executor.embedded.process import NotStarted
from tools.images import contents
from tools.images.containers import Container, Image
from tools.images.contents import Package
from tools.images.engine import Engine, Recipe
from tools.story import Story
from tools.version import ROOT

PAGE = ROOT / "docs/images.md"
NAME, UV = "localhost/tenant", "localhost/uv"
WANTED = "tabulate"
SHOWN = {"Dockerfile": "dockerfile", "langgraph.json": "json", "agent.py": "python"}


def shown(language: str) -> str:
    """What the page shows in this language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def prove(engine: Engine, story: Story, executor: str) -> None:
    """Build one with a package and a graph of its own, and see that nothing else was added and that both are there."""
    story.chapter("A tenant's image, by the Dockerfile of docs/images.md")
    with tempfile.TemporaryDirectory(prefix="agent-executor-tenant-") as folder:
        _build(engine, Path(folder), executor)
        added = _packages(engine, NAME) - _packages(engine, executor)
        story.check(f"it has {', '.join(it.name for it in added)} beside ours", {it.name for it in added} == {WANTED})
        story.check("nothing of ours is another version", not _packages(engine, executor) - _packages(engine, NAME))
        asyncio.run(_run(Container(Image(engine, NAME), ["graphs"], {}, log=Path(folder, "log"))))
        story.check("agent-executor finds its graph in it, under its own user", seen=True)
    engine.forget(NAME, UV)


def _build(engine: Engine, folder: Path, executor: str) -> None:
    """Build it; the image that brings uv is one with ours, where none can be pulled."""
    shutil.copy(Path(sys.executable).with_name("uv"), folder / "uv")
    (folder / "uv.Dockerfile").write_text("FROM scratch\nCOPY uv /uv\n")
    (folder / "requirements.txt").write_text(f"{WANTED}\n")
    for name, language in SHOWN.items():
        (folder / name).write_text(shown(language))
    engine.build(Recipe(UV, folder / "uv.Dockerfile", folder))
    engine.build(Recipe(NAME, folder / "Dockerfile", folder, {"EXECUTOR": executor, "UV": UV}))


def _packages(engine: Engine, image: str) -> set[Package]:
    with engine.mounted(image) as root:
        return set(contents.read(root).packages)


async def _run(container: Container) -> None:
    if status := await container.run():
        raise NotStarted(f"{container.name} ended with {status}: {container.tail()}")
