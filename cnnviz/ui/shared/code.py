"""Python that reproduces what a view shows, from its network, image and settings."""

from dataclasses import fields
from typing import Any

from cnnviz import zoo
from cnnviz.images import ImageInput


def program(body: str, *, model_name: str = "", image: str = "", imports: str = "") -> str:
    """Write a program that can be run as it is.

    Parameters
    ----------
    body : str
        What is done with ``model`` and ``image``.
    model_name : str
        The network, as it is called in the app.
    image : str
        Python that reads the image.
    imports : str
        More import lines.
    """
    lines = ["import cnnviz"]
    lines += [imports] if imports else []
    lines.append("")
    if model_name:
        lines.append(f"model = {network_code(model_name)}")
    if image:
        lines.append(f"image = {image}")
    return "\n".join([*lines, body.strip()]) + "\n"


def network_code(model_name: str) -> str:
    """Write the call that loads a network."""
    known = {card.name for card in zoo.list_models()}
    reference = zoo.ModelReference.parse(model_name)
    network = reference.name if reference.name in known else "your-network.keras"
    options = {
        "preprocessing": reference.preprocessing or None,
        "output": reference.output or None,
        "token_grid": reference.grid_size,
    }
    chosen = "".join(f", {key}={value!r}" for key, value in options.items() if value is not None)
    return f'cnnviz.load_model("{network}"{chosen})'


def reduced(image: str, original: ImageInput, side_px: int) -> tuple[str, str]:
    """Return Python that reduces the image as the view does, and its import line, if any."""
    if max(original.pixels.shape[:2]) <= side_px:
        return image, ""
    return f"shrink_to_fit({image}, {side_px})", "from cnnviz.images import shrink_to_fit"


def arguments(record: Any) -> str:
    """Write the fields of a record that differ from the defaults as arguments of a call."""
    given = [(field, getattr(record, field.name)) for field in fields(record)]
    return ", ".join(
        f"{field.name}={round(value, 6) if isinstance(value, float) else value!r}"
        for field, value in given
        if value != field.default
    )
