"""Downloads against a real server: a file is whole and right, or it is not there."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from cnnviz.errors import CnnvizError, DownloadCancelled, DownloadError
from cnnviz.files import CHUNK_BYTES, cache_dir, fetch, write_atomically
from tests.builders.loopback import Answer, Loopback, serving

BODY = bytes(range(256)) * 1024  # four chunks
SHA256 = "sha256:" + hashlib.sha256(BODY).hexdigest()
MD5 = "md5:" + hashlib.md5(BODY).hexdigest()
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving({"whole": Answer(BODY)}) as loopback:
        yield loopback


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "file.bin"


def files_beside(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.glob("*")) if target.parent.exists() else []


@pytest.mark.parametrize("known_hash", [SHA256, MD5, MD5.upper().replace("MD5", "md5"), None])
def test_a_whole_file_arrives_and_nothing_else(
    server: Loopback, target: Path, known_hash: str | None
) -> None:
    assert fetch(server.url("whole"), target, known_hash=known_hash) == target
    assert target.read_bytes() == BODY
    assert files_beside(target) == ["file.bin"]


def test_a_right_file_is_not_fetched_again(server: Loopback, target: Path) -> None:
    for _ in range(2):
        fetch(server.url("whole"), target, known_hash=SHA256)
    assert server.num_requests["whole"] == 1


def test_a_wrong_file_is_replaced(server: Loopback, target: Path) -> None:
    write_atomically(target, lambda file: file.write(BODY[:-1]) and None)
    fetch(server.url("whole"), target, known_hash=SHA256)
    assert target.read_bytes() == BODY


FAILURES = {
    "torn": (Answer(BODY, torn_after=100_000), "broke off"),
    "torn-at-once": (Answer(BODY, torn_after=0), "broke off"),
    "torn-without-length": (Answer(BODY, torn_after=100_000, tells_length=False), "checksum"),
    "other-bytes": (Answer(BODY[::-1]), "checksum"),
    "empty": (Answer(), "checksum"),
    "missing": (Answer(b"no such page", status=404), "404 (Not Found)"),
    "broken": (Answer(b"sorry", status=500), "500 (Internal Server Error)"),
    "odd": (Answer(b"?", status=599), "599 (an error)"),
    "too-long": (Answer(BODY * 2), "longer than the 262144 bytes"),
    "too-long-without-length": (Answer(BODY * 2, tells_length=False), "longer than the 262144"),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("before", [None, b"an older file"], ids=["fresh", "replacing"])
def test_a_failure_says_why_and_leaves_things_as_they_were(
    server: Loopback, target: Path, name: str, before: bytes | None
) -> None:
    answer, words = FAILURES[name]
    server.answers[name] = answer
    if before is not None:
        target.parent.mkdir()
        target.write_bytes(before)
    with pytest.raises(DownloadError) as caught:
        fetch(server.url(name), target, known_hash=SHA256, size_bytes=len(BODY))
    assert words in str(caught.value)
    assert caught.value.url == server.url(name)
    assert files_beside(target) == ([] if before is None else ["file.bin"])
    assert before is None or target.read_bytes() == before


def test_a_torn_file_is_noticed_even_without_a_hash(server: Loopback, target: Path) -> None:
    server.answers["torn"] = Answer(BODY, torn_after=200_000)
    with pytest.raises(DownloadError, match="broke off"):
        fetch(server.url("torn"), target, known_hash=None)
    assert files_beside(target) == []


def test_a_clean_restart_follows_a_torn_download(server: Loopback, target: Path) -> None:
    server.answers["file"] = Answer(BODY, torn_after=1000)
    with pytest.raises(DownloadError):
        fetch(server.url("file"), target, known_hash=SHA256)
    server.answers["file"] = Answer(BODY)
    assert fetch(server.url("file"), target, known_hash=SHA256).read_bytes() == BODY


def test_a_silent_server_is_given_up(server: Loopback, target: Path) -> None:
    server.answers["slow"] = Answer(BODY, stall_s=20)
    start = time.monotonic()
    with pytest.raises(DownloadError, match="did not answer in time"):
        fetch(server.url("slow"), target, known_hash=SHA256, timeout_s=0.2)
    assert time.monotonic() - start < 5
    assert files_beside(target) == []


def test_a_refused_connection_is_explained(target: Path) -> None:
    with serving({}) as loopback:
        url = loopback.url("gone")
    with pytest.raises(DownloadError, match="No connection"):
        fetch(url, target, known_hash=SHA256)
    assert files_beside(target) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://no-such-host.invalid/file", "No connection"),
        ("no address", "Check the address"),
        ("ftp://127.0.0.1/file", "Check the address"),
    ],
)
def test_an_address_that_leads_nowhere_is_explained(
    monkeypatch: pytest.MonkeyPatch, target: Path, url: str, words: str
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(DownloadError, match=words):
        fetch(url, target, known_hash=None)
    assert files_beside(target) == []


def test_progress_grows_to_the_whole_length(server: Loopback, target: Path) -> None:
    server.answers["odd-length"] = Answer(BODY + b"tail")
    seen: list[tuple[int, int]] = []
    fetch(
        server.url("odd-length"),
        target,
        known_hash=None,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    done = [pair[0] for pair in seen]
    assert done[0] == CHUNK_BYTES
    assert done == sorted(done)
    assert done[-1] == len(BODY) + 4
    assert {pair[1] for pair in seen} == {len(BODY) + 4}


@pytest.mark.parametrize(("size_bytes", "total"), [(len(BODY), len(BODY)), (None, 0)])
def test_progress_without_a_told_length(
    server: Loopback, target: Path, size_bytes: int | None, total: int
) -> None:
    server.answers["untold"] = Answer(BODY, tells_length=False)
    seen: list[tuple[int, int]] = []
    fetch(
        server.url("untold"),
        target,
        known_hash=SHA256,
        size_bytes=size_bytes,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(CHUNK_BYTES * (index + 1), total) for index in range(4)]


def test_progress_can_cancel(server: Loopback, target: Path) -> None:
    def cancel_at_half(done: int, total: int) -> None:
        if done * 2 >= total:
            raise DownloadCancelled("Stopped.")

    with pytest.raises(DownloadCancelled) as caught:
        fetch(server.url("whole"), target, known_hash=SHA256, on_progress=cancel_at_half)
    assert isinstance(caught.value, CnnvizError)
    assert files_beside(target) == []
    assert fetch(server.url("whole"), target, known_hash=SHA256).read_bytes() == BODY


def test_many_threads_may_fetch_the_same_file(server: Loopback, target: Path) -> None:
    server.answers["slow"] = Answer(BODY, stall_s=0.1)
    results: list[Path] = []

    def work() -> None:
        results.append(fetch(server.url("slow"), target, known_hash=SHA256))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [target] * 6
    assert target.read_bytes() == BODY
    assert files_beside(target) == ["file.bin"]


FETCH_IN_A_CHILD = """
import sys
from pathlib import Path
from cnnviz.files import fetch
from cnnviz.errors import DownloadError
url, path, known_hash, limit_bytes = sys.argv[1:]
if int(limit_bytes):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit_bytes), int(limit_bytes)))
try:
    fetch(url, Path(path), known_hash=known_hash)
except DownloadError as error:
    sys.exit(f"told: {error}")
"""


def child(server: Loopback, name: str, target: Path, limit_bytes: int = 0) -> subprocess.Popen[str]:
    arguments = [server.url(name), str(target), SHA256, str(limit_bytes)]
    return subprocess.Popen(
        [sys.executable, "-c", FETCH_IN_A_CHILD, *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_may_fetch_the_same_file_and_print_nothing(
    server: Loopback, target: Path
) -> None:
    server.answers["slow"] = Answer(BODY, stall_s=0.5)
    children = [child(server, "slow", target) for _ in range(2)]
    assert [process.communicate(timeout=60) for process in children] == [("", "")] * 2
    assert [process.returncode for process in children] == [0, 0]
    assert target.read_bytes() == BODY
    assert files_beside(target) == ["file.bin"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit for the size of a file")
def test_storage_that_ends_too_early_is_explained(server: Loopback, target: Path) -> None:
    process = child(server, "whole", target, limit_bytes=100_000)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert told.startswith("told: The file from")
    assert "could not be stored" in told
    assert "CNNVIZ_CACHE_DIR" in told
    assert files_beside(target) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_leaves_no_half_file_under_the_name(
    server: Loopback, target: Path
) -> None:
    server.answers["slow"] = Answer(BODY, stall_s=20)
    process = child(server, "slow", target)
    deadline = time.monotonic() + 60
    while not files_beside(target) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert files_beside(target), "the child never began"
    assert not target.exists()
    assert fetch(server.url("whole"), target, known_hash=SHA256).read_bytes() == BODY


def test_a_folder_that_cannot_be_made_is_explained(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(DownloadError, match="could not be stored"):
        fetch(server.url("whole"), tmp_path / "taken" / "file.bin", known_hash=SHA256)


def test_a_failed_write_keeps_the_old_file(target: Path) -> None:
    def write_old(file: BinaryIO) -> None:
        file.write(b"old")

    def write_half(file: BinaryIO) -> None:
        file.write(b"ha")
        raise RuntimeError("no more")

    write_atomically(target, write_old)
    with pytest.raises(RuntimeError, match="no more"):
        write_atomically(target, write_half)
    assert target.read_bytes() == b"old"
    assert files_beside(target) == ["file.bin"]


def test_the_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", "")
    assert cache_dir().name == "cnnviz"
