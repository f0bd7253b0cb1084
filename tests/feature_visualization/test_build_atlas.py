"""Atlases: whole, resumed, and the same wherever they are drawn."""

import json
import os
import shutil
import signal
import threading
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz import paths
from cnnviz.cli import main
from cnnviz.errors import AnalysisError, CnnvizError, InvalidParameterError
from cnnviz.feature_visualization import SMALL, atlas, channel, visualize
from cnnviz.feature_visualization.build_atlas import make_atlas
from cnnviz.network.loading import load_model

MODEL = "fashion-gabor"
TINY = replace(SMALL, size_px=16, steps=3)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlas")
    make_atlas(MODEL, ["conv1", "conv2"], folder, TINY, command="make")
    return folder


def test_every_filter_has_its_image(serial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNVIZ_ATLAS_DIR", str(serial))
    found = atlas.find_atlas(MODEL)
    assert found is not None
    assert [*found.layers] == ["conv1", "conv2"]
    layer = found.layers["conv1"]
    assert (layer.num_filters, layer.count, layer.size_px) == (24, 24, 16)
    model = load_model(MODEL)
    objectives = [channel(model, "conv1", place) for place in range(8, 16)]
    drawn = visualize(model, objectives, TINY, seeds=range(8, 16))
    for place, image in enumerate(layer.images(8, 8)):
        assert image.shape == (16, 16, 3)
        difference = np.abs(image.astype(int) - drawn[place].pixels)
        assert difference.mean() < 6  # WebP loses a little
        assert layer.reached[8 + place] == pytest.approx(drawn[place].reached, abs=1e-3)
    assert len(layer.images(20, 99)) == 4


def test_a_browser_can_open_it_by_itself(serial: Path) -> None:
    page = (serial / MODEL / "index.html").read_text()
    assert page.count("<img") == 3 + 8
    assert "http" not in page
    for name in json.loads((serial / MODEL / "index.json").read_text())["layers"]:
        assert name in page
    assert not list(serial.rglob("*.part"))


def test_only_what_is_missing_or_torn_is_drawn_again(tmp_path: Path, serial: Path) -> None:
    reported: list[tuple[int, int]] = []

    class PowerCutError(Exception):
        pass

    def stop(done: int, total: int, left_s: float) -> None:
        reported.append((done, total))
        if done == 5:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        make_atlas(MODEL, ["conv1", "conv2"], tmp_path, TINY, command="make", on_progress=stop)
    assert not (tmp_path / MODEL / "index.json").exists()
    torn = tmp_path / MODEL / "conv1" / "0008.webp"
    torn.write_bytes(torn.read_bytes()[:100])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.webp") if path != torn}
    reported.clear()
    make_atlas(
        *(MODEL, ["conv1", "conv2"], tmp_path, TINY),
        command="make",
        on_progress=lambda done, total, left_s: reported.append((done, total)),
    )
    assert reported[0] == (4, 11)
    assert reported[-1] == (11, 11)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert contents(tmp_path) == contents(serial)


def test_another_recipe_or_seed_is_drawn_anew(tmp_path: Path) -> None:
    make_atlas(MODEL, ["conv1"], tmp_path, TINY, max_filters=4)
    first = contents(tmp_path)
    make_atlas(MODEL, ["conv1"], tmp_path, TINY, max_filters=4, seed=9)
    second = contents(tmp_path)
    assert first.keys() == second.keys()
    assert first[f"{MODEL}/conv1/0000.webp"] != second[f"{MODEL}/conv1/0000.webp"]
    make_atlas(MODEL, ["conv2"], tmp_path, TINY, max_filters=4, seed=9)
    index = json.loads((tmp_path / MODEL / "index.json").read_text())
    assert [*index["layers"]] == ["conv1", "conv2"]  # the earlier layer stays


@pytest.mark.slow
def test_worker_processes_draw_the_same_bytes(tmp_path: Path, serial: Path) -> None:
    make_atlas(MODEL, ["conv1", "conv2"], tmp_path, TINY, command="make", jobs=2)
    assert contents(tmp_path) == contents(serial)


@pytest.mark.slow
def test_a_dask_cluster_draws_the_same_bytes_though_a_worker_is_killed(
    tmp_path: Path, serial: Path
) -> None:
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    killed = threading.Event()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:

        def kill_one(done: int, total: int, left_s: float) -> None:
            if 0 < done < total and not killed.is_set():
                killed.set()
                pid = next(iter(cluster.workers.values())).pid
                threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)).start()

        make_atlas(
            *(MODEL, ["conv1", "conv2"], tmp_path, TINY),
            command="make",
            engine="dask",
            scheduler=cluster.scheduler_address,
            on_progress=kill_one,
        )
    assert killed.is_set()
    assert contents(tmp_path) == contents(serial)


def test_mistakes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for engine, words in (("slurm", "local, dask, ray"), ("ray", "pip install ray")):
        with pytest.raises(InvalidParameterError, match=words):
            make_atlas(MODEL, ["conv1"], tmp_path, TINY, engine=engine)
    with pytest.raises(CnnvizError, match="no layer"):
        make_atlas(MODEL, ["conv99"], tmp_path, TINY)
    for settings in ({"max_filters": 0}, {"max_filters": -1}, {"jobs": 0}):
        with pytest.raises(InvalidParameterError, match="at least 1"):
            make_atlas(MODEL, ["conv1"], tmp_path, TINY, **settings)
    assert not contents(tmp_path)


def test_damaged_atlases_are_no_disaster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serial: Path
) -> None:
    monkeypatch.setenv("CNNVIZ_ATLAS_DIR", str(tmp_path))
    folder = tmp_path / "nobody"
    folder.mkdir()
    assert atlas.find_atlas("nobody") is None
    for text in ("{", "[]", '{"model": "x", "layers": {"a": {}}}'):
        (folder / "index.json").write_text(text)
        assert atlas.find_atlas("nobody") is None
    make_atlas(MODEL, ["conv1"], tmp_path, TINY, max_filters=4)
    (tmp_path / MODEL / "conv1" / "0000.webp").write_bytes(b"torn")
    found = atlas.find_atlas(MODEL)
    assert found is not None
    with pytest.raises(AnalysisError, match="atlas again"):
        found.layers["conv1"].images()


def test_the_command_draws_tells_how_far_it_is_and_where_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["atlas", MODEL, "--layers", "conv1", "--steps", "2", "--size", "16"]
    arguments += ["--filters", "8", "--folder", str(tmp_path)]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "1/1 strips" in told
    assert "index.html" in told
    assert main([*arguments, "--engine", "slurm"]) == 1


@pytest.fixture(scope="module")
def tall_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network for images of 24 × 16 only; its layers need at least 9 and 19 pixels."""
    model = keras.Sequential(
        [
            keras.Input((24, 16, 3)),
            *(layers.Conv2D(3, 9, name="conv1"), layers.MaxPooling2D(2, name="pool1")),
            *(layers.Conv2D(4, 3, name="conv2"), layers.Flatten(), layers.Dense(2)),
        ]
    )
    path = tmp_path_factory.mktemp("networks") / "tall.keras"
    model.save(path)
    return path


def test_images_of_an_atlas_need_not_be_square(
    tmp_path: Path, tall_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(TINY, size_px=24, width_px=16)
    make_atlas(str(tall_file), ["conv1"], tmp_path, recipe)
    monkeypatch.setenv("CNNVIZ_ATLAS_DIR", str(tmp_path))
    found = atlas.find_atlas(load_model(str(tall_file)).name)
    assert found is not None
    layer = found.layers["conv1"]
    assert (layer.size_px, layer.width_px) == (24, 16)
    model = load_model(str(tall_file))
    drawn = visualize(model, [channel(model, "conv1", i) for i in range(3)], recipe)
    for image, one in zip(layer.images(), drawn, strict=True):
        assert image.shape == (24, 16, 3)
        assert np.abs(image.astype(int) - one.pixels).mean() < 6  # WebP loses a little


def test_a_size_that_a_layer_cannot_take_ends_in_one_sentence(
    tmp_path: Path, tall_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["atlas", str(tall_file), "--layers", "conv1", "conv2", "--steps", "1"]
    arguments += ["--folder", str(tmp_path)]
    assert main([*arguments, "--size", "12"]) == 1
    told = capsys.readouterr()
    assert not told.out
    assert told.err.count("\n") == 1
    for words in ("'conv2'", "12 × 12", "smallest size that works is 14 × 14"):
        assert words in told.err
    assert not contents(tmp_path)
    assert main([*arguments, "--size", "4"]) == 1
    assert "from 8 to 512" in capsys.readouterr().err
    assert main([*arguments, "--size", "14", "--width", "20"]) == 0
    command = json.loads(next(tmp_path.rglob("index.json")).read_text())["layers"]["conv1"]
    assert "--size 14 --width 20" in command["command"]


def test_the_default_size_is_one_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["atlas", "cats-dogs-150", "--layers", "conv1", "--filters", "1", "--steps", "1"]
    assert main([*arguments, "--folder", str(tmp_path)]) == 0
    assert main([*arguments, "--folder", str(tmp_path), "--size", "0"]) == 1
    arguments[3] = "conv4"
    assert main([*arguments, "--folder", str(tmp_path), "--size", "32"]) == 1
    assert "smallest size that works is 38 × 38" in capsys.readouterr().err


def test_an_atlas_made_before_images_had_a_width_is_not_drawn_again(
    tmp_path: Path, serial: Path
) -> None:
    shutil.copytree(serial / MODEL, tmp_path / MODEL)
    index = tmp_path / MODEL / "index.json"
    facts = json.loads(index.read_text())
    for layer in facts["layers"].values():
        del layer["recipe"]["width_px"]
    index.write_text(json.dumps(facts))
    reported: list[tuple[int, int]] = []
    make_atlas(
        *(MODEL, ["conv1", "conv2"], tmp_path, TINY),
        command="make",
        on_progress=lambda done, total, left_s: reported.append((done, total)),
    )
    assert reported == [(11, 11)]
    assert contents(tmp_path) == contents(serial)


SHIPPED = [path.parent.name for path in sorted(paths.ATLASES.glob("*/index.json"))]


def test_atlases_come_along() -> None:
    assert {"efficientnet-lite0", "fashion-gabor", "svhn-gabor"} <= set(SHIPPED)
    total = sum(path.stat().st_size for path in paths.ATLASES.rglob("*") if path.is_file())
    assert total < 15e6


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.sample(2)
def test_a_shipped_atlas_is_whole_and_of_this_network(name: str) -> None:
    found = atlas.find_atlas(name)
    assert found is not None
    shapes = load_model(name).map_shapes
    index = json.loads((paths.ATLASES / name / "index.json").read_text())
    for layer_name, layer in found.layers.items():
        assert layer.num_filters == shapes[layer_name][-1]
        images = layer.images()
        assert len(images) == layer.count
        assert images[-1].shape == (layer.size_px, layer.size_px, 3)
        for strip, path in zip(index["layers"][layer_name]["strips"], layer.files, strict=True):
            assert atlas.fingerprint(path.read_bytes()) == strip["sha256"]
