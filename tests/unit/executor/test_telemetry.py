"""Logs: a line is JSON that every reader takes, whatever is logged."""

import io
import json
import sys

import pytest
import structlog

from executor.telemetry import configure_logs


@pytest.fixture
def lines(monkeypatch):
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs("info")
    yield written
    structlog.reset_defaults()


class Silent(Exception):
    """It cannot be shown."""

    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


def test_whatever_is_logged_is_a_line_of_json(lines):
    log = structlog.get_logger()
    log.info("told", half="\ud800", raw=b"\xff", odd=Silent(), many={1: {2}})
    log.error("raised", exc_info=Silent())
    lines.flush()
    told, raised = map(json.loads, lines.buffer.getvalue().decode().splitlines())
    assert told.pop("timestamp")
    assert told == {
        "event": "told", "level": "info", "half": "\ufffd", "raw": "/w==", "odd": "<Silent>", "many": {"1": [2]},
    }  # fmt: skip
    assert "Silent" in raised["exception"]
