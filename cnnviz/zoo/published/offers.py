"""Networks that others trained and published: one comes with the installation, more on request."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cnnviz.errors import ModelLoadError
from cnnviz.zoo.cards import ModelCard
from cnnviz.zoo.published import efficientnet_lite, keras_applications

if TYPE_CHECKING:
    import keras

PUBLISHED = (efficientnet_lite.CARD, *keras_applications.CARDS)


def published_card(name: str) -> ModelCard:
    """Find the card of a published network; `ModelLoadError` if there is none of that name."""
    for card in PUBLISHED:
        if card.name == name:
            return card
    names = ", ".join(card.name for card in PUBLISHED)
    raise ModelLoadError(f"There is no published network {name!r}. Choose one of: {names}.")


def build_published(
    card: ModelCard, on_progress: Callable[[int, int], None] | None = None
) -> "keras.Model":
    """Build a published network; errors and progress as in `cnnviz.zoo.build_model`."""
    if card.name == efficientnet_lite.CARD.name:
        return efficientnet_lite.build(efficientnet_lite.packaged_weights())
    keras_applications.fetch_weights(card, on_progress)
    return keras_applications.build(card)
