"""Run by `cnnviz.zoo.vetting.checking` in a process of its own, which is thrown away.

``outline PATH`` prints what an HDF5 file says of its network; ``run PATH CHECKED`` loads a network
and runs it once. Both set their own bounds first, and print one sentence if the file is no good.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnnviz.zoo.user_models.legacy_h5 import outline
from cnnviz.zoo.user_models.opening import CheckedFile, build, failure
from cnnviz.zoo.user_models.refusals import Refused

CPU_SECONDS = 60
MAX_WRITTEN_BYTES = 1 << 20
MAX_OUTLINE_BYTES = 16 << 20
FREE_SIZE_PX = 224


def main(arguments: Sequence[str]) -> int:
    """Return 0 if the file is good.

    Parameters
    ----------
    arguments : sequence of str
        "outline", the path and the bytes that its arrays may have; or "run", the path, the path of
        a JSON of `CheckedFile`, and the megabytes of memory that it may take.
    """
    command, path, *more = arguments
    try:
        if command == "outline":
            _limit(1000, MAX_OUTLINE_BYTES)
            print(json.dumps(outline(path, int(more[0]))))
        else:
            _limit(int(more[1]), MAX_WRITTEN_BYTES)
            _run(Path(path), CheckedFile(**json.loads(Path(more[0]).read_text())))
    except Refused as reason:
        print(reason)
        return 1
    except MemoryError:
        print("it needs more memory than is allowed")
        return 1
    except Exception as error:  # noqa: BLE001 - Keras raises all kinds for what a file may hold
        is_outline = command == "outline"
        print(f"it is damaged ({type(error).__name__})" if is_outline else failure(error))
        return 1
    return 0


def _limit(memory_mb: int, written_bytes: int) -> None:
    """Bound memory, time and files of this process, where the system can."""
    try:
        import resource
    except ImportError:  # Windows; only outlines are read there
        return
    memory = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (written_bytes, written_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(path: Path, checked: CheckedFile) -> None:
    """Load a network and find its gradient for a black image."""
    import numpy as np

    model = build(path, checked)
    try:
        outputs = _outputs(model)
    except MemoryError:
        raise
    except Exception as error:
        if type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's
            raise MemoryError from error
        raise Refused(f"it does not run on a black image ({type(error).__name__})") from error
    if not all(np.isfinite(np.asarray(each, np.float64)).all() for each in outputs):
        raise Refused("it turns a black image into values that are no numbers")


def _outputs(model: Any) -> list[Any]:
    """Run a network forward and backward on a batch of black images."""
    import keras
    import tensorflow as tf

    batch = _black(model.inputs[0])
    with tf.GradientTape() as tape:
        tape.watch(batch)
        outputs = keras.tree.flatten(model(batch, training=False))
    weights = [each.value for each in model.trainable_variables]
    sources = [batch] if batch.dtype.is_floating else weights
    tape.gradient([each for each in outputs if each.dtype.is_floating], sources)
    return outputs


def _black(symbolic: Any) -> Any:
    """Make a batch of black images for an input; free sizes get 224 pixels, a free batch one."""
    import tensorflow as tf

    batch, *sizes = symbolic.shape
    image = [size or FREE_SIZE_PX for size in sizes[:2]]
    return tf.zeros([batch or 1, *image, *sizes[2:]], symbolic.dtype)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
