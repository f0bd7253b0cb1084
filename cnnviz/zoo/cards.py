"""What is known about a network before it is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from cnnviz.deprecated import renamed_attribute
from cnnviz.errors import InvalidParameterError


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How RGB pixels from 0 to 255 become a network's input: ``(pixels - mean) / std``.

    Attributes
    ----------
    name : str
        Short name, such as ``unit``; ``custom`` for one of your own.
    mean, std : tuple of float
        One number for all channels, or one for each, in the order in which the network takes them.
    is_bgr : bool
        Whether the network takes blue first.

    Raises
    ------
    InvalidParameterError
        If the numbers are not finite, a standard deviation is 0, or their counts do not fit.
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    is_bgr: bool = False

    def __post_init__(self) -> None:
        counts = {len(self.mean), len(self.std)}
        numbers = (*self.mean, *self.std)
        if not counts <= {1, 3} or not all(map(isfinite, numbers)) or 0 in self.std:
            raise InvalidParameterError(
                "mean and std of a preprocessing are 1 or 3 finite numbers each, and std is not "
                f"0; got mean {list(self.mean)} and std {list(self.std)}."
            )

    @property
    def description(self) -> str:
        """What the network is given, in words, such as ``0 to 1``."""
        if self.name in _DESCRIPTIONS:
            return _DESCRIPTIONS[self.name]
        order = "BGR, " if self.is_bgr else ""
        mean, std = (_numbers(part) for part in (self.mean, self.std))
        return f"{order}(pixel − {mean}) / {std}"


def _numbers(values: tuple[float, ...]) -> str:
    written = ", ".join(f"{value:.5g}" for value in values)
    return written if len(values) == 1 else f"[{written}]"


UNIT = Preprocessing("unit", mean=(0.0,), std=(255.0,))
RAW = Preprocessing("raw", mean=(0.0,), std=(1.0,))
TF = Preprocessing("tf", mean=(127.5,), std=(127.5,))
LITE = Preprocessing("lite", mean=(127.0,), std=(128.0,))
CAFFE = Preprocessing("caffe", mean=(103.939, 116.779, 123.68), std=(1.0,), is_bgr=True)
TORCH = Preprocessing("torch", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
RAW_BGR = Preprocessing("raw-bgr", mean=(0.0,), std=(1.0,), is_bgr=True)
PREPROCESSINGS = {each.name: each for each in (UNIT, RAW, TF, LITE, CAFFE, TORCH, RAW_BGR)}
_DESCRIPTIONS = {
    "unit": "0 to 1",
    "raw": "0 to 255",
    "tf": "−1 to 1",
    "lite": "−1 to 1, as (pixel − 127) / 128",
    "caffe": "BGR minus the ImageNet mean (caffe)",
    "torch": "ImageNet mean and standard deviation (torch)",
    "raw-bgr": "0 to 255, BGR",
}
_SYNONYMS = {"0..1": "unit", "0..255": "raw", "-1..1": "tf"}
# how it is known what a network expects
SOURCES = {
    "card": "said by its model card",
    "file": "said by the JSON file beside it",
    "chosen": "chosen by you",
    "layers": "known from scaling layers inside the network",
    "dtype": "known from its input type, whole numbers from 0 to 255",
    "application": "that of the published network it was built from",
    "assumed": "assumed",
}


def find_preprocessing(told: "str | Mapping[str, Any] | Preprocessing") -> Preprocessing:
    """Return the preprocessing that a name or a mapping stands for.

    Parameters
    ----------
    told : str, mapping or Preprocessing
        A name of `PREPROCESSINGS`; or a mapping with ``mean`` and ``std`` (numbers or lists of
        three), or ``scale`` and ``offset`` as of a Rescaling layer, and perhaps ``order``
        (``rgb`` or ``bgr``).

    Raises
    ------
    InvalidParameterError
        If it is none of these.

    Examples
    --------
    >>> find_preprocessing({"scale": 1 / 127.5, "offset": -1}).mean
    (127.5,)
    """
    if isinstance(told, Preprocessing):
        return told
    if isinstance(told, str) and _SYNONYMS.get(told, told) in PREPROCESSINGS:
        return PREPROCESSINGS[_SYNONYMS.get(told, told)]
    if isinstance(told, Mapping) and told and not set(told) - _KEYS:
        return _custom(told)
    raise InvalidParameterError(
        f"There is no preprocessing {told!r}. Choose one of {', '.join(PREPROCESSINGS)}, or give "
        "mean and std, or scale and offset, and perhaps order (rgb or bgr)."
    )


def fitting_preprocessings(channels: int) -> dict[str, Preprocessing]:
    """Return those of `PREPROCESSINGS` that fit images of 1 or 3 channels."""
    return {
        name: one
        for name, one in PREPROCESSINGS.items()
        if channels == 3 or (len(one.mean) == len(one.std) == 1 and not one.is_bgr)
    }


_KEYS = {"mean", "std", "scale", "offset", "order"}


def _custom(told: Mapping[str, Any]) -> Preprocessing:
    order = told.get("order", "rgb")
    try:
        if order not in ("rgb", "bgr") or ({"scale", "offset"} & set(told) and "mean" in told):
            raise ValueError(order)
        if "scale" in told or "offset" in told:
            scale, offset = _floats(told.get("scale", 1.0)), _floats(told.get("offset", 0.0))
            offset = offset if len(offset) == len(scale) else offset * len(scale)
            scale = scale if len(offset) == len(scale) else scale * len(offset)
            mean = tuple(-b / a for a, b in zip(scale, offset, strict=True))
            std = tuple(1 / a for a in scale)
        else:
            mean, std = _floats(told.get("mean", 0.0)), _floats(told.get("std", 1.0))
        return Preprocessing("custom", mean, std, order == "bgr")
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise InvalidParameterError(
            "A preprocessing of your own is made of mean and std, or of scale and offset, each a "
            f"number or a list of three, and perhaps of order (rgb or bgr); got {dict(told)}."
        ) from error


def _floats(value: Any) -> tuple[float, ...]:
    return tuple(map(float, value)) if isinstance(value, (list, tuple)) else (float(value),)


@dataclass(frozen=True, slots=True)
class InputScaling:
    """What a network expects as its input, and how that is known.

    Attributes
    ----------
    preprocessing : Preprocessing
    source : str
        One of `SOURCES`.
    dtype : str
        Type of the network's input.
    channels : int
    note : str
        What else should be known, such as that layers inside contradict what was said.
    """

    preprocessing: Preprocessing
    source: str
    dtype: str
    channels: int
    note: str = ""

    @property
    def is_assumed(self) -> bool:
        """Whether nobody said it and nothing inside the network tells it."""
        return self.source == "assumed"

    @property
    def description(self) -> str:
        """Range, order of the channels and type, such as ``0 to 1, RGB, float32``."""
        order = "gray" if self.channels == 1 else "BGR" if self.preprocessing.is_bgr else "RGB"
        said = self.preprocessing.description
        parts = [said] if "BGR" in said else [said, order]
        return ", ".join([*parts, *([self.dtype] if self.dtype != "float32" else [])])

    def __str__(self) -> str:
        return f"{self.description} ({SOURCES[self.source]})"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known about a network before it is loaded.

    Attributes
    ----------
    name : str
        Stable name for addresses, commands and code.
    title, summary : str
        Name for people, and what is special about the network.
    labels : tuple of str
        Names of the classes that the card brings itself, in the order of the outputs.
    year : int or None
        Year of the paper.
    paper, license, origin : str
        Citation, terms of the weights, and where the weights come from. May be empty.
    num_parameters : int or None
        All numbers in the network, counting the statistics of batch normalization. None for a file
        that has not been loaded yet.
    input_height, input_width : int
        Size in pixels of the image that the network is given.
    channels : int
        1 for gray, 3 for color.
    preprocessing : Preprocessing
        How pixels become the network's input.
    preprocessing_source : str
        How that is known, one of `SOURCES`.
    class_names_key : str or None
        Which list of names its classes have, such as ``imagenet``; None if nobody named them.
    download_url, download_hash : str or None
        Where the weights are fetched, and their ``md5:…``. None if they need not be fetched; the
        hash is None also where no one has published it.
    download_bytes : int or None
        Size of that file.
    """

    name: str
    title: str
    summary: str
    num_parameters: int | None
    input_height: int
    input_width: int
    channels: int
    preprocessing: Preprocessing
    class_names_key: str | None = None
    labels: tuple[str, ...] = ()
    year: int | None = None
    paper: str = ""
    license: str = ""
    origin: str = ""
    download_url: str | None = None
    download_hash: str | None = None
    download_bytes: int | None = None
    preprocessing_source: str = "card"
    licence = renamed_attribute("licence", "license")

    def __post_init__(self) -> None:
        numbers = max(len(self.preprocessing.mean), len(self.preprocessing.std))
        if self.channels not in (1, 3) or numbers not in (1, self.channels):
            raise InvalidParameterError(
                f"{self.name!r} takes images of {self.channels} channels, and its preprocessing "
                f"{self.preprocessing.name!r} is made for {numbers}. Choose 1 or 3 channels and a "
                "preprocessing that fits, such as 'unit'."
            )
