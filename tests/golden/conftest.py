"""The function as the process that it is, the real validation, and golden files."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tools import rendering, toolchain
from tools.rendering import Document

EXPECTED = Path(__file__).parent / "expected"
COMMAND = Path(sys.executable).parent / "function-agent-executor"

Validate = Callable[..., subprocess.CompletedProcess[str]]
NEWEST = ("keda", "external-secrets", "prometheus-operator", "provider-kubernetes")
OLDER = ("keda-older", "external-secrets-older", "prometheus-operator", "provider-kubernetes-older")
Compare = Callable[[str, list[Document]], None]


@dataclass(frozen=True)
class Function:
    """Where the function's process listens."""

    address: str
    health: str
    metrics: str
    process: subprocess.Popen[bytes]


@contextmanager
def serving(*flags: str, on: str = "127.0.0.1") -> Iterator[Function]:
    """The function's process, on free ports of the host; it ends with 0 when it is told to stop."""
    ports = [free_port() for _ in range(3)]
    options = zip(("--address", "--health-address", "--metrics-address"), ports, strict=True)
    addresses = [word for option, port in options for word in (option, f"{on}:{port}")]
    with subprocess.Popen([COMMAND, *flags, *addresses], stdout=subprocess.DEVNULL) as process:
        try:
            address, health, metrics = (f"127.0.0.1:{port}" for port in ports)
            wait_for(address, process)
            yield Function(address, health, metrics, process)
        finally:
            process.terminate()
            assert process.wait(timeout=10) == 0


@pytest.fixture(scope="session")
def function() -> Iterator[Function]:
    with serving("--insecure") as at:
        yield at


@pytest.fixture
def function_address(function: Function) -> str:
    return function.address


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """`crossplane resource validate` against our XRD and others' own CRDs, offline; what has no schema is an error."""

    def run(
        documents: list[Document], projects: tuple[str, ...] = NEWEST, xrd: Path = rendering.XRD
    ) -> subprocess.CompletedProcess[str]:
        resources = tmp_path / "resources.yaml"
        resources.write_text(yaml.safe_dump_all(documents))
        schemas = ",".join(map(str, [xrd, *definitions(projects)]))
        offline = ("--crossplane-image=", f"--cache-dir={tmp_path / 'cache'}")
        command = [str(toolchain.crossplane_cli()), "resource", "validate", schemas, str(resources), *offline]
        return subprocess.run([*command, "--error-on-missing-schemas"], capture_output=True, text=True, check=False)

    return run


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Compare:
    """Compare documents with a golden file, or rewrite it under `--update-golden`."""

    def compare(name: str, documents: list[Document]) -> None:
        path = EXPECTED / f"{name}.yaml"
        if request.config.getoption("--update-golden"):
            path.write_text(yaml.safe_dump_all(documents, width=120))
        assert documents == list(yaml.safe_load_all(path.read_text()))

    return compare


def definitions(projects: tuple[str, ...]) -> Iterator[Path]:
    for project in projects:
        yield from (toolchain.crds(project) / Path(file).name for file in toolchain.CRDS[project].files)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(0.02)
    pytest.fail("the function does not listen")
