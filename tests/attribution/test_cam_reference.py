"""Class activation maps against PyTorch libraries; `benchmarks/cam_reference.py` made the maps."""

from pathlib import Path

import numpy as np
import pytest

from cnnviz import class_activation_map, datasets, load_model, saliency_map
from cnnviz.attribution.cam import METHODS

REFERENCE = Path(__file__).parents[1] / "builders" / "cam_reference.npz"


def _keys() -> list[str]:
    """Maps of layers, by the methods that cnnviz has."""
    with np.load(REFERENCE) as arrays:
        keys = [key.split("|") for key in arrays.files if key != "about"]
    return ["|".join(key) for key in keys if key[2] != "input" and key[4] in METHODS]


@pytest.mark.parametrize("key", _keys())
def test_the_map_is_that_of_the_pytorch_libraries(key: str) -> None:
    network, image, layer_name, class_index, method = key.split("|")
    settings = {"score-cam": {"channels": 4096}}  # the paper's: all of them
    heatmap = class_activation_map(
        load_model(network),
        datasets.sample_image(*image.split("/")),
        method,
        layer_name=layer_name,
        class_index=int(class_index),
        **settings.get(method, {}),
    )
    with np.load(REFERENCE) as arrays:
        expected = arrays[key] if method == "cam" else np.maximum(arrays[key], 0)
    assert expected.max() > 0
    largest = np.abs(expected).max()
    np.testing.assert_allclose(heatmap.values, expected, rtol=0, atol=1e-4 * largest)


SALIENCY: dict[str, dict[str, object]] = {
    "gradient": {},
    "gradient-input": {},
    "integrated-gradients": {"steps": 256},
    "guided-backpropagation": {},
}
STORED = {"gradient-input": "gradient-x-input"}


@pytest.mark.parametrize("network", ["fashion-cnn", "fashion-cnn-gap"])
@pytest.mark.parametrize("method", SALIENCY)
def test_the_saliency_map_is_that_of_captum(network: str, method: str) -> None:
    image = datasets.sample_image("fashion-mnist", "ankle-boot-1")
    with np.load(REFERENCE) as arrays:
        stored = f"|{STORED.get(method, method)}"
        keys = [
            key
            for key in arrays.files
            if key.startswith(f"{network}|") and "|input|" in key and key.endswith(stored)
        ]
        assert len(keys) == 2
        for key in keys:
            expected = arrays[key].sum(axis=-1)
            found = saliency_map(
                load_model(network),
                image,
                method,
                class_index=int(key.split("|")[3]),
                **SALIENCY[method],
            )
            if method in ("gradient", "guided-backpropagation"):
                expected = np.abs(expected)
            # captum takes 64 equal steps, cnnviz more: they agree as far as those allow
            share = 0.03 if method == "integrated-gradients" else 1e-4
            atol = share * np.abs(expected).max()
            np.testing.assert_allclose(found.values, expected, rtol=0, atol=atol)
