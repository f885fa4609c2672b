"""The pair of bases where nothing can be pulled: Debian's own packages, put together by mmdebstrap.

`build` is what debian:13-slim is with Python installed. `runtime` is made as the distroless image is: packages are
extracted and never installed, so that there is no shell, no package manager and nothing that ran.
"""

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.images.engine import Engine, EngineError

RELEASE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BUILD, RUNTIME = "localhost/base-build", "localhost/base-runtime"
HOOK = Path(__file__).with_name("runtime.sh")


@dataclass(frozen=True)
class Base:
    """An image of Debian's packages: how mmdebstrap puts them together, and what the image says of itself."""

    name: str
    packages: tuple[str, ...]
    how: tuple[str, ...]
    changes: tuple[str, ...]

    def make(self, engine: Engine) -> None:
        """Put it into the storage; raises EngineError."""
        with tempfile.TemporaryDirectory(dir=engine.root) as folder:
            sources, archive = Path(folder, "sources.list"), Path(folder, "root.tar")
            sources.write_text(sources_of(RELEASE))
            what = ("--quiet", "--mode=root", f"--include={','.join(self.packages)}", *self.how)
            command = ["mmdebstrap", *what, RELEASE, str(archive), str(sources)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise EngineError(f"mmdebstrap could not make {self.name}:\n{done.stderr[-2000:]}")
            engine.load(archive, self.name, self.changes)


BASES = (
    Base(
        BUILD,
        ("ca-certificates", "python3", "python3-venv"),
        ("--variant=minbase",),
        ("ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",),
    ),
    Base(
        RUNTIME,
        (
            *("base-files", "ca-certificates", "libc-bin", "netbase", "tzdata"),
            *("libgcc-s1", "libgomp1", "libssl3t64", "libstdc++6"),
            *("libpython3.13-minimal", "libpython3.13-stdlib", "python3.13-minimal"),
        ),
        ("--variant=extract", f"--extract-hook={HOOK}"),
        ("ENV LANG=C.UTF-8", "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", "USER 65532"),
    ),
)


def provide(engine: Engine, *, fresh: bool) -> None:
    """Have both bases in the storage; they are made once, or anew when `fresh`."""
    for base in BASES:
        if fresh or not engine.has(base.name):
            base.make(engine)


def sources_of(release: str) -> str:
    """The lists of a release, from wherever this machine has its own from."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lists = {_of(release, *line.split()) for line in done.stdout.splitlines() if len(line.split()) == 2}  # noqa: PLR2004
    if not lists:
        raise EngineError("apt has no lists on this machine: apt-get update")
    return "".join(sorted(lists))


def _of(release: str, address: str, codename: str) -> str:
    suite = re.sub(r"^[a-z]+", release, codename)
    return f"deb [signed-by={KEYRING}] {address} {suite} main\n"
