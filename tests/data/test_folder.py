"""Folders of pictures: layouts, odd pictures, broken ones, and the two ways to feed them."""

import errno
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import CenterCrop, Compose, PILToTensor, Resize

from convatlas.data import Augment, Batches, Data, Feed, Resident, Streamed, load, picture, picture_file
from convatlas.data.decode import Files
from convatlas.data.folder import part
from convatlas.data.stream import explaining_killed_workers
from convatlas.errors import ConvAtlasError, ConvAtlasWarning, InputError

Maker = Callable[..., Path]


def counts(data: Data) -> tuple[int, ...]:
    return tuple(len(part) if part is not None else -1 for part in (data.train, data.val, data.test))


def folder(root: Path, **changes: object) -> Data:
    return load(str(root), image_size=8, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_three_folders(pictures: Maker, val: str) -> None:
    root = pictures("train/b", "train/a", f"{val}/a", f"{val}/b", "test/a", "test/b")
    data = folder(root)
    assert counts(data) == (8, 8, 8)
    assert (data.name, data.classes, data.channels, data.size) == ("set", ("a", "b"), 3, (9, 9))
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4
    assert data.val is not None
    assert data.val.size == (8, 8)
    assert data.augment == Augment(flip=True, zoom=0.35)


def test_without_a_test_folder_there_is_no_test(pictures: Maker) -> None:
    assert counts(folder(pictures("train/a", "train/b", "val/a", "val/b"))) == (8, 8, -1)


def test_without_a_validation_folder_it_is_carved(pictures: Maker) -> None:
    root = pictures("train/a", "train/b", "test/a", "test/b", count=10)
    assert counts(folder(root)) == (18, 2, 20)
    assert counts(folder(root, val_share=0)) == (20, -1, 20)


@pytest.mark.parametrize("below", ["", "train/"])
def test_one_tree_is_split(pictures: Maker, below: str) -> None:
    root = pictures(f"{below}a", f"{below}b", count=20)
    data, other = folder(root, val_share=0.25), folder(root, val_share=0.25, split_seed=1)
    assert counts(data) == counts(other) == (24, 8, 8)
    assert pixels(data.test).equal(pixels(other.test))
    assert not pixels(data.val).equal(pixels(other.val))
    seen = torch.cat([part.pixels(torch.arange(len(part)))[:, :, :1, :1].flatten(1) for part in (data.val, data.test) if part])
    assert len(seen) == 16


def test_train_may_be_a_class(pictures: Maker) -> None:
    assert folder(pictures("train", "plane", "ship", count=8)).classes == ("plane", "ship", "train")


def test_limit_takes_some_of_each_class(pictures: Maker) -> None:
    root = pictures("train/a", "train/b", "test/a", "test/b", count=10)
    assert counts(folder(root, limit=10, val_share=0.2)) == (8, 2, 10)
    with pytest.raises(InputError, match="at least one image for each of the 2 classes"):
        folder(root, limit=1)


def test_pictures_deeper_down_hidden_files_and_others(pictures: Maker) -> None:
    root = pictures("a/deep/er", "a", "b", ".git", "__MACOSX")
    for name in ("Thumbs.db", ".DS_Store", "._0.jpg"):
        (root / "a" / name).write_bytes(b"?")
    (root / "b" / "notes.txt").write_text("two cats")
    (root / "b" / "0.PNG").write_bytes((root / "b" / "1.png").read_bytes())
    data = folder(root, val_share=0)
    assert data.classes == ("a", "b")
    assert sum(n for n in counts(data) if n > 0) == 13
    assert data.warnings == (
        f"1 file of no image format (.txt) left out of {root}: b/notes.txt",
        f"3 items of a system or program passed over in {root}: .git, __MACOSX, a/._0.jpg",
    )


def test_gray_folders_have_one_channel(tmp_path: Path) -> None:
    for k, label in enumerate("ab"):
        (tmp_path / label).mkdir()
        for i in range(4):
            Image.fromarray(np.full((9, 9), 100 * k + i, np.uint8)).save(tmp_path / label / f"{i}.png")
    assert folder(tmp_path).channels == 1


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        ((), "has no images: a sub-folder for each class"),
        (("only",), "has one class, only: a classifier needs two or more classes, each in its own sub-folder"),
        (("train/a", "train/b", "val/a"), "validation has no images of b, which .*train has: add some"),
        (("train/a", "train/b", "val/a", "val/b", "val/c"), "validation has c, which .*train lacks"),
        (("train/a", "train/b", "test/a"), "test has no images of b"),
        (("val/a", "val/b"), "has val but no train folder"),
    ],
)
def test_a_layout_that_cannot_be(pictures: Maker, tmp_path: Path, folders: tuple[str, ...], words: str) -> None:
    pictures(*folders)
    (tmp_path / "set").mkdir(exist_ok=True)
    with pytest.raises(InputError, match=words):
        folder(tmp_path / "set")


def test_an_empty_class_and_loose_pictures(pictures: Maker) -> None:
    root = pictures("a", "b", "c")
    for path in (root / "c").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="has no image of c: remove the empty folder or fill it"):
        folder(root)
    for name in "ab":
        shutil.move(root / name / "0.png", root / f"{name}.png")
        shutil.rmtree(root / name)
    with pytest.raises(InputError, match="2 lie loose in it"):
        folder(root)


def break_some(root: Path) -> None:
    (root / "a" / "0.jpeg").write_bytes(b"")
    (root / "a" / "1.jpeg").write_bytes(b"this is text")
    whole = (root / "b" / "0.jpeg").read_bytes()
    (root / "b" / "0.jpeg").write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize("share", [0.25, 0.0])
def test_broken_pictures_are_counted_named_and_left_out(pictures: Maker, share: float) -> None:
    root = pictures("a", "b", count=10, w=60, h=60, ending="jpeg")
    break_some(root)
    data = folder(root, val_share=0, resident_share=share)
    assert counts(data)[0] + counts(data)[2] == 17
    (words,) = data.warnings
    assert words.startswith("3 of 20 images cannot be read: ")
    for name, reason in (("a/0.jpeg", "empty file"), ("a/1.jpeg", "no image"), ("b/0.jpeg", ".*truncated")):
        assert f"{root / name} ({reason}" in words or "truncated" in reason
    with pytest.raises(InputError, match=r"3 of 20 images cannot be read.*go on without --strict"):
        folder(root, strict=True)


def test_a_class_with_nothing_but_broken_pictures(pictures: Maker) -> None:
    root = pictures("train/a", "train/b", "val/a", "val/b")
    for path in (root / "val" / "a").iterdir():
        path.write_bytes(b"")
    assert "validation has no image of a" in folder(root).warnings[1]
    for path in (root / "train" / "b").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match="no readable image of b"):
        folder(root)


def pixels(images: object) -> torch.Tensor:
    assert isinstance(images, Resident | Streamed)
    return images.pixels(torch.arange(len(images)))


def test_resident_and_streamed_give_the_same_batches(pictures: Maker) -> None:
    root = pictures("train/a", "train/b", "val/a", "val/b", w=50, h=31)
    held, streamed = folder(root), folder(root, resident_share=0)
    assert isinstance(held.train, Resident)
    assert isinstance(streamed.train, Streamed)
    assert (held.mean, held.std) == (streamed.mean, streamed.std)
    feed = Feed(3, 8, held.mean, held.std, Augment(crop=1, flip=True), shuffle=True, seed=1, workers=0)
    for one, other in ((held.train, streamed.train), (held.val, streamed.val)):
        assert one is not None
        assert other is not None
        for plain in (feed, replace(feed, augment=None, shuffle=False)):
            pairs = zip(Batches(one, plain).epoch(2), Batches(other, plain).epoch(2), strict=True)
            assert all(torch.equal(a, b) for first, second in pairs for a, b in zip(first, second, strict=True))


def test_streaming_is_pure_with_any_number_of_workers(pictures: Maker) -> None:
    data = folder(pictures("train/a", "train/b", "val/a", "val/b", count=9, w=50, h=31), resident_share=0)
    feed = Feed(4, 8, data.mean, data.std, data.augment, shuffle=True, seed=1, workers=0)
    state = torch.get_rng_state()
    alone, pool = Batches(data.train, feed), Batches(data.train, replace(feed, workers=2))
    first = list(alone.epoch(1))
    half_read = pool.epoch(0)
    next(half_read)
    for batches, start in ((pool, 0), (alone, 2), (pool, 3)):
        again = list(batches.epoch(1, start))
        assert len(again) == len(first) - start
        assert all(torch.equal(a, b) for x, y in zip(first[start:], again, strict=True) for a, b in zip(x, y, strict=True))
    assert not torch.equal(first[0][0], next(alone.epoch(2))[0])
    assert torch.equal(state, torch.get_rng_state())
    with pytest.raises(RuntimeError, match="another epoch of the same batches has begun"):
        next(half_read)


def test_a_frame_cuts_and_scales_as_torchvision_does_also_in_workers(pictures: Maker) -> None:
    tree = part(pictures("a", "b", count=9, w=50, h=31, ending="jpeg"), "test")
    frame = Compose([Resize(12), CenterCrop(8), PILToTensor()])
    images = Files(tree.root, list(tree.names), tree.labels).stream(3, 8, strict=True, frame=frame)
    images = pickle.loads(pickle.dumps(images))  # noqa: S301  # as workers get it where processes are spawned
    expected = torch.stack([frame(Image.open(tree.root / name).convert("RGB")) for name in tree.names])
    assert torch.equal(pixels(images), expected)
    for workers in (0, 2):
        batches = Batches(images, Feed(4, 8, (0.0,) * 3, (1 / 255,) * 3, workers=workers)).epoch()
        torch.testing.assert_close(torch.cat([x for x, _ in batches]), expected.float())


def test_a_frame_sees_the_picture_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, flat("RGB", "red"), "x.jpg", exif=exif)
    assert picture.square(path, 3, 8, PILToTensor()).shape == (3, 16, 12)


def test_a_picture_that_breaks_while_streaming_is_left_out_once_told(pictures: Maker) -> None:
    root = pictures("train/a", "train/b", "val/a", "val/b")
    feed = Feed(3, 8, (0.5,) * 3, (0.5,) * 3, workers=0)
    data, strict = folder(root, resident_share=0), folder(root, resident_share=0, strict=True)
    for name in ("0", "1", "2"):
        (root / "train" / "a" / f"{name}.png").write_bytes(b"gone")
    batches = Batches(data.train, feed)
    with pytest.warns(UserWarning, match=r"[012]\.png cannot be read \(no image\); it is left out"):
        seen = list(batches.epoch())
    assert [y.tolist() for _, y in seen] == [[0, 1, 1], [1, 1]]
    assert len(list(batches.epoch(1))) == 2
    with pytest.raises(InputError, match="remove it, or go on without --strict"):
        list(Batches(strict.train, feed).epoch())


def test_a_killed_worker_is_explained(pictures: Maker) -> None:
    data = folder(pictures("train/a", "train/b", "val/a", "val/b", count=20), resident_share=0)
    epoch = Batches(data.train, Feed(2, 8, data.mean, data.std, workers=1)).epoch()
    next(epoch)

    def go_on() -> None:
        with explaining_killed_workers():
            for child in multiprocessing.active_children():
                child.kill()
                child.join()
            list(epoch)

    with pytest.raises(ConvAtlasError, match="killed, most likely for lack of memory"):
        go_on()


@pytest.mark.parametrize("reason", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_without_shared_memory_images_come_one_by_one_f43(
    pictures: Maker, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    data = folder(pictures("train/a", "train/b", "val/a", "val/b"), resident_share=0)
    feed = Feed(4, 8, data.mean, data.std, workers=2)
    expected = list(Batches(data.train, replace(feed, workers=0)).epoch())

    def lock(_: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr("multiprocessing.context.BaseContext.Lock", lock)
    with pytest.warns(ConvAtlasWarning, match=f"no worker processes.*{os.strerror(reason)}.*one by one"):
        seen = list(Batches(data.train, feed).epoch())
    assert all(torch.equal(a[0], b[0]) for a, b in zip(seen, expected, strict=True))


def saved(tmp_path: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(tmp_path / name, **options)
    return tmp_path / name


def flat(mode: str, color: object) -> Image.Image:
    return Image.new(mode, (16, 12), color)  # type: ignore[arg-type]


def test_every_format_is_read(tmp_path: Path) -> None:
    for ending in picture_file.ENDINGS - {".heic", ".heif", ".hif"}:  # their plug-in is an extra
        path = saved(tmp_path, flat("RGB", (200, 100, 50)), f"x{ending.upper()}")
        square = picture.square(path, 3, 8)
        assert (square.shape, square.dtype) == ((3, 8, 8), np.uint8)
        np.testing.assert_allclose(square.mean((1, 2)), (200, 100, 50), atol=5)
        assert picture_file.count_channels(path) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("image", "name", "expected"),
    [
        (flat("CMYK", (0, 255, 255, 0)), "x.jpg", (255, 0, 0)),
        (flat("CMYK", (0, 255, 255, 0)), "x.tif", (255, 0, 0)),
        (flat("RGB", (10, 200, 90)).convert("P", palette=Image.Palette.ADAPTIVE), "x.png", (10, 200, 90)),
        (flat("RGB", (10, 200, 90)).convert("P", palette=Image.Palette.ADAPTIVE), "x.gif", (10, 200, 90)),
        (flat("RGBA", (0, 0, 0, 0)), "x.png", (255, 255, 255)),
        (flat("RGBA", (0, 0, 0, 128)), "x.webp", (127, 127, 127)),
        (flat("LA", (40, 255)), "x.png", (40, 40, 40)),
        (flat("1", 1), "x.png", (255, 255, 255)),
        (flat("L", 77), "x.ppm", (77, 77, 77)),
        (flat("I;16", 65535), "x.png", (255, 255, 255)),
        (flat("I;16", 32896), "x.tif", (128, 128, 128)),
        (flat("I", 65535), "x.tif", (255, 255, 255)),
    ],
)
def test_odd_pictures_are_read_rightly(tmp_path: Path, image: Image.Image, name: str, expected: tuple[int, ...]) -> None:
    square = picture.square(saved(tmp_path, image, name), 3, 4)
    np.testing.assert_allclose(square.mean((1, 2)), expected, atol=3)


def test_palette_with_transparency_is_put_on_white(tmp_path: Path) -> None:
    image = flat("P", 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (8, 0, 16, 12))
    square = picture.square(saved(tmp_path, image, "x.png", transparency=b"\x00\xff"), 3, 12)
    assert square[:, 5, 1].tolist() == [255, 255, 255]
    assert square[:, 5, 10].tolist() == [0, 0, 255]


def test_animated_pictures_give_their_first_frame(tmp_path: Path) -> None:
    frames = [flat("RGB", color) for color in ("red", "blue")]
    for name in ("x.gif", "x.webp", "x.png"):
        path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
        np.testing.assert_allclose(picture.square(path, 3, 4).mean((1, 2)), (255, 0, 0), atol=4)


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = flat("RGB", "black")
    image.paste("white", (0, 0, 8, 12))
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("x.jpg", "x.png", "x.webp"):
        square = picture.square(saved(tmp_path, image, name, exif=exif), 1, 12)[0]
        assert square[:4].mean() > 240
        assert square[8:].mean() < 15


def test_a_big_photograph_is_reduced_without_losing_its_place(tmp_path: Path) -> None:
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 1200).astype(np.uint8), (800, 1)))
    square = picture.square(saved(tmp_path, ramp, "x.jpg"), 1, 32)[0]
    np.testing.assert_allclose(square.mean(0), 255 * (200 + 25 * np.arange(32) + 12.5) / 1200, atol=2)


def test_a_window_is_a_part_of_the_upright_picture(tmp_path: Path) -> None:
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 600).astype(np.uint8), (300, 1)))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, ramp, "x.jpg", exif=exif)
    for seed in range(20):
        part = picture.window(path, 1, 16, 0.3, np.random.default_rng(seed)).pixels[0].astype(int)
        assert part.shape == (16, 16)
        assert np.ptp(part.mean(1)) > 50  # the ramp runs down the upright picture
        assert np.ptp(part.mean(0)) < 5


@pytest.mark.parametrize(
    ("image", "name", "words"),
    [(flat("F", 0.5), "x.tif", "floating-point"), (flat("I", 70000), "x.tif", "more than 16 bits")],
)
def test_pixels_of_unknown_range_are_refused(tmp_path: Path, image: Image.Image, name: str, words: str) -> None:
    with pytest.raises(picture_file.Unreadable, match=words):
        picture.square(saved(tmp_path, image, name), 3, 4)


def test_a_photograph_with_a_film_behind_it_is_whole(tmp_path: Path) -> None:
    path = saved(tmp_path, flat("RGB", "red"), "x.jpg")
    path.write_bytes(path.read_bytes() + bytes(200_000))
    assert picture_file.count_channels(path) == 3


def test_the_real_ants_and_bees(shared: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(shared / "hymenoptera.zip", tmp_path)
    data = load(str(tmp_path / "hymenoptera"), image_size=32, limit=40)
    assert (data.classes, counts(data), data.warnings) == (("ants", "bees"), (40, 40, -1), ())


def test_a_picture_broken_beyond_its_header_does_not_stop_the_opening(pictures: Maker) -> None:
    root = pictures("train/a", "train/b", "val/a", "val/b", count=8)
    path = root / "train" / "a" / "0.png"
    whole = bytearray(path.read_bytes())
    whole[60:90] = bytes(30)
    path.write_bytes(whole)
    streamed, held = folder(root, resident_share=0), folder(root)
    assert (len(streamed.train), len(held.train)) == (16, 15)
    assert "1 of 32 images cannot be read" in held.warnings[0]
    with pytest.warns(UserWarning, match=r"0\.png cannot be read"):
        assert sum(len(y) for _, y in Batches(streamed.train, Feed(4, 8, held.mean, held.std, workers=0)).epoch()) == 15


def test_files_of_another_kind_alone_are_named(pictures: Maker) -> None:
    root = pictures("a", "b")
    for path in root.rglob("*.png"):
        path.unlink()
        path.with_suffix(".xml").write_text("<cat/>")
    with pytest.raises(InputError, match=r"has no images \(only \.xml\)"):
        folder(root)
