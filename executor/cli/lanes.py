"""What a job does, as a person reads it. Pure."""

import json
from collections.abc import Mapping
from typing import Any


class Lanes:
    """The text of each entry: the root's tokens as they come, those of a subagent in lines of its own.

    A lane is a namespace, so that subagents may run at once. Its name is that of the nodes that lead there, numbered
    where several have the same.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {"": ""}
        self._begun: dict[str, str] = {}
        self._root_is_open = False

    def told(self, entry: Mapping[str, Any]) -> str:
        """What is to be printed of it, its line breaks with it."""
        ns, kind = entry.get("ns") or "", entry["type"]
        if kind == "token":
            return self._token(ns, str(entry["data"]["text"]))
        if kind == "end":
            return "".join([*map(self._finished, list(self._begun)), self._line("", _words(entry))])
        words = _words(entry)
        return self._finished(ns) + (self._line(ns, words) if words else "")

    def _token(self, ns: str, text: str) -> str:
        if not ns:
            self._root_is_open = not text.endswith("\n") if text else self._root_is_open
            return text
        *lines, self._begun[ns] = (self._begun.get(ns, "") + text).split("\n")
        return "".join(self._line(ns, line) for line in lines)

    def _finished(self, ns: str) -> str:
        rest = self._begun.pop(ns, "")
        return self._line(ns, rest) if rest else ""

    def _line(self, ns: str, text: str) -> str:
        name = self._name(ns)
        before = "\n" if self._root_is_open else ""
        self._root_is_open = False
        return before + "".join(f"{name} | {line}\n" if name else f"{line}\n" for line in text.split("\n"))

    def _name(self, ns: str) -> str:
        if ns not in self._names:
            name = "/".join(step.partition(":")[0] for step in ns.split("|"))
            others = sum(each.partition(" ")[0] == name for each in self._names.values())
            self._names[ns] = f"{name} {others + 1}" if others else name
        return self._names[ns]


def _words(entry: Mapping[str, Any]) -> str:
    data = entry["data"]
    match entry["type"]:
        case "tool_call":
            return f"→ {data['name']}({json.dumps(data['args'], ensure_ascii=False)})"
        case "tool_result":
            return f"← {data['name']}: {data['content']}"
        case "end":
            return str(data["status"])
        case "attempt" | "gap" | "interrupt" | "custom" as word:
            return f"[{word}] {json.dumps(data, ensure_ascii=False)}"
    return ""
