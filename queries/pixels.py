"""Turns bytes that nobody vouches for into pixels, and keeps small copies on disk."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from .scene import Rect, image_extent

if TYPE_CHECKING:
    from .images import ImageSource, Located

MAX_BYTES = 64 * 2**20
# Just below the size at which Pillow itself begins to warn; its decoders stop at twice that.
MAX_PIXELS = 89_000_000
# Pillow would hand other types to decoders with a history of holes, one of them an outside program.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM")


class ImageUnavailable(Exception):
    """An image can't be shown; `reason` is one sentence for the place where it would have been."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _header(data: bytes, max_pixels: int) -> Image.Image:
    if not data:
        raise ImageUnavailable("truncated: the file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageUnavailable(f"too large: more than {max_pixels:,} pixels when unpacked") from error
    except Exception as error:  # decoders raise whatever hostile bytes lead them to
        if data.startswith(_MAGIC):
            raise ImageUnavailable("truncated: its header does not make sense") from error
        raise ImageUnavailable("not an image: neither JPEG, PNG, WebP nor BMP") from error
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageUnavailable("not an image: it has no pixels")
    if width * height > max_pixels:
        raise ImageUnavailable(f"too large: {width}×{height}, at most {max_pixels:,} pixels are unpacked")
    return image


def header_size(data: bytes) -> tuple[int, int]:
    """(width, height) of an image from its first bytes, nothing unpacked; ImageUnavailable if it can't."""
    return _header(data, MAX_PIXELS).size


def exif_orientation(data: bytes) -> int:
    """EXIF's orientation, 1 (upright) to 8; 1 where there is none or it can't be read."""
    try:
        value = _header(data, MAX_PIXELS).getexif().get(0x0112, 1)
    except Exception:  # a broken EXIF block says nothing about the pixels
        return 1
    return value if value in range(1, 9) else 1


def full_size(image: Image.Image) -> tuple[int, int]:
    """The size in the file of an image from `open_image`, which may itself be a reduced copy."""
    return image.info.get("full_size", image.size)


def open_image(data: bytes, box_px: int | None = None, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decodes JPEG, PNG, WebP or BMP to RGB; raises ImageUnavailable with the reason if it can't.

    The size is judged from the header, before anything is unpacked. With `box_px`, a JPEG may come back
    reduced by 2, 4 or 8, with at least `box_px` pixels on its longer side: `full_size` still tells the
    file's own.

    EXIF's orientation is *not* applied. Coordinates of COCO-like datasets count pixels of the array that
    is stored, which is what most training code decodes; turning the image would move every annotation of
    a photo taken in portrait. `exif_orientation` tells that a file asks to be turned.
    """
    image = _header(data, max_pixels)
    size = image.size
    try:
        if box_px and image.format == "JPEG" and max(size) > box_px:
            share = box_px / max(size)
            image.draft("RGB", (max(1, round(size[0] * share)), max(1, round(size[1] * share))))
        image.load()
        if image.mode.startswith("I;16") or image.mode == "I":
            # Plain conversion clips at 255 and turns 16-bit images white.
            image = image.convert("I").point(lambda v: v * (1 / 257)).convert("L")
        out = image.convert("RGB")
    except ImageUnavailable:
        raise
    except Exception as error:
        raise ImageUnavailable("truncated: its pixels can't be unpacked") from error
    out.info = {"full_size": size}
    return out


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG; `box` is the rectangle, in pixels of the frame it was asked in, that it covers."""

    data: bytes
    box: Rect
    full_size: tuple[int, int]


def thumbnail(
    source: ImageSource,
    located: Located,
    *,
    size: int = 320,
    crop: Rect | None = None,
    frame: tuple[int, int] | None = None,
    cache: ThumbnailCache | None = None,
) -> Thumbnail:
    """A copy of an image or of the rectangle `crop` of it, its longer side at most `size` pixels.

    `crop` is (left, top, right, bottom) in pixels of `frame`, the size that the annotations refer to
    (None: the file's own); what of it lies outside the image is left out, as the returned `box` tells.
    Raises ImageUnavailable. With a cache, only the first call reads the image.
    """
    name = ThumbnailCache.key(located, size, crop, frame)
    kept = cache.get(name) if cache else None
    if kept is not None:
        try:
            (head, data) = kept.split(b"\n", 1)
            saved = json.loads(head)
            return Thumbnail(data, tuple(saved["box"]), tuple(saved["full_size"]))
        except (ValueError, KeyError, TypeError):
            pass  # written by another version: make it anew
    made = _shrink(source.read(located), size, crop, frame)
    if cache:
        head = json.dumps({"box": made.box, "full_size": made.full_size}).encode()
        cache.put(name, head + b"\n" + made.data)
    return made


def _shrink(data: bytes, size: int, crop: Rect | None, frame: tuple[int, int] | None) -> Thumbnail:
    width, height = header_size(data)
    across, down = image_extent(frame, (width, height)) if frame else (width, height)
    left, top, right, bottom = crop or (0.0, 0.0, across, down)
    box = (max(left, 0.0), max(top, 0.0), min(right, across), min(bottom, down))
    if box[2] - box[0] <= 0 or box[3] - box[1] <= 0:
        raise ImageUnavailable("the annotation lies wholly outside the image")
    # The crop alone needs `size` pixels, so the whole image may be reduced only by what is left over.
    share = max((box[2] - box[0]) / across, (box[3] - box[1]) / down)
    image = open_image(data, box_px=int(size / share) + 1)
    sx, sy = image.width / across, image.height / down
    part = (box[0] * sx, box[1] * sy, box[2] * sx, box[3] * sy)
    scale = min(1.0, size / max(part[2] - part[0], part[3] - part[1]))
    target = (max(1, round((part[2] - part[0]) * scale)), max(1, round((part[3] - part[1]) * scale)))
    image = image.resize(target, Image.Resampling.LANCZOS, box=part, reducing_gap=2.0)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return Thumbnail(out.getvalue(), box, (width, height))


class ThumbnailCache:
    """Small files in a folder, by key, up to about `max_bytes`; the oldest go first.

    It only ever saves time: a folder that can't be written, a full disk or a damaged file cost a miss.
    """

    def __init__(self, directory: Path | str, max_bytes: int = 512 * 2**20) -> None:
        self.directory, self.max_bytes = Path(directory), max_bytes
        self._lock = threading.Lock()
        self._written: int | None = None  # bytes in the folder, as far as known; None: not counted yet

    @staticmethod
    def key(located: Located, *parts: object) -> str:
        """A name that changes with the file, its time and size, and with `parts`."""
        what = (str(located.path), located.member, located.mtime_ns, located.bytes, *parts)
        return hashlib.blake2b(repr(what).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()

    def _path(self, key: str) -> Path:
        return self.directory / key[:2] / f"{key}.bin"

    def get(self, key: str) -> bytes | None:
        """What was put under a key, or None; a file that fails its checksum is a miss."""
        try:
            raw = self._path(key).read_bytes()
        except OSError:
            return None
        digest, data = raw[:16], raw[16:]
        return data if hashlib.blake2b(data, digest_size=16).digest() == digest else None

    def put(self, key: str, data: bytes) -> None:
        """Keeps bytes under a key: written beside and renamed, so a reader sees all of it or nothing."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.blake2b(data, digest_size=16).digest() + data)
                os.replace(beside, path)
            except OSError:
                os.unlink(beside)
                raise
            self._trim(len(data) + 16)
        except OSError:
            return

    def get_or_make(self, key: str, make: Callable[[], bytes]) -> bytes:
        """What is kept under a key, or else what `make` returns, which is then kept."""
        data = self.get(key)
        if data is None:
            data = make()
            self.put(key, data)
        return data

    def _trim(self, added: int) -> None:
        with self._lock:
            if self._written is not None:
                self._written += added
                if self._written <= self.max_bytes:
                    return
            files = []
            for path in self.directory.glob("*/*"):
                if path.suffix in (".bin", ".tmp"):
                    info = path.stat()
                    files.append((info.st_mtime_ns, info.st_size, path))
            total = sum(size for _, size, _ in files)
            if total > self.max_bytes:
                # Down to three quarters, so that the folder is not listed again at every write.
                for _, size, path in sorted(files):
                    path.unlink(missing_ok=True)
                    total -= size
                    if total <= 0.75 * self.max_bytes:
                        break
            self._written = total
