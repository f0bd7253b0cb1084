"""Every color of the app. Each is told apart from both backgrounds, so one value serves both.

TEAL and ORANGE, which stand side by side most often, are told apart by every kind of color vision.
"""

BLUE, TEAL, GREEN = "#3b7dd8", "#0b8a8f", "#2e9e6b"
ORANGE, AMBER, RED, PURPLE = "#d1601f", "#b8741a", "#e0452f", "#8a63c9"
GRAY = "#828c9a"

TRAINING, VALIDATION = TEAL, ORANGE
TRAINED, FROZEN = "#0b6fb8", "#9aa4b2"  # carry text: white on the first, INK on the second
WHITE, INK = "#ffffff", "#14181f"  # text on a dark and on a light ground
LAYERS = {  # by the kind of a layer, in a drawing of a network
    "convolution": BLUE,
    "depthwise convolution": TEAL,
    "pooling": GREEN,
    "merging layer": AMBER,
    "vector": PURPLE,
    "other": GRAY,
}
CONTOUR_RGB = (255, 90, 60)  # on a map from black to yellow


def rgb(color: str) -> tuple[int, int, int]:
    """Return red, green and blue, each 0 to 255, of a color such as ``"#0b8a8f"``.

    Examples
    --------
    >>> rgb("#ff8000")
    (255, 128, 0)
    """
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
