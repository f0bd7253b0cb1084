"""The table of data sets: a row alone is enough for the gallery, collections and networks."""

from dataclasses import replace

import pytest

from cnnviz import datasets, zoo
from cnnviz.datasets import DATA_SETS, data_set, data_set_of
from cnnviz.errors import InvalidParameterError

ROWS = list(DATA_SETS.values())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_names_images_and_a_collection_that_exist(row: datasets.DataSet) -> None:
    assert DATA_SETS[row.name] is row
    datasets.sample_image(*row.example)
    assert datasets.collection(row.collection).images
    assert row.image_shape[2] in (1, 3)
    assert len(set(row.class_names)) == len(row.class_names) > 1
    assert row.origin.endswith(".")
    assert "{}" in row.item


@pytest.mark.parametrize("row", [row for row in ROWS if row.samples], ids=lambda row: row.name)
def test_samples_are_what_their_row_says(row: datasets.DataSet) -> None:
    assert row.samples is not None
    samples = row.samples()
    channels = 1 if samples.images.ndim == 3 else samples.images.shape[3]
    assert (*samples.images.shape[1:3], channels) == row.image_shape
    assert samples.class_names == row.class_names
    source = next(source for source in datasets.SOURCES if source.name == row.name)
    assert source.title == row.title
    assert len(datasets.sample_names(row.name)) >= len(samples.images)


def test_a_new_row_is_all_that_a_data_set_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(data_set("fashion-mnist"), name="clothes", item="Item: {}")
    monkeypatch.setitem(DATA_SETS, "clothes", row)
    assert datasets.sample_names("clothes")[0] == "item-t-shirt-top-1"
    assert datasets.sample_label("clothes", "item-t-shirt-top-1") == "Item: T-shirt/top 1"


@pytest.mark.parametrize(
    "name", ["fashion-cnn", "mnist-cnn", "svhn-gabor", "cats-dogs-150", "cats-dogs-features"]
)
def test_a_network_is_matched_with_the_data_that_it_was_trained_on(name: str) -> None:
    card = zoo.find_card(name)
    row = data_set_of(card.labels, card.channels)
    trained_on = data_set(zoo.training_record(name).facts["data"])
    assert row is not None
    assert (row.class_names, row.image_shape[2]) == (trained_on.class_names, card.channels)


def test_unknown_data_are_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidParameterError, match="data must be one of: fashion-mnist, mnist, "):
        data_set("imagenet")
    assert data_set_of(("ant", "bee"), 3) is None
