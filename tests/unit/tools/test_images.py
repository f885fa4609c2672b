"""What is looked for in an image, and what is said of it. Nothing here is built or run."""

import os
import subprocess
from pathlib import Path

import pytest

from tools.images import base, contents, engine, figures, tenant
from tools.images.containers import Start
from tools.images.contents import Contents, Package
from tools.images.figures import Figures


def file(path: Path, content: str = "", mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root file system with what ours must not have, and with packages of both kinds."""
    file(tmp_path / "usr/bin/sh", "#!", 0o755)
    file(tmp_path / "usr/bin/su", "#!", 0o4755)
    file(tmp_path / "app/.venv/bin/pip", "#!", 0o755)
    status = "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n"
    status += "Package: zlib1g\nStatus: install ok installed\nVersion: 1:1.3+b1\n"
    file(tmp_path / "var/lib/dpkg/status", status)
    file(tmp_path / "var/lib/dpkg/status.d/base-files", "Package: base-files\nVersion: 13\n")
    site = tmp_path / "app/.venv/lib/python3.13/site-packages"
    file(site / "Jinja_Thing-2.0.dist-info/METADATA", "Name: Jinja_Thing\nVersion: 2.0\n")
    os.link(tmp_path / "usr/bin/sh", tmp_path / "usr/bin/dash")
    return tmp_path


def test_a_root_file_system_is_counted_and_its_packages_are_named(root: Path) -> None:
    found = contents.read(root)
    assert found == Contents(
        megabytes=found.megabytes,
        files=7,
        commands=4,
        set_user=1,
        packages=(
            Package("deb", "base-files", "13"),
            Package("deb", "zlib1g", "1:1.3+b1"),
            Package("pypi", "jinja-thing", "2.0"),
        ),
        unneeded=("dash", "pip", "sh"),
    )


def test_a_file_with_two_names_is_counted_once_in_the_size(root: Path) -> None:
    sizes = [path.stat().st_size for path in root.rglob("*") if path.is_file() and path.name != "dash"]
    assert contents.read(root).megabytes == sum(sizes) / contents.MEGABYTE


def test_the_bill_of_materials_names_every_package_by_its_url(root: Path) -> None:
    bill = contents.bill("agent-executor", "1.2.3", contents.read(root))
    assert (bill["bomFormat"], bill["metadata"]["component"]["version"]) == ("CycloneDX", "1.2.3")
    assert [it["purl"] for it in bill["components"]] == [
        "pkg:deb/debian/base-files@13",
        "pkg:deb/debian/zlib1g@1:1.3%2Bb1",
        "pkg:pypi/jinja-thing@2.0",
    ]


def test_the_figures_are_a_table_with_a_column_for_each_image(root: Path) -> None:
    found = contents.read(root)
    said = figures.table(
        {"ours": Figures(found, found, 1.4, Start(0.456, 0.3, 49.6)), "theirs": Figures(found, found, 2)}
    )
    lines = said.splitlines()
    assert lines[:2] == ["|  | ours | theirs |", "| --- | --- | --- |"]
    assert lines[-3:] == [
        "| process to ready, s | 0.46 |  |",
        "| of it computing, s | 0.30 |  |",
        "| memory when ready, MB | 50 |  |",
    ]


def test_who_is_not_root_or_lacks_a_program_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(engine.EngineError, match="only root"):
        engine.check({})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(engine.EngineError, match="apt-get install --no-install-recommends no-such-package"):
        engine.check({"no-such-program": "no-such-package"})


def test_debians_lists_are_those_of_this_machine_for_another_release(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "http://mirror/debian/ bookworm\nhttp://mirror/debian/ bookworm-updates\nhttp://mirror/debian/ bookworm\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, said))
    signed = f"deb [signed-by={base.KEYRING}] http://mirror/debian/"
    assert base.sources_of("trixie") == f"{signed} trixie main\n{signed} trixie-updates main\n"


def test_the_page_shows_all_that_a_tenants_image_is_made_of() -> None:
    assert [tenant.shown(language).splitlines()[-1][:15] for language in tenant.SHOWN.values()] == [
        'RUN ["agent-exe',
        '{"graphs": {"ta',
        "graph = StateGr",
    ]
