"""What the function is measured against: nothing at all, itself as it landed last, and what it would cost in Go."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
from crossplane.function import response, runtime
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1
from google.protobuf.json_format import MessageToDict

from function.fn import run
from tests.bench.function import world
from tests.upgrade import landed
from tools import golang, toolchain
from tools.version import ROOT

HERE = Path(__file__).parent
MEGABYTES = 16
OURS = ("-P", "-c", "from function.server.main import main; main()", "--insecure", "--address", "{}")
Context = grpc.aio.ServicerContext[fnv1.RunFunctionRequest, fnv1.RunFunctionResponse]


@dataclass(frozen=True)
class Command:
    """How a function is started, with {} where its address belongs, and the folder that Python takes it from."""

    name: str
    words: tuple[str, ...]
    folder: Path = ROOT


def all_of_them(scratch: Path) -> list[Command]:
    """The empty one, ours, the one that landed and, where there is a Go, one in it."""
    return [
        Command("empty (the SDK's floor)", (sys.executable, "-P", "-m", "tests.bench.function.baselines", "{}")),
        Command("this function", (sys.executable, *OURS)),
        Command(f"as it landed, {landed.COMMIT[:7]}", (sys.executable, *OURS), _landed(scratch / "landed")),
        Command("lean, in Go", (str(_go()), "{}", str(_answer(scratch)))),
    ]


def _landed(folder: Path) -> Path:
    """The function's code of the last landing, which runs with what is installed here."""
    folder.mkdir()
    archive = ["git", "-C", str(ROOT), "archive", landed.COMMIT, "contract", "function"]
    code = subprocess.run(archive, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=code, check=True)
    return folder


def _go() -> Path:
    """The Go program, kept in the cache."""
    sources, kept = HERE / "go", toolchain.cache() / f"bench-function-{toolchain.PLATFORM}"
    changed = max(file.stat().st_mtime for file in sources.iterdir())
    if not kept.exists() or kept.stat().st_mtime < changed:
        toolchain.say("building the function in Go (a minute or two, once)")
        with toolchain.locked(), toolchain.scratch() as folder:
            # Whatever the SDK needs follows from it: Go writes that into the copy, and go.sum has the hashes.
            copied = Path(shutil.copytree(sources, folder / "go"))
            found = golang.find(golang.needed(sources), toolchain.cache() / "go")
            go = replace(found, environment={**found.environment, "GOFLAGS": "-mod=mod -buildvcs=false"})
            go.build(copied, ".", folder / "lean")
            (folder / "lean").replace(kept)
    return kept


def _answer(scratch: Path) -> Path:
    """What ours answers, for the Go program to answer."""
    answer = MessageToDict(run(world.request()), preserving_proto_field_name=True, use_integers_for_enums=True)
    file = scratch / "answer.json"
    file.write_text(json.dumps(answer))
    return file


class Empty(grpcv1.FunctionRunnerServiceServicer):
    """The least that a function can do."""

    async def RunFunction(  # noqa: N802 - the name is gRPC's
        self, request: fnv1.RunFunctionRequest, _: Context
    ) -> fnv1.RunFunctionResponse:
        """Answer one call."""
        return response.to(request)


def main() -> None:
    """Serve the empty one."""
    limit = MEGABYTES * 1024 * 1024
    sizes = [("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit)]
    runtime.serve(Empty(), sys.argv[1], creds=None, insecure=True, options=sizes)  # type: ignore[arg-type]  # None is for none


if __name__ == "__main__":
    main()
