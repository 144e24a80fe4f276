"""What one image file's bytes tell, against numbers got in another way."""

from __future__ import annotations

import hashlib
import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from scipy import fft, ndimage

from queries import image_facts
from queries.image_facts import facts_of, hamming, laplacian_variance, perceptual_hash


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def drawing(seed: int = 0, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Ellipses and lines on a ground that is not plain."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[0 : size[1], 0 : size[0]]
    turn = random.uniform(0, 6.28)
    ground = 120 + 60 * (np.cos(turn) * across / size[0] + np.sin(turn) * down / size[1])
    image = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = random.uniform(0, size[0]), random.uniform(0, size[1])
        w, h = random.uniform(0.05, 0.3, 2) * size[0]
        pen.ellipse((x, y, x + w, y + h), fill=tuple(random.integers(20, 225, 3).tolist()))
    return image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_digest_size_and_dimensions(kind):
    data = encoded(drawing(size=(631, 407)), kind)
    found = facts_of(data)
    assert (found.bytes, found.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (found.width, found.height, found.error) == (631, 407, None)
    assert 0 <= found.phash < 2**64


@pytest.mark.parametrize("level", [0, 1, 100, 249, 250, 255])
def test_light_of_plain_images(level):
    found = facts_of(encoded(Image.new("L", (90, 60), level)))
    assert found.brightness == pytest.approx(level / 255)
    assert found.contrast == found.blur == 0
    assert found.clipped == (level >= 250)
    assert found.phash is None, "there is nothing to tell a plain image from another"


def test_light_of_two_halves():
    image = Image.new("L", (200, 100), 0)
    image.paste(255, (150, 0, 200, 100))
    found = facts_of(encoded(image))
    assert (found.brightness, found.clipped) == pytest.approx((0.25, 0.25))
    assert found.contrast == pytest.approx((0.25 * 0.75) ** 0.5)


def test_light_is_that_of_all_pixels():
    image = drawing(3, (1000, 700))
    levels = np.asarray(image.convert("L"), dtype=float) / 255
    for data in (encoded(image), encoded(image, "JPEG", quality=92)):
        found = facts_of(data)
        assert found.brightness == pytest.approx(levels.mean(), abs=0.004)
        assert found.contrast == pytest.approx(levels.std(), abs=0.01)


def test_blur_falls_as_an_image_is_blurred():
    image = drawing(1, (640, 480))
    found = [
        facts_of(encoded(image.filter(ImageFilter.GaussianBlur(radius)), "JPEG", quality=90)).blur
        for radius in (0, 1, 2, 4, 8)
    ]
    assert all(sharper > 1.3 * blurred for sharper, blurred in itertools.pairwise(found)), found


def test_blur_hardly_depends_on_the_format_and_size():
    image = drawing(1, (1280, 960))
    found = [
        facts_of(encoded(image.resize(size, Image.Resampling.LANCZOS), kind)).blur
        for size in ((1280, 960), (640, 480), (400, 300))
        for kind in ("PNG", "JPEG")
    ]
    assert max(found) < 1.6 * min(found), found


@given(st.integers(3, 40), st.integers(3, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_laplacian_is_scipys(height, width, seed):
    levels = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    kernel = [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
    inner = ndimage.convolve(levels.astype(float), kernel)[1:-1, 1:-1]
    assert laplacian_variance(levels) == pytest.approx(inner.var(), abs=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 50), (50, 2), (4000, 3)])
def test_too_thin_for_a_laplacian(size):
    found = facts_of(encoded(Image.effect_noise(size, 80)))
    assert found.blur is None
    assert (found.width, found.height, found.error) == (*size, None)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_hash_is_the_dct_of_scipy(seed):
    random = np.random.default_rng(seed)
    levels = ndimage.gaussian_filter(random.uniform(0, 255, (32, 32)), 1.5).astype(np.uint8)
    low = fft.dctn(levels.astype(float), norm="ortho")[:8, :8]
    bits = "".join("1" if value > np.median(low) else "0" for value in low.ravel())
    found = perceptual_hash(Image.fromarray(levels))
    # a coefficient may lie within rounding of the median
    assert hamming(found, int(bits, 2)) <= 2


@pytest.mark.parametrize("seed", range(6))
def test_copies_have_near_hashes(seed):
    image = drawing(seed, (640, 480))
    first = facts_of(encoded(image, "JPEG", quality=92)).phash
    copies = {
        "compressed hard": encoded(image, "JPEG", quality=40),
        "another format": encoded(image, "PNG"),
        "half as large": encoded(image.resize((320, 240), Image.Resampling.LANCZOS), "JPEG"),
        "odd size": encoded(image.resize((500, 371), Image.Resampling.BICUBIC), "JPEG"),
        "enlarged": encoded(image.resize((1280, 960), Image.Resampling.BICUBIC), "JPEG"),
        "brighter": encoded(ImageEnhance.Brightness(image).enhance(1.08), "JPEG", quality=80),
        "darker": encoded(ImageEnhance.Brightness(image).enhance(0.8), "JPEG", quality=80),
        "less contrast": encoded(ImageEnhance.Contrast(image).enhance(0.8), "JPEG", quality=80),
        "a little blurred": encoded(image.filter(ImageFilter.GaussianBlur(1)), "JPEG", quality=80),
    }
    far = {name: hamming(first, facts_of(data).phash) for name, data in copies.items()}
    assert max(far.values()) <= 4, far


def test_other_drawings_have_far_hashes():
    found = [facts_of(encoded(drawing(seed), "JPEG")).phash for seed in range(20)]
    assert min(hamming(a, b) for a, b in itertools.combinations(found, 2)) >= 8


def test_facts_are_the_same_every_time():
    data = encoded(drawing(5, (1920, 1080)), "JPEG", quality=85)
    assert len({facts_of(data) for _ in range(3)}) == 1


def test_an_image_that_asks_to_be_turned_is_measured_as_stored():
    exif = Image.Exif()
    exif[0x0112] = 6
    upright, turned = (encoded(drawing(), "JPEG", **more) for more in ({}, {"exif": exif}))
    assert (facts_of(turned).width, facts_of(turned).height) == (320, 240)
    assert facts_of(turned).phash == facts_of(upright).phash


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16"])
def test_every_mode_is_measured(mode):
    if mode == "I;16":
        image = Image.fromarray(np.asarray(drawing().convert("L")).astype(np.uint16) * 257)
    else:
        image = drawing().convert(mode)
    found = facts_of(encoded(image, "JPEG" if mode == "CMYK" else "PNG"))
    assert found.error is None
    assert found.brightness == pytest.approx(facts_of(encoded(drawing())).brightness, abs=0.03)


def _bomb() -> bytes:
    """A PNG of some hundred bytes that says it has 900 million pixels."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    chunks = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize(
    ("data", "says", "size"),
    [
        (b"", "truncated: the file is empty", (None, None)),
        (b"no image at all", "not an image", (None, None)),
        (b"GIF89a" + b"\0" * 100, "not an image", (None, None)),
        (_bomb(), "too large: ", (None, None)),
        (encoded(drawing(), "JPEG")[:3000], "truncated: ", (320, 240)),
        (encoded(drawing(), "PNG")[:2000], "truncated: ", (320, 240)),
        (encoded(drawing(), "JPEG")[:20], "truncated: ", (None, None)),
    ],
)
def test_what_can_not_be_measured_says_why(data, says, size):
    found = facts_of(data)
    assert found.error.startswith(says)
    assert (found.bytes, found.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (found.width, found.height) == size
    assert {found.phash, found.blur, found.brightness, found.contrast, found.clipped} == {None}


def test_too_little_memory_is_said(monkeypatch):
    def full(*_, **__):
        raise MemoryError

    monkeypatch.setattr(image_facts, "open_image", full)
    found = facts_of(encoded(drawing()))
    assert "not enough memory" in found.error
    assert (found.width, found.height) == (320, 240)


JPEG, PNG = (encoded(drawing(size=(64, 48)), kind) for kind in ("JPEG", "PNG"))


@given(st.sampled_from([JPEG, PNG]), st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_bytes_never_raise(data, draw):
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(0, 8))):
        damaged[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    damaged = bytes(damaged[: draw.draw(st.integers(0, len(data)))])
    found = facts_of(damaged)
    assert found.bytes == len(damaged)
    if found.error is None:
        assert 0 <= found.brightness <= 1 and 0 <= found.clipped <= 1 and found.width > 0
    else:
        assert found.phash is None
