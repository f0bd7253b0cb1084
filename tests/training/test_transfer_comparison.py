"""What of the five networks was trained: against their cards and against Keras itself."""

import numpy as np
import pytest

from cnnviz import datasets, zoo
from cnnviz.figures import drift_figure, parts_figure, side_by_side_curves
from cnnviz.network.loading import load_model
from cnnviz.training.transfer_comparison import (
    NETWORKS,
    NetworkPart,
    network_parts,
    take_apart,
    view_of,
)
from cnnviz.training.weight_drift import LayerDrift


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.sample(1)
def test_the_parts_add_up_to_what_the_card_says(name: str) -> None:
    anatomy = take_apart(name)
    facts = zoo.training_record(name).facts
    assert sum(part.num_parameters for part in anatomy.parts) == facts["num_parameters"]
    assert sum(part.num_trained for part in anatomy.parts) == facts["num_trained_parameters"]


@pytest.mark.slow
def test_the_fine_tuned_network_moved_in_its_last_block_and_its_head_only() -> None:
    anatomy = take_apart("cats-dogs-fine-tuned")
    moved = {drift.name for drift in anatomy.drift if drift.has_moved}
    assert moved == {
        *("block7a_expand_conv", "block7a_depthwise_conv", "block7a_project_conv"),
        *("hidden", "dog"),
    }
    assert {part.name for part in anatomy.parts if part.num_trained} == {"block7a", "hidden", "dog"}
    base = zoo.build_model(zoo.find_card("efficientnet-lite0"))
    before = base.get_layer("block7a_project_conv").get_weights()[0]
    tuned = zoo.build_model(zoo.find_card("cats-dogs-fine-tuned"))
    after = tuned.get_layer("block7a_project_conv").get_weights()[0]
    drift = next(each for each in anatomy.drift if each.name == "block7a_project_conv")
    expected = np.linalg.norm(after - before) / np.linalg.norm(before)
    assert drift.relative_change == pytest.approx(expected, rel=1e-4)


def test_a_network_that_began_with_chance_has_no_drift() -> None:
    assert take_apart("cats-dogs-150").drift == ()


def test_layers_of_one_block_are_one_part() -> None:
    base = zoo.build_model(zoo.find_card("efficientnet-lite0"))
    names = [part.name for part in network_parts(base)]
    assert names[:3] == ["stem", "block1a", "block2a"]
    assert names[-3:] == ["block7a", "head", "logits"]
    assert len(names) == 1 + 16 + 2


def test_the_answer_is_the_one_that_the_network_gives_itself() -> None:
    image = datasets.sample_image("natural", "chelsea")
    view = view_of("cats-dogs-150", image)
    model = load_model("cats-dogs-150")
    for prediction in model.predict(image):
        share = view.probabilities[prediction.class_index]
        assert share == pytest.approx(prediction.probability, rel=1e-3)
        heatmap = view.heatmaps[prediction.class_index]
        assert heatmap.logit == pytest.approx(prediction.logit, rel=1e-3)
    assert view.class_names[view.prediction] == "cat"


def test_a_strip_has_a_field_for_each_part_and_says_what_is_locked() -> None:
    parts = [
        NetworkPart("stem", (4, 4, 8), 500, 0),
        NetworkPart("block1a", (4, 4, 8), 600, 0),
        NetworkPart("block2a", (2, 2, 8), 700, 0),
        NetworkPart("dog", (1,), 9000, 9000),
    ]
    figure = parts_figure({"Pets": parts})
    frozen, trained = figure.data
    assert list(frozen.text) == ["stem", "1a", "2a"]
    assert list(trained.text) == ["dog"]
    assert sum([*frozen.x, *trained.x]) == pytest.approx(1)
    written = [annotation.text for annotation in figure.layout.annotations]
    assert written == ["<b>Pets</b>", "locked: 1,800", "trained: 9,000"]


def test_curves_stand_beside_each_other_with_one_legend() -> None:
    history = {"loss": np.array([2.0, 1.0]), "val_loss": np.array([2.5, 2.0])}
    figure = side_by_side_curves({"A": history, "B": history}, "loss", "loss", 0)
    assert len(figure.data) == 8
    assert sum(bool(trace.showlegend) for trace in figure.data) == 2
    assert {trace.xaxis for trace in figure.data} == {"x", "x2"}


def test_bars_of_drift_are_percent() -> None:
    drifts = [LayerDrift("a", 3, 0.0, 1.0), LayerDrift("b", 4, 0.05, 0.999)]
    bars, still = drift_figure(drifts).data
    assert list(bars.y) == [0, 5]
    assert list(still.x) == ["a"]
