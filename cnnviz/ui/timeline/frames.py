"""A training timeline as what the player in the browser takes: images as addresses, and numbers."""

import base64
from typing import Any

import numpy as np

from cnnviz import figures, zoo
from cnnviz.figures import TRAINING, VALIDATION, Scale
from cnnviz.images import ImageInput, image_from_pixels, shrink_to_fit
from cnnviz.training.timeline import KernelFits, TimelineFrame, TrainingTimeline
from cnnviz.training.weight_drift import LayerDrift
from cnnviz.ui.shell.display import number, scale_bar
from cnnviz.zoo import ModelCard, TrainingRecord

GOOD_FIT = 0.8  # R² from which a kernel is called a Gabor function
_IMAGE_PX = 320
_MOST_MAPS, _MOST_KERNELS = 64, 32
_MOST_CLASSES = 10
_OPACITY = 0.5

Panel = dict[str, Any]


def make_frames(
    timeline: TrainingTimeline,
    card: ModelCard,
    record: TrainingRecord,
    image: ImageInput,
    fits: KernelFits | None,
) -> dict[str, Any]:
    """Paint all frames and write all numbers; `fits` may come later."""
    return {
        "title": card.title,
        "steps": [frame.step for frame in timeline.frames],
        "epochs": [frame.epoch for frame in timeline.frames],
        "panels": [
            _kernels(timeline, card, fits),
            _maps(timeline),
            _evidence(timeline, card, image),
            _curves(timeline, record),
            _drift(timeline),
            _probabilities(timeline),
        ],
    }


def painted_kernels(kernels: np.ndarray, card: ModelCard, reach: float) -> list[np.ndarray]:
    """Color kernels (kh, kw, C, K) with any number of channels, gray for zero and NaN."""
    colored = zoo.rgb_kernels(card, kernels) if kernels.shape[2] == 3 else kernels
    shape = (*kernels.shape[:2], 3, kernels.shape[3])
    values = np.nan_to_num(np.broadcast_to(colored, shape))
    painted = np.clip(0.5 + 0.5 * values / reach, 0, 1)
    return list(np.rint(painted * 255).astype(np.uint8).transpose(3, 0, 1, 2))


def kernel_reach(timeline: TrainingTimeline) -> float:
    """Find the largest weight of a first kernel at any step."""
    return max(float(np.abs(frame.kernels).max()) for frame in timeline.frames) or 1.0


def _kernels(timeline: TrainingTimeline, card: ModelCard, fits: KernelFits | None) -> Panel:
    reach = kernel_reach(timeline)
    count = min(timeline.frames[0].kernels.shape[-1], _MOST_KERNELS)

    def strip(kernels: np.ndarray) -> str:
        return _png(np.concatenate(painted_kernels(kernels[..., :count], card, reach), axis=1))

    quality = fits.r_squared[:, :count] if fits else None
    below = ", Gabor fit, R²" if fits else ""
    return {
        "kind": "kernels",
        "title": f"Kernels of {timeline.kernel_layer_name}{below}",
        "alt": f"{count} first-layer kernels, gray for zero",
        "side": list(timeline.frames[0].kernels.shape[:2]),
        "count": count,
        "kernels": [strip(frame.kernels) for frame in timeline.frames],
        "fits": [strip(fit) for fit in fits.fitted] if fits else [],
        "quality": [_rounded(row) for row in quality] if quality is not None else [],
        "bar": scale_bar(Scale(-reach, reach, "gray")),
        "says": [
            _kernel_words(frame, None if quality is None else quality[place])
            for place, frame in enumerate(timeline.frames)
        ],
    }


def _kernel_words(frame: TimelineFrame, quality: np.ndarray | None) -> str:
    words = f"Range ±{number(float(np.abs(frame.kernels).max()), 2)}."
    if quality is None or np.isnan(quality).all():
        return words
    good = int((quality >= GOOD_FIT).sum())
    return f"{words} R² ≥ {GOOD_FIT}: {good} of {len(quality)}."


def map_scale(timeline: TrainingTimeline) -> Scale:
    """Return the common scale of the feature maps of all steps."""
    stack = [frame.maps for frame in timeline.frames]
    has_signs = any(bool((maps < 0).any()) for maps in stack)
    return figures.signed_scale(*stack) if has_signs else figures.unsigned_scale(*stack)


def map_sheet(maps: np.ndarray, scale: Scale) -> np.ndarray:
    """Set the feature maps (h, w, K) of one step into one image."""
    shown = maps[..., :_MOST_MAPS].transpose(2, 0, 1)
    columns, most_px = (8, 56) if len(shown) > 24 else (min(6, len(shown)), 96)
    side = max(maps.shape[:2])
    tile_px = most_px // side * side if side <= most_px else most_px
    return figures.mosaic(
        shown,
        [scale] * len(shown),
        columns=min(columns, len(shown)),
        tile_px=tile_px,
        first_number=None,
    )


def _maps(timeline: TrainingTimeline) -> Panel:
    scale, depth = map_scale(timeline), timeline.frames[0].maps.shape[-1]
    what = "All" if depth <= _MOST_MAPS else f"{_MOST_MAPS} of"
    return {
        "kind": "sheet",
        "title": f"{what} {depth} feature maps of {timeline.layer_name}",
        "alt": f"Feature maps of {timeline.layer_name} for the image",
        "frames": [_png(map_sheet(frame.maps, scale)) for frame in timeline.frames],
        "bar": scale_bar(scale),
        "says": [
            f"Range {number(float(frame.maps.min()), 2)} to {number(float(frame.maps.max()), 2)}."
            for frame in timeline.frames
        ],
    }


def heat_scale(timeline: TrainingTimeline) -> Scale:
    """Return the common scale of the heat maps of all steps."""
    return figures.unsigned_scale(
        *(frame.heatmap for frame in timeline.frames), color_map="inferno"
    )


def overlays(timeline: TrainingTimeline, card: ModelCard, image: ImageInput) -> list[np.ndarray]:
    """Overlay the heat map of every step on the image."""
    small = shrink_to_fit(image, _IMAGE_PX)
    under = image_from_pixels(figures.enlarge(small.pixels, _IMAGE_PX))
    seen, scale = zoo.seen_part(card, under), heat_scale(timeline)
    return [
        figures.overlay_part(under.pixels, frame.heatmap, scale, _OPACITY, seen)
        for frame in timeline.frames
    ]


def _evidence(timeline: TrainingTimeline, card: ModelCard, image: ImageInput) -> Panel:
    label = timeline.class_names[timeline.class_index]
    images = overlays(timeline, card, image)
    return {
        "kind": "sheet",
        "title": f"Heat map for “{label}”",
        "alt": f"Heat map for {label} over the image",
        "frames": [_address(figures.encode_jpeg(tile, 88), "jpeg") for tile in images],
        "bar": scale_bar(heat_scale(timeline)),
        "says": [_heat_words(frame, timeline.cam_layer_name) for frame in timeline.frames],
    }


def _heat_words(frame: TimelineFrame, layer_name: str) -> str:
    top = float(frame.heatmap.max())
    cells = " × ".join(map(str, frame.heatmap.shape))
    if top <= 0:
        return f"No position of {layer_name} supports it."
    return f"Range 0 to {number(top, 2)}, {cells} positions of {layer_name}."


def _curves(timeline: TrainingTimeline, record: TrainingRecord) -> Panel:
    looks = (("training", "", TRAINING, ""), ("validation", "val_", VALIDATION, "7 4"))

    def lines(key: str) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "values": record.history[prefix + key].tolist(),
                "color": color,
                "dash": dash,
            }
            for name, prefix, color, dash in looks
        ]

    return {
        "kind": "curves",
        "title": "Learning curves by epoch",
        "charts": [
            {"title": "accuracy", "lines": lines("accuracy")},
            {"title": "loss", "lines": lines("loss")},
        ],
    }


def _drift(timeline: TrainingTimeline) -> Panel:
    names = [*timeline.frames[0].drift]
    changes = np.array(
        [[frame.drift[name].relative_change for name in names] for frame in timeline.frames]
    )
    changes = np.where(np.isfinite(changes), changes, 0)  # what began at zero has no share
    top = float(changes.max()) or 1.0
    return {
        "kind": "bars",
        "title": "Relative change of the weights",
        "alt": "Relative change of the weights of each layer, and cosine with the initial weights",
        "names": names,
        "picked": -1,
        "shares": [_rounded(row / top) for row in changes],
        "texts": [
            [_drift_words(drift) for drift in frame.drift.values()] for frame in timeline.frames
        ],
        "says": [f"‖w − w₀‖ / ‖w₀‖ · cosine. Full bar: {number(top, 2)}."] * len(timeline.frames),
    }


def _drift_words(drift: LayerDrift) -> str:
    return f"{_short(drift.relative_change)} · {_short(drift.cosine)}"


def _probabilities(timeline: TrainingTimeline) -> Panel:
    values = np.stack([frame.probabilities for frame in timeline.frames])
    best = np.argsort(-values.max(axis=0), kind="stable")[:_MOST_CLASSES]
    shown = sorted({*best.tolist(), timeline.class_index})
    return {
        "kind": "bars",
        "title": "Prediction",
        "alt": "Probability of each class",
        "names": [timeline.class_names[place] for place in shown],
        "picked": shown.index(timeline.class_index),
        "shares": [_rounded(row[shown]) for row in values],
        "texts": [[f"{share:.1%}" for share in row[shown]] for row in values],
        "says": [_prediction(timeline, frame) for frame in timeline.frames],
    }


def _prediction(timeline: TrainingTimeline, frame: TimelineFrame) -> str:
    names, target = timeline.class_names, timeline.class_index
    logit = _short(float(frame.logits[target]))
    return f"Predicted: “{names[int(frame.logits.argmax())]}”; logit of “{names[target]}” {logit}."


def _short(value: float) -> str:
    return f"{value:.2f}".replace("-", "−") if np.isfinite(value) else "–"


def _rounded(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), 4) for value in values]


def _png(pixels: np.ndarray) -> str:
    return _address(figures.encode_png(pixels), "png")


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def stills(timeline: TrainingTimeline, card: ModelCard, image: ImageInput) -> list[np.ndarray]:
    """Draw every step as one image: kernels, feature maps, and the heat map over the image."""
    reach, scale = kernel_reach(timeline), map_scale(timeline)
    sheets = []
    for frame, overlay in zip(timeline.frames, overlays(timeline, card, image), strict=True):
        tiles = painted_kernels(frame.kernels[..., :_MOST_KERNELS], card, reach)
        kernels = figures.mosaic(tiles, [None] * len(tiles), tile_px=56, first_number=None)
        title = f"{card.name}, step {frame.step:,} (epoch {frame.epoch:.1f})"
        sheets.append(figures.in_a_row([kernels, map_sheet(frame.maps, scale), overlay], title))
    return sheets
