"""The responses of a filter bank to one image of each class."""

import numpy as np

from cnnviz import figures
from cnnviz.filter_banks.settings import BankSettings
from cnnviz.ui.gabor import cached
from cnnviz.ui.gabor.bank import bank_choice
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import show_image, show_scale

_MANY_FILTERS = 8  # columns of the view of many images


_DIGIT_PX = 28


def show_ten_images() -> None:
    """Show the responses of a bank to one image of each class."""
    column, stage = frame.columns()
    with column:
        images = address.radio(
            "Images",
            {"clothing": "Ten kinds of clothing", "digits": "Ten digits"},
            key="ten_images",
        )
        chosen = bank_choice(_DIGIT_PX)
    with stage:
        show_many(chosen, are_digits=images == "digits")


def show_many(bank: BankSettings, *, are_digits: bool) -> None:
    """Show the responses of a bank to ten images, one of each class."""
    images, names, responses = cached.responses_to_ten(are_digits, bank)
    filters = cached.filter_bank(bank)
    energies = np.array([[float((response**2).mean()) for response in maps] for maps in responses])
    tells_apart = energies.std(axis=0) / np.maximum(energies.mean(), 1e-12)
    chosen = np.sort(np.argsort(-tells_apart)[:_MANY_FILTERS])
    top = figures.unsigned_scale(np.stack([maps[chosen] for maps in responses]))
    tiles = [image.pixels for image in images]
    tiles += [maps[channel] for channel in chosen for maps in responses]
    scales = [*[None] * len(images), *[top] * (len(tiles) - len(images))]
    sheet = figures.mosaic(tiles, scales, columns=len(images), tile_px=96, first_number=None)
    listed = ", ".join(f"{place} ({filters.names[place]})" for place in chosen)
    show_image(
        sheet,
        f"Columns: {', '.join(names)}. Rows below: the response magnitude of filters {listed}.",
        f"Responses of {len(chosen)} filters to ten images",
    )
    show_scale(top)
    frame.explain(
        f"**What you see.** Of {len(filters.names)} filters, the {len(chosen)} whose energy "
        "differs "
        "most between the ten images. All maps share one scale.\n\n**Try this.** Find a filter "
        "that "
        "is bright for trousers and dark for pullovers. The energies of all filters are a feature "
        "vector of the image."
    )
