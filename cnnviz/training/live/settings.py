"""What can be chosen for a training in front of the class, and what is seen of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from typing import Any

import numpy as np

from cnnviz.arrays import frozen_arrays
from cnnviz.datasets import DATA_SETS, LabeledImages, data_set
from cnnviz.errors import DatasetError, InvalidParameterError
from cnnviz.training.augmentation import UNCHANGED, Augmentation
from cnnviz.training.recipes import CLOTHES, DIGITS, OPTIMIZERS, Recipe
from cnnviz.zoo.blocks import BlockNetwork

SAMPLES = "clothing-samples"  # the data that are always there
NUM_CLASSES, MAX_SIDE_PX = 10, 32
DATA_NAMES = tuple(
    data_set.name
    for data_set in DATA_SETS.values()
    if len(data_set.class_names) == NUM_CLASSES and max(data_set.image_shape) <= MAX_SIDE_PX
)
AUGMENTATIONS: dict[str, Augmentation] = {
    "none": UNCHANGED,
    "shift-flip": CLOTHES,
    "turn-shift-zoom": DIGITS,
}
MAX_IMAGES, MAX_VALIDATION = 20_000, 1000
MAX_BATCH_PRODUCTS = 5_000_000_000  # multiplications; more would take longer than a second
_RANGES: dict[str, tuple[float, float]] = {
    "num_images": (10, MAX_IMAGES),
    "learning_rate": (1e-6, 1.0),
    "batch_size": (8, 256),
    "epochs": (1, 50),
    "seed": (0, 99_999),
}


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """All that decides how a small network comes out.

    Attributes
    ----------
    data : str
        One of `DATA_NAMES`: the sets of ten classes and small images.
    num_images : int
        At most so many training images, 10 to 20,000. More contain fewer.
    filters, kernel_size, pooling, head, dropout, batch_norm
        As in `cnnviz.zoo.blocks.BlockNetwork`.
    optimizer : str
        One of `cnnviz.training.recipes.OPTIMIZERS`, as Keras sets it but for the learning rate.
    learning_rate : float
        From first to last, 1e-6 to 1.
    batch_size, epochs : int
        8 to 256, and 1 to 50.
    augmentation : str
        One of `AUGMENTATIONS`.
    seed : int
        Of the first weights, the order of the images, augmentation and dropout.

    Raises
    ------
    InvalidParameterError
        If a value is out of its range, or one batch would cost too much.
    """

    data: str = SAMPLES
    num_images: int = 2000
    filters: tuple[int, ...] = (16, 32)
    kernel_size: int = 3
    pooling: str = "max"
    head: str = "flatten"
    dropout: float = 0.0
    batch_norm: bool = False
    optimizer: str = "adam"
    learning_rate: float = 0.003
    batch_size: int = 32
    epochs: int = 5
    augmentation: str = "none"
    seed: int = 1

    def __post_init__(self) -> None:
        for what, choices in (
            ("data", DATA_NAMES),
            ("optimizer", OPTIMIZERS),
            ("augmentation", AUGMENTATIONS),
        ):
            value = getattr(self, what)
            if value not in choices:
                raise InvalidParameterError(
                    f"{what} must be one of {', '.join(choices)}, got {value!r}."
                )
        for what, (lowest, highest) in _RANGES.items():
            value = getattr(self, what)
            if not lowest <= value <= highest:
                raise InvalidParameterError(
                    f"{what} must be from {lowest:g} to {highest:g}, got {value}."
                )
        products = self.network.num_multiplications * self.batch_size
        if products > MAX_BATCH_PRODUCTS:
            raise InvalidParameterError(
                f"One batch of this network costs {products / 1e9:.1f} billion multiplications, "
                f"and {MAX_BATCH_PRODUCTS / 1e9:.0f} billion are possible here. Choose fewer "
                "filters, smaller kernels, pooling, or smaller batches."
            )

    @property
    def network(self) -> BlockNetwork:
        """The network to train."""
        return BlockNetwork(
            input_shape=data_set(self.data).image_shape,
            num_classes=NUM_CLASSES,
            filters=self.filters,
            kernel_size=self.kernel_size,
            pooling=self.pooling,
            head=self.head,
            dropout=self.dropout,
            batch_norm=self.batch_norm,
        )

    @property
    def name(self) -> str:
        """Stable name: other settings, another name."""
        return f"live-{blake2b(self.to_json().encode(), digest_size=4).hexdigest()}"

    @property
    def recipe(self) -> Recipe:
        """The same as a recipe, for the run that all networks here go through."""
        filters = " and ".join(map(str, self.filters))
        return Recipe(
            name=self.name,
            title=f"Live network {self.name[-4:]}",
            summary=f"Trained live: {filters} filters of {self.kernel_size} × {self.kernel_size}.",
            architecture=f"blocks of {filters}, {self.pooling} pooling, {self.head}",
            data=self.data,
            epochs=self.epochs,
            augmentation=AUGMENTATIONS[self.augmentation],
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            schedule="constant",
            seed=self.seed,
        )

    def to_json(self) -> str:
        """Write the settings as a file that `from_json` and the command line take."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "LiveSettings":
        """Read settings; what is not named stays as it is by default.

        Raises
        ------
        InvalidParameterError
            If it is no such file, or a value is wrong.
        """
        try:
            told = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InvalidParameterError(f"The settings are not JSON: {error}.") from error
        names = [field.name for field in fields(cls)]
        if not isinstance(told, dict) or not set(told) <= set(names):
            raise InvalidParameterError(
                f"The settings must be a JSON object with any of: {', '.join(names)}."
            )
        return cls(**{name: _read(name, value) for name, value in told.items()})


def _read(name: str, value: Any) -> Any:
    """Check the type of a value that stands in a file."""
    default = getattr(LiveSettings(), name)
    if isinstance(default, tuple):
        is_right = isinstance(value, list) and all(type(each) is int for each in value)
        value = tuple(value) if is_right else value
    elif isinstance(default, float):
        is_right = type(value) in (int, float)
        value = float(value) if is_right else value
    else:
        is_right = type(value) is type(default)
    if not is_right:
        raise InvalidParameterError(f"{name} must be something like {default!r}, got {value!r}.")
    return value


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(kernels=np.float32, predictions=np.float32, confusion=np.int64)
class LiveLook:
    """A network at one moment of its training.

    Attributes
    ----------
    epochs_done, batches_done, num_batches : int
        Whole epochs; batches of the epoch that runs; how many an epoch has.
    history : dict of tuple of float
        ``loss``, ``accuracy``, ``val_loss`` and ``val_accuracy`` of every whole epoch. The first
        two are means over an epoch in which the network changed.
    so_far : dict of float
        ``loss`` and ``accuracy`` of the epoch that runs; empty before its first batch.
    kernels : float32 ndarray of shape (F, F, C, K)
        Of the first convolution.
    predictions : float32 ndarray of shape (10, num_classes)
        Probabilities for the ten images of `ten_images`.
    confusion : int64 ndarray of shape (num_classes, num_classes)
        Held-out images: a row for each true class, a column for each predicted class.
    """

    epochs_done: int
    batches_done: int
    num_batches: int
    history: Mapping[str, tuple[float, ...]]
    so_far: Mapping[str, float]
    kernels: np.ndarray
    predictions: np.ndarray
    confusion: np.ndarray

    @property
    def accuracy(self) -> float:
        """Share of the validation images that are classified correctly at this moment."""
        return float(np.trace(self.confusion) / self.confusion.sum())


@dataclass(frozen=True, slots=True, eq=False)
class LiveTrained:
    """A network after some whole epochs, small enough to be kept by a session.

    Attributes
    ----------
    settings : LiveSettings
    weights : tuple of ndarray
        In Keras' order.
    history : tuple of dict
        For each epoch ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy`` and ``seconds``.
    """

    settings: LiveSettings
    weights: tuple[np.ndarray, ...]
    history: tuple[Mapping[str, float], ...]


def available_data() -> tuple[str, ...]:
    """Name the data that are on this computer, large sets first; the samples always are."""
    return tuple(name for name in DATA_NAMES if _is_here(name))


def _is_here(name: str) -> bool:
    try:
        data_set(name).load("train")
        return len(data_set(name).load("test").labels) > 0
    except DatasetError:
        return False


def live_images(settings: LiveSettings) -> tuple[LabeledImages, LabeledImages]:
    """Read the training images that settings ask for, and the validation images.

    The training images are drawn by chance that is always the same, so that a larger choice
    contains a smaller one. At most 1,000 images are for validation.

    Raises
    ------
    DatasetError
        If the data are not on this computer.
    """
    training = data_set(settings.data).load("train")
    order = np.random.default_rng(0).permutation(len(training.labels))
    return _some(training, order[: settings.num_images]), test_images(settings.data)


def test_images(data_name: str) -> LabeledImages:
    """Read the images that a live training is measured on, at most 1,000.

    Raises
    ------
    DatasetError
        If they are not on this computer.
    """
    validation = data_set(data_name).load("test")
    return _some(validation, np.arange(min(MAX_VALIDATION, len(validation.labels))))


def ten_places(validation: LabeledImages) -> list[int]:
    """Say where the ten fixed images are: the first validation image of each class."""
    return [int(np.argmax(validation.labels == label)) for label in range(NUM_CLASSES)]


def ten_images(data_name: str) -> LabeledImages:
    """Return the ten validation images that are watched while a network learns, one of each class.

    Raises
    ------
    DatasetError
        If the data are not on this computer.
    """
    validation = test_images(data_name)
    return _some(validation, np.array(ten_places(validation)))


def _some(images: LabeledImages, places: np.ndarray) -> LabeledImages:
    return LabeledImages(
        images.images[places],
        images.labels[places],
        images.class_names,
        images.title,
        images.origin,
        images.is_drawn,
    )
