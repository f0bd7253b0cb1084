"""Data sets made by tests, put into the table for as long as a test runs."""

from collections.abc import Callable

import pytest

from cnnviz.datasets import DATA_SETS, DataSet, LabeledImages


def add_data_set(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    load: Callable[[str], LabeledImages],
) -> None:
    """Make `name` a data set that `load` reads."""
    images = load("test").images
    num_channels = 1 if images.ndim == 3 else 3
    row = DataSet(
        name=name,
        title=name,
        load=load,
        class_names=load("test").class_names,
        image_shape=(*images.shape[1:3], num_channels),
        origin="Made by the tests.",
    )
    monkeypatch.setitem(DATA_SETS, name, row)
