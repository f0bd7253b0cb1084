"""ICC profiles made by hand, and the colors that they stand for, computed from their definition."""

import struct

import numpy as np

WHITE_D50 = (0.9642, 1.0, 0.8249)
# Columns: XYZ of red, green and blue, adapted to D50.
SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.7141]]
)
DISPLAY_P3 = np.array(
    [[0.51512, 0.29198, 0.1571], [0.2412, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
ADOBE_RGB = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)


def fixed(values: object) -> bytes:
    """Write numbers as the s15Fixed16 of an ICC profile."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in np.ravel(values))


def profile(
    tags: dict[bytes, bytes],
    space: bytes = b"RGB ",
    *,
    device: bytes = b"mntr",
    connection: bytes = b"XYZ ",
    name: bytes = b"",
) -> bytes:
    """Put a profile of version 2.4 together: a header of 128 bytes, a table of tags, the tags."""
    text = b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name + bytes(1 + 78)
    tags = {b"desc": text, b"wtpt": b"XYZ " + bytes(4) + fixed(WHITE_D50), **tags}
    table, content = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        table += key + struct.pack(">II", start + len(content), len(value))
        content += value.ljust(-(-len(value) // 4) * 4, b"\0")
    header = struct.pack(">I4xI", start + len(content), 0x02400000) + device + space + connection
    header = (header.ljust(36, b"\0") + b"acsp").ljust(68, b"\0") + fixed(WHITE_D50)
    return header.ljust(128, b"\0") + table + content


def gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def rgb_profile(primaries: np.ndarray, gamma: float, name: bytes = b"") -> bytes:
    tags = {}
    for letter, column in zip((b"r", b"g", b"b"), primaries.T, strict=True):
        tags[letter + b"XYZ"] = b"XYZ " + bytes(4) + fixed(column)
        tags[letter + b"TRC"] = gamma_curve(gamma)
    return profile(tags, name=name)


def gray_profile(gamma: float, name: bytes = b"") -> bytes:
    return profile({b"kTRC": gamma_curve(gamma)}, b"GRAY", name=name)


def ink_profile(device: bytes = b"prtr") -> bytes:
    """A press whose lightness L* falls from 100 to 0 with black ink; other inks do nothing."""
    same = bytes(range(256))
    corners = b"".join(bytes([0 if i % 2 else 255, 128, 128]) for i in range(16))
    lookup = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + fixed(np.eye(3)) + same * 4 + corners
    return profile({b"A2B0": lookup + same * 3}, b"CMYK", device=device, connection=b"Lab ")


def srgb_levels(linear: np.ndarray) -> np.ndarray:
    """Encode linear light from 0 to 1 as IEC 61966-2-1 does, 0 to 255."""
    linear = np.clip(linear, 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * encoded


def rgb_in_srgb(pixels: np.ndarray, primaries: np.ndarray, gamma: float) -> np.ndarray:
    """Convert pixels of `rgb_profile` to sRGB by the two matrices."""
    light = (pixels / 255) ** (round(gamma * 256) / 256)
    return srgb_levels(light @ (np.linalg.inv(SRGB) @ primaries).T)


def gray_in_srgb(levels: np.ndarray, gamma: float) -> np.ndarray:
    return srgb_levels((levels / 255) ** (round(gamma * 256) / 256))


def black_ink_in_srgb(levels: np.ndarray) -> np.ndarray:
    """Convert black ink of `ink_profile`: L* to luminance by its definition (CIE 1976)."""
    lightness = 100 * (1 - levels / 255)
    luminance = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness * (3 / 29) ** 3)
    return srgb_levels(luminance)
