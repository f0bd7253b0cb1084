"""Images of somebody's own: what is kept, what is refused, and with which words."""

import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from cnnviz.errors import InvalidImageError, InvalidParameterError
from cnnviz.figures import encode_png
from cnnviz.images import image_from_pixels
from cnnviz.training.head.labeled_images import (
    MAX_IMAGES,
    NamedImage,
    bundled_classes,
    check_classes,
    files_in_archive,
    plain_name,
    read_files,
    read_named_image,
)


def an_image(seed: int, name: str = "") -> NamedImage:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return NamedImage(name or f"{seed}.png", image_from_pixels(pixels))


def images(first: int, count: int) -> list[NamedImage]:
    return [an_image(seed) for seed in range(first, first + count)]


def png(seed: int, height: int = 300, width: int = 400) -> bytes:
    return encode_png(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def packed(files: dict[str, bytes], **how: Any) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w", **how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def test_good_images_are_all_kept_in_order() -> None:
    checked = check_classes({"a": images(0, 8), "b": images(100, 9)})
    assert checked.is_complete
    assert checked.refused == ()
    assert checked.labels.tolist() == [0] * 8 + [1] * 9
    assert [each.file_name for each in checked.of_class(1)][:2] == ["100.png", "101.png"]


def test_a_image_in_two_classes_is_left_out_of_both() -> None:
    both = an_image(7)
    other = NamedImage("copy.png", both.image)
    checked = check_classes({"a": [both, *images(10, 8)], "b": [other, *images(30, 8)]})
    assert checked.is_complete
    assert len(checked.images) == 16
    assert [sentence.split(":")[0] for sentence in checked.refused] == [
        "7.png (“a”) is in “a” and “b”",
        "copy.png (“b”) is in “a” and “b”",
    ]


def test_of_equal_images_in_one_class_the_first_stays() -> None:
    twin = NamedImage("twin.png", an_image(0).image)
    checked = check_classes({"a": [*images(0, 8), twin], "b": images(50, 8)})
    assert len(checked.of_class(0)) == 8
    assert "twin.png (“a”) is the same image as 0.png" in checked.refused[0]


def test_too_few_images_and_classes_are_named() -> None:
    checked = check_classes({"mugs": images(0, 1)})
    assert not checked.is_complete
    assert checked.missing == (
        "There is 1 class. Add 2 to 5 in all.",
        "“mugs” has 1 usable image. Add up to at least 8, better 20.",
    )


def test_too_many_images_of_a_class_are_cut_off() -> None:
    many = images(0, MAX_IMAGES + 3)
    checked = check_classes({"a": many, "b": images(1000, 8)})
    assert len(checked.of_class(0)) == MAX_IMAGES
    assert f"from {MAX_IMAGES}.png on they are left out" in checked.refused[0]


def test_the_fingerprint_follows_names_and_images() -> None:
    one = check_classes({"a": images(0, 8), "b": images(20, 8)})
    same = check_classes({"a": images(0, 8), "b": images(20, 8)})
    renamed = check_classes({"a": images(0, 8), "c": images(20, 8)})
    fewer = check_classes({"a": images(0, 8), "b": images(20, 9)})
    assert one.digest == same.digest
    assert len({one.digest, renamed.digest, fewer.digest}) == 3


def test_a_image_is_kept_as_the_network_sees_it() -> None:
    assert read_named_image("a.png", png(1)).image.pixels.shape == (224, 224, 3)
    with pytest.raises(InvalidImageError, match=r"^broken\.png: This file cannot be read"):
        read_named_image("broken.png", b"nothing")


def test_good_files_are_kept_beside_broken_ones() -> None:
    reports: list[tuple[int, int]] = []
    found, problems = read_files(
        "mugs",
        [("1.png", png(1)), ("broken.png", b"x"), ("2.png", png(2))],
        lambda done, total: reports.append((done, total)),
    )
    assert [each.file_name for each in found["mugs"]] == ["1.png", "2.png"]
    assert len(problems) == 1
    assert problems[0].startswith("broken.png: ")
    assert reports == [(0, 3), (1, 3), (2, 3)]


def test_a_zip_brings_a_class_for_each_folder() -> None:
    content = packed(
        {
            "all/cups/1.png": png(1),
            "all/cups/2.png": png(2),
            "all/pens/3.png": png(3),
            "__MACOSX/all/cups/._1.png": b"x",
            "all/pens/.hidden": b"x",
            "all/pens/notes.txt": b"no image",
        },
        compression=zipfile.ZIP_DEFLATED,
    )
    found, problems = read_files("", [("pictures.ZIP", content)])
    assert {name: len(each) for name, each in found.items()} == {"cups": 2, "pens": 1}
    assert [problem.split(":")[0] for problem in problems] == ["notes.txt"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no zip", "damaged or locked"),
        (packed({"1.png": b"x"}), "1.png lies in no folder"),
        (packed({f"a/{i}.png": b"" for i in range(1001)}), "holds 1,001 files"),
        (packed({"a/1.png": b"x"}, compression=zipfile.ZIP_LZMA), "unusual way"),
    ],
)
def test_a_zip_that_cannot_be_used_is_explained(content: bytes, words: str) -> None:
    found, problems = read_files("", [("mine.zip", content)])
    assert found == {}
    assert problems[0].startswith("mine.zip: ")
    assert words in problems[0]


def test_a_zip_with_a_damaged_file_is_explained() -> None:
    content = bytearray(packed({"a/1.png": png(1)}))
    content[2000] ^= 255  # inside the pixels: the checksum no longer fits
    with pytest.raises(InvalidParameterError, match="damaged or locked"):
        list(files_in_archive(bytes(content)))


def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    files = {f"a/{i}.png": bytes(60 << 20) for i in range(9)}
    content = packed(files, compression=zipfile.ZIP_DEFLATED)
    assert len(content) < 1 << 20
    with pytest.raises(InvalidParameterError, match="more than 500 MB"):
        list(files_in_archive(content))


def test_names_are_made_harmless() -> None:
    assert plain_name("  my mugs <b>$x$</b> ") == "my mugs _b__x___b_"
    assert plain_name(" ") == ""


def test_bundled_classes_are_complete() -> None:
    classes = bundled_classes(["Bag", "Sneaker"])
    assert classes.is_complete
    assert classes.class_names == ("Bag", "Sneaker")
    assert np.bincount(classes.labels).tolist() == [20, 20]
    with pytest.raises(InvalidParameterError, match="no class 'Hat'"):
        bundled_classes(["Hat"])
