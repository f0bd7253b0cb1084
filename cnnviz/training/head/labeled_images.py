"""Classes of somebody's own: images with names, checked before anything is learned from them.

Of each image only what the network would see is kept, and only in memory.
"""

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np

from cnnviz import datasets, zoo
from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidImageError, InvalidParameterError
from cnnviz.images import MAX_BYTES, ImageInput, image_from_pixels, read_image

BASE = "efficientnet-lite0"  # the network whose features are reused
MIN_CLASSES, MAX_CLASSES = 2, 5
MIN_IMAGES, MAX_IMAGES = 8, 100  # of one class
MAX_NAME = 40  # letters of a class's name
_MOST_FILES = 2 * MAX_CLASSES * MAX_IMAGES  # in a ZIP
_MOST_UNPACKED = 500 << 20  # bytes in a ZIP


@dataclass(frozen=True, slots=True, eq=False)
class NamedImage:
    """An image as the network sees it, and the file that it came in."""

    file_name: str
    image: ImageInput


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(labels=np.int64)
class CheckedClasses:
    """Images of several classes, without what was refused.

    Attributes
    ----------
    class_names : tuple of str
    images : tuple of NamedImage
        Of all classes, one class after the other.
    labels : int64 ndarray of shape (N,)
        Index into `class_names`, read-only.
    refused : tuple of str
        A sentence for each image that was left out.
    missing : tuple of str
        What must come before a head can be trained; empty if nothing is missing.
    """

    class_names: tuple[str, ...]
    images: tuple[NamedImage, ...]
    labels: np.ndarray
    refused: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Fingerprint of names, images and their order."""
        fingerprint = blake2b(repr(self.class_names).encode(), digest_size=12)
        for label, image in zip(self.labels, self.images, strict=True):
            fingerprint.update(f"{label} {image.image.digest}".encode())
        return fingerprint.hexdigest()

    @property
    def is_complete(self) -> bool:
        """Whether a head can be trained."""
        return not self.missing

    def of_class(self, label: int) -> tuple[NamedImage, ...]:
        """Return the images of one class."""
        return tuple(self.images[place] for place in np.flatnonzero(self.labels == label))


def read_named_image(file_name: str, content: bytes) -> NamedImage:
    """Read and check an image and keep what the network would see of it.

    Raises
    ------
    InvalidImageError
        As `cnnviz.images.read_image`; the message begins with the file's name.
    """
    try:
        image = read_image(content)
    except InvalidImageError as error:
        raise InvalidImageError(f"{file_name}: {error}") from error
    view = zoo.model_view(zoo.find_card(BASE), image)
    return NamedImage(file_name, image_from_pixels(view))


def plain_name(text: str) -> str:
    """Keep of a class's name what is safe in a sentence and in a file; may be empty."""
    return re.sub(r"[^\w .-]", "_", text).strip()[:MAX_NAME]


def read_files(
    class_name: str,
    files: Sequence[tuple[str, bytes]],
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, list[NamedImage]], list[str]]:
    """Read images of one class; a ZIP among them brings classes of its own.

    Parameters
    ----------
    class_name : str
        Of the images that lie in no ZIP.
    files : sequence of (file name, content)
    on_progress : callable, optional
        Called with (files done, files in all); what it raises ends the work.

    Returns
    -------
    found : dict of class name to images
    problems : list of str
        A sentence for each file that cannot be used; it names the file.
    """
    found: dict[str, list[NamedImage]] = {}
    problems: list[str] = []
    for done, (name, content) in enumerate(files):
        if on_progress is not None:
            on_progress(done, len(files))
        is_archive = name.lower().endswith(".zip")
        try:
            inside = files_in_archive(content) if is_archive else [(class_name, name, content)]
            for owner, file_name, image in inside:
                try:
                    found.setdefault(owner, []).append(read_named_image(file_name, image))
                except InvalidImageError as error:
                    problems.append(str(error))
        except InvalidParameterError as error:
            problems.append(f"{name}: {error}")
    return {owner: images for owner, images in found.items() if images}, problems


def files_in_archive(content: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Unpack a ZIP with one folder for each class, one file at a time and only in memory.

    Yields
    ------
    class_name, file_name, content : str, str, bytes
        The class is the innermost folder of the file. Hidden files are skipped. Of a file that is
        larger than an image may be only so much comes that `read_image` can refuse it.

    Raises
    ------
    InvalidParameterError
        If it is no ZIP, is locked, damaged or packed in an unusual way, has files outside folders,
        or holds far too much.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            chosen = [
                (PurePosixPath(member.filename), member)
                for member in archive.infolist()
                if not member.is_dir() and not re.search(r"(^|/)[._]", member.filename)
            ]
            _check_archive([member for _, member in chosen])
            for path, member in chosen:
                if not plain_name(path.parent.name):
                    raise InvalidParameterError(
                        f"{path.name} lies in no folder. Put the images of each class into a "
                        "folder that has the name of the class, and pack the folders."
                    )
                with archive.open(member) as file:
                    yield plain_name(path.parent.name), path.name, file.read(MAX_BYTES + 1)
    except InvalidParameterError:
        raise
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError, ValueError) as error:
        raise InvalidParameterError(
            "The ZIP is damaged or locked. Pack it again, without a password."
        ) from error


def _check_archive(members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse what would take long to unpack, before anything is unpacked."""
    if len(members) > _MOST_FILES:
        raise InvalidParameterError(
            f"The ZIP holds {len(members):,} files, at most {_MOST_FILES:,} are looked at. Take "
            f"{MAX_IMAGES} images of a class."
        )
    if sum(member.file_size for member in members) > _MOST_UNPACKED:
        raise InvalidParameterError(
            f"The ZIP holds more than {_MOST_UNPACKED >> 20} MB. Make the images smaller."
        )
    if any(
        each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for each in members
    ):
        raise InvalidParameterError(
            "The ZIP is packed in an unusual way. Pack it again with the usual one (deflate)."
        )


def check_classes(classes: Mapping[str, Sequence[NamedImage]]) -> CheckedClasses:
    """Leave out what cannot be learned from, and say why.

    An image that lies in two classes is left out of both, because nobody can know what it is; of
    equal images in one class the first one stays. Images are equal if the network would see
    the same pixels.

    Parameters
    ----------
    classes : mapping of class name to images

    Examples
    --------
    >>> check_classes({}).missing
    ('There are 0 classes. Add 2 to 5 in all.',)
    """
    names = tuple(classes)
    homes = {name: {image.image.digest for image in images} for name, images in classes.items()}
    num_homes = Counter(digest for digests in homes.values() for digest in digests)
    kept: list[NamedImage] = []
    labels: list[int] = []
    refused: list[str] = []
    for label, name in enumerate(names):
        good = list(_sorted_out(name, classes[name], num_homes, homes, refused))
        if len(good) > MAX_IMAGES:
            refused.append(
                f"“{name}” has {len(good)} images: the first {MAX_IMAGES} are used, from "
                f"{good[MAX_IMAGES].file_name} on they are left out."
            )
        kept += good[:MAX_IMAGES]
        labels += [label] * len(good[:MAX_IMAGES])
    label_array = np.array(labels, np.int64)
    return CheckedClasses(
        names, tuple(kept), label_array, tuple(refused), _missing(names, label_array)
    )


def _sorted_out(
    name: str,
    images: Sequence[NamedImage],
    num_homes: Mapping[str, int],
    homes: Mapping[str, set[str]],
    refused: list[str],
) -> Iterable[NamedImage]:
    """Return the good images of a class and write down what is wrong with the others."""
    first: dict[str, str] = {}
    for image in images:
        digest = image.image.digest
        if num_homes[digest] > 1:
            both = " and ".join(f"“{home}”" for home, digests in homes.items() if digest in digests)
            refused.append(
                f"{image.file_name} (“{name}”) is in {both}: it was left out. Keep it in one."
            )
        elif digest in first:
            refused.append(
                f"{image.file_name} (“{name}”) is the same image as {first[digest]}: it was "
                "left out, because an image must not be used for training and for testing."
            )
        else:
            first[digest] = image.file_name
            yield image


def _missing(names: Sequence[str], labels: np.ndarray) -> tuple[str, ...]:
    missing = []
    if not MIN_CLASSES <= len(names) <= MAX_CLASSES:
        classes = "is 1 class" if len(names) == 1 else f"are {len(names)} classes"
        missing.append(f"There {classes}. Add {MIN_CLASSES} to {MAX_CLASSES} in all.")
    for label, name in enumerate(names):
        count = int((labels == label).sum())
        if count < MIN_IMAGES:
            images = "image" if count == 1 else "images"
            missing.append(
                f"“{name}” has {count} usable {images}. Add up to at least {MIN_IMAGES}, better 20."
            )
    return tuple(missing)


def bundled_classes(class_names: Sequence[str]) -> CheckedClasses:
    """Return 20 bundled images of each of some classes of Fashion-MNIST.

    Raises
    ------
    InvalidParameterError
        If there is no such class; the message lists those there are.
    """
    samples = datasets.fashion_mnist_samples()
    card = zoo.find_card(BASE)
    found: dict[str, list[NamedImage]] = {}
    for name in class_names:
        if name not in samples.class_names:
            raise InvalidParameterError(
                f"There is no class {name!r}. Choose some of: {', '.join(samples.class_names)}."
            )
        pixels = samples.images[samples.labels == samples.class_names.index(name)]
        views = [zoo.model_view(card, image_from_pixels(each)) for each in pixels]
        found[name] = [
            NamedImage(f"{name} {number}", image_from_pixels(view))
            for number, view in enumerate(views, start=1)
        ]
    return check_classes(found)
