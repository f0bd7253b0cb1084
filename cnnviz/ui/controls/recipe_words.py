"""Descriptions of training settings: one recipe, or a comparison of two."""

from collections.abc import Mapping
from typing import Any

from cnnviz.training import Augmentation
from cnnviz.zoo import TrainingRecord

_COMPARED = {
    "data_title": "data",
    "architecture": "architecture",
    "epochs": "epochs",
    "learning_rate": "learning rate",
    "schedule": "schedule",
    "optimizer": "optimizer",
    "batch_size": "batch size",
}


def described(augmentation: Augmentation) -> str:
    """Return augmentation ranges as text, such as ``rotation ±40°, flip``."""
    parts = {
        "rotation": (augmentation.rotation_degrees, "°"),
        "shift": (100 * augmentation.shift, " %"),
        "shear": (augmentation.shear_degrees, "°"),
        "zoom": (100 * augmentation.zoom, " %"),
        "contrast": (100 * augmentation.contrast, " %"),
        "brightness": (100 * augmentation.brightness, " %"),
    }
    written = [f"{name} ±{value:g}{unit}" for name, (value, unit) in parts.items() if value]
    return ", ".join([*written, "flip"] if augmentation.flip else written) or "no augmentation"


def difference_table(records: Mapping[str, TrainingRecord]) -> str:
    """Return the differences of two training runs as a Markdown table, a column for each.

    Parameters
    ----------
    records : mapping of column title to TrainingRecord
        Exactly two entries.

    Returns
    -------
    str
        One row for the augmentation, even if equal, and one for each other setting that differs.
    """
    first, second = (record.facts for record in records.values())
    rows: list[tuple[str, Any, Any]] = [("augmentation", _changes(first), _changes(second))]
    rows += [
        (title, first[name], second[name])
        for name, title in _COMPARED.items()
        if first[name] != second[name]
    ]
    lines = [f"| | {' | '.join(records)} |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {title} | {one} | {two} |" for title, one, two in rows)])


def _changes(facts: Mapping[str, Any]) -> str:
    return described(Augmentation(**facts["augmentation"]))
