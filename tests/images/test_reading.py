"""Any bytes as an image: the right pixels, or one sentence that says what is wrong."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cnnviz.errors import CnnvizError, InvalidImageError
from cnnviz.images import image_from_pixels, read_image, reading
from tests.builders.image_corpus import BAD, DRAWING, GOOD, LARGEST, Bad, Good, noise, rgb
from tests.conftest import REPOSITORY, slow_unless

HUNGRIEST = ("sixteen-bit-rgba.png", "without-end.jpg", "tiles.tif", "rgb.heic")  # of each format


def test_the_corpus_is_large() -> None:
    names = [case.name for case in (*GOOD, *BAD)]
    assert len(set(names)) == len(names) >= 60


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_an_image_is_read_as_it_was_drawn(case: Good) -> None:
    content = case.make()
    image = read_image(content)
    assert image.pixels.shape == case.pixels.shape
    assert image.pixels.dtype == np.uint8
    assert image.note == case.note
    difference = np.abs(image.pixels.astype(int) - case.pixels)
    if case.tolerance > 1:  # a lossy format blurs the borders between colors
        assert np.mean(difference) <= case.tolerance / 2
        assert difference[2, 2].max() <= case.tolerance
        assert difference[-3, 2].max() <= case.tolerance
        assert difference[2, -3].max() <= case.tolerance
    else:
        assert difference.max() <= case.tolerance


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_file_is_refused_with_a_sentence(case: Bad) -> None:
    with pytest.raises(InvalidImageError, match=case.words) as caught:
        read_image(case.make())
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert not {"Error", "Traceback", "0x", "<_io"} & set(sentence.split())
    assert isinstance(caught.value, CnnvizError)
    assert isinstance(caught.value, ValueError)


_MORE_SEEDS = {
    *("pages.tif", "animated.webp", "cmyk.jpg", "black-ink.jpg", "without-end.jpg", "p3.png"),
    *("float-rgb.tif", "twelve-of-sixteen-bits.tif", "sixteen-bit-rgb.png", "photo.heic"),
}
_SEEDS = [
    rgb("PNG")(),
    rgb("JPEG")(),
    rgb("WEBP")(),
    rgb("GIF")(),
    rgb("BMP")(),
    rgb("TIFF", compression="tiff_lzw")(),
    rgb("AVIF")(),
    noise("PNG"),
    *[case.make() for case in GOOD if case.name in _MORE_SEEDS],
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid file with bytes changed, cut out, put in, or mixed with another file."""
    content = bytearray(draw(st.sampled_from(_SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, min(len(content) - 1, 400))))
        way = draw(st.sampled_from(["change", "cut", "insert", "splice", "end"]))
        if way == "change":
            content[place : place + 4] = draw(st.binary(min_size=1, max_size=4))
        elif way == "cut":
            del content[place : place + draw(st.integers(1, 40))]
        elif way == "insert":
            content[place:place] = draw(st.binary(min_size=1, max_size=12))
        elif way == "splice":
            content[place:] = draw(st.sampled_from(_SEEDS))[place:]
        else:
            del content[place + draw(st.integers(0, 2000)) :]
    return bytes(content)


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(mutated())
def test_mutated_files_give_an_image_or_the_one_error(content: bytes) -> None:
    try:
        image = read_image(content)
    except InvalidImageError:
        return
    assert image.pixels.ndim == 3
    assert min(image.pixels.shape[:2]) >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read the way Linux counts it")
@pytest.mark.parametrize(
    "name", slow_unless([*HUNGRIEST, "all that is bad"], [*LARGEST, "all that is bad"])
)
@pytest.mark.sample(1)
def test_the_largest_allowed_images_need_less_than_400_mb(name: str, tmp_path: Path) -> None:
    cases = {f"{i}": case.make() for i, case in enumerate(BAD)} if name not in LARGEST else {}
    cases = cases or {name: LARGEST[name]()}
    for file_name, content in cases.items():
        (tmp_path / file_name).write_bytes(content)
    code = """
import sys
from pathlib import Path
from cnnviz.images import image_from_pixels, read_image
from cnnviz.errors import InvalidImageError
import numpy as np
# Not ru_maxrss: the kernel starts it with the peak of the process that started this one.
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":") for line in lines)["VmHWM"].split()[0]) / 1024
before = peak()
for path in Path(sys.argv[1]).iterdir():
    try:
        print(read_image(path).pixels.shape)
    except InvalidImageError as error:
        print(error)
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    *answers, growth_mb = done.stdout.split("\n")[:-1]
    assert len(answers) == len(cases)
    assert float(growth_mb) < 400
    if name in LARGEST:
        assert "damaged" not in answers[0]


def test_a_large_photograph_is_reduced_at_once() -> None:
    shape = read_image(LARGEST["photo.jpg"]()).pixels.shape
    assert shape == (reading.MAX_SIDE_PX * 5 // 8, reading.MAX_SIDE_PX, 3)


def test_paths_bytes_and_open_files_are_read_alike(tmp_path: Path) -> None:
    content = rgb("PNG")()
    path = tmp_path / "drawing.jpg"  # the name does not matter
    path.write_bytes(content)
    with path.open("rb") as file:
        found = {read_image(way).digest for way in (path, str(path), content, file)}
    assert len(found) == 1


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(InvalidImageError, match="cannot be read"):
            read_image(path)


def test_no_more_than_allowed_is_read_from_a_file() -> None:
    class Endless(BytesIO):
        request = 0

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size > 0
            self.request += size
            return b"x" * size

    endless = Endless()
    with pytest.raises(InvalidImageError, match="20 MB"):
        read_image(endless)
    assert endless.request == reading.MAX_BYTES + 1


def test_what_is_kept_is_a_read_only_copy() -> None:
    mine = DRAWING.copy()
    image = image_from_pixels(mine)
    mine[:] = 0
    np.testing.assert_array_equal(image.pixels, DRAWING)
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0] = 0


def test_digests_tell_images_apart() -> None:
    changed = DRAWING.copy()
    changed[3, 3, 0] ^= 1
    height, width, _ = DRAWING.shape
    wide = DRAWING.reshape(height // 2, width * 2, 3)  # the same bytes in another shape
    variants = [DRAWING, changed, wide, DRAWING[:, ::-1]]
    digests = {image_from_pixels(pixels).digest for pixels in variants}
    assert len(digests) == 4
    assert image_from_pixels(DRAWING.copy()).digest == image_from_pixels(DRAWING).digest


def test_the_note_does_not_change_the_digest() -> None:
    content = rgb("JPEG", quality=95)()
    whole, cut = read_image(content), read_image(content[:-1])
    assert (whole.note, cut.digest) == ("", whole.digest)
    assert cut.note
    assert image_from_pixels(cut.pixels).note == ""


def test_what_is_stored_is_not_what_came() -> None:
    secret = b"<script>alert(1)</script>"
    content = saved_with_comment(secret)
    assert secret in content
    assert secret not in read_image(content).pixels.tobytes()


def saved_with_comment(comment: bytes) -> bytes:
    buffer = BytesIO()
    Image.fromarray(DRAWING).save(buffer, "JPEG", comment=comment)
    return buffer.getvalue()
