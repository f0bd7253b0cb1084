"""All methods in one list: the table, the command line, and Python that can be written down."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cnnviz
from cnnviz import datasets, figures
from cnnviz.attribution.comparison import ComparisonTable, compare_methods
from cnnviz.attribution.evaluation.faithfulness import curves_with_controls
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.observation import observe
from cnnviz.attribution.registry import METHODS, explain, find_method, target_code
from cnnviz.attribution.targets import Target, contrast, one_class, probability, sum_of
from cnnviz.cli import main
from cnnviz.cli.batch import find_class, image_files, parse_settings
from cnnviz.errors import InvalidParameterError
from cnnviz.figures import Scale, encode_png
from cnnviz.images import ImageInput
from cnnviz.network.loading import load_model

Tiny = Callable[..., Any]
IMAGE = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_answers_the_same_call(tiny: Tiny, image: ImageInput, name: str) -> None:
    model = tiny("functional")
    heatmap = explain(model, image, name, layer_name="conv", target=one_class(1))
    assert heatmap.method == name
    assert heatmap.class_index == 1
    assert heatmap.values.shape == ((6, 6) if METHODS[name].is_on_a_layer else (8, 8))
    assert dict(heatmap.diagnostics)["score"] == pytest.approx(model.logits(image)[1], abs=1e-5)
    assert dict(heatmap.settings) == METHODS[name].checked({})


@pytest.mark.parametrize(
    "target", [one_class(2), probability(1), contrast(0, [1, 2], 0.6), sum_of([0, 2])]
)
def test_a_target_can_be_written_as_python(target: Target) -> None:
    assert eval(target_code(target), {"cnnviz": cnnviz}) == target


def test_a_function_of_ones_own_cannot_be_written() -> None:
    with pytest.raises(InvalidParameterError, match="of your own"):
        target_code(Target("mine", 0, function=lambda logits: logits[:, 0]))
    with pytest.raises(InvalidParameterError, match="Choose one of: cam"):
        find_method("guess")


def test_the_table_holds_what_the_methods_give(tiny: Tiny, image: ImageInput) -> None:
    model = tiny("functional")
    seen: list[tuple[int, int]] = []
    places = [(model, "conv", one_class(0)), (model, "conv", one_class(1))]
    found = compare_methods(
        image,
        ["grad-cam", "gradient", "guided-grad-cam"],
        places,
        on_progress=lambda done, total, so_far: seen.append((done, total)),
    )
    for row, name in zip(found.cells, ["grad-cam", "gradient", "guided-grad-cam"], strict=True):
        for cell, (_, layer_name, target) in zip(row, places, strict=True):
            assert cell.heatmap is not None
            assert cell.score is not None
            expected = explain(model, image, name, layer_name=layer_name, target=target)
            np.testing.assert_allclose(cell.heatmap.values, expected.values, atol=1e-6)
            observation = observe(model, image, target, [layer_name])
            alone = curves_with_controls(observation, {"map": cell.heatmap.values})["map"]
            assert cell.score == pytest.approx(alone.score, abs=1e-6)  # one measure, one value
    assert seen[-1] == (12, 12)


def test_what_does_not_fit_leaves_a_hole_with_the_reason() -> None:
    model, image = load_model("fashion-cnn"), datasets.sample_image("fashion-mnist", "ankle-boot-1")
    found: ComparisonTable = compare_methods(
        image, ["cam", "grad-cam"], [(model, "conv3", one_class(9))]
    )
    assert found.cells[0][0].heatmap is None
    assert "global average" in found.cells[0][0].reason
    assert found.cells[1][0].heatmap is not None


def test_settings_go_to_the_methods_that_have_them() -> None:
    found = parse_settings(["smoothgrad", "grad-cam"], ["samples=4", "signed=true"])
    assert found["smoothgrad"]["samples"] == 4
    assert found["smoothgrad"]["signed"]
    assert found["grad-cam"] == {"signed": True}
    for wrong in ("samples", "power=2"):
        with pytest.raises(InvalidParameterError, match="Write name=value"):
            parse_settings(["smoothgrad"], [wrong])
    with pytest.raises(InvalidParameterError, match="from 2 to 256"):
        parse_settings(["smoothgrad"], ["samples=1"])


def test_a_class_is_found_by_name_or_number() -> None:
    model = load_model("efficientnet-lite0")
    assert find_class(model, "285") == find_class(model, "egyptian mau") == 285
    with pytest.raises(InvalidParameterError, match="means several"):
        find_class(model, "cat")
    with pytest.raises(InvalidParameterError, match="is not known"):
        find_class(model, "cnnviz")
    with pytest.raises(InvalidParameterError, match="0 to 999"):
        find_class(model, "-1")


def test_images_are_found_in_folders(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.PNG").write_bytes(b"")
    (tmp_path / "in" / "notes.txt").write_bytes(b"")
    (tmp_path / "in" / "telephone.HEIC").write_bytes(b"")
    (tmp_path / "a.jpg").write_bytes(b"")
    found = [file.name for file in image_files([tmp_path])]
    assert found == ["a.jpg", "b.PNG", "telephone.HEIC"]
    with pytest.raises(InvalidParameterError, match="no file or folder"):
        image_files([tmp_path / "c.jpg"])
    with pytest.raises(InvalidParameterError, match="no image"):
        image_files([tmp_path / "in" / ".."] and [_empty(tmp_path)])


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def test_the_command_writes_overlays_numbers_and_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boot = datasets.sample_image("fashion-mnist", "ankle-boot-1")
    for name in ("one/boot.png", "two/boot.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(encode_png(boot.pixels))
    (tmp_path / "two" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    folder = tmp_path / "out"
    request = ["--model", "fashion-cnn-gap", "--method", "grad-cam", "occlusion", "--class", "boot"]
    request += ["--set", "patch_percent=30", "--folder", str(folder)]
    assert main(["cam", str(tmp_path / "one"), str(tmp_path / "two"), *request]) == 0
    said = capsys.readouterr()
    assert "3/3 images" in said.out
    assert "torn.png" in said.err
    with (folder / "cam.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["overlay"] for row in rows] == [
        "boot.grad-cam.png",
        "boot.occlusion.png",
        "boot-2.grad-cam.png",
        "boot-2.occlusion.png",
    ]
    expected = cnnviz.class_activation_map(load_model("fashion-cnn-gap"), boot, class_index=9)
    assert float(rows[0]["maximum"]) == pytest.approx(expected.maximum, rel=1e-4)
    assert rows[0]["label"] == "Ankle boot"
    with np.load(folder / "boot.grad-cam.npz") as arrays:
        np.testing.assert_allclose(arrays["values"], expected.values, atol=1e-6)
    assert (folder / "boot-2.occlusion.png").stat().st_size > 1000


def test_the_command_lists_methods_and_refuses_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cam", "--list"]) == 0
    listed = capsys.readouterr().out
    for method in METHODS.values():
        assert method.name in listed
        for setting in method.settings:
            assert f"--set {setting.name}=" in listed
    assert main(["cam", str(tmp_path / "nothing.png")]) == 1
    assert "no file or folder" in capsys.readouterr().err
    torn = tmp_path / "torn.png"
    torn.write_bytes(b"no image")
    assert main(["cam", str(torn), "--folder", str(tmp_path / "out")]) == 1
    assert main(["cam", str(torn), "--model", "fashion-cnn", "--method", "cam"]) == 1
    assert "global average" in capsys.readouterr().err


def test_how_a_map_was_made_can_be_read_back(tiny: Tiny, image: ImageInput) -> None:
    heatmap = explain(
        tiny("functional"),
        image,
        "smoothgrad",
        layer_name="conv",
        target=one_class(1),
        samples=3,
    )
    told = json.loads(figures.heatmap_json(heatmap, {"network": "tiny"}))
    assert told["network"] == "tiny"
    assert told["settings"]["samples"] == 3
    assert told["class_index"] == 1
    assert told["versions"]["keras"].startswith("3.")
    assert told["versions"]["tensorflow"][0].isdigit()


def test_below_the_threshold_the_image_stays() -> None:
    values = np.zeros((12, 20), np.float32)
    values[:, 10:] = 1
    everything = (slice(0, 12), slice(0, 20))
    scale = Scale(0, 1, "inferno")
    cut = figures.overlay_part(IMAGE, values, scale, 1.0, everything, threshold=0.5)
    np.testing.assert_array_equal(cut[:, :10], IMAGE[:, :10])
    np.testing.assert_array_equal(cut[:, 10:], np.broadcast_to([252, 255, 164], (12, 10, 3)))
    lined = figures.overlay_part(IMAGE, values, scale, 0.0, everything, has_contour=True)
    changed = (lined != IMAGE).any(axis=-1)
    assert changed[:, 10].all()
    assert not changed[:, :7].any()


def test_cells_stay_hard_where_a_map_is_not_smooth() -> None:
    values = np.float32([[0, 1]])
    everything = (slice(0, 12), slice(0, 20))
    scale = Scale(0, 1, "gray")
    hard = figures.overlay_part(IMAGE, values, scale, 1.0, everything, is_smooth=False)
    assert np.unique(hard).tolist() == [0, 255]
    soft = figures.overlay_part(IMAGE, values, scale, 1.0, everything)
    assert len(np.unique(soft)) > 5


def test_a_scale_is_symmetric_only_where_there_are_signs() -> None:
    values = np.arange(101, dtype=np.float32)
    assert figures.heatmap_scale(values, "viridis") == Scale(0, 100, "viridis")
    assert figures.heatmap_scale(values, "viridis", percentile=50) == Scale(0, 50, "viridis")
    assert figures.heatmap_scale(values - 70, "viridis") == Scale(-70, 70, figures.DIVERGING)
    assert figures.heatmap_scale(0 * values, "viridis") == Scale(0, 1, "viridis")


def test_a_labeled_grid_has_room_for_every_tile() -> None:
    tile = np.full((10, 10, 3), 200, np.uint8)
    tiles: list[list[np.ndarray | None]] = [[tile, None], [tile, tile], [tile, tile]]
    sheet = figures.labeled_grid(
        tiles, ["one", "two", "three"], ["left", "right"], [["a", "b"]] * 3, tile_px=100
    )
    assert sheet.dtype == np.uint8
    assert (sheet == 200).all(axis=-1).sum() == 5 * 100 * 100
    assert (sheet == 255).any()


def test_curves_and_marks_are_drawn() -> None:
    shares = np.linspace(0, 1, 5)
    figure = figures.pixel_curves_figure(shares, {"mine": shares, "chance": 1 - shares}, 0.2, "x")
    assert [line.name for line in figure.data] == ["mine", "chance"]
    np.testing.assert_array_equal(figure.data[0].y, shares)
    assert figure.layout.shapes[0].x0 == 0.2
    figure = figures.weight_randomization_figure([0, 2, 5], {"order": [1, 0.5, 0.1]}, 2)
    assert list(figure.data[0].x) == [0, 2, 5]
    assert figure.layout.shapes[0].x0 == 2


def test_a_heatmap_remembers_what_it_was_asked(tiny: Tiny, image: ImageInput) -> None:
    heatmap = explain(
        tiny("functional"), image, "grad-cam", layer_name="conv", target=contrast(0, [2])
    )
    assert isinstance(heatmap, ClassHeatmap)
    assert heatmap.target == "class 0 versus 2"
    assert heatmap.settings == (("signed", False),)
