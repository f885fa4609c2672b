"""Write the tables of docs/capacity.md from what `make bench-scale` and `make bench-peers` said last."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
PAGE = DOCS / "capacity.md"
FIGURES = DOCS / "capacity"
SCALE = {"jobs/s": 1, "p50 ms": 0, "ms CPU": 1, "ms Postgres": 1, "cores": 2, "MiB a pod": 0, "peak MiB": 0}
PEERS = {"jobs/s": 1, "x jobs/s": 2, "p50 ms": 0, "idle ms": 0, "ms CPU": 1, "ms Postgres": 1, "MiB": 0}
TABLES = {"scale": (("graph", "pods", "at once"), SCALE), "peers": (("name",), PEERS)}


def page(current: str) -> str:
    """The page with its tables as the figures say now; what stands around them stays."""
    for name, (case, columns) in TABLES.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = current.split(begin)
        table = "\n".join(_table(json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8")), case, columns))
        current = f"{before}{begin}{table}\n{end}{rest.split(end)[1]}"
    return current


def _table(said: Mapping[str, Any], case: Sequence[str], columns: Mapping[str, int]) -> Iterator[str]:
    machine, asked = said["machine"], said["asked"]
    yield (
        f"{machine['at'][:10]}, {machine['cores']} cores ({machine['cpu']}), load {machine['load'][0]} when it began,"
        f" Python {machine['python']}; {asked['rounds']} rounds of {asked['jobs']} jobs, medians.\n"
    )
    yield f"| {' | '.join((*case, *columns))} |"
    yield f"|{' --- |' * (len(case) + len(columns))}"
    cases: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for each in said["figures"]:
        cases.setdefault(tuple(each[name] for name in case), []).append(each)
    for names, mine in cases.items():
        found = [f"{statistics.median(each[name] for each in mine):.{digits}f}" for name, digits in columns.items()]
        yield f"| {' | '.join((*map(str, names), *found))} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
