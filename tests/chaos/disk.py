"""A small file system under one server, that can be filled to the last byte. It is mounted, which takes root."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SIZE = "512m"
BLOCK = bytes(1 << 20)


@dataclass(frozen=True)
class Disk:
    """Mounted at the folder of `server`."""

    server: str
    folder: Path

    @contextmanager
    def full(self) -> Iterator[None]:
        """Nothing more can be written to it meanwhile."""
        ballast = self.folder / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(BLOCK)
        try:
            yield
        finally:
            ballast.unlink()


@contextmanager
def small_disk(server: str | None, root: Path) -> Iterator[Disk | None]:
    """A file system of half a gigabyte in memory for the server, unmounted at the end; none where none is named."""
    if server is None:
        yield None
        return
    folder = root / server
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "chaos", str(folder)], check=True)
    try:
        yield Disk(server, folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
