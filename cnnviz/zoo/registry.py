"""All networks that can be had by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz import paths
from cnnviz.errors import DownloadError, ModelLoadError
from cnnviz.zoo import trained
from cnnviz.zoo.cards import ModelCard
from cnnviz.zoo.published import keras_applications
from cnnviz.zoo.published.offers import PUBLISHED, build_published
from cnnviz.zoo.reference import plain_name
from cnnviz.zoo.user_models.folder import OwnFile, build_own, own_choices, own_files
from cnnviz.zoo.user_models.sidecar import file_version

if TYPE_CHECKING:
    import keras


def list_models() -> tuple[ModelCard, ...]:
    """List the cards of all networks; those that work without a network connection come first.

    Networks of your own (``CNNVIZ_MODELS_DIR``, ``CNNVIZ_MODEL_FILES``) stand behind those that
    come with cnnviz.

    Returns
    -------
    tuple of ModelCard
    """
    own = tuple(file.card for file in list_own_files() if file.card is not None)
    return (PUBLISHED[0], *_trained_here(), *own, *PUBLISHED[1:])


def list_own_files() -> tuple[OwnFile, ...]:
    """List the files of your own networks, also those that cannot be used."""
    return own_files({card.name for card in (*PUBLISHED, *_trained_here())})


def _trained_here() -> tuple[ModelCard, ...]:
    folder = paths.MODELS
    return trained.trained_cards(folder, trained.folder_version(folder))


def find_card(name: str) -> ModelCard:
    """Find a card by its name; what a reference chooses besides the name does not matter.

    Raises
    ------
    ModelLoadError
        If there is no such network; the message lists those there are.
    """
    name = plain_name(name)
    for card in list_models():
        if card.name == name:
            return card
    names = ", ".join(card.name for card in list_models())
    raise ModelLoadError(f"There is no network {name!r}. Choose one of: {names}.")


def choices_beside(name: str) -> dict[str, Any]:
    """Return what the JSON beside a network of your own says: ``output`` and ``token_grid``."""
    own = (file for file in list_own_files() if file.card is not None and file.card.name == name)
    return next(map(own_choices, own), {})


def own_path(name: str) -> Path | None:
    """Return the path of a network's file; None unless it is one of your own."""
    own = (file.path for file in list_own_files() if file.card is not None)
    return next((path for path in own if path.stem == name), None)


def own_version(name: str) -> str:
    """Return the fingerprint of a network's file and card; empty unless it is one of your own."""
    path = own_path(name)
    return "" if path is None else file_version(path)


def is_ready(card: ModelCard) -> bool:
    """Whether the weights are on this machine, so that no network connection is needed."""
    return card.download_url is None or keras_applications.weights_file(card).is_file()


def build_model(
    card: ModelCard, *, on_progress: Callable[[int, int], None] | None = None
) -> "keras.Model":
    """Build a network with its weights; they are downloaded first if they are not here.

    Parameters
    ----------
    card : ModelCard
        One of `list_models`.
    on_progress : callable, optional
        Called with (bytes done, bytes in all) while weights are downloaded. It may raise
        `DownloadCancelled` to stop.

    Returns
    -------
    keras.Model
        A new one each time.

    Raises
    ------
    DownloadError
        If the weights are not here and cannot be downloaded; the message names the networks that
        work without.
    ModelLoadError
        If the weights are damaged or not installed.
    """
    if card in _trained_here():
        return trained.build(card, paths.MODELS)
    for file in list_own_files():
        if file.card == card:
            return build_own(file)
    with _other_networks_named(card):
        return build_published(card, on_progress)


def download_weights(
    card: ModelCard, *, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Fetch the weights of a network without building it; nothing to do if they are here.

    Parameters and errors are those of `build_model`.
    """
    if card.download_url is None:
        return
    with _other_networks_named(card):
        keras_applications.fetch_weights(card, on_progress)


@contextmanager
def _other_networks_named(card: ModelCard) -> Iterator[None]:
    """Say after a failed download which networks work without one."""
    try:
        yield
    except DownloadError as error:
        ready = ", ".join(other.name for other in list_models() if is_ready(other))
        message = f"{error} {card.title} must be downloaded once. Here without it: {ready}."
        raise DownloadError(message, url=error.url) from error
