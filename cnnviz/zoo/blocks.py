"""Small networks put together from a few choices: blocks of convolution and pooling, and a head."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.errors import InvalidParameterError

if TYPE_CHECKING:
    import keras

KERNEL_SIZES = (3, 5, 7)
POOLINGS = ("max", "average", "none")
HEADS = ("flatten", "gap")
MAX_BLOCKS, MAX_FILTERS, MAX_DROPOUT = 3, 64, 0.8


@dataclass(frozen=True, slots=True)
class BlockNetwork:
    """What such a network is made of.

    Pixels are centered about zero first: without that networks this small learn street-view digits
    no better than guessing. A block is a convolution that keeps the size, batch normalization if
    wanted, a ReLU, and pooling that halves the size. Behind the blocks the head makes one list of
    numbers out of the maps; dropout and one dense layer with softmax follow.

    Attributes
    ----------
    input_shape : (h, w, C)
        Of images scaled to 0..1.
    num_classes : int
    filters : tuple of int
        How many each block has: 1 to 3 blocks of 1 to 64.
    kernel_size : int
        Side of all kernels, one of `KERNEL_SIZES`.
    pooling : str
        One of `POOLINGS`.
    head : str
        ``gap``, the mean of each map, or ``flatten``, all cells of all maps.
    dropout : float
        Share of that list that is switched off by chance while training, 0 to 0.8.
    batch_norm : bool

    Raises
    ------
    InvalidParameterError
        If a choice is none of these.
    """

    input_shape: tuple[int, int, int]
    num_classes: int
    filters: tuple[int, ...]
    kernel_size: int = 3
    pooling: str = "max"
    head: str = "flatten"
    dropout: float = 0.0
    batch_norm: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.filters) <= MAX_BLOCKS:
            raise InvalidParameterError(
                f"A network has 1 to {MAX_BLOCKS} blocks, got {len(self.filters)}."
            )
        if not all(1 <= number <= MAX_FILTERS for number in self.filters):
            raise InvalidParameterError(
                f"A block has 1 to {MAX_FILTERS} filters, got {list(self.filters)}."
            )
        for what, value, choices in (
            ("kernel_size", self.kernel_size, KERNEL_SIZES),
            ("pooling", self.pooling, POOLINGS),
            ("head", self.head, HEADS),
        ):
            if value not in choices:
                raise InvalidParameterError(
                    f"{what} must be one of {', '.join(map(str, choices))}, got {value!r}."
                )
        if not 0 <= self.dropout <= MAX_DROPOUT:
            raise InvalidParameterError(
                f"dropout must be from 0 to {MAX_DROPOUT}, got {self.dropout}."
            )

    @property
    def map_shapes(self) -> tuple[tuple[int, int, int], ...]:
        """What comes into each block, and last what leaves the last: (h, w, channels)."""
        shapes = [self.input_shape]
        for number in self.filters:
            height, width, _ = shapes[-1]
            by = 1 if self.pooling == "none" else 2
            shapes.append((height // by, width // by, number))
        return tuple(shapes)

    @property
    def num_parameters(self) -> int:
        """All numbers in the network, counting the statistics of batch normalization."""
        each = 4 if self.batch_norm else 1  # scale, shift, mean, variance; or one bias
        convolutions = sum(
            self.kernel_size**2 * channels * number + each * number
            for (_, _, channels), number in zip(self.map_shapes, self.filters, strict=False)
        )
        return convolutions + (self._num_features + 1) * self.num_classes

    @property
    def num_multiplications(self) -> int:
        """Products with weights for one image."""
        convolutions = sum(
            self.kernel_size**2 * height * width * channels * number
            for (height, width, channels), number in zip(
                self.map_shapes, self.filters, strict=False
            )
        )
        return convolutions + self._num_features * self.num_classes

    @property
    def _num_features(self) -> int:
        height, width, channels = self.map_shapes[-1]
        return channels if self.head == "gap" else height * width * channels


def build_blocks(network: BlockNetwork, name: str, seed: int) -> "keras.Model":
    """Build such a network, untrained.

    Its first weights and its dropout follow from the seed alone: nothing global is read or set, so
    that many can be built at the same time.

    Parameters
    ----------
    network : BlockNetwork
    name : str
    seed : int
    """
    import keras
    from keras import layers

    body: list[keras.Layer] = []
    for number, filters in enumerate(network.filters, start=1):
        body += _block(network, number, filters, seed)
    head = (
        layers.GlobalAveragePooling2D(name="avg_pool")
        if network.head == "gap"
        else layers.Flatten(name="flatten")
    )
    dropout = layers.Dropout(network.dropout, seed=seed, name="dropout")
    classes = layers.Dense(
        network.num_classes,
        activation="softmax",
        kernel_initializer=keras.initializers.GlorotUniform(seed=_own_seed(seed, 0)),
        name="predictions",
    )
    inputs = keras.Input(network.input_shape, name="pixels")
    steps = [head, *([dropout] if network.dropout else []), classes]
    center = layers.Rescaling(2.0, -1.0, name="centre")
    return keras.Sequential([inputs, center, *body, *steps], name=name)


def _block(network: BlockNetwork, number: int, filters: int, seed: int) -> list["keras.Layer"]:
    import keras
    from keras import layers

    convolve = layers.Conv2D(
        filters,
        network.kernel_size,
        padding="same",
        use_bias=not network.batch_norm,
        activation=None if network.batch_norm else "relu",
        kernel_initializer=keras.initializers.GlorotUniform(seed=_own_seed(seed, number)),
        name=f"conv{number}",
    )
    block: list[keras.Layer] = [convolve]
    if network.batch_norm:
        block.append(layers.BatchNormalization(momentum=0.9, name=f"bn{number}"))
        block.append(layers.ReLU(name=f"relu{number}"))
    pool = {"max": layers.MaxPooling2D, "average": layers.AveragePooling2D}.get(network.pooling)
    return [*block, pool(2, name=f"pool{number}")] if pool else block


def _own_seed(seed: int, number: int) -> int:
    return seed * (MAX_BLOCKS + 1) + number
