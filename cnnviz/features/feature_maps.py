"""How each filter of a layer responds to an image, and what the responses have in common."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel

ORDERS = ("number", "mean", "maximum", "variance", "entropy")
_ENTROPY_BINS = 64


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(values=np.float32)
class FeatureMaps:
    """Activations of one layer for one image: `values` is float32 (h, w, K)."""

    values: np.ndarray
    layer_name: str


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(
    mean=np.float32, minimum=np.float32, maximum=np.float32, variance=np.float32, entropy=np.float32
)
class MapStatistics:
    """Numbers of each map of a layer for one image, every array float32 (K,).

    Attributes
    ----------
    mean, minimum, maximum, variance : ndarray
    entropy : ndarray
        In bits, of the values sorted into 64 equal parts of the map's own range: 0 if all cells
        are alike, 6 at most.
    """

    mean: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    variance: np.ndarray
    entropy: np.ndarray

    @property
    def is_dead(self) -> np.ndarray:
        """Whether all cells of a map hold the same number, bool (K,): behind a ReLU mostly zero."""
        return self.minimum == self.maximum

    def order(self, by: str) -> np.ndarray:
        """Sort the channels, the largest first; equal ones stay in the order of their numbers.

        Raises
        ------
        InvalidParameterError
            If `by` is not one of `ORDERS`.
        """
        if by not in ORDERS:
            raise InvalidParameterError(
                f"Maps cannot be sorted by {by!r}. Choose one of: {', '.join(ORDERS)}."
            )
        if by == "number":
            return np.arange(len(self.mean))
        return np.argsort(-getattr(self, by), kind="stable")


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(channels=np.int64, maps=np.float32)
class LayerGlance:
    """A layer in short, for one image.

    Attributes
    ----------
    low, high : float
        Smallest and largest number in any of its maps.
    channels : int64 ndarray of shape (n,)
        The channels with the highest maxima, the highest first.
    maps : float32 ndarray of shape (n, h, w)
        Their maps.
    num_dead : int
        How many maps hold the same number everywhere.
    """

    low: float
    high: float
    channels: np.ndarray
    maps: np.ndarray
    num_dead: int


def feature_maps(
    model: "LoadedModel", image: ImageInput, layer_names: Iterable[str] | None = None
) -> dict[str, FeatureMaps]:
    """Compute the feature maps of any number of layers in one forward pass.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    layer_names : iterable of str, optional
        Layers with maps; all of them if left out.

    Returns
    -------
    dict of FeatureMaps
        In the order asked for; `values` are float32 (h, w, K).

    Raises
    ------
    UnknownLayerError
        If the model has no such layer.
    InvalidParameterError
        If a layer has no maps.
    """
    names = model.map_layer_names if layer_names is None else tuple(layer_names)
    for name in names:
        model.checked_maps(name)
    activations, _ = model.activations(image, names)
    return {name: FeatureMaps(values, name) for name, values in activations.items()}


def glance(model: "LoadedModel", image: ImageInput, count: int = 8) -> dict[str, LayerGlance]:
    """Look at all layers at once and keep the `count` strongest maps of each."""
    statistics = {}
    for name, maps in feature_maps(model, image).items():
        cells = maps.values.reshape(-1, maps.values.shape[-1])
        low, high = cells.min(axis=0), cells.max(axis=0)
        channels = np.argsort(-high, kind="stable")[:count]
        strongest = maps.values[..., channels].transpose(2, 0, 1)
        num_dead = int((low == high).sum())
        statistics[name] = LayerGlance(
            float(low.min()), float(high.max()), channels, strongest, num_dead
        )
    return statistics


def map_statistics(values: np.ndarray) -> MapStatistics:
    """Describe each of the maps (h, w, K) by a few numbers."""
    cells = np.asarray(values, np.float32).reshape(-1, values.shape[-1])
    minimum, maximum = cells.min(axis=0), cells.max(axis=0)
    return MapStatistics(
        cells.mean(axis=0, dtype=np.float64),
        minimum,
        maximum,
        cells.var(axis=0, dtype=np.float64),
        _entropy(cells, minimum, maximum),
    )


def _entropy(cells: np.ndarray, minimum: np.ndarray, maximum: np.ndarray) -> np.ndarray:
    span = np.where(maximum > minimum, maximum - minimum, 1)
    bins = np.minimum((cells - minimum) / span * _ENTROPY_BINS, _ENTROPY_BINS - 1).astype(np.int64)
    num_channels = cells.shape[1]
    places = bins * num_channels + np.arange(num_channels)
    counts = np.bincount(places.ravel(), minlength=_ENTROPY_BINS * num_channels)
    shares = counts.reshape(_ENTROPY_BINS, num_channels) / len(cells)
    return -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=0) + 0.0


def embed(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place images in a plane by the two directions in which their features differ most (PCA).

    Parameters
    ----------
    features : ndarray of shape (N, K)
        Such as a layer's `mean`. Brought to spread 1 first; features that never change are left
        out, so that loud filters do not drown the others.

    Returns
    -------
    places : float64 ndarray of shape (N, 2)
    shares : float64 ndarray of shape (2,)
        Share of the variance that lies along each direction.

    Raises
    ------
    InvalidParameterError
        If fewer than three images or two features that change are given.
    """
    from sklearn.decomposition import PCA

    spread = features.std(axis=0)
    is_alive = spread > 0
    if len(features) < 3 or is_alive.sum() < 2:
        raise InvalidParameterError(
            "To place images in a plane there must be at least three of them, and two filters "
            "that do not answer the same to all."
        )
    alive = features[:, is_alive].astype(np.float64)
    standardized = (alive - alive.mean(axis=0)) / spread[is_alive]
    pca = PCA(2, svd_solver="full").fit(standardized)
    return pca.transform(standardized), pca.explained_variance_ratio_
