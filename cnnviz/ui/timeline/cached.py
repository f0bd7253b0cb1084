"""Timelines of a training: an image shown to a network at every kept step."""

from operator import attrgetter
from typing import Any

from cnnviz import zoo
from cnnviz.images import ImageInput
from cnnviz.training import timeline
from cnnviz.training.timeline import KernelFits, TrainingTimeline
from cnnviz.ui.shell.cache import in_background, remembered
from cnnviz.ui.shell.jobs import Report
from cnnviz.ui.timeline import frames


@remembered(1, ttl=60)
def networks_with_timelines() -> tuple[str, ...]:
    """Name the networks with saved checkpoints; looked up again after a minute."""
    return timeline.networks_with_timelines()


@in_background("Computing the timeline")
def training_timeline(
    report: Report,
    model_name: str,
    image: ImageInput,
    layer_name: str,
    class_index: int | None,
    cam_layer_name: str,
) -> TrainingTimeline:
    """Run an image through a network at every saved step of its training."""
    return timeline.training_timeline(
        model_name,
        image,
        layer_name,
        class_index,
        cam_layer_name=cam_layer_name,
        on_progress=report,
    )


@in_background("Fitting Gabor functions to the kernels of {model_name}")
def timeline_fits(report: Report, model_name: str) -> KernelFits:
    """Fit Gabor functions to the first kernels at every saved step."""
    return timeline.kernel_fits(model_name, report)


@remembered(8, also_by={TrainingTimeline: attrgetter("key"), KernelFits: attrgetter("name")})
def timeline_frames(
    timeline: TrainingTimeline, image: ImageInput, fits: KernelFits | None
) -> dict[str, Any]:
    """Encode all frames of a timeline for the browser."""
    record = zoo.training_record(timeline.name)
    return frames.make_frames(timeline, zoo.find_card(timeline.name), record, image, fits)
