"""The timeline of a training run: its settings, the player, and the explanation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.images import ImageInput
from cnnviz.training.timeline import KernelFits, TrainingTimeline, can_be_fitted
from cnnviz.ui import controls, shared
from cnnviz.ui.components import player
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.controls.recipe_words import difference_table
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import download, number, show_image
from cnnviz.ui.timeline import cached, frames

_NONE = "none"
_FRAME_MS = 500  # of the GIF
_BESIDE = "beside"  # session key of the second network
_PLAYED = "timelines_played"  # session key: scenes, timelines and fits that the player shows
_PAIRS = {
    "Small initial weights and weight decay": ("svhn-small", "svhn-small-noisy"),
    "With and without augmentation": ("svhn-few", "svhn-few-augmented"),
    "Digits and clothing": ("svhn-gabor", "fashion-gabor"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is shown over time: a network, an image, and which layers."""

    model_name: str
    picked: PickedImage
    layer_name: str
    cam_layer_name: str
    class_index: int | None

    @property
    def image(self) -> ImageInput:
        """The image."""
        return self.picked.image


def show(model_name: str, picked: PickedImage) -> None:
    """Show a network throughout its training, beside a second one if wanted."""
    if address.wanted(controls.SUITABLE_NETWORK) in st.session_state:
        st.rerun()  # a pair was chosen: the network in the bar changes, too
    column, stage = frame.columns()
    with column:
        scenes = choose(model_name, picked)
    with stage:
        show_scenes(scenes)


def choose(model_name: str, picked: PickedImage) -> tuple[Scene, ...]:
    """Ask for a second network, the layers of feature maps and heat map, and the class."""
    model = shared.model(model_name)
    with st.popover("Pairs to compare", width="stretch"):
        for title, pair in _PAIRS.items():
            st.button(title, on_click=_take, args=pair, width="stretch")
    beside = _choose_second(model_name)
    layer_name = controls.layer_picker(
        model_name, "Feature maps of layer", key="timeline_layer", default=model.first_convolution
    )
    best = shared.predictions(model_name, picked.image)[0]
    class_index = controls.class_picker(model_name, best)
    cam_layer_name = controls.layer_picker(
        model_name, "Heat map of layer", key="timeline_cam_layer"
    )
    scene = Scene(model_name, picked, layer_name, cam_layer_name, class_index)
    return (scene, _scene_beside(scene, beside)) if beside else (scene,)


def _take(model_name: str, beside: str) -> None:
    st.session_state[address.wanted(controls.SUITABLE_NETWORK)] = model_name
    st.session_state[address.wanted(_BESIDE)] = beside


def _choose_second(model_name: str) -> str | None:
    others = [
        name for name in cached.networks_with_timelines() if name != zoo.plain_name(model_name)
    ]
    beside = address.selectbox(
        "Second network",
        {_NONE: "none"} | {name: controls.card_of(name).title for name in others},
        key=_BESIDE,
        help="Shown at the same training step as the first.",
    )
    return None if beside == _NONE else beside


def _scene_beside(scene: Scene, model_name: str) -> Scene:
    """Show a second network in the same way, as far as it has the same layers and classes."""
    first, second = shared.model(scene.model_name), shared.model(model_name)
    maps = second.map_shapes
    is_alike = first.class_names == second.class_names
    return Scene(
        model_name,
        controls.image_beside(scene.picked, model_name),
        scene.layer_name if scene.layer_name in maps else second.first_convolution,
        scene.cam_layer_name if scene.cam_layer_name in maps else second.default_cam_layer,
        scene.class_index if is_alike else None,
    )


def show_scenes(scenes: Sequence[Scene]) -> None:
    """Show the timelines, or their progress; then what they show, and the files."""
    stage, waiting = st.container(), st.container()
    with stage:
        timelines = [_timeline_of(scene) for scene in scenes]
    made = [timeline for timeline in timelines if timeline is not None]
    fits: list[KernelFits | None] = [None] * len(scenes)
    if len(made) == len(scenes):
        with waiting:
            fits = [_fits_of(timeline) for timeline in made]
        st.session_state[_PLAYED] = tuple(zip(scenes, made, fits, strict=True))
    with stage:
        _play_last()
    for scene, timeline, fit in zip(scenes, timelines, fits, strict=True):
        image, words = st.columns([1, 4.2], gap="medium")
        with image:
            _show_input(scene)
        if timeline is not None:
            with words:
                _explain(scene, timeline, fit)
                _offer(scene, timeline, fit)
    if len(scenes) > 1:
        _explain_pair(scenes)
    _explain_all()


def _play_last() -> None:
    """Show the timelines that were computed last.

    The player stays on the page while others are computed: it would forget its position.
    """
    played = st.session_state.get(_PLAYED, ())
    if played:
        frames = [
            cached.timeline_frames(timeline, scene.image, fit) for scene, timeline, fit in played
        ]
        player.play(frames, key="timeline")


def _show_input(scene: Scene) -> None:
    view = zoo.model_view(controls.card_of(scene.model_name), scene.image)
    size = f"{view.shape[0]} × {view.shape[1]}"
    show_image(
        view,
        f"Input: {scene.picked.label}, {size}",
        f"{scene.picked.label}, input of {scene.model_name}",
    )


def _timeline_of(scene: Scene) -> TrainingTimeline | None:
    return cached.training_timeline(
        scene.model_name,
        scene.image,
        scene.layer_name,
        scene.class_index,
        scene.cam_layer_name,
    )


def _fits_of(timeline: TrainingTimeline) -> KernelFits | None:
    if not can_be_fitted(timeline.frames[0].kernels):
        return None
    return cached.timeline_fits(timeline.name)


def _explain(scene: Scene, timeline: TrainingTimeline, fits: KernelFits | None) -> None:
    """Describe one timeline by its numbers."""
    first, last = timeline.frames[0], timeline.frames[-1]
    label = timeline.class_names[timeline.class_index]
    predictions = [timeline.class_names[int(moment.logits.argmax())] for moment in timeline.frames]
    settled = len(predictions)
    while settled and predictions[settled - 1] == predictions[-1]:
        settled -= 1
    farthest = max(
        last.drift, key=lambda name: np.nan_to_num(last.drift[name].relative_change, posinf=0)
    )
    nearest = max(last.drift, key=lambda name: np.nan_to_num(last.drift[name].cosine))
    lines = [
        f"**What you see: {controls.card_of(timeline.name).title}, {scene.picked.label}.** "
        f"With the random initial weights, the prediction is “{predictions[0]}” "
        f"({first.probabilities.max():.0%}); from step {timeline.frames[settled].step:,} on it is "
        f"“{predictions[-1]}”, finally with {last.probabilities.max():.0%}. The heat map is for "
        f"“{label}”.",
        _weights_moved(timeline, farthest, nearest),
    ]
    if fits is not None:
        num = fits.r_squared.shape[1]
        begun, *_, ended = (fits.r_squared >= frames.GOOD_FIT).sum(axis=1)
        lines.append(
            f"A Gabor function explains at least {frames.GOOD_FIT:.0%} of the variance (R²) of "
            f"{begun} of {num} kernels before training and of {ended} after it"
            + (": most became edges and bars." if 2 * ended > num else ".")
        )
    st.markdown(" ".join(lines))


def _explain_pair(scenes: Sequence[Scene]) -> None:
    """Say how two networks differ."""
    records = {
        controls.card_of(scene.model_name).title: shared.training_record(scene.model_name)
        for scene in scenes
    }
    lines = [f"{title}: {record.facts['summary']}" for title, record in records.items()]
    right = [
        f"{record.accuracy:.1%} of {record.facts['num_test_images']:,} with {title}"
        for title, record in records.items()
    ]
    st.markdown("**Differences.** " + " ".join(lines) + "\n\n" + difference_table(records))
    st.markdown(
        f"Accuracy on test images: {', '.join(right)}. One run each. Each network has its own "
        "color scales: compare the numbers at the color bars, too."
    )


def _weights_moved(timeline: TrainingTimeline, farthest: str, nearest: str) -> str:
    far, near = timeline.frames[-1].drift[farthest], timeline.frames[-1].drift[nearest]
    return (
        f"The weights of `{farthest}` changed most, by {number(far.relative_change, 2)} times "
        f"their initial norm; those of `{nearest}` kept their direction best (cosine "
        f"{near.cosine:.2f})."
    )


def _explain_all() -> None:
    frame.explain(
        "**Try this.** Stop at steps 30, 100 and 300: which comes first, structured kernels or the "
        "correct prediction? Choose a wrong class for the heat map. Add a second network."
    )
    st.expander("How it works").markdown(
        "All panels are computed from the same weights. Color scales are the same for all steps, "
        "so a faint map *is* weak. For the weights $w$ of a layer with initial values $w_0$:\n\n"
        "$$\\text{change} = \\frac{\\lVert w - w_0 \\rVert}{\\lVert w_0 \\rVert}, \\qquad "
        "\\text{cosine} = \\frac{w \\cdot w_0}{\\lVert w \\rVert\\,\\lVert w_0 \\rVert}$$\n\n"
        ":small[Weights were stored in half precision. Cosine: Carbonnelle and De Vleeschouwer "
        "2018, arXiv:1806.01603. Gabor fits: Jones and Palmer 1987. Heat maps: Grad-CAM, Selvaraju "
        "et al. 2017, arXiv:1610.02391.]"
    )


def _offer(scene: Scene, timeline: TrainingTimeline, fits: KernelFits | None) -> None:
    """Offer the timeline as files."""
    card = controls.card_of(timeline.name)
    download(
        "Timeline (GIF)",
        f"{timeline.name}-timeline.gif",
        lambda: figures.encode_gif(frames.stills(timeline, card, scene.image), _FRAME_MS),
    )
    download(
        "Numbers (NPZ)",
        f"{timeline.name}-timeline.npz",
        lambda: figures.arrays_npz(_arrays(timeline, fits)),
    )


def _arrays(timeline: TrainingTimeline, fits: KernelFits | None) -> dict[str, np.ndarray]:
    """Stack what the frames hold, the step first."""
    arrays = {"steps": np.array([moment.step for moment in timeline.frames])}
    for what in ("epoch", "kernels", "maps", "heatmap", "logits", "probabilities"):
        arrays[what] = np.stack([getattr(moment, what) for moment in timeline.frames])
    arrays["layers"] = np.array([*timeline.frames[0].drift])
    for what in ("relative_change", "cosine"):
        arrays[what] = np.array(
            [
                [getattr(drift, what) for drift in moment.drift.values()]
                for moment in timeline.frames
            ]
        )
    return arrays if fits is None else arrays | {"r_squared": fits.r_squared}
