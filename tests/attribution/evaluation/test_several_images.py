"""Faithfulness on several images equals that of each image alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cnnviz.attribution.cam import class_activation_map
from cnnviz.attribution.evaluation.faithfulness import CENTER, RANDOM, curves_with_controls
from cnnviz.attribution.evaluation.several_images import METHOD, scores_of_images
from cnnviz.attribution.observation import observe
from cnnviz.attribution.targets import one_class
from cnnviz.errors import InvalidParameterError
from cnnviz.images import image_from_pixels

IMAGES = [
    image_from_pixels(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8))
    for seed in range(3)
]


def test_each_image_has_the_score_that_it_has_alone(tiny: Callable[[str], Any]) -> None:
    model = tiny("logits")
    reports: list[tuple[float, int]] = []
    scores = scores_of_images(
        model,
        IMAGES,
        "grad-cam",
        "conv",
        kind="black",
        on_progress=lambda done, total: reports.append((done, total)),
    )
    for place, image in enumerate(IMAGES):
        target = one_class(model.predict(image, top=1)[0].class_index)
        heatmap = class_activation_map(
            model, image, "grad-cam", layer_name="conv", class_index=target.class_index
        )
        alone = curves_with_controls(
            observe(model, image, target, ()), {METHOD: heatmap.values}, kind="black"
        )
        for name in (METHOD, RANDOM, CENTER):
            assert scores[name][place] == pytest.approx(alone[name].score, abs=1e-6)
    done = [each for each, _ in reports]
    assert done == sorted(done)
    assert reports[-1] == (len(IMAGES), len(IMAGES))


def test_an_unknown_method_is_named(tiny: Callable[[str], Any]) -> None:
    with pytest.raises(InvalidParameterError, match="no-such"):
        scores_of_images(tiny("logits"), IMAGES[:1], "no-such", "conv")
