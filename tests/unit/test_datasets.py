"""Data sets: the order of the search, honest errors, bundled images, and the picker's names."""

import gzip
import hashlib
import os
import pickle
import re
import socket
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from cnnviz.datasets import (
    FASHION_CLASSES,
    SOURCES,
    LabeledImages,
    cifar10,
    fashion_mnist,
    fashion_mnist_samples,
    mnist,
    records,
    sample_image,
    sample_label,
    sample_names,
    sample_photographs,
    svhn,
    svhn_samples,
)
from cnnviz.datasets.synthetic_digits import draw_house_number
from cnnviz.errors import DatasetError, DownloadCancelled, DownloadError, InvalidParameterError
from tests.unit.loopback import Answer, Loopback, serving

svhn_module = import_module("cnnviz.datasets.svhn")  # the package has a function of that name


@pytest.fixture(autouse=True)
def empty_computer(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Path:
    """Folders of the test's own to put data into, and no network beyond this machine."""

    def connect_here_only(self: socket.socket, address: tuple[str, int]) -> None:
        assert address[0] == "127.0.0.1", f"the test must not reach {address}"
        real_connect(self, address)

    real_connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", connect_here_only)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    if request.node.get_closest_marker("real_data"):
        return tmp_path
    (tmp_path / "home").mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CNNVIZ_SYSTEM_DATA_DIRS", str(tmp_path / "system"))
    return tmp_path


@pytest.fixture
def debian_folder(empty_computer: Path) -> Path:
    """Where the Debian package would put Fashion-MNIST."""
    return empty_computer / "system" / "fashion-mnist"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving({}) as loopback:
        yield loopback


# Fashion-MNIST


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


def test_fashion_mnist_is_read_from_idx_files(debian_folder: Path) -> None:
    put_fashion(debian_folder, gray=7)
    clothes = fashion_mnist()
    np.testing.assert_array_equal(clothes.images, np.full((3, 28, 28), 7, np.uint8))
    assert clothes.labels.tolist() == [9, 0, 4]
    assert (clothes.images.dtype, clothes.labels.dtype) == (np.uint8, np.int64)
    assert not clothes.images.flags.writeable
    assert not clothes.labels.flags.writeable
    assert clothes.class_names[9] == "Ankle boot"
    assert "Zalando" in clothes.origin
    assert "MIT" in clothes.origin
    assert not clothes.is_drawn


def test_fashion_mnist_is_searched_in_the_promised_order(
    empty_computer: Path, debian_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(empty_computer / "data"))
    places = [
        debian_folder,
        empty_computer / "cache" / "fashion-mnist",
        empty_computer / "home" / ".keras" / "datasets" / "fashion-mnist",
        empty_computer / "data" / "fashion-mnist",
        empty_computer / "data",
    ]
    for gray, place in enumerate(places, start=1):  # each next place takes precedence
        put_fashion(place, gray=gray)
        assert fashion_mnist().images[0, 0, 0] == gray


def test_a_folder_that_lacks_one_of_the_files_is_passed_over(
    empty_computer: Path, debian_folder: Path
) -> None:
    put_fashion(debian_folder, gray=5)
    partial = empty_computer / "cache" / "fashion-mnist"
    put_fashion(partial, gray=6)
    (partial / "t10k-labels-idx1-ubyte.gz").unlink()
    assert fashion_mnist().images[0, 0, 0] == 5


def test_system_folders_are_those_of_the_variable_or_else_of_debian(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv("CNNVIZ_SYSTEM_DATA_DIRS", f"{first}{os.pathsep}{second}")
    put_fashion(second / "fashion-mnist", gray=2)
    assert fashion_mnist().images[0, 0, 0] == 2
    put_fashion(first / "fashion-mnist", gray=1)
    assert fashion_mnist().images[0, 0, 0] == 1
    monkeypatch.setenv("CNNVIZ_SYSTEM_DATA_DIRS", "~/data")
    assert records.system_data_dirs() == (Path.home() / "data",)
    monkeypatch.setenv("CNNVIZ_SYSTEM_DATA_DIRS", "")
    assert records.system_data_dirs() == ()
    monkeypatch.delenv("CNNVIZ_SYSTEM_DATA_DIRS")
    assert records.system_data_dirs() == (Path("/usr/share/datasets"),)


def test_the_cache_of_keras_is_found_by_the_rule_of_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    assert records.keras_cache() == Path.home() / ".keras" / "datasets"
    monkeypatch.setenv("KERAS_HOME", "~/keras")
    assert records.keras_cache() == Path.home() / "keras" / "datasets"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv("USERPROFILE", "/nowhere")
    assert records.keras_cache() == Path("/tmp/.keras/datasets")


def test_the_training_part_has_files_of_its_own(debian_folder: Path) -> None:
    put_fashion(debian_folder, prefix="train", gray=8)
    assert fashion_mnist("train").images[0, 0, 0] == 8
    with pytest.raises(DatasetError):
        fashion_mnist("test")
    with pytest.raises(InvalidParameterError, match="train and test, not 'dev'"):
        fashion_mnist("dev")


def test_without_fashion_mnist_the_message_says_what_to_do() -> None:
    with pytest.raises(DatasetError) as caught:
        fashion_mnist()
    for way in ("dataset-fashion-mnist", "CNNVIZ_DATA_DIR", "download=True"):
        assert way in str(caught.value)


GOOD_IMAGES = idx_images(0)
BAD_IMAGES = {
    "torn gzip": GOOD_IMAGES[:-9],
    "flipped byte": GOOD_IMAGES[:30] + bytes([GOOD_IMAGES[30] ^ 255]) + GOOD_IMAGES[31:],
    "no gzip": b"<html>not found</html>",
    "empty": b"",
    "empty gzip": gzip.compress(b""),
    "half a header": gzip.compress(b"\0\0\x08"),
    "labels": IDX_LABELS,
    "short": gzip.compress(idx(0x0803, (3, 28, 28), bytes(2 * 784))),
    "long": gzip.compress(idx(0x0803, (3, 28, 28), bytes(3 * 784 + 1))),
    "other size": gzip.compress(idx(0x0803, (3, 14, 56), bytes(3 * 784))),
    "huge count": gzip.compress(idx(0x0803, (2**32 - 1, 28, 28), bytes(784))),
    "no images": gzip.compress(idx(0x0803, (0, 28, 28), b"")),
    "bomb": gzip.compress(bytes(70_000 * 784), compresslevel=1),
    "more images than labels": idx_images(0, count=4),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_damaged_images_are_refused_in_plain_words(debian_folder: Path, name: str) -> None:
    put_fashion(debian_folder)
    (debian_folder / "t10k-images-idx3-ubyte.gz").write_bytes(BAD_IMAGES[name])
    with pytest.raises(DatasetError, match=r"Delete (it|both files)\."):
        fashion_mnist()


def test_labels_beyond_the_ten_classes_are_refused(debian_folder: Path) -> None:
    put_fashion(debian_folder)
    labels = gzip.compress(idx(0x0801, (3,), bytes([0, 10, 1])))
    (debian_folder / "t10k-labels-idx1-ubyte.gz").write_bytes(labels)
    with pytest.raises(DatasetError, match="does not fit"):
        fashion_mnist()


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


def test_without_a_network_fashion_mnist_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "from cnnviz.datasets import fashion_mnist\n"
        "from cnnviz.errors import DownloadError\n"
        "try: fashion_mnist(download=True)\n"
        "except DownloadError as error: print('said:', error)"
    )
    said = said_without_a_network(tmp_path, code)
    assert "said: Fashion-MNIST could not be fetched" in said
    assert "dataset-fashion-mnist" in said


# SVHN


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


# what comes with the installation


def test_twenty_images_of_each_class_are_bundled() -> None:
    samples = fashion_mnist_samples()
    assert samples.images.shape == (200, 28, 28)
    assert samples.labels.tolist() == [index for index in range(10) for _ in range(20)]
    assert samples.class_names == FASHION_CLASSES
    assert len({image.tobytes() for image in samples.images}) == 200


def test_four_real_digits_are_bundled() -> None:
    samples = svhn_samples()
    assert samples.images.shape == (4, 32, 32, 3)
    assert samples.labels.tolist() == [0, 1, 2, 5]
    assert "non-commercial" in samples.origin


@pytest.mark.real_data
def test_bundled_clothes_are_the_first_of_each_class_in_the_whole_set() -> None:
    try:
        whole = fashion_mnist()
    except DatasetError as error:
        pytest.skip(str(error))
    samples = fashion_mnist_samples()
    assert np.bincount(whole.labels).tolist() == [1000] * 10
    for index in range(10):
        expected = whole.images[whole.labels == index][:20]
        np.testing.assert_array_equal(samples.images[samples.labels == index], expected)
    train = fashion_mnist("train")
    assert np.bincount(train.labels).tolist() == [6000] * 10


@pytest.mark.real_data
def test_bundled_digits_are_the_first_of_the_real_set(real_data: Path) -> None:
    if not (real_data / "svhn.npz").is_file():
        pytest.skip("no svhn.npz in CNNVIZ_DATA_DIR")
    train, test = svhn("train"), svhn("test")
    assert (len(train.images), len(test.images)) == (7999, 2001)
    everything = {
        image.tobytes(): label
        for part in (train, test)
        for image, label in zip(part.images, part.labels, strict=True)
    }
    for image, label in zip(svhn_samples().images, svhn_samples().labels, strict=True):
        assert everything[image.tobytes()] == label
    names = sample_names("svhn")
    assert len(names) == 4 + 12 * 10
    assert (
        sample_image("svhn", names[4]).pixels.tobytes()
        == test.images[int(names[4][5:10])].tobytes()
    )


# the picker


def test_sources_are_named_and_tell_their_origin() -> None:
    assert [source.name for source in SOURCES] == [
        "natural",
        "fashion-mnist",
        "svhn",
        "house-numbers",
    ]
    assert [source.name for source in SOURCES if source.is_drawn] == ["house-numbers"]
    assert [source.name for source in SOURCES if not source.small] == ["natural"]
    drawn = SOURCES[3]
    assert "SVHN" not in drawn.title + drawn.origin
    assert "no photographs" in drawn.origin


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_every_image_has_a_url_name_a_label_and_pixels(source) -> None:
    names = sample_names(source.name)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)
    labels = [sample_label(source.name, name) for name in names]
    assert len(set(labels)) == len(set(names)) == len(names) > 3
    for name in names:
        pixels = sample_image(source.name, name).pixels
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
        assert (max(pixels.shape[:2]) <= 32) == source.small


def test_names_and_labels_are_the_promised_ones() -> None:
    assert sample_label("natural", "chelsea") == "Chelsea the cat"
    assert sample_label("fashion-mnist", "ankle-boot-3") == "Ankle boot 3"
    assert sample_names("fashion-mnist")[0] == "t-shirt-top-1"
    assert sample_names("svhn") == ("digit-0-1", "digit-1-1", "digit-2-1", "digit-5-1")
    assert sample_label("svhn", "digit-5-1") == "Digit 5, street view"
    assert "drawn" in sample_label("house-numbers", "digit-7-1")


def test_names_lead_to_the_right_images() -> None:
    boots = fashion_mnist_samples().images[180:]
    np.testing.assert_array_equal(
        sample_image("fashion-mnist", "ankle-boot-3").pixels,
        np.repeat(boots[2][..., None], 3, axis=2),
    )
    np.testing.assert_array_equal(
        sample_image("svhn", "digit-5-1").pixels, svhn_samples().images[3]
    )
    np.testing.assert_array_equal(
        sample_image("house-numbers", "digit-7-2").pixels, draw_house_number(7, seed=2)
    )


def test_natural_images_are_those_of_scikit_image() -> None:
    from skimage import data

    images = sample_photographs()
    assert tuple(images) == sample_names("natural")
    np.testing.assert_array_equal(images["coffee"].pixels, data.coffee())
    np.testing.assert_array_equal(images["camera"].pixels[..., 1], data.camera())


def test_the_whole_test_set_joins_the_bundled_digits(
    empty_computer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(empty_computer))
    put_npz(empty_computer, count=400)
    names = sample_names("svhn")
    assert names[:4] == ("digit-0-1", "digit-1-1", "digit-2-1", "digit-5-1")
    assert names[4:7] == ("test-00000-digit-0", "test-00010-digit-0", "test-00020-digit-0")
    assert len(names) == 4 + 12 * 10
    assert sample_image("svhn", "test-00017-digit-7").pixels[0, 0, 0] == 217
    assert "test image 17" in sample_label("svhn", "test-00017-digit-7")
    (empty_computer / "svhn.npz").unlink()
    assert len(sample_names("svhn")) == 4


def test_unknown_names_are_answered_with_what_there_is() -> None:
    with pytest.raises(InvalidParameterError, match="natural, fashion-mnist, svhn, house-numbers"):
        sample_names("cats")
    with pytest.raises(InvalidParameterError, match="chelsea, coffee"):
        sample_image("natural", "garfield")
    with pytest.raises(InvalidParameterError, match="digit-5-1"):
        sample_label("svhn", "../../etc/passwd")


def test_labeled_images_are_copies_that_nobody_can_write_to() -> None:
    images = np.zeros((1, 2, 2), np.uint8)
    record = LabeledImages(images, [0], ("nothing",), "Test", "Made here.", is_drawn=True)
    images[:] = 1
    assert record.images.max() == 0
    with pytest.raises(ValueError, match="read-only"):
        record.images[:] = 1


# MNIST


def put_mnist(folder: Path, images: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.arange(len(images)) % 10
    np.savez(folder / "mnist.npz", x_test=images, y_test=labels, x_train=images, y_train=labels)


def test_mnist_is_read_from_the_chosen_folder_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path / "chosen"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with pytest.raises(DatasetError, match=r"not on this computer.*download=True"):
        mnist()
    put_mnist(tmp_path / "keras" / "datasets", np.full((3, 28, 28), 1, np.uint8))
    assert mnist("train").images.max() == 1
    put_mnist(tmp_path / "chosen", np.full((12, 28, 28), 2, np.uint8))
    assert mnist().images.max() == 2
    assert mnist().labels.tolist() == [*range(10), 0, 1]


@pytest.mark.parametrize(
    "images", [np.zeros((3, 28, 28)), np.zeros((3, 8, 8), np.uint8)], ids=["floats", "small"]
)
def test_another_file_called_mnist_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: np.ndarray
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path))
    put_mnist(tmp_path, images)
    with pytest.raises(DatasetError, match="does not hold MNIST"):
        mnist()
    (tmp_path / "mnist.npz").write_bytes(b"PK torn")
    with pytest.raises(DatasetError, match="cannot be read"):
        mnist()


# CIFAR-10


def put_cifar(folder: Path, images: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    labels = (np.arange(len(images)) % 10).astype(np.uint8)[:, np.newaxis]
    np.savez(folder / "cifar10.npz", x_test=images, y_test=labels, x_train=images, y_train=labels)


def test_cifar_is_read_from_the_chosen_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatasetError, match=r"not on this computer.*download=True"):
        cifar10()
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path / "chosen"))
    put_cifar(tmp_path / "chosen", np.full((12, 32, 32, 3), 2, np.uint8))
    images = cifar10("train")
    assert images.images.shape == (12, 32, 32, 3)
    assert images.labels.tolist() == [*range(10), 0, 1]
    assert (images.class_names[0], images.class_names[9]) == ("airplane", "truck")
    assert images.title == "CIFAR-10, 12 of the 50,000 train images"
    with pytest.raises(InvalidParameterError, match="train and test"):
        cifar10("validation")


@pytest.mark.parametrize(
    "images", [np.zeros((3, 32, 32, 3)), np.zeros((3, 32, 32), np.uint8)], ids=["floats", "grey"]
)
def test_another_file_called_cifar_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: np.ndarray
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path))
    put_cifar(tmp_path, images)
    with pytest.raises(DatasetError, match="does not hold CIFAR-10"):
        cifar10()
    (tmp_path / "cifar10.npz").write_bytes(b"PK torn")
    with pytest.raises(DatasetError, match="cannot be read"):
        cifar10()


def test_a_damaged_archive_of_cifar_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    archive = tmp_path / "datasets" / "cifar-10-batches-py-target_archive"
    archive.parent.mkdir()
    archive.write_bytes(b"something else")
    with pytest.raises(DatasetError, match="not on this computer"):
        cifar10()


def test_without_a_network_cifar_says_what_went_wrong(tmp_path: Path) -> None:
    code = (
        "from cnnviz.datasets import cifar10\n"
        "from cnnviz.errors import DownloadError\n"
        "try: cifar10(download=True)\n"
        "except DownloadError as error: print('said:', error)"
    )
    said = said_without_a_network(tmp_path, code)
    assert "said: CIFAR-10 could not be fetched" in said
