"""The sample images: their names in the address, labels and pixels."""

import re
from pathlib import Path

import numpy as np
import pytest

from cnnviz.datasets import (
    SOURCES,
    LabeledImages,
    fashion_mnist_samples,
    sample_image,
    sample_label,
    sample_names,
    sample_photographs,
    svhn_samples,
)
from cnnviz.datasets.synthetic_digits import draw_house_number
from cnnviz.errors import InvalidParameterError
from tests.builders.data_sets import put_npz


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
