"""Picture files as people have them: other formats, wrong endings, damaged metadata, 16 bits, many channels, many pixels."""

import shutil
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from convatlas.data import load
from convatlas.data.folder import walk_tree
from convatlas.data.levels import WARNED_BITS, to_bytes
from convatlas.data.picture import middle, square, whole, window
from convatlas.data.picture_file import (
    LIMIT,
    Unreadable,
    count_channels,
    holds_picture,
    kind_of,
    open_picture,
    orientation,
    upright_size,
)
from convatlas.data.picture_info import digest, picture_info, reduced_pixels
from convatlas.data.pillow_limits import OWN_LIMITS
from convatlas.data.walk import Walk
from convatlas.errors import ConvAtlasWarning, InputError

Maker = Callable[..., Path]
needs_tiff = pytest.mark.skipif(find_spec("tifffile") is None, reason="no [tiff]")
needs_heic = pytest.mark.skipif(find_spec("pillow_heif") is None, reason="no [heic]")


@pytest.fixture(autouse=True)
def _untold() -> Iterator[None]:
    WARNED_BITS.clear()
    yield
    WARNED_BITS.clear()


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def stored(path: Path, pixels: np.ndarray | None = None, **options: object) -> Path:
    Image.fromarray(noise(12, 16, 3) if pixels is None else pixels).save(path, **options)
    return path


# What is a picture


@pytest.mark.parametrize("ending", ["png", "jpeg", "webp", "gif", "tiff", "bmp", "ppm", "avif"])
@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.jfif", "x.heic"])
def test_a_wrong_ending_is_read(tmp_path: Path, ending: str, name: str) -> None:
    right = stored(tmp_path / f"right.{ending}")
    wrong = shutil.copy(right, tmp_path / name)
    assert holds_picture(wrong)
    assert np.array_equal(square(wrong, 3, 8), square(right, 3, 8))


@pytest.mark.parametrize(
    ("name", "source", "is_one"),
    [
        ("IMG_0001", "a.jpg", True), ("photo.jpg_large", "a.jpg", True), ("cat.jpg?w=640", "a.jpg", True),
        ("5.1", "a.png", True),
        ("a.bitmap", "a.bmp", True), ("a.animated", "a.gif", True), ("a.w", "a.webp", True), ("a.x", "a.avif", True),
        ("scan", "a.tif", True), ("raw.nef", "a.tif", False), ("raw.dng", "a.tif", False),
        ("a.thm", "a.jpg", False), ("a.jpg.bak", "a.jpg", False), ("a.jpg~", "a.jpg", False), ("a.jpg.part", "a.jpg", False),
    ],
)  # fmt: skip
def test_content_tells_where_the_ending_says_nothing(tmp_path: Path, name: str, source: str, is_one: bool) -> None:
    assert holds_picture(shutil.copy(stored(tmp_path / source), tmp_path / name)) is is_one


@pytest.mark.parametrize(
    "content",
    [b"", b"BMW is a car, and no bitmap at all", b"P5 is a picture", b"RIFF\0\0\0\0WAVEfmt ", b"\0\0\0\x18ftypisom\0\0\0\0"],
)
def test_other_files_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes").write_bytes(content)
    assert not holds_picture(tmp_path / "notes")
    assert kind_of(content) is None
    assert not holds_picture(tmp_path)


def test_phones_write_heic_and_avif_with_several_brands() -> None:
    def box(*brands: bytes) -> bytes:
        return struct.pack(">I", 16 + 4 * len(brands[1:])) + b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])

    assert [kind_of(box(*brands)) for brands in ((b"heic",), (b"mif1", b"heic"), (b"avif",), (b"mif1", b"miaf", b"avif"))] == [
        "HEIC", "HEIC", "AVIF", "AVIF",
    ]  # fmt: skip


# Formats of phones


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_avif_is_learned_from(pictures: Maker) -> None:
    data = load(str(pictures("a", "b", ending="avif")), image_size=8, val_share=0)
    assert (data.channels, data.warnings) == (3, ())


def test_heic_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convatlas.data.picture_file.find_spec", lambda _: None)
    (tmp_path / "f.heic").write_bytes(struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic")
    with pytest.raises(Unreadable, match=r"HEIC needs the package pillow-heif: pip install 'convatlas\[heic\]'"):
        square(tmp_path / "f.heic", 3, 8)


@needs_heic
def test_heic_is_read_upright(tmp_path: Path) -> None:
    import pillow_heif

    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (64, 48), "black")
    image.paste("white", (0, 0, 32, 48))
    pillow_heif.from_pillow(image).save(tmp_path / "f.heic", exif=exif.tobytes())
    pixels = square(tmp_path / "f.heic", 1, 16)[0]
    assert pixels[:6].mean() > 230
    assert pixels[10:].mean() < 25
    assert picture_info(tmp_path / "f.heic").height == 64


# Damaged metadata


EXIF = {
    "F28": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x02\0\0\0006\0\0\0\0\0\0\0",
    "F29": b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12",
    "empty": b"Exif\0\0",
    "nonsense": b"Exif\0\0nonsense",
}


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
@pytest.mark.parametrize("exif", EXIF.values(), ids=EXIF)
def test_exif_that_makes_no_sense_leaves_the_picture_as_it_is(tmp_path: Path, ending: str, exif: bytes) -> None:
    """F28: an orientation in letters. F29: data cut short, of which Pillow warns with its path and a line of its code."""
    plain, damaged = stored(tmp_path / f"a.{ending}"), stored(tmp_path / f"b.{ending}", exif=exif)
    for read in (lambda path: square(path, 3, 8), lambda path: whole(path, 3, 8).pixels, reduced_pixels,
                 lambda path: window(path, 3, 8, 0.3, np.random.default_rng(0)).pixels):  # fmt: skip
        assert np.array_equal(read(damaged), read(plain))
    assert count_channels(damaged) == 3
    assert (picture_info(damaged).width, picture_info(damaged).rotated) == (16, False)
    with open_picture(damaged) as image:
        assert (orientation(image), upright_size(image)) == (1, (16, 12))


def add_chunk(path: Path, kind: bytes, content: bytes) -> None:
    """Puts a chunk into a PNG, after its header."""
    whole_file = path.read_bytes()
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    path.write_bytes(whole_file[:33] + chunk + whole_file[33:])


@pytest.mark.parametrize(
    ("kind", "head"), [(b"iCCP", b"profile\0\0"), (b"zTXt", b"Comment\0\0"), (b"iTXt", b"Comment\0\1\0\0\0")]
)
def test_large_profiles_and_texts_do_not_hide_the_pixels_f31(tmp_path: Path, kind: bytes, head: bytes) -> None:
    path = stored(tmp_path / "x.png")
    expected = square(path, 3, 8)
    add_chunk(path, kind, head + zlib.compress(bytes(3_000_000)))
    assert np.array_equal(square(path, 3, 8), expected)
    assert PngImagePlugin.MAX_TEXT_CHUNK == 1 << 20  # Pillow's own users keep its limits


# Many pixels


def test_a_limit_on_pixels_that_can_be_raised_f30(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.png"
    Image.new("1", (14000, 14000)).save(path)
    with pytest.raises(
        Unreadable, match=f"^196,000,000 pixels, and 180,000,000 are allowed: set {LIMIT}=196000000 to read it$"
    ):
        square(path, 1, 8)
    monkeypatch.setenv(LIMIT, "100")
    small = stored(tmp_path / "small.png")
    with pytest.raises(Unreadable, match=f"192 pixels, and 100 are allowed: set {LIMIT}=192"):
        count_channels(small)
    monkeypatch.setenv(LIMIT, "196_000_000")
    assert count_channels(path) == 1
    monkeypatch.setenv(LIMIT, "many")
    with pytest.raises(InputError, match=f"{LIMIT} needs to be a number of pixels, such as 360000000, got 'many'"):
        square(small, 3, 8)


def test_pillow_says_nothing_of_large_pictures_f29(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # it warns from here on, and refuses twice as many
    path = stored(tmp_path / "x.png", noise(40, 30, 3))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert middle(path, 3, 8).pixels.shape == (3, 8, 8)
    assert not caught
    assert Image.MAX_IMAGE_PIXELS == 100


def test_limits_hold_for_threads_that_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    before = list(warnings.filters)

    def work(_: int) -> int | None:
        with OWN_LIMITS:
            return Image.MAX_IMAGE_PIXELS

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(work, range(200))) == {None}
    assert Image.MAX_IMAGE_PIXELS == 100
    assert warnings.filters == before


# Sixteen bits


def test_levels_become_bytes_as_they_always_did() -> None:
    levels = np.arange(65536).astype(np.uint16)
    assert np.array_equal(to_bytes(levels), ((levels.astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8))
    assert to_bytes(np.array([0, 100, 4095, 60000], np.uint16), 4095).tolist() == [0, 6, 255, 255]


@pytest.mark.parametrize("ending", ["png", "tif", "ppm"])
def test_twelve_bits_in_sixteen_are_told_once_f32(tmp_path: Path, ending: str) -> None:
    gray = noise(12, 16)
    twelve = stored(tmp_path / f"x.{ending}", gray.astype(np.uint16) * 16)
    with pytest.warns(ConvAtlasWarning, match=r"uses only the lower 12 of them.*--white 4095 makes that level white"):
        square(twelve, 1, 8)
    square(twelve, 1, 8)  # no second time
    right = square(stored(tmp_path / "eight.png", gray), 1, 8).astype(int)
    assert np.abs(square(twelve, 1, 8, white=4095) - right).max() <= 1
    assert square(stored(tmp_path / f"full.{ending}", gray.astype(np.uint16) * 257), 1, 8).tolist() == right.tolist()


# Other channels


@pytest.mark.parametrize("channels", [2, 4, 13])
def test_a_picture_of_other_channels_is_told_f17(tmp_path: Path, channels: int) -> None:
    path = stored(tmp_path / "x.png")
    for read in (square, middle, whole):
        with pytest.raises(Unreadable, match=f"the picture has 3 channels, and {channels} are needed"):
            read(path, channels, 8)


def test_four_channels_of_a_picture_with_alpha(tmp_path: Path) -> None:
    pixels = noise(8, 8, 4)
    assert np.array_equal(square(stored(tmp_path / "x.png", pixels), 4, 8), pixels.transpose(2, 0, 1))


def write_channels(path: Path, pixels: np.ndarray, **options: object) -> Path:
    import tifffile

    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="contig", **options)
    return path


@needs_tiff
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"compression": "lzw"}, {"bigtiff": True}, {"byteorder": ">"}]
)
def test_tiff_of_many_channels(tmp_path: Path, options: dict[str, object], caplog: pytest.LogCaptureFixture) -> None:
    pixels = noise(8, 10, 13)
    path = write_channels(tmp_path / "x.tif", pixels, **options)
    assert count_channels(path) == 13
    expected = pixels[:, 1:9].transpose(2, 0, 1)
    assert np.array_equal(square(path, 13, 8), expected)
    assert whole(path, 13, 5).pixels[:, 4].any() == np.False_
    assert window(path, 13, 4, 0.5, np.random.default_rng(0)).pixels.shape == (13, 4, 4)
    with pytest.raises(Unreadable, match="the picture has 13 channels, and 3 are needed"):
        square(path, 3, 8)
    assert not caplog.records


@needs_tiff
def test_tiff_of_many_channels_in_planes_and_sixteen_bits(tmp_path: Path) -> None:
    import tifffile

    levels = np.random.default_rng(0).integers(0, 10_000, (5, 8, 8), np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", levels, photometric="minisblack", planarconfig="separate")
    with pytest.warns(ConvAtlasWarning, match="--white 16383"):
        assert square(tmp_path / "x.tif", 5, 8).max() <= 39
    assert np.array_equal(square(tmp_path / "x.tif", 5, 8, white=10_000), to_bytes(levels, 10_000))


@needs_tiff
def test_tiff_of_numbers_with_fractions_is_refused(tmp_path: Path) -> None:
    path = write_channels(tmp_path / "x.tif", np.zeros((4, 4, 6), np.float32))
    with pytest.raises(Unreadable, match="floating-point pixels, whose range is unknown"):
        square(path, 6, 4)


@needs_tiff
def test_a_folder_of_many_channels_is_learned_from_and_checked(tmp_path: Path) -> None:
    for label in "ab":
        for i in range(10):
            write_channels(tmp_path / label / f"{i}.tif", noise(9, 9, 13, seed=i))
    stored(tmp_path / "a" / "odd.png")
    held, streamed = (load(str(tmp_path), image_size=8, val_share=0, resident_share=share) for share in (0.25, 0.0))
    assert (held.channels, len(held.mean)) == (13, 13)
    assert held.mean == pytest.approx(streamed.mean)
    assert held.warnings[0].endswith("odd.png (3 channels, and most have 13); left out")
    path = tmp_path / "a" / "0.tif"
    assert picture_info(path).gray is False
    assert reduced_pixels(path).shape == (9, 9, 3)
    assert digest(path) == digest(tmp_path / "b" / "0.tif") != digest(tmp_path / "a" / "1.tif")


def test_without_the_extra_the_sentence_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convatlas.data.picture_file.find_spec", lambda _: None)
    tags = {256: (4, 2), 257: (4, 2), 258: (3, 8), 277: (3, 13), 273: (4, 8), 279: (4, 52)}
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(tags.items()))
    (tmp_path / "x.tif").write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(100))
    with pytest.raises(
        Unreadable, match=r"TIFF of 13 channels, which need the package tifffile: pip install 'convatlas\[tiff\]'"
    ):
        square(tmp_path / "x.tif", 13, 2)


# Folders


def test_unusual_endings_belong_to_a_folder(pictures: Maker) -> None:
    root = pictures("a", "b")
    for name in ("c.jfif", "d.jpe", "e", "f.jpg_large"):
        stored(root / "a" / "x.jpg").rename(root / "a" / name)
    (root / "a" / "notes").write_text("two cats")
    tree = walk_tree(root, Walk(root))
    assert [Path(name).name for name in tree.names[:8]] == [
        "0.png",
        "1.png",
        "2.png",
        "3.png",
        "c.jfif",
        "d.jpe",
        "e",
        "f.jpg_large",
    ]
    assert tree.others == ("a/notes",)
