"""Small pure parts of the feature maps page."""

import csv
import io

import numpy as np
import pytest

from cnnviz import datasets, figures
from cnnviz.errors import InvalidParameterError
from cnnviz.features.unit_trace import WindowStep, trace_unit
from cnnviz.network.loading import load_model
from cnnviz.ui.feature_maps.contrast import parse_channels
from cnnviz.ui.feature_maps.trace import factors_csv, telling_unit


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("", ()),
        (" 3 ", (3,)),
        ("1, 5-7", (1, 5, 6, 7)),
        ("7;1 1\n0", (0, 1, 7)),
        ("2–3", (2, 3)),
    ],
)
def test_numbers_and_ranges_are_read(text: str, channels: tuple[int, ...]) -> None:
    assert parse_channels(text, 8) == channels


@pytest.mark.parametrize("text", ["x", "1-", "-1", "8", "5-2", "1.5", "0-99999999999"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError):
        parse_channels(text, 8)


def test_every_factor_is_in_the_table() -> None:
    model = load_model("fashion-gabor")
    image = datasets.sample_image("fashion-mnist", "ankle-boot-1")
    window = next(
        step
        for step in trace_unit(model, image, "conv1", 3, 14, 14).steps
        if isinstance(step, WindowStep)
    )
    rows = list(csv.DictReader(io.StringIO(factors_csv(window).decode())))
    assert len(rows) == 49
    total = sum(float(row["product"]) for row in rows) + window.bias
    assert total == pytest.approx(window.value, abs=1e-6)
    for row in rows:
        assert float(row["input"]) * float(row["weight"]) == pytest.approx(float(row["product"]))


def test_a_strip_above_each_tile_leaves_the_map_uncovered() -> None:
    maps = np.ones((3, 4, 4), np.float32)
    scale = figures.Scale(0, 1, "viridis")
    sheet = figures.mosaic(maps, [scale] * 3, columns=2, tile_px=32, strip_px=20)
    gap = figures.GAP_PX
    assert sheet.shape == (2 * (32 + 20 + gap) + gap, 2 * (32 + gap) + gap, 3)
    first = sheet[gap + 20 : gap + 52, gap : gap + 32]
    assert (first == figures.color_table("viridis")[255]).all()


def test_an_empty_tile_is_gray_and_looks_like_no_map() -> None:
    tile = figures.empty_tile(9)
    assert tile.shape == (9, 9, 3)
    assert (tile[..., 0] == tile[..., 1]).all()
    assert (tile == np.rot90(tile)).all()
    assert len(np.unique(tile)) == 2


@pytest.mark.parametrize(
    ("changes", "unit"),
    [
        ({(3, 4): 5.0, (2, 2): 4.0}, (3, 4)),  # the strongest
        ({(0, 4): 9.0, (2, 2): 4.0}, (2, 2)),  # not at the border
        ({(3, 4): 6.0, (3, 3): 6.0, (2, 2): 4.0}, (2, 2)),  # not clipped, as by ReLU6
        ({}, (3, 3)),  # nothing responds: the center
    ],
)
def test_the_first_unit_has_a_gradient_to_show(
    changes: dict[tuple[int, int], float], unit: tuple[int, int]
) -> None:
    feature_map = np.zeros((6, 6), np.float32)
    for place, value in changes.items():
        feature_map[place] = value
    assert telling_unit(feature_map) == unit
