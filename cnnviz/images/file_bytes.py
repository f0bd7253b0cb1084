"""What the bytes of an image file tell without decoding it: its kind, chunks, and its end."""

import re
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"MM*\0", b"II\0*")
HEIF_AND_AVIF_BRANDS = (
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    *(b"mif1", b"msf1", b"avif", b"avis"),
)
_OTHER_KINDS = {  # how files begin that are images or documents, but of a kind that is not read
    b"\0\0\1\0": "Icon (ICO)",
    b"icns": "Icon (ICNS)",
    b"8BPS": "Photoshop (PSD)",
    b"gimp xcf": "GIMP (XCF)",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"II\xbc": "JPEG XR",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"#?RGBE": "Radiance HDR",
    b"DDS ": "DDS",
    b"qoif": "QOI",
    b"SIMPLE  =": "FITS",
    b"FUJIFILM": "Camera raw (RAF)",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"\x01\xda": "SGI",
    b"\x59\xa6\x6a\x95": "Sun raster",
    b"\x8aMNG": "MNG",
    b"\xd7\xcd\xc6\x9a": "Windows metafile (WMF)",
    b"BPG\xfb": "BPG",
    b"FLIF": "FLIF",
    b"#define ": "X bitmap (XBM)",
    b"/* XPM": "X pixmap (XPM)",
}
_MAX_UNPACKED_BYTES = 1024**2  # Pillow refuses a PNG whose profile unpacks to more
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd7\xff])")  # not stuffing, not a restart
_END = b"\xff\xd9"
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)  # sequential and progressive, Huffman and arithmetic
_LOSSLESS_FRAMES = (0xC3, 0xCB)
_HIERARCHICAL_FRAMES = (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)
_JPEG_LS = 0xF7
_SCAN = 0xDA
_LEAST_PADDING = 16


class Chunk(NamedTuple):
    """A chunk of a PNG: its kind and content, and where it begins and ends in the file."""

    kind: bytes
    content: bytes
    start: int
    end: int


class Segment(NamedTuple):
    """A segment of a JPEG: its marker and content, and where it ends in the file."""

    marker: int
    content: bytes
    end: int


def accepted_kind(content: bytes) -> str | None:
    """Name the accepted format whose first bytes these are; None if there is none."""
    if content[4:8] == b"ftyp" and content[8:12] in HEIF_AND_AVIF_BRANDS:
        return "HEIC or AVIF"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    signatures = {
        "PNG": (PNG_SIGNATURE,),
        "JPEG": (b"\xff\xd8\xff",),
        "GIF": (b"GIF8",),
        "BMP": (b"BM",),
        "TIFF": TIFF_SIGNATURES,
    }
    return next((name for name, starts in signatures.items() if content.startswith(starts)), None)


def kind_of_unread_file(content: bytes) -> str | None:
    """Name the kind of a file that no reader here takes; None if it is not known."""
    for signature, name in _OTHER_KINDS.items():
        if content.startswith(signature):
            return name
    if re.match(rb"P[1-7Ff]\s", content):
        return "Portable anymap (PNM)"
    if content[128:132] == b"DICM":
        return "DICOM"
    if content[-18:-2] == b"TRUEVISION-XFILE":
        return "Targa (TGA)"
    if content[4:8] == b"ftyp":
        return "Camera raw (CR3)" if content[8:12] == b"crx " else "Video"
    return "SVG" if b"<svg" in content[:1000] else None


def png_chunks(content: bytes) -> Iterator[Chunk]:
    """Return the chunks of a PNG that hold no pixels."""
    start = len(PNG_SIGNATURE)
    while start + 12 <= len(content):
        length = int.from_bytes(content[start : start + 4])
        chunk = Chunk(
            content[start + 4 : start + 8],
            content[start + 8 : start + 8 + length],
            start,
            start + 12 + length,
        )
        if chunk.end > len(content):
            return
        if chunk.kind != b"IDAT":
            yield chunk
        start = chunk.end


def png_chunk(content: bytes, kind: bytes) -> bytes:
    """Return the content of the first chunk of a kind; empty if there is none."""
    return next((chunk.content for chunk in png_chunks(content) if chunk.kind == kind), b"")


def significant_bits(content: bytes) -> int | None:
    """Read from the sBIT chunk of a PNG how many bits its colors had; None if it says nothing."""
    bits = max(png_chunk(content, b"sBIT")[:3], default=0)
    return bits if 0 < bits <= 16 else None


def without_bad_profile(content: bytes) -> tuple[bytes, str]:
    """Cut the color profile out of a PNG if it cannot be unpacked, or unpacks to more than 1 MB.

    Returns
    -------
    bytes, and a sentence that says so, else empty
    """
    for chunk in png_chunks(content):
        if chunk.kind == b"iCCP":
            fault = _fault_of_packed(chunk.content.partition(b"\0")[2][1:])
            if fault:
                note = f"The color profile is {fault} and was ignored."
                return content[: chunk.start] + content[chunk.end :], note
    return content, ""


def heif_sizes(content: bytes) -> Iterator[tuple[int, int]]:
    """Return width and height of all images that a HEIF file declares, as they are coded.

    A decoder decodes all of an image, also where the file says to show only a part of it.
    """
    meta = _box_of_file(content, b"meta")
    place = meta.find(b"ispe")
    while place >= 0:
        width, height = meta[place + 8 : place + 12], meta[place + 12 : place + 16]
        yield int.from_bytes(width), int.from_bytes(height)
        place = meta.find(b"ispe", place + 4)


def unusual_jpeg(content: bytes) -> str | None:
    """Name what sets a JPEG apart from those that can be read; None if it is an ordinary one."""
    for marker, segment, _ in _jpeg_segments(content):
        if marker == _JPEG_LS:
            return "JPEG-LS"
        if marker in _HIERARCHICAL_FRAMES:
            return "hierarchical"
        if marker in (*_FRAMES, *_LOSSLESS_FRAMES):
            return f"{segment[0]} bits a channel" if segment[:1] not in (b"\x08", b"") else None
    return None


def has_end(content: bytes) -> bool:
    """Whether there is an end marker behind the first scan of a JPEG; true if there is no scan."""
    scans = (segment.end for segment in _jpeg_segments(content) if segment.marker == _SCAN)
    start = next(scans, None)
    return start is None or content.find(_END, start) >= 0


def with_end(content: bytes, decode: Callable[[bytes], object]) -> bytes | None:
    """Complete a JPEG that lacks its end marker and nothing else.

    What follows the last pixel of a complete image does not change it. So the file is decoded with
    several continuations: where pixels are lacking, their bits, or whole restart intervals, are
    taken from these, and the results differ. Scans that are lacking as a whole are found by their
    headers: they must bring each coefficient of each component to its last bit.

    Parameters
    ----------
    content : bytes
        The file.
    decode : callable
        Decodes a JPEG, and gives something that is equal for equal pixels only; may raise.

    Returns
    -------
    bytes or None
        The complete file; None if pixels are lacking.
    """
    content = content.rstrip(b"\xff")
    try:
        if not _has_all_scans(content):
            return None
        for start in {content, _without_padding(content)}:
            first = decode(start + _END)
            if any(decode(start + _continuation(seed)) != first for seed in range(4)):
                return None
    except Exception:  # noqa: BLE001 - on damaged bytes the decoders raise whatever comes
        return None
    return content + _END


def _without_padding(content: bytes) -> bytes:
    """Leave out zeros in place of a part of the file that was never written."""
    rest = content.rstrip(b"\0")
    if len(content) - len(rest) < _LEAST_PADDING:  # image data, too, may end with zeros
        return content
    return rest + b"\0" if rest.endswith(b"\xff") else rest


def _continuation(seed: int) -> bytes:
    """Return bits that could continue a scan, in it and after each restart marker, and the end."""
    bits = bytes((seed * 64 + i * (2 * seed + 37)) % 255 for i in range(64))
    return bits + b"".join(bytes([0xFF, 0xD0 + i]) + bits for i in range(8)) + _END


def _has_all_scans(content: bytes) -> bool:
    """Whether the scans of a JPEG transmit all bits of all 64 coefficients of each component."""
    lacking: dict[int, list[int]] = {}  # by component: bits of each coefficient still to come
    for marker, segment, _ in _jpeg_segments(content):
        if marker in _FRAMES:
            lacking = {component: [1] * 64 for component in segment[6::3]}
        elif marker == _SCAN:
            num_components = segment[0]
            first, last, bits = segment[1 + 2 * num_components : 4 + 2 * num_components]
            for component in segment[1 : 1 + 2 * num_components : 2]:
                num_coefficients = last + 1 - first
                lacking[component][first : last + 1] = [bits & 15] * num_coefficients
    return bool(lacking) and not any(map(any, lacking.values()))


def _jpeg_segments(content: bytes) -> Iterator[Segment]:
    """Return the segments of a JPEG that are there as a whole."""
    place = 2
    while found := _MARKER.search(content, place):
        marker = found[1][0]
        length = int.from_bytes(content[found.end() : found.end() + 2])
        place = found.end() + max(2, length)
        if marker == 0xD9 or place > len(content):
            return
        yield Segment(marker, content[found.end() + 2 : place], place)


def _box_of_file(content: bytes, kind: bytes) -> bytes:
    """Return the first box of a kind at the top of an ISO media file; empty if there is none."""
    start = 0
    while start + 8 <= len(content):
        size = int.from_bytes(content[start : start + 4])
        if size == 1:  # a long size follows
            size = int.from_bytes(content[start + 8 : start + 16])
        end = start + size if size >= 8 else len(content)
        if content[start + 4 : start + 8] == kind:
            return content[start:end]
        start = end
    return b""


def _fault_of_packed(packed: bytes) -> str:
    try:
        size = len(zlib.decompressobj().decompress(packed, _MAX_UNPACKED_BYTES + 1))
    except zlib.error:
        return "damaged"
    return "too large" if size > _MAX_UNPACKED_BYTES else ""
