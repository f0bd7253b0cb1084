"""SVHN: where it is looked for, the download, and hostile files."""

import hashlib
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from cnnviz.datasets import (
    svhn,
)
from cnnviz.errors import DatasetError, DownloadCancelled, DownloadError
from tests.builders.data_sets import put_npz
from tests.builders.loopback import Answer, Loopback

svhn_module = import_module("cnnviz.datasets.svhn")  # the package has a function of that name


def mat_bytes(folder: Path, **arrays: np.ndarray) -> bytes:
    path = folder / "made.mat"
    scipy.io.savemat(path, arrays, do_compression=True)
    return path.read_bytes()


def official_arrays() -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
    return {"X": pixels, "y": np.array([[10], [1], [9], [5]], np.uint8)}


def publish(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, body: bytes, answer: Answer | None = None
) -> None:
    """Make `body` the official test file, and let the server answer with it (or otherwise)."""
    server.answers["test_32x32.mat"] = answer or Answer(body)
    known_hash = "md5:" + hashlib.md5(body).hexdigest()
    remote = svhn_module.RemoteFile(server.url("test_32x32.mat"), known_hash, len(body))
    monkeypatch.setitem(svhn_module.SVHN_FILES, "test", remote)


def test_the_split_of_our_own_is_read_and_named(
    empty_computer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(empty_computer / "data"))
    put_npz(empty_computer / "data")
    digits = svhn("test")
    assert digits.images[:, 0, 0, 0].tolist() == list(range(20, 40))
    assert digits.labels.tolist() == [*range(10), *range(10)]
    assert digits.images.shape == (20, 32, 32, 3)
    assert not digits.images.flags.writeable
    assert "not comparable with published" in digits.origin
    assert svhn("train").images[:, 0, 0, 0].tolist() == list(range(20))


def test_the_official_file_is_downloaded_turned_and_kept(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, empty_computer: Path
) -> None:
    arrays = official_arrays()
    publish(server, monkeypatch, mat_bytes(empty_computer, **arrays))
    seen: list[tuple[int, int]] = []
    digits = svhn(download=True, on_progress=lambda done, total: seen.append((done, total)))
    assert digits.labels.tolist() == [0, 1, 9, 5]
    for index in range(4):
        np.testing.assert_array_equal(digits.images[index], arrays["X"][..., index])
    assert seen[-1][0] == seen[-1][1] > 0
    assert "not comparable" not in digits.origin
    np.testing.assert_array_equal(svhn().images, digits.images)  # now without the network
    svhn(download=True)
    assert server.num_requests["test_32x32.mat"] == 1


def test_the_data_folder_comes_before_the_official_file(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, empty_computer: Path
) -> None:
    publish(server, monkeypatch, mat_bytes(empty_computer, **official_arrays()))
    svhn(download=True)
    put_npz(empty_computer / "data")
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(empty_computer / "data"))
    assert len(svhn().images) == 20


def test_a_torn_download_leaves_nothing_that_could_be_read(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, empty_computer: Path
) -> None:
    body = mat_bytes(empty_computer, **official_arrays())
    publish(server, monkeypatch, body, Answer(body, torn_after=len(body) // 2))
    with pytest.raises(DownloadError, match="broke off"):
        svhn(download=True)
    with pytest.raises(DatasetError, match=r"svhn\.npz.*download=True"):
        svhn()


def test_a_download_can_be_cancelled(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, empty_computer: Path
) -> None:
    def cancel(done: int, total: int) -> None:
        raise DownloadCancelled("Stopped.")

    publish(server, monkeypatch, mat_bytes(empty_computer, **official_arrays()))
    with pytest.raises(DownloadCancelled):
        svhn(download=True, on_progress=cancel)
    assert not list((empty_computer / "cache").rglob("*.*"))


def test_a_damaged_official_file_is_named_and_fetched_anew_when_allowed(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, empty_computer: Path
) -> None:
    publish(server, monkeypatch, mat_bytes(empty_computer, **official_arrays()))
    path = empty_computer / "cache" / "svhn" / "test_32x32.mat"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a file")
    with pytest.raises(DatasetError, match="checksum is wrong"):
        svhn()
    assert len(svhn(download=True).images) == 4


def official_with(**changes: np.ndarray) -> Callable[[Path], bytes]:
    return lambda folder: mat_bytes(folder, **{**official_arrays(), **changes})


BAD_MATS: dict[str, Callable[[Path], bytes]] = {
    "no mat": lambda folder: b"<html>not found</html>" * 20,
    "empty": lambda folder: b"",
    "torn": lambda folder: mat_bytes(folder, **official_arrays())[:-500],
    "version 7.3": lambda folder: b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(400),
    "no labels": lambda folder: mat_bytes(folder, X=official_arrays()["X"]),
    "other sizes": official_with(X=np.zeros((28, 28, 3, 4), np.uint8)),
    "flat": official_with(X=np.zeros((4, 3072), np.uint8)),
    "floats": official_with(X=np.zeros((32, 32, 3, 4))),
    "too few labels": official_with(y=np.array([[1]], np.uint8)),
    "half labels": official_with(y=np.array([[1.5], [1], [2], [3]])),
    "text": official_with(y=np.array(["one", "two", "six", "ten"])),
}


@pytest.mark.parametrize("name", BAD_MATS)
def test_hostile_official_files_are_refused_in_plain_words(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, empty_computer: Path, name: str
) -> None:
    publish(server, monkeypatch, BAD_MATS[name](empty_computer))
    with pytest.raises(DatasetError, match="Replace or delete it"):
        svhn(download=True)


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("evil-was-here",)


def npz_with(**arrays: np.ndarray) -> Callable[[Path], None]:
    good = {
        "x": np.zeros((2, 32, 32, 3), np.uint8),
        "y": np.zeros(2, np.uint8),
        "split": np.ones(2, np.uint8),
    }
    return lambda path: np.savez(path, **{**good, **arrays})


def lying_header(path: Path) -> None:
    """An array that claims far more values than there are bytes."""
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (10000000000000, 32, 32, 3)}\n"
    lead = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", lead + header.encode())


BAD_NPZ: dict[str, Callable[[Path], object]] = {
    "pickled": npz_with(y=np.array([Evil(), Evil()], dtype=object)),
    "a pickle": lambda path: path.write_bytes(pickle.dumps(Evil())),
    "one array": lambda path: path.write_bytes(b"\x93NUMPY\x01\x00"),
    "empty": lambda path: path.write_bytes(b""),
    "torn": lambda path: (put_npz(path.parent), path.write_bytes(path.read_bytes()[:-300])),
    "lying header": lying_header,
    "no arrays": lambda path: np.savez(path, a=np.zeros(2)),
    "other sizes": npz_with(x=np.zeros((2, 28, 28), np.uint8)),
    "no test part": npz_with(split=np.zeros(2, np.uint8)),
    "split of another length": npz_with(split=np.ones(3, np.uint8)),
    "labels beyond 9": npz_with(y=np.array([0, 10])),
    "text": npz_with(y=np.array(["0", "1"])),
}


@pytest.mark.parametrize("name", BAD_NPZ)
def test_hostile_npz_files_are_refused_and_run_nothing(
    empty_computer: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(empty_computer)
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(empty_computer))
    BAD_NPZ[name](empty_computer / "svhn.npz")
    with pytest.raises(DatasetError, match="Replace or delete it"):
        svhn()
    assert not (empty_computer / "evil-was-here").exists()


def test_an_npz_that_unpacks_to_too_much_is_not_unpacked(
    empty_computer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(empty_computer))
    monkeypatch.setattr(svhn_module, "MAX_UNPACKED_BYTES", 100_000)
    put_npz(empty_computer)
    with pytest.raises(DatasetError, match="unpacks to more"):
        svhn()
