"""What all charts share: margins and legends."""

from typing import Any


def margin(*, right: int = 10, top: int = 10) -> dict[str, int]:
    """Leave little room around a chart, in pixels; its titles take what they need."""
    return {"l": 10, "r": right, "t": top, "b": 10}


def lying_legend(y: float, **place: Any) -> dict[str, Any]:
    """Put the legend in a row: above the chart from 1 on, below it for less than 0."""
    return {"orientation": "h", "y": y, **place}
