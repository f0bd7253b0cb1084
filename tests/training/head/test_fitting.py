"""A head on frozen features: against scikit-learn, arithmetic and the built network itself."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from cnnviz import datasets, zoo
from cnnviz.errors import InvalidParameterError, ModelLoadError, UnknownLayerError
from cnnviz.network import loading
from cnnviz.network.loading import adopt, load_model
from cnnviz.training.head.fitting import (
    TrainedHead,
    build_with_head,
    features,
    head_archive,
    head_card,
    train_head,
)
from cnnviz.training.head.labeled_images import BASE, bundled_classes

NAMES = ("left", "right", "up")


def clouds(num_classes: int, distance: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw 20 points of 30 numbers for each class, about one corner of a simplex each."""
    labels = np.repeat(np.arange(num_classes), 20)
    noise = np.random.default_rng(seed).normal(size=(len(labels), 30))
    return noise + distance * np.eye(30)[labels], labels


@pytest.fixture(scope="module")
def clothes_head() -> TrainedHead:
    classes = bundled_classes(["Sneaker", "Bag", "Shirt"])
    found = features(load_model(BASE), [each.image for each in classes.images])
    return train_head(found, classes.labels, classes.class_names)


def test_clouds_far_apart_are_told_apart_without_error() -> None:
    head = train_head(*clouds(3, 12), NAMES)
    assert head.accuracy == 1
    np.testing.assert_array_equal(head.confusion, 20 * np.eye(3))


def test_chance_is_not_taken_for_knowledge() -> None:
    head = train_head(*clouds(3, 0), NAMES)
    assert head.accuracy < 0.6
    points, labels = clouds(3, 0)
    learned = head.probabilities(points).argmax(axis=1)
    assert (learned == labels).mean() > 0.9  # what was learned by heart is not what is reported


def test_three_classes_have_the_weights_of_scikit_learn() -> None:
    points, labels = clouds(3, 2)
    head = train_head(points, labels, NAMES)
    expected = LogisticRegression(max_iter=2000).fit(points, labels)
    np.testing.assert_allclose(head.kernel, expected.coef_.T, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(head.bias, expected.intercept_, rtol=1e-6, atol=1e-7)


def test_two_classes_have_the_probabilities_of_scikit_learn() -> None:
    points, labels = clouds(2, 2)
    head = train_head(points, labels, NAMES[:2])
    expected = LogisticRegression(max_iter=2000).fit(points, labels)
    np.testing.assert_allclose(
        head.probabilities(points), expected.predict_proba(points), atol=1e-6
    )
    assert head.kernel.shape == (30, 2)


def test_answers_and_confusion_say_the_same() -> None:
    points, labels = clouds(3, 1.5)
    head = train_head(points, labels, NAMES)
    assert head.num_right == int((head.predictions == labels).sum())
    assert head.confusion.sum(axis=1).tolist() == [20, 20, 20]
    assert 0.4 < head.accuracy < 1


def test_the_same_seed_gives_the_same_head_and_names_differ_with_weights() -> None:
    points, labels = clouds(3, 1)
    one, same = (train_head(points, labels, NAMES, seed=3) for _ in range(2))
    assert one.name == same.name
    np.testing.assert_array_equal(one.predictions, same.predictions)
    assert train_head(points + labels[:, None], labels, NAMES).name != one.name


@pytest.mark.parametrize("labels", [[0] * 8, [0] * 8 + [1] * 3])
def test_too_little_is_refused_with_its_numbers(labels: list[int]) -> None:
    names = NAMES[: max(labels) + 1]
    with pytest.raises(InvalidParameterError, match="two classes and 4 images of each, got"):
        train_head(np.zeros((len(labels), 5)), np.array(labels), names)


@pytest.mark.slow
def test_features_are_the_means_of_the_last_maps() -> None:
    model = load_model(BASE)
    images = [
        datasets.sample_image("natural", name) for name in ("chelsea", "coffee", "rocket")
    ] * 4
    reports: list[tuple[int, int]] = []
    found = features(model, images, lambda done, total: reports.append((done, total)))
    assert reports == [(10, 12), (12, 12)]
    for row, image in zip(found[:3], images[:3], strict=True):
        maps, _ = model.activations(image, ["head_relu6"])
        np.testing.assert_allclose(row, maps["head_relu6"].mean(axis=(0, 1)), atol=1e-4)
    np.testing.assert_allclose(found[3:6], found[:3], atol=1e-5)


def test_no_images_give_no_features() -> None:
    assert features(load_model(BASE), []).shape == (0, 1280)


def test_a_network_without_that_layer_is_refused() -> None:
    with pytest.raises(UnknownLayerError, match="has no layer 'avg_pool'"):
        features(load_model("mnist-cnn"), [datasets.sample_image("natural", "chelsea")])


@pytest.mark.sample(1)
def test_the_built_network_gives_features_times_weights(clothes_head: TrainedHead) -> None:
    model = adopt(build_with_head(clothes_head), head_card(clothes_head))
    image = datasets.sample_image("fashion-mnist", "bag-3")
    row = features(load_model(BASE), [image])
    logits = row @ clothes_head.kernel + clothes_head.bias
    np.testing.assert_allclose(model.logits(image), logits[0], atol=1e-4)
    best = model.predict(image)[0]
    assert best.label == "Bag"
    assert best.probability == pytest.approx(clothes_head.probabilities(row)[0].max(), abs=1e-4)
    assert model.head == "softmax"
    assert load_model(model.name) is model
    assert not any(layer.trainable_weights for layer in model.keras_model.layers[:-1])


def test_a_network_is_gone_with_who_held_it(clothes_head: TrainedHead) -> None:
    import gc

    points, labels = clouds(2, 3)
    head = train_head(np.pad(points, ((0, 0), (0, 1250))), labels, ("a", "b"))
    model = adopt(build_with_head(head), head_card(head))
    assert load_model(head.name) is model
    del model
    gc.collect()
    with pytest.raises(ModelLoadError, match="There is no network"):
        load_model(head.name)


def test_too_many_networks_are_refused(
    clothes_head: TrainedHead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MAX_ADOPTED", 0)
    points, labels = clouds(2, 3, seed=5)
    head = train_head(np.pad(points, ((0, 0), (0, 1250))), labels, ("a", "b"))
    with pytest.raises(ModelLoadError, match="open on this server already"):
        adopt(build_with_head(head), head_card(head))


def test_the_archive_opens_from_the_users_folder(
    clothes_head: TrainedHead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(BytesIO(head_archive(clothes_head))) as archive:
        assert sorted(archive.namelist()) == ["own-head.json", "own-head.keras"]
        archive.extractall(tmp_path)
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    card = zoo.find_card("own-head")
    assert card.title == "Own head: Sneaker, Bag, Shirt"
    assert card.preprocessing.name == "lite"
    image = datasets.sample_image("fashion-mnist", "sneaker-2")
    row = features(load_model(BASE), [image])
    best = load_model("own-head").predict(image)[0]
    assert best.label == "Sneaker"
    assert best.probability == pytest.approx(clothes_head.probabilities(row)[0].max(), abs=1e-4)
