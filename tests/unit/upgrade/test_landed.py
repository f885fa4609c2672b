"""How the landed image is made: once, whole or not at all. Nothing here installs."""

import subprocess
from pathlib import Path

import pytest

from tests.upgrade import landed


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@localhost", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *identity, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AGENT_EXECUTOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A repository whose first commit landed; another file came later."""
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for name in ("landed", "later"):
        (folder / name).write_text(f"{name}\n")
        git(folder, "add", name)
        git(folder, "commit", "--quiet", "--message", name)
    monkeypatch.setattr(landed, "COMMIT", git(folder, "rev-parse", "HEAD~"))
    return folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where an environment was made; it holds an interpreter and nothing else."""
    made: list[Path] = []

    def install(image: Path) -> None:
        made.append(image)
        (image / ".venv/bin").mkdir(parents=True)
        (image / ".venv/bin/python").touch()

    monkeypatch.setattr(landed, "_install", install)
    return made


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_tree_of_the_commit_is_installed_once_under_its_name(cache: Path, clone: Path, installed: list[Path]):
    image = landed.provide(clone)
    assert image.parent == cache
    assert image.name.startswith(f"landed-{landed.COMMIT[:7]}-cpython-3")
    assert files(image) == {"landed", ".venv/bin/python"}
    assert landed.provide(clone) == image
    assert len(installed) == 1


def test_an_image_whose_python_is_gone_is_made_anew(clone: Path, installed: list[Path]):
    image = landed.provide(clone)
    (image / ".venv/bin/python").unlink()
    (image / "rubbish").touch()
    assert files(landed.provide(clone)) == {"landed", ".venv/bin/python"}
    assert len(installed) == 2


@pytest.mark.parametrize("cause", [KeyboardInterrupt(), landed.NoImage("no network")], ids=["interrupted", "failed"])
def test_an_installation_cut_short_leaves_nothing(
    cache: Path, clone: Path, monkeypatch: pytest.MonkeyPatch, cause: BaseException
):
    def fail(_: Path) -> None:
        raise cause

    monkeypatch.setattr(landed, "_install", fail)
    with pytest.raises(type(cause)):
        landed.provide(clone)
    assert files(cache) == {"lock"}


def test_a_shallow_clone_is_told_what_to_do_and_that_helps(clone: Path, installed: list[Path], tmp_path: Path):
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{clone}", str(shallow))
    with pytest.raises(landed.NoImage, match=f"commit {landed.COMMIT}, which this clone does not have .*--unshallow"):
        landed.provide(shallow)
    assert installed == []
    git(shallow, "fetch", "--quiet", "--unshallow")
    assert files(landed.provide(shallow)) == {"landed", ".venv/bin/python"}
