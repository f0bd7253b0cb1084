"""Occlusion and RISE against sums by hand."""

import numpy as np
import pytest

from cnnviz.attribution.gradients import saliency_map
from cnnviz.attribution.masking import baseline
from cnnviz.attribution.perturbation import random_masks
from cnnviz.attribution.targets import Target
from cnnviz.images import ImageInput
from cnnviz.network.inspected_model import LoadedModel
from tests.attribution.conftest import WEIGHTS


def test_occlusion_of_a_weighted_sum_is_the_weight_under_the_patch(
    linear: LoadedModel, image: ImageInput
) -> None:
    found = saliency_map(
        linear,
        image,
        "occlusion",
        class_index=1,
        patch_percent=25,
        step_percent=100,
        baseline="black",
    )
    way = linear.preprocess(image) - baseline(linear, image, "black")
    lost = (WEIGHTS * way[0]).sum(axis=-1)
    expected = lost.reshape(4, 2, 4, 2).sum(axis=(1, 3)).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    facts = dict(found.diagnostics)
    assert (facts["patch_px"], facts["step_px"]) == (2, 2)


def test_occlusion_covers_every_pixel(linear: LoadedModel, image: ImageInput) -> None:
    found = saliency_map(linear, image, "occlusion", patch_percent=40, step_percent=100)
    assert np.isfinite(found.values).all()


def test_random_masks_are_smooth_and_show_the_share_asked_for() -> None:
    masks = random_masks(2000, 20, 30, 5, 0.3, np.random.default_rng(0))
    assert masks.shape == (2000, 20, 30)
    assert 0 <= masks.min() < masks.max() <= 1
    assert masks.mean() == pytest.approx(0.3, abs=0.01)
    assert np.ptp(masks.mean(axis=0)) < 0.08
    assert np.abs(np.diff(masks, axis=2)).max() < 0.2


def test_rise_adds_up_masks_by_what_the_network_says(
    linear: LoadedModel, image: ImageInput
) -> None:
    own = Target("class 1", 1, function=lambda logits: logits[:, 1])
    found = saliency_map(linear, image, "rise", target=own, masks=40, seed=5)
    rng, expected = np.random.default_rng(5), np.zeros((8, 8))
    black = baseline(linear, image, "black")
    way = linear.preprocess(image) - black
    for size in (16, 16, 8):  # drawn in groups
        for mask in random_masks(size, 8, 8, 7, 0.5, rng):
            seen = black[0] + mask[..., None] * way[0]
            expected += mask * ((WEIGHTS * seen).sum() + 0.5) / (40 * 0.5)
    np.testing.assert_allclose(found.values, expected, atol=1e-4)
