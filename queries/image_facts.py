"""What the bytes of one image file tell: digests, size, sharpness, light. Bytes in, facts out, no files.

Everything that needs pixels is measured on one small grey copy, `SIDE` pixels on its longer side, so that
the numbers of a PNG and of a JPEG, of a large image and of its reduced copy, can be compared.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .pixels import ImageUnavailable, full_size, header_size, open_image

#: Pixels on the longer side of the grey copy. A smaller image stays as it is: enlarging would blur it.
SIDE = 256
#: Luma, of 255, from which on a pixel counts as clipped.
CLIPPED = 250
#: A hash of what has less contrast than this (standard deviation, of 255) is a hash of its noise.
FLAT = 1.0
_HASHED, _KEPT = 32, 8
_LEVELS = np.arange(256.0)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The columns of `image_fact` that an image file's bytes decide; None where they can't be measured.

    `bytes` and `sha256` are of the whole file; `width`, `height` are pixels as stored, EXIF's turn not
    applied; `phash` is an unsigned 64-bit number; `blur` is in squared grey levels of 0..255;
    `brightness`, `contrast` and `clipped` are 0..1; `error` is one sentence.
    """

    bytes: int
    sha256: str | None = None
    phash: int | None = None
    width: int | None = None
    height: int | None = None
    blur: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    clipped: float | None = None
    error: str | None = None


def facts_of(data: bytes) -> ImageFacts:
    """The facts of an image file's bytes. Raises nothing: `error` says what could not be measured and why."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        image = open_image(data, box_px=SIDE)
        width, height = full_size(image)
        grey = small_grey(image)
        counts = np.asarray(grey.histogram(), dtype=np.float64) / (grey.width * grey.height)
        mean = float(counts @ _LEVELS)
        return ImageFacts(
            bytes=len(data),
            sha256=digest,
            phash=perceptual_hash(grey),
            width=width,
            height=height,
            blur=laplacian_variance(np.asarray(grey)),
            brightness=mean / 255,
            contrast=math.sqrt(float(counts @ (_LEVELS - mean) ** 2)) / 255,
            clipped=float(counts[CLIPPED:].sum()),
        )
    except ImageUnavailable as error:
        reason = error.reason
    except MemoryError:
        reason = "too large: there is not enough memory to unpack it"
    except Exception as error:  # one hostile file's, which is to cost no more than its own facts
        reason = f"can't be measured: {type(error).__name__}: {error}"[:200]
    width, height = _declared_size(data)
    return ImageFacts(bytes=len(data), sha256=digest, width=width, height=height, error=reason)


def small_grey(image: Image.Image) -> Image.Image:
    """Luma (ITU-R BT.601) of an image, at most SIDE pixels on its longer side."""
    grey = image.convert("L")
    longer = max(grey.size)
    if longer <= SIDE:
        return grey
    target = tuple(max(1, round(side * SIDE / longer)) for side in grey.size)
    return grey.resize(target, Image.Resampling.BILINEAR)  # Pillow's covers all pixels when it shrinks


def laplacian_variance(levels: np.ndarray) -> float | None:
    """Variance of the Laplacian of a grey image (H × W, uint8): low where edges are blurred.

    LAPV of Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy" (ICPR 2000), with the
    four-neighbour kernel, on the pixels that have all four neighbours; None where there are none.
    """
    if min(levels.shape) < 3:
        return None
    whole = levels.astype(np.int16)  # in whole numbers the sums are exact, in whatever order they are made
    around = whole[:-2, 1:-1] + whole[2:, 1:-1] + whole[1:-1, :-2] + whole[1:-1, 2:]
    edges = around - 4 * whole[1:-1, 1:-1]
    total, squares = edges.sum(dtype=np.int64), np.square(edges, dtype=np.int32).sum(dtype=np.int64)
    return float(squares / edges.size - (total / edges.size) ** 2)


def perceptual_hash(grey: Image.Image) -> int | None:
    """The 64-bit DCT hash of a grey image; None where it is too flat to have one.

    Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), in the form that
    is in general use: 32×32 pixels, two-dimensional DCT-II, the 8×8 lowest frequencies, a bit where one
    is above their median; row by row, the first bit the most significant.
    """
    levels = np.asarray(grey.resize((_HASHED, _HASHED), Image.Resampling.LANCZOS), dtype=np.float64)
    if levels.std() < FLAT:
        return None
    # rounded, so that what is 0 but for the arithmetic is 0 on every machine
    low = np.round(_DCT @ levels @ _DCT.T, 6)
    bits = low > np.median(low)
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big")


def hamming(a: int, b: int) -> int:
    """In how many bits two hashes differ."""
    return (a ^ b).bit_count()


def _dct_matrix() -> np.ndarray:
    """The first rows of the orthonormal DCT-II of 32 samples (8 × 32)."""
    k, n = np.arange(_KEPT)[:, None], np.arange(_HASHED)[None, :]
    rows = np.cos(math.pi * (2 * n + 1) * k / (2 * _HASHED)) * math.sqrt(2 / _HASHED)
    rows[0] /= math.sqrt(2)
    return rows


_DCT = _dct_matrix()


def _declared_size(data: bytes) -> tuple[int, int] | tuple[None, None]:
    """What the header says where the pixels can't be unpacked."""
    try:
        return header_size(data)
    except Exception:  # whatever is wrong with it has been said
        return None, None
