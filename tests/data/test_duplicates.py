"""Copies are found however they were saved, resized, cropped, brightened or mirrored; different pictures are not."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from convatlas.data import duplicates
from convatlas.data.duplicates import MIRROR, RADIUS, codes, correlation, find_copies, neighbors
from convatlas.data.picture_file import Unreadable
from convatlas.data.picture_info import SIDE, PictureInfo, digest, picture_info


def saved(image: Image.Image, quality: int = 90) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


def cropped(image: Image.Image, share: float) -> Image.Image:
    w, h = image.size
    return image.crop((round(share / 2 * w), round(share / 2 * h), round(w - share / 2 * w), round(h - share / 2 * h)))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "quality": lambda image: saved(image, 40),
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "brighter": lambda image: image.point(lambda level: min(255, int(1.25 * level))),
    "darker": lambda image: image.point(lambda level: int(0.7 * level)),
    "cropped": lambda image: cropped(image, 0.04),
    "mirrored": ImageOps.mirror,
}


@pytest.fixture(scope="module")
def tiles(cifar10) -> list[Image.Image]:
    """Different natural images, as large as small photographs."""
    return [Image.fromarray(x).resize((160, 128), Image.Resampling.BICUBIC) for x in cifar10("test", 1000)[0][:500]]


def thumbnails(images: list[Image.Image], folder: Path, ending: str = "png") -> np.ndarray:
    looks = []
    for image in images:
        image.save(folder / f"x.{ending}")
        looks.append(picture_info(folder / f"x.{ending}").thumbnail)
    return np.stack(looks)


def test_five_hundred_different_images_are_no_copies_and_their_copies_are(tiles: list[Image.Image], tmp_path: Path) -> None:
    x = thumbnails(tiles, tmp_path, "ppm")
    some = range(0, 500, 5)
    copies = [thumbnails([change(tiles[i]) for i in some], tmp_path, "ppm") for change in CHANGES.values()]
    found = {(pair.first, pair.second): pair.mirrored for pair in find_copies(np.concatenate([x, *copies]))}
    assert sum(second < 500 for _, second in found) <= 1  # of 124,750 pairs, each way round
    least = {"cropped": 0.97, "brighter": 0.98}
    for k, name in enumerate(CHANGES):
        right = [found.get((i, 500 + 100 * k + n)) is (name == "mirrored") for n, i in enumerate(some)]
        assert np.mean(right) >= least.get(name, 1), name
    strangers = [(a, b) for a, b in found if b >= 500 and (a if a < 500 else 5 * ((a - 500) % 100)) != 5 * ((b - 500) % 100)]
    assert len(strangers) <= 2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 60))
def test_no_neighbor_is_missed_and_none_is_told_twice(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    code = rng.integers(0, 2**64, count, np.uint64)
    for i in range(1, count):  # half of them near the one before, by up to 16 bits
        if i % 2:
            flips = rng.choice(64, rng.integers(0, 17), replace=False).astype(np.uint64)
            code[i] = code[i - 1] ^ np.bitwise_or.reduce(np.uint64(1) << flips, initial=np.uint64(0))
    other = code ^ np.uint64(rng.integers(0, 4))
    found = [pair for left, right in neighbors(code, other) for pair in zip(left.tolist(), right.tolist(), strict=True)]
    near = np.bitwise_count(code[:, None] ^ other[None]) <= RADIUS
    assert sorted(found) == [(i, j) for i in range(count) for j in range(i + 1, count) if near[i, j]]


def test_blocks_are_only_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    code = np.arange(300, dtype=np.uint64) % 7
    whole = {pair for left, right in neighbors(code, code) for pair in zip(left.tolist(), right.tolist(), strict=True)}
    assert len(whole) == 300 * 299 // 2
    monkeypatch.setattr(duplicates, "_BLOCK", 50)
    blocks = list(neighbors(code, code))
    assert len(blocks) > 100
    assert {pair for left, right in blocks for pair in zip(left.tolist(), right.tolist(), strict=True)} == whole


def test_the_code_of_a_mirror_image_is_known() -> None:
    x = np.random.default_rng(0).integers(0, 256, (50, SIDE, SIDE), np.uint8)
    assert np.array_equal(codes(np.ascontiguousarray(x[:, :, ::-1])), codes(x) ^ MIRROR)
    wave = np.cos(np.pi * 3 * (np.arange(SIDE) + 0.5) / SIDE)  # one frequency: its bit is set, and cleared by its negative
    up, down = (np.round(128 + sign * 100 * np.tile(wave, (SIDE, 1))).astype(np.uint8) for sign in (1, -1))
    differs = int(codes(up[None])[0] ^ codes(down[None])[0])
    assert differs & int(MIRROR)
    assert correlation(up[None], down[None])[0] == pytest.approx(-1, abs=1e-3)


def test_flat_pictures_and_equal_ones_are_not_compared() -> None:
    rng = np.random.default_rng(0)
    flat = np.full((40, SIDE, SIDE), 200, np.uint8) + rng.integers(0, 3, (40, SIDE, SIDE), np.uint8)
    assert find_copies(flat) == []
    assert find_copies(np.repeat(rng.integers(0, 256, (1, SIDE, SIDE), np.uint8), 5, 0)) == []
    assert find_copies(np.empty((0, SIDE, SIDE), np.uint8)) == []


def test_a_glance_tells_what_is_in_the_header(tmp_path: Path) -> None:
    def seen(image: Image.Image, name: str, **options: object) -> PictureInfo:
        image.save(tmp_path / name, **options)
        return picture_info(tmp_path / name)

    exif = Image.Exif()
    exif[0x0112] = 6
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 300).astype(np.uint8), (200, 1)))
    plain = seen(ramp.convert("RGB"), "x.jpg")
    turned = seen(ramp.convert("RGB"), "y.jpg", exif=exif)
    assert (plain.width, plain.height, plain.gray, plain.alpha, plain.rotated) == (300, 200, False, False, False)
    assert (turned.width, turned.height, turned.rotated) == (200, 300, True)
    np.testing.assert_allclose(turned.thumbnail, np.rot90(plain.thumbnail, -1), atol=3)
    assert seen(ramp, "z.png").gray
    assert seen(Image.new("RGBA", (9, 9)), "a.png").alpha


def test_a_digest_is_of_the_pixels_alone(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    marks = []
    for name, x in (("a.png", noise), ("b.bmp", noise), ("c.png", noise[::-1]), ("d.png", noise.reshape(8, 6, 3))):
        Image.fromarray(x).save(tmp_path / name)
        marks.append(digest(tmp_path / name))
    assert marks[0] == marks[1]
    assert len(set(marks)) == 3


def test_a_picture_cut_short_is_found_out(tmp_path: Path, tiles: list[Image.Image]) -> None:
    for ending in ("jpg", "png", "gif", "webp"):
        path = tmp_path / f"x.{ending}"
        tiles[0].save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(Unreadable):
            picture_info(path)
