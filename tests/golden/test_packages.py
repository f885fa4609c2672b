"""The packages as the real CLI builds them, what installs them as Crossplane's schemas see it, the README's command."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.golden.conftest import Function
from tools import toolchain, version
from tools.packages import build, readme, registry
from tools.packages.release import CONFIGURATIONS, FUNCTION, Release

# The first test on a fresh machine may build the tools.
pytestmark = pytest.mark.timeout(func_only=True)

ACME = Release("ghcr.io/acme", version.tag())
LAYER = b"not a layer of ours"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(scope="module")
def packages(folder: Path) -> list[build.Package]:
    """All packages, around images for two architectures that hold nothing."""
    return build.build(ACME, [image_of(folder, architecture) for architecture in ("amd64", "arm64")], folder)


def test_a_package_has_its_files_whole(packages: list[build.Package]) -> None:
    for package in packages:
        for file in package.files:
            [*_, base] = read(file)[1]
            names = [(it["kind"], it["metadata"]["name"]) for it in registry.documents(base)]
            assert sorted(names) == sorted((it["kind"], it["metadata"]["name"]) for it in package.documents)


def test_the_function_comes_for_each_architecture_and_what_only_defines_comes_once(
    packages: list[build.Package],
) -> None:
    assert [[file.name for file in package.files] for package in packages] == [
        [f"{FUNCTION}-amd64.xpkg", f"{FUNCTION}-arm64.xpkg"],
        ["configuration-agent-executor.xpkg"],
        ["configuration-agent-executor-v1.xpkg"],
    ]
    assert [build.architecture(file) for file in packages[0].files] == ["amd64", "arm64"]


def test_the_layer_that_crossplane_reads_is_marked_and_the_image_is_below_it(packages: list[build.Package]) -> None:
    config, (image, base) = read(packages[0].files[0])
    marked = {key: value for key, value in config["config"]["Labels"].items() if key.startswith(registry.ANNOTATION)}
    assert marked == {f"{registry.ANNOTATION}:sha256:{hashlib.sha256(base).hexdigest()}": registry.BASE}
    assert gzip.decompress(image) == LAYER


@pytest.mark.parametrize("which", CONFIGURATIONS, ids=lambda which: which.version)
def test_what_installs_them_is_valid_for_crossplane(which, tmp_path: Path) -> None:
    crds = toolchain.crds("crossplane")
    kinds = ("deploymentruntimeconfigs", "functions", "configurations", "providers")
    schemas = ",".join(str(crds / f"pkg.crossplane.io_{kind}.yaml") for kind in kinds)
    build.write(tmp_path / "install.yaml", ACME.install(which))
    said = build.crossplane(
        *("resource", "validate", schemas, str(tmp_path / "install.yaml"), "--error-on-missing-schemas"),
        *("--crossplane-image=", f"--cache-dir={tmp_path / 'cache'}"),
    )
    assert "0 missing schemas, " in said
    assert "0 failure cases" in said


def test_the_command_that_the_readme_prints_renders_the_claim(function: Function, tmp_path: Path) -> None:
    build.describe(ACME, tmp_path / "release")
    readme.lay_out(tmp_path / "release" / readme.FOLDER, tmp_path)
    documents = readme.render(tmp_path, {}, function.address)
    assert [document["kind"] for document in documents] == ["AgentExecutor", "NetworkPolicy", "ServiceAccount"]


def test_what_is_not_an_image_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "no.tar").write_bytes(b"nothing")
    with pytest.raises(build.PackageError, match=r"no\.tar is not an image as `docker save` writes it"):
        build.architecture(tmp_path / "no.tar")


def test_what_the_cli_refuses_is_told_in_its_words() -> None:
    with pytest.raises(build.PackageError, match=r"crossplane xpkg build: .*no-such-folder"):
        build.crossplane("xpkg", "build", "--package-root=no-such-folder")


def image_of(folder: Path, architecture: str) -> Path:
    """An image of one layer, as `docker save` writes it."""
    layers = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(LAYER).hexdigest()}"]}
    config = {"architecture": architecture, "os": "linux", "config": {}, "rootfs": layers}
    manifest = [{"Config": "config.json", "RepoTags": ["a:b"], "Layers": ["layer.tar"]}]
    files = {
        "config.json": json.dumps(config).encode(),
        "layer.tar": LAYER,
        "manifest.json": json.dumps(manifest).encode(),
    }
    archive = folder / f"runtime-{architecture}.tar"
    with tarfile.open(archive, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive


def read(package: Path) -> tuple[dict[str, Any], list[bytes]]:
    """The configuration of a package's image, and its layers as they are kept, the lowest first."""
    with tarfile.open(package) as tar:
        files = {member.name: content.read() for member in tar if (content := tar.extractfile(member))}
    [manifest] = json.loads(files["manifest.json"])
    return json.loads(files[manifest["Config"]]), [files[name] for name in manifest["Layers"]]
