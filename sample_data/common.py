"""What the three sets share: seeds, JPEG bytes, and keeping pictures apart."""

import io

import numpy as np
from PIL import Image

SEED = 20240917
QUALITY = 66


def generator(*numbers):
    """A generator of its own for each image, so that one image's change leaves the others alone."""
    return np.random.default_rng([SEED, *numbers])


def jpeg(image, quality=QUALITY):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def _bits(image):
    gray = image.convert("L")
    small = np.asarray(gray.resize((9, 8), Image.LANCZOS), float)
    n = np.arange(32)
    basis = np.cos(np.pi * (2 * n[None] + 1) * n[:8, None] / 64)
    block = basis @ np.asarray(gray.resize((32, 32), Image.LANCZOS), float) @ basis.T
    flat = block.ravel()
    return np.concatenate([(small[:, 1:] > small[:, :-1]).ravel(), flat > np.median(flat[1:])])


class Apart:
    """Refuses a picture whose difference hash or DCT hash is near an earlier one's.

    Painted scenes resemble each other more than photographs do; without this
    the clean set would hold near-duplicates that nobody planted.
    """

    def __init__(self, least=(9, 11)):
        self.least, self.seen = least, []  # bits of 64 to differ in, hash by hash

    def accepts(self, image):
        bits = _bits(image)
        if self.seen:
            differ = np.array(self.seen) != bits
            if any(
                differ[:, 64 * n : 64 * n + 64].sum(1).min() < least for n, least in enumerate(self.least)
            ):
                return False
        self.seen.append(bits)
        return True
