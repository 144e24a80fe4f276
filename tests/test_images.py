"""Finding, reading and decoding image files that nobody vouches for."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from queries import images
from queries.images import ImageSource
from queries.pixels import (
    ImageUnavailable,
    ThumbnailCache,
    exif_orientation,
    full_size,
    header_size,
    open_image,
    thumbnail,
)


def picture(color="red", size=(40, 30), kind="PNG", **options) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, kind, **options)
    return out.getvalue()


def put(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture() if data is None else data)
    return path


def reason(source: ImageSource, name: str | None, key: str = "k") -> str:
    with pytest.raises(ImageUnavailable) as caught:
        source.find(name, key)
    assert source.locate(name, key) is None
    return caught.value.reason


# Finding


def test_a_direct_path_is_found_without_listing_anything(tmp_path, monkeypatch):
    file = put(tmp_path / "a" / "1.jpg")
    monkeypatch.setattr(os, "scandir", lambda *_: pytest.fail("listed a folder"))
    found = ImageSource([tmp_path]).find("a/1.jpg", "1")
    assert (found.path, found.member, found.how) == (file.resolve(), None, "path")


@pytest.mark.parametrize(
    ("on_disk", "asked", "key"),
    [
        ("images/1.jpg", "1.jpg", "1"),
        ("hagrid_dataset/call/ab.jpg", "call/ab.jpg", "ab"),
        # Human-Art: the JSON's path begins above the folder that people have
        ("2D_virtual_human/art/0001.jpg", "HumanArt/images/2D_virtual_human/art/0001.jpg", "1"),
        # Human3.6M: the JSON has the bare name, with dots that are no extension
        ("S1/S1_Dir_1.54/S1_Dir_1.54_000001.jpg", "S1_Dir_1.54_000001.jpg", "1"),
        ("S1/S1_Dir_1.54/S1_Dir_1.54_000001.jpg", None, "S1_Dir_1.54_000001"),
        # HaGRID: the key has no extension
        ("call/deep/ab-cd.jpg", None, "ab-cd"),
        ("images/1.JPG", "1.jpg", "1"),
        ("images/1.png", "1.jpg", "1"),
        ("a/b/c/1.webp", "1", "1"),
    ],
)
def test_known_layouts_are_found(tmp_path, on_disk, asked, key):
    file = put(tmp_path / on_disk)
    assert ImageSource([tmp_path]).find(asked, key).path == file.resolve()


def test_the_extension_as_written_wins(tmp_path):
    put(tmp_path / "x" / "1.png")
    jpg = put(tmp_path / "y" / "1.jpg")
    assert ImageSource([tmp_path]).find("1.jpg", "1").path == jpg.resolve()


def test_the_longest_shared_end_of_the_path_decides(tmp_path):
    put(tmp_path / "p" / "cam1" / "1.jpg")
    wanted = put(tmp_path / "q" / "cam2" / "1.jpg")
    assert ImageSource([tmp_path]).find("elsewhere/cam2/1.jpg", "1").path == wanted.resolve()


def test_an_ambiguous_name_is_never_guessed(tmp_path):
    put(tmp_path / "p" / "1.jpg")
    put(tmp_path / "q" / "1.jpg")
    assert reason(ImageSource([tmp_path]), "1.jpg").startswith("ambiguous: 2 files")


def test_several_roots(tmp_path):
    file = put(tmp_path / "b" / "1.jpg")
    (tmp_path / "a").mkdir()
    assert ImageSource([tmp_path / "a", tmp_path / "b"]).find("1.jpg", "1").path == file.resolve()


def test_what_is_missing_says_so(tmp_path):
    assert reason(ImageSource([tmp_path]), "no/such.jpg").startswith("missing")
    assert reason(ImageSource([]), "1.jpg").startswith("no image folder")
    assert reason(ImageSource([tmp_path / "gone"]), "1.jpg").startswith("missing")
    assert reason(ImageSource([tmp_path]), "x" * 5000 + ".jpg").startswith("missing")


# Trust


@pytest.mark.parametrize(
    "name",
    ["../secret.jpg", "a/../../secret.jpg", "a/..", "..", "/etc/passwd", "//host/x.jpg", "C:/x.jpg",
     "c:x.jpg", "a\\..\\x.jpg", "x.jpg\0.png"],
)  # fmt: skip
def test_paths_that_lead_out_are_refused(tmp_path, name):
    put(tmp_path / "secret.jpg")
    root = tmp_path / "root"
    put(root / "a" / "x.jpg")
    source = ImageSource([root])
    assert reason(source, name).startswith("outside the image folder")
    assert reason(source, None, name).startswith("outside the image folder")


def test_links_that_lead_out_are_refused(tmp_path):
    secret = put(tmp_path / "secret" / "s.jpg")
    root = tmp_path / "root"
    root.mkdir()
    (root / "s.jpg").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    (root / "z.zip").symlink_to(put(tmp_path / "z.zip", zipped({"s2.jpg": picture()})))
    source = ImageSource([root])
    assert "link" in reason(source, "s.jpg")
    assert "link" in reason(source, "folder/s.jpg")
    assert reason(source, "s2.jpg").startswith("missing")


def test_a_root_beside_one_with_a_longer_name_does_not_open_it(tmp_path):
    put(tmp_path / "root-private" / "s.jpg")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "l").symlink_to(tmp_path / "root-private")
    assert "link" in reason(ImageSource([tmp_path / "root"]), "l/s.jpg")


def test_a_link_inside_the_root_is_read(tmp_path):
    file = put(tmp_path / "real" / "1.jpg")
    (tmp_path / "1.jpg").symlink_to(file)
    assert ImageSource([tmp_path]).find("1.jpg", "1").path == file.resolve()


def test_a_file_swapped_for_a_link_after_the_lookup_is_not_read(tmp_path):
    secret = put(tmp_path / "secret.jpg")
    file = put(tmp_path / "root" / "1.jpg")
    source = ImageSource([tmp_path / "root"])
    found = source.find("1.jpg", "1")
    file.unlink()
    file.symlink_to(secret)
    with pytest.raises(ImageUnavailable, match="outside"):
        source.read(found)


def test_pipes_and_folders_are_not_images(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dir.jpg").mkdir()
    source = ImageSource([tmp_path])
    assert reason(source, "pipe.jpg").startswith("not a plain file")
    assert reason(source, "dir.jpg").startswith("missing")


def test_reading_has_a_limit(tmp_path):
    put(tmp_path / "1.jpg", b"x" * 1000)
    source = ImageSource([tmp_path])
    found = source.find("1.jpg", "1")
    assert len(source.read(found)) == 1000
    with pytest.raises(ImageUnavailable, match="too large"):
        source.read(found, limit=999)
    put(tmp_path / "1.jpg", b"x" * 2000)  # grown since it was found
    with pytest.raises(ImageUnavailable, match="too large"):
        source.read(found, limit=1500)
    (tmp_path / "1.jpg").unlink()
    with pytest.raises(ImageUnavailable, match="missing"):
        source.read(found)


# Zips


def zipped(members: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["call/ab.jpg", None])
def test_zips_in_a_folder_are_read_in_place(tmp_path, method, name):
    data = picture("blue")
    put(tmp_path / "call.zip", zipped({"call/": b"", "call/ab.jpg": data}, method))
    put(tmp_path / "like.zip", zipped({"like/cd.jpg": picture()}, method))
    before = sorted(tmp_path.rglob("*"))
    source = ImageSource([tmp_path])
    found = source.find(name, "ab")
    assert (found.path.name, found.member) == ("call.zip", "call/ab.jpg")
    assert source.read(found) == data
    assert source.size(found) == (40, 30)
    assert sorted(tmp_path.rglob("*")) == before


def test_only_the_zip_named_after_the_gesture_is_opened(tmp_path, monkeypatch):
    put(tmp_path / "call.zip", zipped({"call/ab.jpg": picture()}))
    put(tmp_path / "like.zip", zipped({"like/cd.jpg": picture()}))
    opened = []
    real = images.ZipFolder
    monkeypatch.setattr(images, "ZipFolder", lambda path, at: opened.append(path.name) or real(path, at))
    source = ImageSource([tmp_path])
    for _ in range(3):
        source.find("call/ab.jpg", "ab")
    assert opened == ["call.zip"]


def test_a_zip_as_root_and_bare_members(tmp_path):
    path = put(tmp_path / "call.zip", zipped({"ab.jpg": picture()}))
    assert ImageSource([path]).find("call/ab.jpg", "ab").member == "ab.jpg"


def test_a_zip_that_changed_is_listed_again(tmp_path):
    path = put(tmp_path / "z.zip", zipped({"a.jpg": picture()}))
    source = ImageSource([path])
    assert source.locate("a.jpg", "a")
    put(path, zipped({"b.jpg": picture()}))
    os.utime(path, ns=(1, 1))
    assert source.locate("b.jpg", "b")
    assert source.locate("a.jpg", "a") is None


def test_dotdot_members_stay_names(tmp_path):
    put(tmp_path / "evil.jpg", picture("green"))
    root = tmp_path / "root"
    put(root / "z.zip", zipped({"../evil.jpg": picture("blue")}))
    source = ImageSource([root])
    assert reason(source, "../evil.jpg").startswith("outside")


def test_damaged_and_lying_zips_cost_one_image(tmp_path):
    put(tmp_path / "bad.zip", b"PK not a zip")
    good = bytearray(zipped({"a.jpg": b"a" * 500, "b.jpg": b"b" * 500}, zipfile.ZIP_STORED))
    good[good.index(b"aaaa") + 5] = 0
    put(tmp_path / "good.zip", bytes(good))
    source = ImageSource([tmp_path])
    with pytest.raises(ImageUnavailable, match="checksum"):
        source.read(source.find("a.jpg", "a"))
    assert source.read(source.find("b.jpg", "b")) == b"b" * 500
    assert "bad.zip can't be read" in reason(source, "nowhere.jpg")


def test_a_member_that_unpacks_to_more_than_it_declares_is_cut_off(tmp_path):
    raw = zipped({"a.jpg": b"\0" * 5_000_000})
    head = raw.rindex(b"PK\1\2")
    lying = raw[: head + 24] + struct.pack("<I", 100) + raw[head + 28 :]
    source = ImageSource([put(tmp_path / "z.zip", lying)])
    with pytest.raises(ImageUnavailable):
        source.read(source.find("a.jpg", "a"), limit=1000)


def test_many_threads_read_one_zip(tmp_path):
    members = {f"c/{n}.png": picture((n, 0, 0), (20 + n, 20)) for n in range(30)}
    source = ImageSource([put(tmp_path / "z.zip", zipped(members))])

    def one(n: int) -> bool:
        name = f"c/{n % 30}.png"
        return source.read(source.find(name, "")) == members[name]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(300)))


# Decoding


def bomb() -> bytes:
    """A PNG of 60000 × 60000 pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


NOISE = Image.effect_noise((64, 64), 90).convert("RGB")


def noisy(kind: str) -> bytes:
    out = io.BytesIO()
    NOISE.save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "truncated: the file is empty"),
        (b"<html>no</html>", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        (noisy("JPEG")[:900], "truncated"),
        (noisy("PNG")[:900], "truncated"),
        (noisy("WEBP")[:300], "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (noisy("GIF"), "not an image"),
        (bomb(), "too large"),
    ],
)
def test_bad_bytes_give_a_reason(data, why):
    with pytest.raises(ImageUnavailable) as caught:
        open_image(data)
    assert caught.value.reason.startswith(why)


def test_the_pixel_limit_is_judged_from_the_header():
    with pytest.raises(ImageUnavailable, match="too large: 40×30"):
        open_image(picture(), max_pixels=1000)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_mode_becomes_rgb(mode):
    out = io.BytesIO()
    Image.new(mode, (8, 8), {"I;16": 40000}.get(mode, 1)).save(out, "PNG")
    assert open_image(out.getvalue()).mode == "RGB"
    if mode == "I;16":
        assert open_image(out.getvalue()).getpixel((3, 3)) == (155, 155, 155)


def test_exif_turns_are_not_applied_but_told():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture(size=(40, 30), kind="JPEG", exif=exif.tobytes())
    assert open_image(data).size == header_size(data) == (40, 30)
    assert exif_orientation(data) == 6
    assert exif_orientation(picture()) == exif_orientation(b"x") == 1


def test_a_small_copy_of_a_jpeg_is_not_decoded_in_full():
    image = open_image(picture(size=(1600, 1200), kind="JPEG"), box_px=200)
    assert image.size == (200, 150)
    assert full_size(image) == (1600, 1200)


# Thumbnails and their cache


@pytest.fixture
def located(tmp_path):
    image = Image.new("RGB", (400, 200), "red")
    image.paste("blue", (200, 0, 400, 200))
    out = io.BytesIO()
    image.save(out, "PNG")
    put(tmp_path / "root" / "1.png", out.getvalue())
    source = ImageSource([tmp_path / "root"])
    return source, source.find("1.png", "1")


def test_a_crop_outside_the_image_says_what_it_covers(located):
    thumb = thumbnail(*located, size=100, crop=(250, -50, 450, 100))
    assert thumb.box == (250, 0, 400, 100)
    assert thumb.full_size == (400, 200)
    image = open_image(thumb.data)
    assert image.size == (100, 67)
    assert image.getpixel((2, 30))[2] > 200
    with pytest.raises(ImageUnavailable, match="outside"):
        thumbnail(*located, crop=(500, 0, 600, 100))


def test_a_crop_in_the_frame_of_the_annotations(located):
    thumb = thumbnail(*located, size=50, crop=(0, 0, 100, 100), frame=(200, 100))
    image = open_image(thumb.data)
    assert image.getpixel((40, 25))[0] > 200  # the red half is 100 wide in a frame of 200
    assert image.size == (50, 50)


def test_the_cache_is_used_and_survives_damage(located, tmp_path, monkeypatch):
    source, found = located
    cache = ThumbnailCache(tmp_path / "cache")
    first = thumbnail(source, found, size=64, cache=cache)
    reads = []
    real = source.read
    monkeypatch.setattr(source, "read", lambda *a: reads.append(1) or real(*a))
    assert thumbnail(source, found, size=64, cache=cache) == first
    assert not reads
    for content in (b"", b"garbage", b"x" * 5000):
        for file in (tmp_path / "cache").rglob("*.bin"):
            file.write_bytes(content)
        assert thumbnail(source, found, size=64, cache=cache) == first
    assert len(reads) == 3
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_a_changed_image_is_not_served_from_the_cache(located, tmp_path):
    source, found = located
    cache = ThumbnailCache(tmp_path / "cache")
    first = thumbnail(source, found, size=64, cache=cache)
    put(found.path, picture("green"))
    assert thumbnail(source, source.find("1.png", "1"), size=64, cache=cache).data != first.data


def test_an_unwritable_cache_costs_nothing_but_time(located, tmp_path):
    put(tmp_path / "file", b"in the way")
    assert thumbnail(*located, cache=ThumbnailCache(tmp_path / "file" / "cache")).data


def test_the_cache_keeps_its_limit(tmp_path):
    cache = ThumbnailCache(tmp_path, max_bytes=20_000)
    for n in range(60):
        cache.put(f"{n:040d}", bytes(1000))
    assert sum(f.stat().st_size for f in tmp_path.rglob("*.bin")) <= 20_000
    assert cache.get(f"{59:040d}") == bytes(1000)
    assert cache.get_or_make("ab" * 20, lambda: b"new") == cache.get("ab" * 20) == b"new"
