"""Write docs/settings.md from the settings themselves; `--check` says whether it is true."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo

from executor.environment import Group
from executor.settings import Settings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
HEAD = """# Settings of the executor

Environment variables, read once at the start. A line break at the end of a value is not part of it, and an empty
variable is one that is not set. A missing or wrong one ends the process with one line that names it. Addresses of IPv6
stand in brackets in URLs, and may do so in hosts. Written by `make reference` from `executor/settings.py`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for _, group in Settings.groups() for line in _section(group))])


def _section(group: type[Group]) -> Iterator[str]:
    yield f"## {(group.__doc__ or '').split(chr(10))[0].rstrip('.')}\n"
    yield "| variable | default | what it is |"
    yield "| --- | --- | --- |"
    for field in group.model_fields.values():
        if isinstance(field.validation_alias, str):
            yield f"| `{field.validation_alias}` | {_default(field)} | {field.description or ''} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return "" if field.default is None else f"`{field.default}`"


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 where the page is out of date")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    current = PAGE.read_text(encoding="utf-8") == page()
    print("docs/settings.md is true" if current else "docs/settings.md is out of date: make reference")
    return 0 if current else 1


if __name__ == "__main__":
    sys.exit(main())
