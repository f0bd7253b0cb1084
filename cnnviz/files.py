"""Files from the network: whole and checked, or not there at all."""

import http
import os
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import platformdirs
import pooch  # type: ignore[import-untyped]
import requests

from cnnviz.errors import DownloadError

CHUNK_BYTES = 1 << 16


def cache_dir() -> Path:
    """Folder for downloaded files: ``CNNVIZ_CACHE_DIR``, or the user's cache folder.

    The folder need not exist yet; `fetch` and `write_atomically` make it.
    """
    chosen = os.environ.get("CNNVIZ_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    return platformdirs.user_cache_path("cnnviz", appauthor=False)


def write_atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file so that nobody ever sees half of it.

    `write` fills a hidden file in the same folder, which then takes the place of `path` in one
    step. If `write` raises, a file that stood at `path` before is still there, unchanged.

    Parameters
    ----------
    path : Path
        Where the file goes; its folder is made if it is missing.
    write : callable
        Gets the open binary file. Whatever it raises is passed on.

    Raises
    ------
    OSError
        If the folder cannot be written to or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            write(file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def fetch(
    url: str,
    path: Path,
    *,
    known_hash: str | None,
    size_bytes: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    timeout_s: float = 30.0,
) -> Path:
    """Download a file once and make sure that it is the right one.

    A file that is already at `path` and has the right hash is used at once. Several processes or
    threads may fetch the same file: each loads its own copy, and the last one stays.

    Parameters
    ----------
    url : str
        ``http`` or ``https`` address.
    path : Path
        Where the file goes. Its folder is made if it is missing.
    known_hash : str or None
        ``"md5:…"`` or ``"sha256:…"``. None takes any file that arrives whole, and any that is
        already there.
    size_bytes : int, optional
        Length of the right file. A longer answer is broken off.
    on_progress : callable, optional
        Called with (bytes done, bytes in all) while data arrive; the second number is 0 if nobody
        knows it. It may raise `DownloadCancelled` to stop.
    timeout_s : float
        Longest silence of the server, in seconds.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DownloadError
        If the server cannot be reached, refuses, is silent or breaks off, if the file is not the
        right one, or if it cannot be stored. Nothing is left behind then.
    """
    if path.is_file() and has_hash(path, known_hash):
        return path
    progress = _Progress(url, size_bytes, on_progress)

    def download_and_check(file: BinaryIO) -> None:
        _download(url, file, progress, timeout_s)
        if not has_hash(Path(file.name), known_hash):
            message = f"The file from {url} is not the one expected: its checksum differs, so it"
            message += " is damaged or was changed. Nothing was kept; try again later."
            raise DownloadError(message, url=url)

    try:
        write_atomically(path, download_and_check)
    except requests.RequestException as error:
        raise DownloadError(_explanation(url, error), url=url) from error
    except OSError as error:
        message = f"The file from {url} could not be stored in {path.parent}: {error.strerror}."
        message += " Free some space, or let CNNVIZ_CACHE_DIR name another folder."
        raise DownloadError(message, url=url) from error
    return path


def _download(url: str, file: BinaryIO, progress: "_Progress", timeout_s: float) -> None:
    """Write the answer of the server to `file`; the connection is closed whatever happens."""
    with ExitStack() as connections:

        def keep(response: requests.Response, **_: Any) -> None:
            connections.callback(response.close)  # pooch leaves it open when it breaks off

        download = pooch.HTTPDownloader(
            progressbar=progress,
            chunk_size=CHUNK_BYTES,
            timeout=timeout_s,
            headers={"Accept-Encoding": "identity"},  # the hash is that of the file as stored
            hooks={"response": keep},
        )
        download(url, file, None)


class _Progress:
    """The progress bar as pooch calls it; pooch sets `total` to the length told by the server."""

    def __init__(
        self, url: str, size_bytes: int | None, on_progress: Callable[[int, int], None] | None
    ) -> None:
        self.url = url
        self.size_bytes = size_bytes
        self.on_progress = on_progress
        self.total = 0
        self.done = 0

    def update(self, num_bytes: int) -> None:
        """Count bytes, in whole chunks: the last chunk may be shorter than pooch says."""
        self.done += num_bytes
        if self.size_bytes and self.done - CHUNK_BYTES >= self.size_bytes:
            message = f"The file from {self.url} is longer than the {self.size_bytes} bytes"
            message += " expected, so it is not the right one. Nothing was kept; try again later."
            raise DownloadError(message, url=self.url)
        total = self.total or self.size_bytes or 0
        if self.on_progress and num_bytes:
            self.on_progress(min(self.done, total) if total else self.done, total)

    def reset(self) -> None:
        """Start the count again: pooch does so at the end, to show the exact length."""
        self.done = 0

    def close(self) -> None:
        """Nothing to put away."""


def has_hash(path: Path, known_hash: str | None) -> bool:
    """Tell whether a file has the hash ``"md5:…"`` or ``"sha256:…"``; None fits every file."""
    if known_hash is None:
        return True
    algorithm, _, expected = known_hash.partition(":")
    return pooch.file_hash(str(path), alg=algorithm) == expected.lower()


def _explanation(url: str, error: requests.RequestException) -> str:
    """Say in plain words why the network did not deliver."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        words = http.HTTPStatus(status).phrase if status in list(http.HTTPStatus) else "an error"
        return f"The server answered {status} ({words}) for {url}. Try again later."
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return f"The server of {url} did not answer in time. Try again later."
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return f"The download of {url} broke off before the end. Nothing was kept; try again."
    if isinstance(error, requests.ConnectionError):
        return f"No connection to {url}. Check the network and try again."
    return f"{url} could not be downloaded ({type(error).__name__}). Check the address."
