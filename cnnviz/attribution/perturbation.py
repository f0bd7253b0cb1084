"""Maps from changed pixels: occlusion and RISE."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.arrays import upsample
from cnnviz.attribution.masking import BASELINES, baseline, masked_logits
from cnnviz.attribution.methods import SEED, AttributionMap, Method, Setting
from cnnviz.attribution.observation import MAX_BATCH, Observation
from cnnviz.network.cost import OnProgress

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel


def _occlusion(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> AttributionMap:
    height, width = observation.batch.shape[1:3]
    side, step = _patch_px(height, width, settings)
    places = [
        (top, left) for top in _starts(height, side, step) for left in _starts(width, side, step)
    ]
    base = baseline(observation.model, observation.image, settings["baseline"])

    def masks() -> Iterator[np.ndarray]:
        for start in range(0, len(places), MAX_BATCH):
            group = np.ones((len(places[start : start + MAX_BATCH]), height, width), np.float32)
            for mask, (top, left) in zip(group, places[start:], strict=False):
                mask[top : top + side, left : left + side] = 0
            yield group

    logits = masked_logits(observation, masks(), len(places), base, on_progress)
    drops = observation.value - observation.target.values(observation.model, logits)
    total, covered = np.zeros((height, width)), np.zeros((height, width))
    for (top, left), drop in zip(places, drops, strict=True):
        total[top : top + side, left : left + side] += drop
        covered[top : top + side, left : left + side] += 1
    return AttributionMap(
        (total / covered).astype(np.float32), (("patch_px", side), ("step_px", step))
    )


def _patch_px(height: int, width: int, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Side and stride of the patch, in pixels."""
    side = max(1, round(min(height, width) * settings["patch_percent"] / 100))
    return side, max(1, round(side * settings["step_percent"] / 100))


def _num_patches(model: "LoadedModel", layer_name: str, settings: Mapping[str, Any]) -> int:
    height, width, _ = model.input_shape
    side, step = _patch_px(height, width, settings)
    return len(_starts(height, side, step)) * len(_starts(width, side, step))


def _starts(length: int, side: int, step: int) -> list[int]:
    """Positions of a window of `side`, from the first to the very last."""
    return sorted({*range(0, length - side, step), length - side})


def _rise(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> AttributionMap:
    height, width = observation.batch.shape[1:3]
    base = baseline(observation.model, observation.image, settings["baseline"])
    num, share, grid = settings["masks"], settings["share"], settings["grid"]

    def drawn() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(settings["seed"])
        for start in range(0, num, MAX_BATCH):
            yield random_masks(min(MAX_BATCH, num - start), height, width, grid, share, rng)

    confidences = observation.target.confidences(
        observation.model, masked_logits(observation, drawn(), num, base, on_progress)
    )
    total, done = np.zeros((height, width)), 0
    for group in drawn():  # the same masks again: storing them all would take much memory
        total += np.tensordot(confidences[done : done + len(group)], group, axes=1)
        done += len(group)
    return AttributionMap((total / (num * share)).astype(np.float32))


def random_masks(
    num: int, height: int, width: int, grid: int, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw smooth masks: a coarse random grid of 0 and 1, upsampled and shifted at random.

    Parameters
    ----------
    num, height, width : int
    grid : int
        Grid entries along each side of the image.
    share : float
        Probability that an entry is 1.

    Returns
    -------
    float32 ndarray of shape (num, height, width)
        From 0 to 1; the mean of many is `share` everywhere.

    References
    ----------
    Petsiuk et al., "RISE", BMVC 2018, arXiv:1806.07421, section 3.2.
    """
    cell_height, cell_width = -(-height // grid), -(-width // grid)
    entries = (rng.random((num, grid + 1, grid + 1)) < share).astype(np.float32)
    tops, lefts = rng.integers(0, cell_height, num), rng.integers(0, cell_width, num)
    size = (grid + 1) * cell_height, (grid + 1) * cell_width
    return np.stack(
        [
            upsample(one, *size)[top : top + height, left : left + width]
            for one, top, left in zip(entries, tops, lefts, strict=True)
        ]
    )


METHODS = {
    method.name: method
    for method in [
        Method(
            "occlusion",
            "Occlusion",
            "Zeiler and Fergus, ECCV 2014, arXiv:1311.2901",
            "A patch covers the image at one position after another. Red: covering lowers the "
            "logit. Blue: covering raises it.",
            r"S(x) - S(x \text{ with a patch})",
            _occlusion,
            (
                Setting("patch_percent", "Patch (% of the side)", 16.0, 2, 60, 1),
                Setting("step_percent", "Stride (% of the patch)", 40.0, 10, 100, 5),
                Setting("baseline", "Replace covered pixels with", "mean", choices=BASELINES),
            ),
            needs=(),
            num_passes=_num_patches,
        ),
        Method(
            "rise",
            "RISE",
            "Petsiuk et al., BMVC 2018, arXiv:1806.07421",
            "The image is masked at random hundreds of times. A pixel's value is the mean "
            "probability of the class over the masks in which it is visible.",
            r"\frac{1}{n p} \sum_m p_c(x \odot m)\, m",
            _rise,
            (
                Setting("masks", "Masks", 400, 20, 4000, 20),
                Setting("grid", "Grid entries along a side", 7, 2, 20, 1),
                Setting("share", "Visible fraction", 0.5, 0.1, 0.9, 0.05),
                Setting("baseline", "Replace masked pixels with", "black", choices=BASELINES),
                SEED,
            ),
            needs=(),
            num_passes=lambda model, layer_name, settings: settings["masks"],
        ),
    ]
}
