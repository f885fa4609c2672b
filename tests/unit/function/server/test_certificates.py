"""When certificates are renewed, and what is said when they cannot be."""

from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from function.server.certificates import Certificates
from tests.certificates import Authority, Mounted

REFUSED = "certificates not renewed: the last ones are shown on"


def test_the_same_files_are_no_news_and_others_are_told_once(tmp_path: Path) -> None:
    mounted = Mounted(tmp_path / "mounted")
    mounted.swap(Authority("before"))
    certificates = Certificates(mounted.folder)
    assert certificates.renewed() is None
    mounted.swap(Authority("after"))
    with capture_logs() as said:
        assert certificates.renewed() is not None
        assert certificates.renewed() is None
    assert [line["event"] for line in said] == ["certificates renewed"]


Deed = Callable[[Path], object]
BREAK: dict[str, tuple[Deed, str]] = {
    "another key": (lambda folder: other(folder, "tls.key"), "key values mismatch"),
    "another certificate": (lambda folder: other(folder, "tls.crt"), "key values mismatch"),
    "half a certificate": (lambda folder: half(folder / "tls.crt"), "PEM"),
    "half an authority": (lambda folder: half(folder / "ca.crt"), "certificate"),
    "an empty authority": (lambda folder: (folder / "ca.crt").write_bytes(b""), "Empty"),
    "no text": (lambda folder: (folder / "ca.crt").write_bytes(b"\xff"), "decode"),
    "no key": (lambda folder: (folder / "tls.key").unlink(), "No such file"),
}


@pytest.mark.parametrize(("deed", "words"), BREAK.values(), ids=BREAK)
def test_files_that_cannot_be_used_are_told_once_and_the_last_ones_stay(tmp_path: Path, deed: Deed, words: str) -> None:
    folder = Authority("ours").issue(tmp_path / "served")
    kept = {file.name: file.read_bytes() for file in folder.iterdir()}
    certificates = Certificates(folder)
    deed(folder)
    with capture_logs() as said:
        assert [certificates.renewed() for _ in range(3)] == [None] * 3
    assert [line["event"] for line in said] == [REFUSED]
    assert words in said[0]["error"]
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    assert certificates.renewed() is None


@pytest.mark.parametrize(("deed", "words"), BREAK.values(), ids=BREAK)
def test_without_files_that_can_be_used_nothing_is_served(tmp_path: Path, deed: Deed, words: str) -> None:
    folder = Authority("ours").issue(tmp_path / "served")
    deed(folder)
    with pytest.raises((OSError, ValueError)) as caught:
        Certificates(folder)
    assert words in str(caught.value)


def other(folder: Path, name: str) -> None:
    (folder / name).write_bytes((Authority("ours").issue(folder.parent / "other") / name).read_bytes())


def half(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
