"""Makes an atlas strip by strip, in several processes or on a cluster; goes on where it was."""

import html
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import joblib

from cnnviz.errors import InvalidParameterError
from cnnviz.feature_visualization.atlas import STRIP, encode_strip, fingerprint
from cnnviz.feature_visualization.recipe import Recipe
from cnnviz.files import write_atomically
from cnnviz.zoo import ModelReference

ENGINES = ("local", "dask", "ray")
_PATIENCE_S = 20  # until a cluster must have answered
Report = Callable[[int, int, float], None]  # strips done, strips in all, seconds left


@dataclass(frozen=True, slots=True)
class Strip:
    """One piece of work: some neighboring filters of a layer."""

    model: str  # a name, or the path of a file
    layer_name: str
    first: int
    count: int
    recipe: Recipe
    seed: int

    @property
    def file_name(self) -> str:
        """Where it goes, inside the atlas."""
        safe = self.layer_name.replace("/", "--").replace("@", "-at-")
        return f"{safe}/{self.first:04d}.webp"


def make_atlas(
    model_name: str,
    layers: Sequence[str],
    folder: Path,
    recipe: Recipe,
    *,
    max_filters: int | None = None,
    seed: int = 0,
    jobs: int = 1,
    engine: str = "local",
    scheduler: str | None = None,
    command: str = "",
    on_progress: Report | None = None,
) -> Path:
    """Draw all filters of some layers into a folder; what is there already stays.

    A strip counts as done when its image has the fingerprint that was written down after it, so
    that a torn file is drawn again.

    Parameters
    ----------
    model_name : str
        A name of the zoo, or the path of a ``.keras`` file.
    layers : sequence of str
        Layers with maps.
    folder : Path
        The atlas goes into a folder in it that is called like the network.
    recipe : Recipe
    max_filters : int, optional
        Only the first so many of each layer.
    seed : int
        Filter k is begun with seed + k.
    jobs : int
        Processes on this machine.
    engine : {"local", "dask", "ray"}
        Where the work is done; the last two need their packages.
    scheduler : str, optional
        Address of the Dask scheduler.
    command : str
        What is noted in the index as the way to make it again.
    on_progress : callable, optional
        Called with (strips done, strips in all, seconds left).

    Returns
    -------
    Path
        The index.

    Raises
    ------
    InvalidParameterError
        If the engine is unknown, its package is missing, there is no such layer, a layer cannot be
        computed for images of this size, or there are no filters or processes.
    ModelLoadError, DownloadError
        If the network cannot be loaded.
    """
    from cnnviz.feature_visualization.objectives import channel
    from cnnviz.feature_visualization.sizes import check_size
    from cnnviz.network.loading import load_model

    if jobs == 0 or (max_filters is not None and max_filters < 1):
        raise InvalidParameterError(
            f"An atlas needs at least 1 filter of a layer and 1 process, got {max_filters} and "
            f"{jobs}."
        )
    model = load_model(model_name)
    for name in layers:
        check_size(model, channel(model, name, 0), recipe)
    name = ModelReference.parse(model.name).name
    target = folder / (Path(name).stem if Path(name).suffix else name)
    strips: list[Strip] = []
    for name in layers:
        depth = model.layer_shapes[name][-1]
        count = min(depth, max_filters or depth)
        strips += [
            Strip(model_name, name, first, min(STRIP, count - first), recipe, seed)
            for first in range(0, count, STRIP)
        ]
    missing = [strip for strip in strips if _facts_of(target, strip) is None]
    started, done = time.monotonic(), len(strips) - len(missing)
    if on_progress is not None:
        on_progress(done, len(strips), 0.0)
    with _engine(engine, scheduler):
        group = 1 if engine == "local" and jobs == 1 else 2 * max(jobs, 4)
        for begin in range(0, len(missing), group):
            now = missing[begin : begin + group]
            workers = jobs if engine == "local" else -1
            parts = joblib.Parallel(n_jobs=workers)(joblib.delayed(draw_strip)(s) for s in now)
            for strip, (content, facts) in zip(now, parts, strict=True):
                _keep(target, strip, content, facts)
            done += len(now)
            if on_progress is not None:
                each_s = (time.monotonic() - started) / (begin + len(now))
                on_progress(done, len(strips), each_s * (len(strips) - done))
    return _write_index(model, target, strips, recipe, seed, command)


def draw_strip(strip: Strip) -> tuple[bytes, dict[str, Any]]:
    """Draw the filters of one strip; runs in any process, and gives a file's content and facts."""
    from cnnviz.feature_visualization.objectives import channel
    from cnnviz.feature_visualization.optimizer import visualize
    from cnnviz.network.loading import load_model

    model = load_model(strip.model)
    indices = range(strip.first, strip.first + strip.count)
    images = visualize(
        model,
        [channel(model, strip.layer_name, i) for i in indices],
        strip.recipe,
        seeds=[strip.seed + i for i in indices],
    )
    content = encode_strip([image.pixels for image in images])
    facts = {
        "sha256": fingerprint(content),
        "start": [round(image.start, 4) for image in images],
        "reached": [round(image.reached, 4) for image in images],
        "recipe": asdict(strip.recipe),
        "seed": strip.seed,
    }
    return content, facts


def _keep(target: Path, strip: Strip, content: bytes, facts: dict[str, Any]) -> None:
    path = target / strip.file_name
    _store(path, content)
    _store(path.with_suffix(".json"), json.dumps(facts).encode())  # last: it vouches for the other


def _store(path: Path, content: bytes) -> None:
    def write(file: BinaryIO) -> None:
        file.write(content)

    write_atomically(path, write)


def _facts_of(target: Path, strip: Strip) -> dict[str, Any] | None:
    """Read what was noted of a strip; None unless it is whole and drawn by the same recipe."""
    path = target / strip.file_name
    try:
        facts = _read_facts(path.with_suffix(".json")) or _indexed(target)[strip.file_name]
        is_same = Recipe(**facts["recipe"]) == strip.recipe and facts["seed"] == strip.seed
        is_same = is_same and len(facts["reached"]) == strip.count
        is_whole = facts["sha256"] == fingerprint(path.read_bytes())
    except (OSError, KeyError, TypeError, InvalidParameterError):
        return None
    return facts if is_same and is_whole else None


def _read_facts(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _indexed(target: Path) -> dict[str, dict[str, Any]]:
    """Return what the index of an earlier run tells of each strip."""
    index = _read_facts(target / "index.json") or {"layers": {}}
    return {
        strip["file"]: strip | {"recipe": layer["recipe"], "seed": layer["seed"]}
        for layer in index["layers"].values()
        for strip in layer["strips"]
    }


@contextmanager
def _engine(engine: str, scheduler: str | None) -> Iterator[None]:
    """Let joblib work there."""
    if engine not in ENGINES:
        raise InvalidParameterError(
            f"There is no engine {engine!r}. Choose one of: {', '.join(ENGINES)}."
        )
    if engine == "local":
        yield
    elif engine == "dask":
        with _dask_client(scheduler), joblib.parallel_config("dask"):
            yield
    else:
        try:
            from ray.util.joblib import register_ray
        except ImportError as error:
            raise _missing("ray", "ray") from error
        register_ray()
        with joblib.parallel_config("ray"):
            yield


def _dask_client(scheduler: str | None) -> Any:
    """Connect to a scheduler that has workers; joblib finds the connection by itself."""
    try:
        from distributed import Client
    except ImportError as error:
        raise _missing("dask", "distributed") from error
    try:
        client = Client(scheduler, timeout=_PATIENCE_S)
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except (OSError, ValueError) as error:
        raise InvalidParameterError(
            f"No Dask scheduler with workers answers at {scheduler!r}. Start one, or leave "
            "--engine out."
        ) from error
    return client


def _missing(engine: str, package: str) -> InvalidParameterError:
    return InvalidParameterError(
        f"The engine {engine} needs a package that is not installed: pip install {package}."
    )


def _write_index(
    model: Any, target: Path, strips: Sequence[Strip], recipe: Recipe, seed: int, command: str
) -> Path:
    """Write what the page and a browser need; strips of an earlier run with other layers stay."""
    earlier = _read_facts(target / "index.json") or {"layers": {}}
    layers = dict(earlier["layers"])
    for name in dict.fromkeys(strip.layer_name for strip in strips):
        entries = []
        for strip in (built_strip for built_strip in strips if built_strip.layer_name == name):
            facts = _facts_of(target, strip)
            assert facts is not None
            entry = {key: facts[key] for key in ("sha256", "start", "reached")}
            entries.append({"file": strip.file_name, "first": strip.first, **entry})
        layers[name] = {
            "num_filters": model.layer_shapes[name][-1],
            "command": command,
            "seed": seed,
            "recipe": asdict(recipe),
            "strips": entries,
        }
    order = {name: place for place, name in enumerate(model.layer_names)}
    layers = dict(sorted(layers.items(), key=lambda item: order.get(item[0], len(order))))
    index = {"model": target.name, "layers": layers}
    _store(target / "index.html", _page(model.card.title, layers).encode())
    _store(target / "index.json", json.dumps(index, indent=1).encode())
    for strip in strips:  # the index vouches for them now
        (target / strip.file_name).with_suffix(".json").unlink(missing_ok=True)
    return target / "index.json"


def _page(title: str, layers: dict[str, Any]) -> str:
    """Write a page that shows all strips; it needs no server and nothing from elsewhere."""
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>{html.escape(title)}</title>",
        "<style>body{font:18px/1.5 sans-serif;margin:2rem;max-width:72rem;background:#fff;",
        "color:#14181f}@media(prefers-color-scheme:dark){body{background:#10141a;color:#eef2f7}}",
        "figure{margin:0 0 1rem}img{width:100%;image-rendering:auto;display:block}</style>",
        f"<h1>What the filters of {html.escape(title)} look for</h1>",
    ]
    for name, layer in layers.items():
        parts.append(f"<h2>{html.escape(name)}, {layer['num_filters']} filters</h2>")
        for strip in layer["strips"]:
            last = strip["first"] + len(strip["reached"]) - 1
            share = 100 * len(strip["reached"]) / STRIP
            words = f"Filters {strip['first']} to {last}"
            parts.append(
                f"<figure><img loading='lazy' style='width:{share:g}%' alt='{words} of "
                f"{html.escape(name)}' src='{html.escape(strip['file'])}'>"
                f"<figcaption>{words}</figcaption></figure>"
            )
    return "\n".join(parts)
