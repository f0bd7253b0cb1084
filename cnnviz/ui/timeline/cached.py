"""Films of a training: an image shown to a network at every kept step."""

from operator import attrgetter
from typing import Any

import streamlit as st

from cnnviz import zoo
from cnnviz.images import ImageInput
from cnnviz.training import timeline
from cnnviz.training.timeline import KernelFits, TrainingTimeline
from cnnviz.ui.shared.keys import BY_DIGEST
from cnnviz.ui.shell import jobs
from cnnviz.ui.timeline import reel


@st.cache_data(max_entries=1, ttl=60, show_spinner=False)
def networks_with_timelines() -> tuple[str, ...]:
    """Name the networks with saved checkpoints; looked up again after a minute."""
    return timeline.networks_with_timelines()


def training_timeline(
    model_name: str,
    image: ImageInput,
    layer_name: str,
    class_index: int | None,
    cam_layer_name: str,
) -> TrainingTimeline | None:
    """Run an image through a network at every saved step of its training; None while that runs."""

    def work(report: jobs.Report) -> TrainingTimeline:
        from cnnviz.training.timeline import training_timeline as make

        return make(
            model_name,
            image,
            layer_name,
            class_index,
            cam_layer_name=cam_layer_name,
            on_progress=report,
        )

    key = ("film", model_name, image.digest, layer_name, class_index, cam_layer_name)
    return jobs.result_of(key, "Computing the timeline", work)


def timeline_fits(model_name: str) -> KernelFits | None:
    """Fit Gabor functions to the first kernels at every saved step; None while that runs."""

    def work(report: jobs.Report) -> KernelFits:
        from cnnviz.training.timeline import kernel_fits

        return kernel_fits(model_name, report)

    title = f"Fitting Gabor functions to the kernels of {zoo.find_card(model_name).title}"
    return jobs.result_of(("film fits", model_name), title, work)


@st.cache_data(
    max_entries=8,
    hash_funcs={
        **BY_DIGEST,
        TrainingTimeline: attrgetter("key"),
        KernelFits: attrgetter("name"),
    },
    show_spinner=False,
)
def film_reel(film: TrainingTimeline, image: ImageInput, fits: KernelFits | None) -> dict[str, Any]:
    """Encode all frames of a timeline for the browser."""
    record = zoo.training_record(film.name)
    return reel.make_reel(film, zoo.find_card(film.name), record, image, fits)
