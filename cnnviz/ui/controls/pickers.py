"""The pickers that all pages share: the same name, the same place, the same choice everywhere."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import streamlit as st

from cnnviz import datasets, zoo
from cnnviz.images import FILE_TYPES, ImageInput, read_image
from cnnviz.network.prediction import Prediction
from cnnviz.ui import shared
from cnnviz.ui.controls import network_choices
from cnnviz.ui.shell import address, display, downloads, frame
from cnnviz.zoo import ModelCard

PHOTOGRAPH, DIGIT = datasets.PHOTOGRAPH, datasets.DATA_SETS["svhn"].example
EXAMPLE, UPLOAD = "example", "upload"
_OWN_ORIGIN = "Your own image"
_BEST = -1  # stands for the most probable class
USER_MODEL = "own_model"  # session key: the network that this session brought
NETWORK = "network"  # key and parameter of the network that all pages share
SUITABLE_NETWORK = "suitable_network"  # key of the network of a view that offers only some
_CHOICE = "picture_choice"  # session key: what app.py hands to the page
_UPLOAD, _CAMERA_ON, _CAMERA = "upload", "camera_on", "camera"  # keys of the widgets
_UPLOADED, _UPLOAD_ID = "uploaded_image", "upload_id"  # session keys: the checked image, its file
IMAGE_TYPES = [*FILE_TYPES]


@dataclass(frozen=True, slots=True)
class PickedImage:
    """The image chosen on any page, and what to call it."""

    image: ImageInput
    label: str
    origin: str
    code: str = 'cnnviz.read_image("your-image.jpg")'  # Python that gives the same image


def choose_image() -> None:
    """Ask for an image in the bar. Called by app.py, so that one choice serves all pages.

    A widget that a page draws itself starts anew on the next page; this one does not. The choice
    waits in the session until the page takes it with `picked_image`.
    """
    bar = frame.new_bar()
    samples = {source.name: source.title for source in datasets.SOURCES}
    titles = {EXAMPLE: "Example image"} | samples | {UPLOAD: _OWN_ORIGIN}
    source = address.next_choice("source", [*titles], EXAMPLE, key="source")
    is_missing = source == UPLOAD and _UPLOADED not in st.session_state
    with bar.image, st.popover("Upload an image" if is_missing else "Image", key="image_menu"):
        source = address.selectbox("Source", titles, key="source")
        if source == UPLOAD:
            choice = _own_image()
        elif source == EXAMPLE:
            choice = None
        else:
            choice = _sample(source)
        below = st.empty()
    st.session_state[_CHOICE] = (choice, bar.thumbnail, below)


def picked_image(example: tuple[str, str]) -> PickedImage:
    """Return the image that was chosen; until one is, the example that suits the page.

    `example` names a source of `cnnviz.datasets` and one of its images.
    """
    choice, thumbnail, below = st.session_state.pop(_CHOICE)
    picked: PickedImage = choice or _from_source(*example)
    with thumbnail:
        display.show_thumbnail(picked.image, f"In use: {picked.label}")
    if picked.origin != _OWN_ORIGIN:
        below.caption(f"{picked.label}. {picked.origin}")
    return picked


def has_choice() -> bool:
    """Tell whether the image of this run has been asked for."""
    return _CHOICE in st.session_state


def leave_image() -> None:
    """Say beside the image picker that no image is used here."""
    _, _, below = st.session_state.pop(_CHOICE)
    below.caption("Not used in this view. Your choice is kept for the others.")


def example_for(model_name: str) -> tuple[str, str]:
    """Name an image of the kind that a network was made for."""
    if zoo.has_training_record(model_name):
        data_name = shared.training_record(model_name).facts["data"]
        data_set = datasets.DATA_SETS.get(data_name)
    else:
        card = card_of(model_name)
        data_set = datasets.data_set_of(card.labels, card.channels)
    return data_set.example if data_set is not None else PHOTOGRAPH


def image_beside(picked: PickedImage, model_name: str) -> PickedImage:
    """Return the image for a second network: the picked one; with the example image, its own."""
    if st.session_state.get("source", EXAMPLE) != EXAMPLE:
        return picked
    return _from_source(*example_for(model_name))


def _from_source(source_name: str, image_name: str) -> PickedImage:
    source = next(source for source in datasets.SOURCES if source.name == source_name)
    image = datasets.sample_image(source_name, image_name)
    label = datasets.sample_label(source_name, image_name)
    code = f'cnnviz.datasets.sample_image("{source_name}", "{image_name}")'
    return PickedImage(image, label, source.origin, code)


def _sample(source_name: str) -> PickedImage:
    name = address.selectbox(
        "Image", image_titles(source_name), key=f"image_{source_name}", parameter="image"
    )
    picked = _from_source(source_name, name)
    data_set = datasets.DATA_SETS.get(source_name)
    if data_set is not None and data_set.download is not None:
        _offer(data_set.name, data_set.download)
    return picked


def image_titles(source_name: str) -> dict[str, str]:
    """Return names and labels of the images of a source."""
    names = datasets.sample_names(source_name)
    return {name: datasets.sample_label(source_name, name) for name in names}


def _offer(name: str, more: datasets.Download) -> None:
    """Offer the images that can be fetched, until they are here."""

    def is_here() -> bool:
        return more.path() is not None

    if not is_here():
        with st.expander("More images"):
            downloads.offer(
                downloads.Wanted(name, more.title, more.size_bytes, is_here, more.fetch)
            )


def _own_image() -> PickedImage | None:
    """Take an upload or a photograph; what is wrong with it is said below it."""
    brought = st.file_uploader(
        "Upload an image",
        type=IMAGE_TYPES,
        key=_UPLOAD,
        on_change=_forget_removed,
        help="PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC, up to 20 MB",
    )
    if st.toggle("Use the camera", key=_CAMERA_ON, on_change=_forget_removed):
        photo = st.camera_input("Take a photo", key=_CAMERA, on_change=_forget_removed)
        brought = photo or brought
    if brought is not None and st.session_state.get(_UPLOAD_ID) != brought.file_id:
        st.session_state.pop(_UPLOADED, None)  # what is shown is what the uploader holds
        with frame.user_errors():
            st.session_state[_UPLOADED] = read_image(brought.getvalue())
            st.session_state[_UPLOAD_ID] = brought.file_id
    image = st.session_state.get(_UPLOADED)
    if image is None:
        st.info("Drop an image here. The example is shown meanwhile.")
        return None
    height, width = image.pixels.shape[:2]
    facts = " ".join(filter(None, [f"{height} × {width} pixels.", image.note]))
    st.caption(f"{facts} Your image stays in this session; a copied link does not contain it.")
    return PickedImage(image, "your image", _OWN_ORIGIN)


def _forget_removed() -> None:
    """Let go of an image that neither the uploader nor the camera holds any more."""
    has_photo = st.session_state.get(_CAMERA_ON) and st.session_state.get(_CAMERA) is not None
    if st.session_state.get(_UPLOAD) is None and not has_photo:
        st.session_state.pop(_UPLOADED, None)
        st.session_state.pop(_UPLOAD_ID, None)


def keep_within(key: str, length: int) -> None:
    """Move a place that was picked where there was more to the last one there is now.

    Called before the widget of that key is drawn. One that still exists is kept, too: with another
    maximum Streamlit takes the widget for a new one and would begin with its default.
    """
    if key in st.session_state:
        st.session_state[key] = min(st.session_state[key], length - 1)


def model_picker(among: Collection[str] | None = None, default: str = "") -> str:
    """Ask for a network in the bar; offers the download of one that is not there yet.

    `among` names those that suit the view; without it all are offered. Such a view keeps its choice
    to itself: the network of all other views may be one that it cannot show. `default` is the
    network until one is chosen.
    """
    key = NETWORK if among is None else SUITABLE_NETWORK
    cards = {name: card for name, card in _cards().items() if among is None or name in among}
    default = default if default in cards else next(iter(cards))
    title = cards[address.next_choice(NETWORK, [*cards], default, key=key)].title
    menu = frame.bar().network.popover(f"Network: {title}", key="network_menu")
    with menu:
        name = address.selectbox(
            "Network",
            {name: _model_title(card) for name, card in cards.items()},
            key=key,
            default=default,
            parameter=NETWORK,
            on_change=network_choices.forget,
        )
        st.caption(cards[name].summary)
    if not zoo.is_ready(cards[name]):
        _offer_network(cards[name])
        st.stop()
    with menu:
        return network_choices.ask(name, _image_for(name))


def _image_for(model_name: str) -> ImageInput:
    """Return the image that a page will show with a network: the chosen one, or its example."""
    choice = st.session_state.get(_CHOICE, (None,))[0]
    return (choice or _from_source(*example_for(model_name))).image


def card_of(model_name: str) -> ModelCard:
    """Return the card of a network that was picked, also of one that this session brought."""
    return _cards()[zoo.plain_name(model_name)]


def _cards() -> dict[str, ModelCard]:
    cards = {card.name: card for card in zoo.list_models()}
    user_model = st.session_state.get(USER_MODEL)
    return cards | {user_model.name: user_model.card} if user_model is not None else cards


def _offer_network(card: ModelCard) -> None:
    st.info(
        f"{card.title} is not on this computer yet. Download it once, or choose a network without "
        "“download” after its name."
    )
    is_ready, fetch = partial(zoo.is_ready, card), partial(zoo.download_weights, card)
    downloads.offer(downloads.Wanted(card.name, card.title, card.download_bytes, is_ready, fetch))


def _model_title(card: ModelCard) -> str:
    if card.download_url is None or zoo.is_ready(card):
        return card.title
    return f"{card.title} (download)"


def layer_picker(
    model_name: str,
    label: str = "Layer",
    *,
    key: str = "layer",
    default: str | None = None,
    disabled: bool = False,
) -> str:
    """Ask for a layer with maps; the last one is the default if none is given."""
    model = shared.model(model_name)
    names = [name for name, shape in model.map_shapes.items() if max(shape[:2]) > 1]
    return address.selectbox(
        label,
        {name: f"{name} ({' × '.join(map(str, model.map_shapes[name]))})" for name in names},
        key=key,
        default=default or model.default_cam_layer,
        help="Rows × columns × channels. Later layers are coarser and more class-specific.",
        disabled=disabled,
    )


def class_picker(model_name: str, best: Prediction) -> int:
    """Ask for a class by its name; the most probable one is the default."""
    names = shared.model(model_name).class_names
    picked = st.selectbox(
        "Class",
        [_BEST, *range(len(names))],
        format_func=lambda i: "predicted class" if i == _BEST else names[i],
        key="class",
        bind="query-params",
        help="Type to search. Any class can be chosen, even an improbable one.",
    )
    return best.class_index if picked == _BEST else picked
