"""Old names lead to the new ones, with a warning."""

import numpy as np
import pytest

from cnnviz import LayerSettings, apply_layer, datasets, filter_banks
from cnnviz.feature_visualization.recipe import Recipe


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LabelledImages", "LabeledImages"),
        ("PictureSource", "ImageSource"),
        ("natural_pictures", "sample_photographs"),
        ("picture", "sample_image"),
        ("picture_label", "sample_label"),
        ("picture_names", "sample_names"),
    ],
)
def test_an_old_name_of_a_data_set_function_warns_and_works(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"is now called cnnviz.datasets.{new}"):
        assert getattr(datasets, old) is getattr(datasets, new)


@pytest.mark.parametrize(
    ("old", "new"), [("usefulness", "redundancy"), ("slope_bank", "gradient_bank")]
)
def test_an_old_name_of_a_filter_bank_function_warns_and_works(old: str, new: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"is now called cnnviz.filter_banks.{new}"):
        assert getattr(filter_banks, old) is getattr(filter_banks, new)


def test_a_name_that_never_was_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'pictures'"):
        _ = datasets.pictures


def test_the_old_name_of_a_layers_output_warns_and_works() -> None:
    steps = apply_layer(np.ones((4, 4, 1)), np.ones((3, 3)), LayerSettings())
    with pytest.warns(DeprecationWarning, match="is now called output"):
        assert steps.answer is steps.output


def test_the_former_spelling_of_an_optimizer_is_understood() -> None:
    with pytest.warns(DeprecationWarning, match="normalized"):
        recipe = Recipe(optimizer="normalised")
    assert recipe == Recipe(optimizer="normalized")
