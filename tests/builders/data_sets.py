"""Data sets made by tests: rows of the table, and files as they are published."""

import gzip
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cnnviz.datasets import DATA_SETS, DataSet, LabeledImages


def add_data_set(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    load: Callable[[str], LabeledImages],
) -> None:
    """Make `name` a data set that `load` reads."""
    images = load("test").images
    num_channels = 1 if images.ndim == 3 else 3
    row = DataSet(
        name=name,
        title=name,
        load=load,
        class_names=load("test").class_names,
        image_shape=(*images.shape[1:3], num_channels),
        origin="Made by the tests.",
    )
    monkeypatch.setitem(DATA_SETS, name, row)


def idx(magic: int, shape: tuple[int, ...], content: bytes) -> bytes:
    return struct.pack(f">{1 + len(shape)}I", magic, *shape) + content


def idx_images(gray: int, count: int = 3) -> bytes:
    return gzip.compress(idx(0x0803, (count, 28, 28), bytes([gray]) * (784 * count)))


IDX_LABELS = gzip.compress(idx(0x0801, (3,), bytes([9, 0, 4])))


def put_idx(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """Write test images and their labels as Fashion-MNIST does, uint8 (N, 28, 28) and (N,)."""
    files = {"images-idx3": idx(0x0803, images.shape, images.tobytes())}
    files["labels-idx1"] = idx(0x0801, labels.shape, labels.tobytes())
    for name, content in files.items():
        (folder / f"t10k-{name}-ubyte.gz").write_bytes(gzip.compress(content, compresslevel=1))


def put_fashion(folder: Path, *, gray: int = 0, prefix: str = "t10k") -> None:
    """Write three images of one gray level, which tells later which folder was read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx_images(gray))
    (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(IDX_LABELS)


def put_npz(folder: Path, count: int = 40) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((32, 32, 3), np.uint8)
    np.savez_compressed(
        folder / "svhn.npz",
        x=images,
        y=(np.arange(count) % 10).astype(np.uint8),
        photo_id=np.arange(count, dtype=np.int32),
        split=(np.arange(count) >= count // 2).astype(np.uint8),
        split_names=np.array(["train", "test"]),
    )


def put_mnist(folder: Path, images: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.arange(len(images)) % 10
    np.savez(folder / "mnist.npz", x_test=images, y_test=labels, x_train=images, y_train=labels)


def put_cifar(folder: Path, images: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    labels = (np.arange(len(images)) % 10).astype(np.uint8)[:, np.newaxis]
    np.savez(folder / "cifar10.npz", x_test=images, y_test=labels, x_train=images, y_train=labels)


def said_without_a_network(folder: Path, code: str) -> str:
    """Run some Python where nothing is cached and nobody answers."""
    nobody_there = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    folders = dict.fromkeys(("KERAS_HOME", "CNNVIZ_CACHE_DIR", "CNNVIZ_DATA_DIR"), str(folder))
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | nobody_there | folders,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
