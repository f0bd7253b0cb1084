"""The ``.keras`` archive: its parts and their sizes, read without building anything."""

import json
import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from cnnviz.zoo.user_models.refusals import Refused

MAX_CONFIG_BYTES = 5 << 20
MAX_METADATA_BYTES = 1 << 16
MAX_DEPTH = 60

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # LZMA may ask for gigabytes to unpack
_PARTS = {"config.json", "metadata.json", "model.weights.h5"}
# weights hardly compress: what is large and compresses this well would only fill the memory
_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO = 64 << 20, 50


class Archive(NamedTuple):
    """What a ``.keras`` file says of its network."""

    config: Any
    keras_version: str  # empty if the file does not name it


def read_archive(path: Path, max_unpacked_bytes: int) -> Archive:
    """Check the parts of an archive and read its description.

    Raises
    ------
    Refused
        If the parts are others than Keras writes, damaged, too large, or nested too deeply.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_parts(archive.infolist(), max_unpacked_bytes)
            if archive.testzip() is not None:
                raise Refused("it is damaged: the checksum of a part is wrong")
            config = parsed(archive.read("config.json").decode("utf-8"))
            return Archive(config, _version(archive.read("metadata.json")))
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
        raise Refused(f"it is damaged ({str(error)[:120]})") from error
    except (NotImplementedError, RuntimeError, EOFError, MemoryError) as error:
        raise Refused(f"its parts cannot be unpacked ({str(error)[:120]})") from error


def parsed(text: str) -> Any:
    """Read JSON of limited size and depth.

    Raises
    ------
    Refused
        If it has more than 5 MB or is nested more than 60 deep.
    ValueError
        If it is no JSON.
    """
    if len(text) > MAX_CONFIG_BYTES:
        raise Refused(f"its description has more than {MAX_CONFIG_BYTES >> 20} MB")
    if _depth(text) > MAX_DEPTH:
        raise Refused(f"its description is nested more than {MAX_DEPTH} deep")
    return json.loads(text)


def write_with_config(path: Path, config: Any, target: Path) -> None:
    """Copy an archive with another description; the weights stay the same."""
    with (
        zipfile.ZipFile(path) as archive,
        zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copy,
    ):
        copy.writestr("config.json", json.dumps(config))
        for name in ("metadata.json", "model.weights.h5"):
            with archive.open(name) as source, copy.open(name, "w", force_zip64=True) as part:
                shutil.copyfileobj(source, part, 1 << 20)


def _check_parts(parts: list[zipfile.ZipInfo], max_unpacked_bytes: int) -> None:
    members = [part.filename for part in parts]
    if set(members) == _PARTS - {"model.weights.h5"}:
        raise Refused("it holds no weights. Save it again with model.save('name.keras')")
    if any(name.startswith("assets/") for name in members) and set(members) >= _PARTS:
        raise Refused("it holds files of a layer for text (assets), which no image needs")
    if sorted(members) != sorted(_PARTS):
        names = ", ".join(name[:40] for name in members[:5])
        raise Refused(
            f"it holds other parts than a .keras file has: {names or 'none'} instead of "
            f"{', '.join(sorted(_PARTS))}"
        )
    if any(part.compress_type not in _PACKINGS for part in parts):
        raise Refused("it is packed in another way than Keras packs (stored or deflated)")
    for part in parts:
        ratio = part.file_size / max(1, part.compress_size)
        if part.file_size > _SUSPICIOUS_BYTES and ratio > _SUSPICIOUS_RATIO:
            raise Refused(f"its part {part.filename} unpacks to {ratio:.0f} times its size")
    if sum(part.file_size for part in parts) > max_unpacked_bytes:
        raise Refused(f"it unpacks to more than {max_unpacked_bytes >> 20} MB")
    for name, limit in (("config.json", MAX_CONFIG_BYTES), ("metadata.json", MAX_METADATA_BYTES)):
        if any(part.filename == name and part.file_size > limit for part in parts):
            raise Refused(f"its part {name} has more than {limit >> 10} KB")


def _version(metadata: bytes) -> str:
    try:
        described = json.loads(metadata)
    except (ValueError, RecursionError):
        return ""
    version = described.get("keras_version") if isinstance(described, dict) else None
    return version[:20] if isinstance(version, str) else ""


def _depth(text: str) -> int:
    """Find how deep JSON is nested without reading it by recursion."""
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest
