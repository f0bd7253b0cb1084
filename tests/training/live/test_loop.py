"""Training live: the same numbers however it is watched, one at a time, and gone when unwanted."""

import gc
import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnnviz import datasets, zoo
from cnnviz.cli import main
from cnnviz.datasets import DATA_SETS, LabeledImages
from cnnviz.errors import AnalysisError, InvalidParameterError, ModelLoadError
from cnnviz.images import image_from_pixels
from cnnviz.network import loading
from cnnviz.network.inspection import wrap_model
from cnnviz.training import (
    LiveRun,
    LiveSettings,
    LiveTrained,
    Turns,
    first_look,
    live_card,
    live_files,
    live_network,
    train,
    train_live,
)
from cnnviz.training.live import loop, queue
from cnnviz.training.live.settings import (
    AUGMENTATIONS,
    available_data,
    live_images,
    ten_images,
)
from cnnviz.zoo import architectures, trained
from cnnviz.zoo.blocks import HEADS, KERNEL_SIZES, POOLINGS, BlockNetwork, build_blocks
from tests.builders.data_sets import add_data_set

TINY = LiveSettings(filters=(4,), head="gap", epochs=2, batch_size=16, num_images=64)
KEYS = ("loss", "accuracy", "val_loss", "val_accuracy")


def wait_for(what: Callable[[], Any], seconds: float = 120) -> None:
    """Wait until something holds; machines may be busy."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def figures_of(trained_live: LiveTrained) -> list[dict[str, float]]:
    return [{key: epoch[key] for key in KEYS} for epoch in trained_live.history]


@pytest.fixture
def turns() -> Iterator[Turns]:
    """A queue of its own, empty again at the end."""
    own = Turns()
    yield own
    wait_for(lambda: len(own) == 0)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"data": "cifar"}, "data must be one of"),
        ({"num_images": 0}, "num_images must be from 10 to 20000, got 0"),
        ({"filters": ()}, "1 to 3 blocks, got 0"),
        ({"filters": (8, 8, 8, 8)}, "1 to 3 blocks, got 4"),
        ({"filters": (0,)}, "1 to 64 filters"),
        ({"kernel_size": 4}, "kernel_size must be one of 3, 5, 7, got 4"),
        ({"pooling": "min"}, "pooling must be one of max, average, none"),
        ({"head": "dense"}, "head must be one of flatten, gap"),
        ({"dropout": 0.9}, r"dropout must be from 0 to 0\.8"),
        ({"optimizer": "lion"}, "optimizer must be one of adam, rmsprop, sgd"),
        ({"learning_rate": float("nan")}, "learning_rate must be from 1e-06 to 1"),
        ({"batch_size": 1}, "batch_size must be from 8 to 256"),
        ({"epochs": 51}, "epochs must be from 1 to 50"),
        ({"augmentation": "cutout"}, "augmentation must be one of none, shift-flip"),
        ({"seed": -1}, "seed must be from 0"),
        (
            {"filters": (64, 64, 64), "pooling": "none", "kernel_size": 7, "batch_size": 256},
            "Choose fewer filters, smaller kernels, pooling, or smaller batches",
        ),
    ],
    ids=str,
)
def test_wrong_settings_are_explained(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidParameterError, match=says):
        replace(TINY, **changed)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_parameters_and_shapes_are_those_that_keras_counts(
    pooling: str, head: str, batch_norm: bool
) -> None:
    kernel_size = KERNEL_SIZES[POOLINGS.index(pooling)]
    network = BlockNetwork((32, 28, 3), 10, (5, 6, 7), kernel_size, pooling, head, 0.25, batch_norm)
    model = build_blocks(network, "blocks", 1)
    assert model.count_params() == network.num_parameters
    last = [layer for layer in model.layers if len(layer.output.shape) == 4][-1]
    assert last.output.shape[1:] == network.map_shapes[-1]
    assert model.get_layer("dropout").rate == 0.25


def test_multiplications_are_those_of_the_layer_table() -> None:
    from cnnviz.network.layer_table import layer_table

    network = replace(TINY, filters=(4, 6), kernel_size=5, head="flatten").network
    model = build_blocks(network, "blocks", 1)
    rows = layer_table(wrap_model(model, zoo.card_for_model(model, "blocks")))
    assert sum(row.num_multiplications for row in rows) == network.num_multiplications


def test_first_weights_follow_from_the_seed_and_from_nothing_global() -> None:
    import keras

    build = TINY.network
    first = build_blocks(build, "a", 3).get_weights()
    keras.utils.set_random_seed(99)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state must stay
    again, other = build_blocks(build, "b", 3).get_weights(), build_blocks(build, "c", 4)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[0], other.get_weights()[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_settings_survive_a_file() -> None:
    settings = replace(TINY, filters=(8, 16), head="flatten", dropout=0.5, batch_norm=True)
    assert LiveSettings.from_json(settings.to_json()) == settings
    assert LiveSettings.from_json('{"epochs": 7}') == LiveSettings(epochs=7)
    assert settings.name != replace(settings, seed=2).name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "a JSON object with any of: data, num_images"),
        ('{"layers": 3}', "a JSON object with any of"),
        ('{"epochs": "3"}', "epochs must be something like 5, got '3'"),
        ('{"epochs": true}', "epochs must be something like 5"),
        ('{"filters": 8}', "filters must be something like"),
        ('{"filters": [8.5]}', "filters must be something like"),
        ('{"batch_norm": 1}', "batch_norm must be something like False"),
        ('{"learning_rate": NaN}', "learning_rate must be from"),
    ],
    ids=lambda text: text[:20],
)
def test_nonsense_in_a_settings_file_is_explained(text: str, says: str) -> None:
    with pytest.raises(InvalidParameterError, match=says):
        LiveSettings.from_json(text)


def test_the_bundled_clothing_is_divided_without_overlap() -> None:
    training, validation = live_images(LiveSettings())
    assert (len(training.labels), len(validation.labels)) == (150, 50)
    assert np.bincount(training.labels).tolist() == [15] * 10
    assert np.bincount(validation.labels).tolist() == [5] * 10
    seen = {image.tobytes() for image in training.images}
    whole = {image.tobytes() for image in datasets.fashion_mnist_samples().images}
    assert seen | {image.tobytes() for image in validation.images} == whole
    assert not seen & {image.tobytes() for image in validation.images}


def test_more_images_contain_fewer() -> None:
    few, many = (live_images(replace(TINY, num_images=n))[0] for n in (20, 80))
    np.testing.assert_array_equal(few.images, many.images[:20])
    assert len(np.unique(few.labels)) > 5  # not class by class


def test_the_ten_images_are_one_of_each_class() -> None:
    assert ten_images("clothing-samples").labels.tolist() == list(range(10))


def test_without_data_beside_there_are_the_samples() -> None:
    assert available_data() == ("clothing-samples",)


@pytest.mark.real_data
def test_with_data_beside_they_are_offered(real_data: Path) -> None:
    found = available_data()
    assert "clothing-samples" in found
    for name in found:
        training, validation = live_images(LiveSettings(data=name, num_images=30))
        channels = 1 if training.images.ndim == 3 else 3
        assert (*training.images.shape[1:3], channels) == DATA_SETS[name].image_shape
        assert len(validation.labels) <= 1000
        assert len(validation.class_names) == 10


HARD = replace(
    *(TINY,),
    filters=(4, 4),
    batch_norm=True,
    dropout=0.3,
    augmentation="turn-shift-zoom",
    optimizer="rmsprop",
    epochs=3,
)


def paused_run(settings: LiveSettings, turns: Turns) -> LiveRun:
    """Train in a thread, look often, and pause once in the middle of an epoch."""
    run = LiveRun(settings, turns=turns)
    wait_for(lambda: run.look is not None and run.look.batches_done >= 2)
    run.pause()
    wait_for(lambda: run.state == queue.PAUSED)
    time.sleep(0.3)
    held = run.look
    time.sleep(0.3)
    assert run.look is held
    run.go_on()
    run.join(120)
    assert run.state == queue.FINISHED, run.error
    return run


@pytest.fixture
def looks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    from cnnviz.training.live import loop

    class Eager(loop._Watch):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self._next_look = 0.0
            super().on_train_batch_end(batch, logs)

    monkeypatch.setattr(loop, "_Watch", Eager)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(TINY, id="plain", marks=pytest.mark.slow),
        pytest.param(HARD, id="dropout, norm, augmentation"),
    ],
)
def test_watched_and_paused_in_a_thread_gives_the_commands_history_to_the_bit(
    settings: LiveSettings, turns: Turns, looks_always: None, tmp_path: Path
) -> None:
    run = paused_run(settings, turns)
    assert run.trained is not None
    plain = train_live(settings)
    assert figures_of(run.trained) == figures_of(plain)
    for one, other in zip(run.trained.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    file = tmp_path / "mine.json"
    file.write_text(settings.to_json())
    assert main(["train-live", str(file), "--folder", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / f"{settings.name}.history.json").read_text())
    assert [{key: epoch[key] for key in KEYS} for epoch in told] == figures_of(plain)


@pytest.mark.slow
def test_a_recipe_of_the_other_command_gives_the_same_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`train` knows nothing of live training but shares the epochs."""
    images: dict[str, LabeledImages] = dict(zip(("train", "test"), live_images(HARD), strict=True))
    add_data_set(monkeypatch, "same", images.__getitem__)
    monkeypatch.setitem(
        architectures.ARCHITECTURES, "same", lambda name: build_blocks(HARD.network, name, 1)
    )
    train(replace(HARD.recipe, data="same", architecture="same"), tmp_path)
    told = json.loads((tmp_path / f"{HARD.name}.history.json").read_text())
    live = train_live(HARD)
    assert [{key: epoch[key] for key in KEYS} for epoch in told] == figures_of(live)


def test_a_stopped_network_is_that_of_a_run_with_so_many_epochs(turns: Turns) -> None:
    run = LiveRun(replace(TINY, epochs=50), turns=turns)
    wait_for(lambda: run.trained is not None)
    run.stop()
    run.join(30)
    assert run.state == queue.STOPPED
    kept = run.trained
    assert kept is not None
    assert kept.settings == replace(TINY, epochs=len(kept.history))
    again = train_live(kept.settings)
    for one, other in zip(kept.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_looks_show_what_happens(looks_always: None) -> None:
    looks = []
    result = train_live(replace(TINY, epochs=2), on_look=looks.append)
    assert [(look.epochs_done, look.batches_done) for look in looks] == [
        *[(0, batch) for batch in range(5)],
        *[(1, batch) for batch in range(5)],
        (2, 0),
    ]
    untrained = first_look(TINY)
    np.testing.assert_array_equal(looks[0].kernels, untrained.kernels)
    np.testing.assert_array_equal(looks[-1].kernels, result.weights[0])
    for look in looks:
        assert look.confusion.sum() == 50
        np.testing.assert_allclose(look.predictions.sum(axis=1), 1, atol=1e-5)
    assert looks[-1].accuracy == pytest.approx(looks[-1].history["val_accuracy"][-1], abs=1e-6)
    assert looks[5].so_far == {}
    assert looks[4].so_far["loss"] == pytest.approx(looks[5].history["loss"][0], rel=1e-6)


def test_weights_that_ran_away_end_the_run_with_a_sentence(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:

    def overflowing(network: BlockNetwork, name: str, seed: int) -> Any:
        model = build_blocks(network, name, seed)
        model.set_weights([weights * np.float32(1e30) for weights in model.get_weights()])
        return model

    monkeypatch.setattr(loop, "build_blocks", overflowing)
    with pytest.raises(AnalysisError, match=r"After 1 batches .* smaller learning rate"):
        train_live(TINY)
    run = LiveRun(TINY, turns=turns)
    run.join(60)
    assert run.state == queue.FAILED
    assert "Choose a smaller learning rate" in run.error


@pytest.mark.slow
def test_ten_starts_and_stops_leave_nothing_behind(turns: Turns) -> None:
    seconds: list[float] = []
    memory: list[float] = []
    threads: list[int] = []
    for _ in range(11):
        run = LiveRun(replace(TINY, epochs=50), turns=turns)
        wait_for(lambda run=run: run.look is not None and run.look.epochs_done > 0)
        started = time.monotonic()
        run.stop()
        assert run.state == queue.STOPPED
        run.join(30)
        seconds.append(time.monotonic() - started)
        threads.append(threading.active_count())
        memory.append(resident_mb())
    assert statistics.median(seconds) < 1.0
    assert len(set(threads)) == 1
    assert memory[-1] - memory[0] < 60


@pytest.mark.slow
def test_the_graphs_of_a_training_are_gone_with_it() -> None:
    """TensorFlow keeps what is registered; Keras registers the sum over devices."""
    counts = []
    for _ in range(3):
        train_live(HARD)
        gc.collect()
        counts.append(sum(type(one).__name__ == "FuncGraph" for one in gc.get_objects()))
    assert counts[0] == counts[1] == counts[2]


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_one_trains_and_the_others_wait_in_the_order_of_their_coming(turns: Turns) -> None:
    runs = [LiveRun(replace(TINY, epochs=50), turns=turns) for _ in range(3)]
    assert [run.num_before for run in runs] == [0, 1, 2]
    assert [run.num_behind for run in runs] == [2, 1, 0]
    wait_for(lambda: runs[0].trained is not None)
    assert [run.state for run in runs] == [queue.TRAINING, queue.WAITING, queue.WAITING]
    runs[1].stop()  # who waits can leave
    wait_for(lambda: runs[1].state == queue.STOPPED and runs[2].num_before == 1)
    runs[0].stop()
    wait_for(lambda: runs[2].look is not None)
    assert runs[0].state == queue.STOPPED
    runs[2].stop()


def test_a_pause_does_not_block_the_queue_for_ever(
    turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PAUSE_SECONDS", 0.2)
    run = LiveRun(TINY, turns=turns)
    wait_for(lambda: run.look is not None)
    run.pause()
    time.sleep(0.5)
    assert run.is_active  # nobody waits: the pause lasts
    other = LiveRun(TINY, turns=turns)
    run.join(60)
    assert run.state == queue.FINISHED
    other.join(60)
    assert other.state == queue.FINISHED


@pytest.mark.parametrize("moment", ["training", "paused", "waiting"])
@pytest.mark.sample(2)
def test_a_run_that_nobody_wants_any_more_ends(moment: str, turns: Turns) -> None:
    is_there = threading.Event()
    is_there.set()
    blocker = LiveRun(replace(TINY, epochs=50), turns=turns) if moment == "waiting" else None
    run = LiveRun(replace(TINY, epochs=50), is_wanted=is_there.is_set, turns=turns)
    if moment != "waiting":
        wait_for(lambda: run.look is not None)
    if moment == "paused":
        run.pause()
        wait_for(lambda: run.state == queue.PAUSED)
    is_there.clear()
    run.join(30)
    assert run.state == queue.ABANDONED
    if blocker is not None:
        assert blocker.is_active
        blocker.stop()


def test_what_goes_wrong_becomes_a_sentence(turns: Turns) -> None:
    run = LiveRun(replace(TINY, data="mnist"), turns=turns)
    run.join(60)
    assert run.state == queue.FAILED
    assert "MNIST is not on this computer" in run.error


@pytest.fixture(scope="module")
def done() -> LiveTrained:
    return train_live(replace(TINY, epochs=1, augmentation="shift-flip"))


def test_the_files_are_a_network_like_those_that_come_with_cnnviz(
    done: LiveTrained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in live_files(done).items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    name = done.settings.name
    card = zoo.find_card(name)
    assert card.num_parameters == done.settings.network.num_parameters
    assert zoo.class_names(card, 10) == datasets.FASHION_CLASSES
    record = zoo.training_record(name)
    assert record.accuracy == pytest.approx(done.history[-1]["val_accuracy"], abs=1e-6)
    assert record.facts["augmentation"] == asdict(AUGMENTATIONS["shift-flip"])
    assert record.history["loss"].tolist() == [done.history[0]["loss"]]
    for one, other in zip(zoo.build_model(card).get_weights(), done.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert trained.was_trained(tmp_path / f"{name}.json")
    kept = LiveSettings.from_json((tmp_path / f"{name}.settings.json").read_text())
    assert kept == done.settings


def test_a_trained_network_is_a_user_model_on_all_pages(
    done: LiveTrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = live_card(done)
    user_model = loading.adopt(live_network(done), card)
    assert loading.load_model(card.name) is user_model
    assert loading.adopt(live_network(done), card) is user_model
    validation = live_images(done.settings)[1]
    images = [image_from_pixels(np.stack([image] * 3, -1)) for image in validation.images]
    predictions = [user_model.predict(image, 1)[0].class_index for image in images]
    share = np.mean(np.array(predictions) == validation.labels)
    assert share == pytest.approx(done.history[-1]["val_accuracy"], abs=0.021)  # gray by rounding
    monkeypatch.setattr(loading, "MAX_ADOPTED", 1)
    with pytest.raises(ModelLoadError, match="open on this server already"):
        loading.adopt(live_network(done), replace(card, name="live-another"))


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "settings.json"
    assert main(["train-live", str(file)]) == 1
    file.write_text('{"epochs": 0}')
    assert main(["train-live", str(file)]) == 1
    said = capsys.readouterr().err
    assert "The settings cannot be read" in said
    assert "epochs must be from 1 to 50, got 0" in said


def test_the_command_prints_every_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "settings.json"
    file.write_text(TINY.to_json())
    assert main(["train-live", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{TINY.name}: 90 parameters"  # 3·3·1·4 + 4, and (4 + 1) · 10
    for number, (line, figures) in enumerate(
        zip(lines[1:-1], figures_of(train_live(TINY)), strict=True), start=1
    ):
        assert line.startswith(f"epoch {number} of 2: ")
        for key, value in figures.items():
            assert f" {key} {value:.4f}" in line
