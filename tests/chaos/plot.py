"""Memory and descriptors over time of the worker that a run spares, as charts for Markdown (Mermaid).

python -m tests.chaos.plot SUMMARY.json
"""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import click

POINTS = 60
MINUTE = 60.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("summary", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(summary: Path) -> None:
    """Print the charts of a run, from what it wrote with --json."""
    spared = json.loads(summary.read_text())["spared"]
    minutes = spared[-1][0] / MINUTE
    click.echo(chart("Memory", "MB", minutes, [memory for _, memory, _ in spared]))
    click.echo(chart("Descriptors", "open", minutes, [float(count) for _, _, count in spared]))


def chart(title: str, unit: str, minutes: float, values: Sequence[float]) -> str:
    """A line over time; each point is the median of a few neighbours, and the title has the highest value of all."""
    width = -(-len(values) // POINTS)
    points = [median(values[start : start + width]) for start in range(0, len(values), width)]
    lines = [
        "```mermaid",
        "xychart-beta",
        f'    title "{title}, {max(values):.0f} at most"',
        f'    x-axis "minutes" 0 --> {minutes:.0f}',
        f'    y-axis "{unit}" 0 --> {1.25 * max(points):.0f}',
        f"    line [{', '.join(f'{point:.0f}' for point in points)}]",
        "```",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
