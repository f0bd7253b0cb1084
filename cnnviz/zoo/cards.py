"""What is known about a network before it is loaded."""

from dataclasses import dataclass

from cnnviz.errors import InvalidParameterError


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How RGB pixels from 0 to 255 become a network's input: ``(pixels - mean) / std``.

    Attributes
    ----------
    name : str
        Short name of the recipe.
    mean, std : tuple of float
        One number for all channels, or one for each, in the order in which the network takes them.
    is_bgr : bool
        Whether the network takes blue first.
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    is_bgr: bool = False


UNIT = Preprocessing("unit", mean=(0.0,), std=(255.0,))
RAW = Preprocessing("raw", mean=(0.0,), std=(1.0,))
TF = Preprocessing("tf", mean=(127.5,), std=(127.5,))
LITE = Preprocessing("lite", mean=(127.0,), std=(128.0,))
CAFFE = Preprocessing("caffe", mean=(103.939, 116.779, 123.68), std=(1.0,), is_bgr=True)
TORCH = Preprocessing("torch", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))


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
    paper, licence, origin : str
        Citation, terms of the weights, and where the weights come from. May be empty.
    num_parameters : int or None
        All numbers in the network, counting the statistics of batch normalisation. None for a file
        that has not been loaded yet.
    input_height, input_width : int
        Size in pixels of the picture that the network is given.
    channels : int
        1 for grey, 3 for colour.
    preprocessing : Preprocessing
        How pixels become the network's input.
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
    licence: str = ""
    origin: str = ""
    download_url: str | None = None
    download_hash: str | None = None
    download_bytes: int | None = None

    def __post_init__(self) -> None:
        numbers = max(len(self.preprocessing.mean), len(self.preprocessing.std))
        if self.channels not in (1, 3) or numbers not in (1, self.channels):
            raise InvalidParameterError(
                f"{self.name!r} takes pictures of {self.channels} channels, and its preprocessing "
                f"{self.preprocessing.name!r} is made for {numbers}. Choose 1 or 3 channels and a "
                "preprocessing that fits, such as 'unit'."
            )
