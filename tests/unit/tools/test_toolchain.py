"""Where the tools are looked for; nothing here builds or downloads."""

from pathlib import Path

import pytest

from tools import golang, toolchain


@pytest.fixture(autouse=True)
def empty_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, nothing on PATH, no overrides."""
    monkeypatch.setenv("AGENT_EXECUTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for part in toolchain.PARTS:
        monkeypatch.delenv(part.variable, raising=False)
    return tmp_path


def test_on_an_empty_machine_everything_is_missing_and_asking_makes_nothing(empty_machine: Path) -> None:
    assert toolchain.missing() == [f"{part.name} {part.version}" for part in toolchain.PARTS]
    assert not toolchain.ready()
    assert list(empty_machine.iterdir()) == []


def test_what_is_cached_is_ready() -> None:
    for part in toolchain.PARTS:
        part.cached.parent.mkdir(exist_ok=True)
        part.cached.touch()
    assert toolchain.ready()
    assert toolchain.crossplane_cli() == toolchain.CLI.cached
    assert toolchain.crossplane_core() == toolchain.CORE.cached
    assert toolchain.crds("keda") == toolchain.CRDS["keda"].cached


def test_an_override_comes_before_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(toolchain.CLI.variable, "/opt/crossplane")
    assert toolchain.crossplane_cli() == Path("/opt/crossplane")


@pytest.mark.parametrize("fits", [True, False], ids=["pinned", "another"])
def test_a_program_on_path_counts_when_it_is_of_the_pinned_version(empty_machine: Path, *, fits: bool) -> None:
    command = empty_machine / "bin" / "crossplane"
    command.parent.mkdir()
    command.write_text(f"#!/bin/sh\necho Client Version: {toolchain.CLI.version if fits else 'v0.0.1'}\n")
    command.chmod(0o755)
    assert toolchain.CLI.found() == (command if fits else None)


def test_the_cache_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AGENT_EXECUTOR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert toolchain.cache() == tmp_path / "agent-executor"


def test_the_file_names_carry_the_versions_of_the_module_files() -> None:
    assert toolchain.CLI.cached.name == f"crossplane-cli-v2.5.0-{toolchain.PLATFORM}"
    assert toolchain.CORE.cached.name == f"crossplane-core-v2.3.4-{toolchain.PLATFORM}"
    assert [part.cached.name for part in toolchain.CRDS.values()] == [
        "crds-keda-v2.20.2",
        "crds-external-secrets-v0.20.4",
        "crds-prometheus-operator-v0.93.0",
        "crds-provider-kubernetes-v1.2.1",
        "crds-crossplane-v2.3.4",
        "crds-keda-older-v2.18.1",
        "crds-external-secrets-older-v0.9.13",
        "crds-provider-kubernetes-older-v0.13.0",
    ]


def test_the_compiler_that_is_needed_is_the_module_files(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module a\n\ngo 1.26.0\n")
    assert golang.needed(tmp_path) == (1, 26, 0)


def test_a_module_file_without_a_version_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module a\n")
    with pytest.raises(golang.GoError, match="names no Go version"):
        golang.needed(tmp_path)
