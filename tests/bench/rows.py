"""What each periodic statement and some lists cost on tables of a given size: blocks, and the best of five in ms."""

import argparse
import asyncio

from contract import Env
from executor import embedded, migrate
from executor.ledger.sql import people, sweeps
from executor.postgres.pool import connected
from executor.settings import PostgresSettings
from tests import rig
from tests.integration.durable.lab import lab_on
from tests.integration.durable.rows import cost, fill, statements

DATABASE = "rows"
PERIODIC = {*vars(sweeps), *vars(people).keys() & {"EXPIRE", "EXPIRE_SAID"}, "EXPIRE_THREADS", "OPENED"}
LISTS = {
    "SEARCH {} by updated_at",
    "SEARCH {'agent': 'one'} by updated_at",
    "SEARCH interrupted",
    "SEARCH error",
    "LIST {'status': 'cancelled'}",
    "LIST {'status': 'failed'}",
    "LIST {'thread_id': 'long'}",
}
ROUNDS = 5


async def measure(finished: int, waiting: int) -> None:
    """Print a line for each."""
    async with embedded.servers() as servers:
        given = servers.environment()
        settings = PostgresSettings.read(given | {Env.POSTGRES_DB: DATABASE})
        async with rig.database(given, DATABASE), lab_on(settings) as lab:
            await asyncio.to_thread(migrate.migrate, settings, migrate.default_folder())
            await fill(lab.pool, finished, waiting)
            async with connected(lab.pool) as connection:
                for name, text, values in statements():
                    if name in PERIODIC | LISTS:
                        costs = [await cost(connection, text, values) for _ in range(ROUNDS)]
                        print(f"{name:<32} {costs[-1][0]:>8} blocks {min(ms for _, ms in costs):>9.2f} ms", flush=True)


def main() -> None:
    """Read the sizes and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finished", type=int, default=2_000_000, help="jobs that have ended")
    parser.add_argument("--waiting", type=int, default=100_000, help="jobs that wait")
    given = parser.parse_args()
    asyncio.run(measure(given.finished, given.waiting))


if __name__ == "__main__":
    main()
