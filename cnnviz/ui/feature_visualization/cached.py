"""Images that activate filters, and how they came to be."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz import figures, zoo
from cnnviz.feature_visualization import disk_cache
from cnnviz.feature_visualization.objectives import Target as AscentTarget
from cnnviz.feature_visualization.recipe import Recipe
from cnnviz.images import ImageInput
from cnnviz.ui.shared.networks import model
from cnnviz.ui.shell import jobs
from cnnviz.ui.shell.cache import in_background, remembered
from cnnviz.ui.shell.jobs import Report
from cnnviz.ui.shell.server import keep_server_fast

if TYPE_CHECKING:
    from cnnviz.feature_visualization.filter_image import FilterImage

_BATCH = 8  # filters that are optimized together
_SECONDS_PER_STEP = 0.06  # of a batch; tells short work from long work


def filter_images(
    model_name: str,
    targets: Sequence[AscentTarget],
    recipe: Recipe,
    seed: int,
    begin_with: ImageInput | None,
    show: Callable[[Any], None],
) -> "tuple[FilterImage, ...] | None":
    """Make images that activate some targets; None while they are being made.

    They are kept on disk, but never those that begin with an image or come from a network of a
    visitor: what a visitor brings is gone with the session.
    """
    network = model(model_name)
    is_kept = begin_with is None and model_name in {card.name for card in zoo.list_models()}

    def work(report: jobs.Report) -> "tuple[FilterImage, ...]":
        from cnnviz.feature_visualization import Progress, visualize

        keys = [
            disk_cache.image_key(network, target, recipe, seed + i)
            for i, target in enumerate(targets)
            if is_kept
        ]
        kept = [image for image in map(disk_cache.load_image, keys) if image is not None]
        if len(kept) == len(targets):
            return tuple(kept)
        images: list[FilterImage] = []

        def show_all(progress: Progress) -> None:
            report(
                len(images) * recipe.steps
                + progress.step * min(_BATCH, len(targets) - len(images)),
                len(targets) * recipe.steps,
                replace(progress, pixels=[*(image.pixels for image in images), *progress.pixels]),
            )

        for first in range(0, len(targets), _BATCH):
            now = targets[first : first + _BATCH]
            images += visualize(
                network,
                [target.objective(network) for target in now],
                recipe,
                seeds=[seed + first + i for i in range(len(now))],
                begin_with=begin_with,
                on_step=show_all,
            )
        if len(images) > 1:  # nobody looks at so many frames
            images = [replace(image, frames=image.frames[-1:]) for image in images]
        for key, image in zip(keys, images, strict=False):  # without keys nothing is kept
            disk_cache.keep_image(key, image)
        return tuple(images)

    digest = begin_with.digest if begin_with else ""
    key = ("ascent", model_name, tuple(targets), recipe, seed, digest)
    title = (
        "Optimizing the image"
        if len(targets) == 1
        else f"Optimizing images for {len(targets)} filters"
    )
    cost_s = _SECONDS_PER_STEP * recipe.steps * -(-len(targets) // _BATCH)
    return jobs.result_of(key, title, work, show, cost_s)


@in_background("Optimizing images at earlier training steps", cost_s=40.0)
def filters_at_steps(
    report: Report,
    model_name: str,
    layer_name: str,
    channels: tuple[int, ...],
    steps: tuple[int, ...],
) -> list[list[np.ndarray]]:
    """Optimize images for some filters as they were at some steps of the training."""
    keep_server_fast()
    from cnnviz.feature_visualization import Progress, channel, suggested_recipe, visualize
    from cnnviz.network.loading import load_checkpoint

    rows = []
    for num_done, step in enumerate(steps):
        network = load_checkpoint(model_name, step)
        objectives = [channel(network, layer_name, index) for index in channels]
        recipe = suggested_recipe(network, objectives[0])

        def tell(progress: Progress, before: int = num_done * recipe.steps) -> None:
            report(before + progress.step, len(steps) * progress.steps)

        images = visualize(network, objectives, recipe, seeds=channels, on_step=tell)
        rows.append([image.pixels for image in images])
    return rows


@remembered(32)
def animation(frames: tuple[bytes, ...], shape: tuple[int, int]) -> bytes:
    """Make a GIF of raw frames (height × width, RGB); the last one stays a while."""
    images = [np.frombuffer(frame, np.uint8).reshape(*shape, 3) for frame in frames]
    return figures.encode_gif(images)
