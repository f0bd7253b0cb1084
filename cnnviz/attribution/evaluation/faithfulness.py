"""Holding maps to account: does the network need the pixels that a map marks?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from cnnviz.arrays import frozen_arrays, upsample
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.masking import baseline, masked_logits
from cnnviz.attribution.observation import Observation
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, image_from_pixels, resize_pixels
from cnnviz.network.cost import OnProgress

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

RANDOM, CENTER = "random order", "centered Gaussian"  # what every map is held against
ROAD_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
_EDGE, _CORNER = 1 / 6, 1 / 12  # weights of neighbors when a missing pixel is filled in


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(shares=np.float64, deletion=np.float64, insertion=np.float64)
class PixelCurves:
    """How sure a network stays while pixels go, and gets while they come, the marked ones first.

    Attributes
    ----------
    shares : float64 ndarray of shape (n,)
        Of the pixels, from 0 to 1.
    deletion, insertion : float64 ndarray of shape (n,)
        Probability when so many pixels have gone from the image, or have come back to it.
    """

    shares: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve: small if the marked pixels were needed."""
        return float(np.trapezoid(self.deletion, self.shares))

    @property
    def insertion_area(self) -> float:
        """Area under the insertion curve: large if the marked pixels are enough."""
        return float(np.trapezoid(self.insertion, self.shares))

    @property
    def score(self) -> float:
        """Insertion minus deletion area, -1 to 1: the larger, the better the order."""
        return self.insertion_area - self.deletion_area


def pixel_ranks(values: np.ndarray, height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """Number the pixels by what a map says about them, 0 for the strongest, int64 (height, width).

    The map is enlarged first. Equal pixels come in an order drawn by chance, so that an empty part
    of a map is not read line by line.
    """
    flat = upsample(np.asarray(values, np.float32), height, width).ravel()
    chance = np.random.default_rng(seed).permutation(flat.size)
    order = chance[np.argsort(-flat[chance], kind="stable")]
    ranks = np.empty(flat.size, np.int64)
    ranks[order] = np.arange(flat.size)
    return ranks.reshape(height, width)


def control_maps(height: int, width: int, *, seed: int = 0) -> dict[str, np.ndarray]:
    """Return two maps that do not depend on the image: noise, and a centered Gaussian."""
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    noise = np.random.default_rng(seed).random((height, width))
    bump = np.exp(-2 * (rows**2 + columns**2))
    return {RANDOM: noise.astype(np.float32), CENTER: bump.astype(np.float32)}


def pixel_curves(
    observation: Observation,
    values: np.ndarray,
    *,
    kind: str = "blurred",
    steps: int = 16,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> PixelCurves:
    """Take away and bring back pixels in the order of a map, and ask the network each time.

    Parameters
    ----------
    observation : Observation
        Network, image and target: curves show the probability of its class.
    values : ndarray of shape (h, w)
        The map, on any grid.
    kind : str
        What replaces removed pixels, as in `cnnviz.attribution.masking.baseline`.
    steps : int
        At least 1.

    References
    ----------
    Petsiuk et al., "RISE", BMVC 2018, arXiv:1806.07421, section 4.1.
    """
    if steps < 1:
        raise InvalidParameterError(f"at least one step is needed, got {steps}.")
    height, width = observation.batch.shape[1:3]
    ranks = pixel_ranks(values, height, width, seed=seed)
    shares = np.linspace(0, 1, steps + 1)

    def masks() -> Iterator[np.ndarray]:
        for share in shares:
            marked = (ranks < round(share * ranks.size)).astype(np.float32)
            yield np.stack([1 - marked, marked])

    base = baseline(observation.model, observation.image, kind, seed=seed)
    logits = masked_logits(observation, masks(), 2 * len(shares), base, on_progress)
    confidences = observation.target.confidences(observation.model, logits)
    return PixelCurves(shares, confidences[::2], confidences[1::2])


def image_without(
    observation: Observation,
    values: np.ndarray,
    share: float,
    *,
    kind: str = "blurred",
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Show the image with a share of its pixels gone, and with only those, uint8 RGB each."""
    from cnnviz import zoo

    card = observation.model.card
    view = zoo.model_view(card, observation.image)
    ranks = pixel_ranks(values, *view.shape[:2], seed=seed)
    marked = (ranks < round(share * ranks.size))[..., None]
    base = zoo.unscaled(
        card.preprocessing, baseline(observation.model, observation.image, kind, seed=seed)[0]
    )
    gone = np.clip(np.rint(np.broadcast_to(base, view.shape)), 0, 255).astype(np.uint8)
    return np.where(marked, gone, view), np.where(marked, view, gone)


@dataclass(frozen=True, slots=True)
class Drop:
    """Probability of the whole image, and of the image seen through the map as a mask."""

    before: float
    after: float

    @property
    def drop(self) -> float:
        """Share of the probability that is lost, 0 to 1; 0 if it grew."""
        return max(0.0, self.before - self.after) / max(self.before, 1e-12)

    @property
    def has_increased(self) -> bool:
        """Whether the network is surer without what the map leaves out."""
        return self.after > self.before


def masked_drop(observation: Observation, values: np.ndarray) -> Drop:
    """Look at the image through the map, and see what is lost: average drop and increase.

    Maps that mark much lose little: compare maps of about the same extent.

    References
    ----------
    Chattopadhay et al., "Grad-CAM++", WACV 2018, arXiv:1710.11063, section 4.1; averaged over
    images these are the paper's figures.
    """
    top = float(values.max())
    mask = np.maximum(values, 0) / top if top > 0 else np.zeros_like(values)
    black = baseline(observation.model, observation.image, "black")
    logits = masked_logits(observation, iter([mask[np.newaxis]]), 1, black)
    before, after = observation.target.confidences(
        observation.model, np.stack([observation.logits, logits[0]])
    )
    return Drop(float(before), float(after))


def fill_in(
    pixels: np.ndarray, is_missing: np.ndarray, *, noise: float = 0.0, seed: int = 0
) -> np.ndarray:
    """Replace missing pixels by weighted means of their neighbors, all at once.

    A pixel's neighbors at edges weigh 1/6, at corners 1/12; beyond the border there are none.
    The equations of all missing pixels are solved together.

    Parameters
    ----------
    pixels : float ndarray of shape (h, w, C)
    is_missing : bool ndarray of shape (h, w)
        Not everywhere.
    noise : float
        Standard deviation of what is added to filled pixels, so that they cannot be told by being
        too smooth.

    Returns
    -------
    float32 ndarray of shape (h, w, C)

    References
    ----------
    Rong et al., "ROAD", ICML 2022, arXiv:2202.00449, section 5.
    """
    if is_missing.all():
        raise InvalidParameterError("At least one pixel must stay.")
    height, width = is_missing.shape
    places = np.full((height + 2, width + 2), -1)
    places[1:-1, 1:-1][is_missing] = np.arange(is_missing.sum())
    known = np.zeros((height + 2, width + 2, pixels.shape[2] + 1))
    known[1:-1, 1:-1, :-1] = np.where(is_missing[..., None], 0, pixels)
    inside = np.zeros((height + 2, width + 2))
    inside[1:-1, 1:-1] = 1
    rows, columns = np.nonzero(is_missing)
    here = np.arange(len(rows))
    right_side, totals = np.zeros((len(rows), pixels.shape[2])), np.zeros(len(rows))
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for down in (-1, 0, 1):
        for along in (-1, 0, 1):
            if not (down or along):
                continue
            weight = _CORNER if down and along else _EDGE
            there = (rows + 1 + down, columns + 1 + along)
            totals += weight * inside[there]
            right_side += weight * known[there][:, :-1]
            other = places[there]
            linked = other >= 0
            entries.append((here[linked], other[linked], np.full(linked.sum(), -weight)))
    entries.append((here, here, totals))
    lines, stacks, numbers = (np.concatenate(part) for part in zip(*entries, strict=True))
    system = sparse.csr_array((numbers, (lines, stacks)), shape=(len(rows), len(rows)))
    filled = pixels.astype(np.float64).copy()
    filled[is_missing] = spsolve(system.tocsc(), right_side).reshape(right_side.shape)
    chance = np.random.default_rng(seed).normal(0, noise, right_side.shape) if noise else 0
    filled[is_missing] += chance
    return filled.astype(np.float32)


def road(
    observation: Observation,
    values: np.ndarray,
    *,
    shares: Sequence[float] = ROAD_SHARES,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> PixelCurves:
    """Take away pixels in the order of a map and fill the holes from their surroundings (ROAD).

    A black hole is something to see; a filled one is not.

    Parameters
    ----------
    observation : Observation
    values : ndarray of shape (h, w)
    shares : sequence of float
        Of the pixels that go, each between 0 and 1.

    Returns
    -------
    PixelCurves
        `deletion` with the strongest pixels gone; `insertion` with the weakest gone, over the
        share that is left.

    References
    ----------
    Rong et al., "ROAD", ICML 2022, arXiv:2202.00449.
    """
    height, width = observation.batch.shape[1:3]
    ranks = pixel_ranks(values, height, width, seed=seed)
    noise = 0.01 * float(np.ptp(observation.batch))
    heatmaps = []
    for done, share in enumerate(shares):
        limit = round(share * ranks.size)
        missing = (ranks < limit, ranks >= ranks.size - limit)
        filled = []
        for half, one in enumerate(missing):
            filled.append(fill_in(observation.batch[0], one, noise=noise, seed=seed))
            if on_progress is not None:
                on_progress(done + (half + 1) / 3, len(shares))
        logits = observation.model.logits_of(np.stack(filled))
        heatmaps.append(observation.target.confidences(observation.model, logits))
        if on_progress is not None:
            on_progress(done + 1, len(shares))
    strongest_gone, weakest_gone = np.transpose(heatmaps)
    gone = np.asarray(shares)
    return PixelCurves(gone, strongest_gone, weakest_gone[::-1])


@dataclass(frozen=True, slots=True, eq=False)
class MosaicCheck:
    """Four known images set into one, and where the maps of their classes lie.

    Attributes
    ----------
    image : ImageInput
        The mosaic, two by two.
    class_indices : tuple of int
        Of the four images, row by row.
    heatmaps : tuple of ClassHeatmap
        One for each class.
    shares : tuple of float
        Of each map's positive sum, how much lies in its own quarter: 0.25 by chance, 1 at best.
    """

    image: ImageInput
    class_indices: tuple[int, ...]
    heatmaps: tuple[ClassHeatmap, ...]
    shares: tuple[float, ...]


def mosaic_of(model: "LoadedModel", images: Sequence[ImageInput]) -> ImageInput:
    """Set four images, as the network sees them, into one of the network's size."""
    from cnnviz import zoo

    if len(images) != 4:
        raise InvalidParameterError(f"a mosaic takes four images, got {len(images)}.")
    height, width = model.input_shape[0] // 2, model.input_shape[1] // 2
    tiles = [resize_pixels(zoo.model_view(model.card, image), height, width) for image in images]
    return image_from_pixels(np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])]))


def energy_in_quarter(values: np.ndarray, quarter: int) -> float:
    """Measure how much of a map's positive sum lies in one quarter of the image, 0 to 1.

    Parameters
    ----------
    values : ndarray of shape (h, w)
        Cells on the middle line count half for each side; an empty map gives 0.
    quarter : int
        0 top left, 1 top right, 2 bottom left, 3 bottom right.

    References
    ----------
    Böhle et al., "Convolutional Dynamic Alignment Networks", CVPR 2021, arXiv:2104.00032,
    section 4.1.

    Examples
    --------
    >>> energy_in_quarter(np.array([[3.0, 1.0], [0.0, -5.0]]), 0)
    0.75
    """
    positive = np.maximum(np.asarray(values, np.float64), 0)
    sides = []
    for length, is_second in zip(positive.shape, divmod(quarter, 2), strict=True):
        first = np.clip(length / 2 - np.arange(length), 0, 1)
        sides.append(1 - first if is_second else first)
    total = float(positive.sum())
    return float(sides[0] @ positive @ sides[1]) / total if total else 0.0


def mosaic_check(
    model: "LoadedModel",
    images: Sequence[ImageInput],
    class_indices: Sequence[int],
    explain: Callable[[ImageInput, int], ClassHeatmap],
    on_progress: OnProgress | None = None,
) -> MosaicCheck:
    """Ask for the class of each of four images in a mosaic of them: is the right one marked?

    Parameters
    ----------
    model : LoadedModel
    images, class_indices : sequences of length 4
        Images of four different classes.
    explain : callable
        Makes the map for an image and a class.
    """
    image = mosaic_of(model, images)
    heatmaps = []
    for done, class_index in enumerate(class_indices):
        heatmaps.append(explain(image, class_index))
        if on_progress is not None:
            on_progress(done + 1, 4)
    shares = tuple(energy_in_quarter(one.values, place) for place, one in enumerate(heatmaps))
    return MosaicCheck(image, tuple(class_indices), tuple(heatmaps), shares)


def curves_with_controls(
    observation: Observation,
    maps: Mapping[str, np.ndarray],
    *,
    kind: str = "blurred",
    steps: int = 16,
    seed: int = 0,
    on_progress: Callable[..., Any] | None = None,
) -> dict[str, PixelCurves]:
    """Measure several maps, a random order and a centered Gaussian.

    `on_progress` is called with (done, in all, what there is so far).
    """
    everything = {**maps, **control_maps(*observation.batch.shape[1:3], seed=seed)}
    found: dict[str, PixelCurves] = {}
    masks = 2 * (steps + 1)

    def tell(done: float, total: int) -> None:
        if on_progress is not None:
            on_progress(len(found) * masks + done, len(everything) * masks, dict(found))

    for name, values in everything.items():
        found[name] = pixel_curves(
            observation, values, kind=kind, steps=steps, seed=seed, on_progress=tell
        )
    return found
