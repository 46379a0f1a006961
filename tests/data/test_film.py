"""Films as pictures at even times; the films are made on the spot."""

import struct
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convatlas.data.film import Camera, camera_place, count_stills, is_film, stills
from convatlas.data.picture_file import LIMIT, Unreadable
from convatlas.errors import InputError

needs_video = pytest.mark.skipif(find_spec("av") is None, reason="no [video]")


def make_film(path: Path, frames: int = 25, rate: int = 10, left: int = 0, codec: str = "mpeg4") -> Path:
    """Frames of 64 x 48, each 10 levels lighter than the one before; the left third has a level of its own."""
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(frames):
            pixels = np.full((48, 64, 3), 10 * i, np.uint8)
            pixels[:, :21] = left
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def level(picture: Image.Image) -> float:
    return float(np.asarray(picture)[10:-10, 32:-4].mean())


@needs_video
@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "mov"])
@pytest.mark.parametrize(
    ("every", "times"), [(1.0, [0, 1, 2]), (0.5, [0, 0.5, 1, 1.5, 2]), (0.25, [0, 0.3, 0.5, 0.8, 1, 1.3, 1.5, 1.8, 2, 2.3])]
)
def test_frames_come_at_even_times(tmp_path: Path, ending: str, every: float, times: list[float]) -> None:
    film = make_film(tmp_path / f"x.{ending}")
    seen = list(stills(film, every))
    assert [still.time for still in seen] == pytest.approx(times, abs=1e-3)
    assert [level(still.picture) for still in seen] == pytest.approx([100 * time for time in times], abs=6)
    assert count_stills(film, every) in (len(times), len(times) + 1)


def turn_film(path: Path, matrix: tuple[int, ...]) -> None:
    """Writes another display matrix into the header of an .mp4, as a phone that is held upright does."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40
    content[place : place + 36] = struct.pack(">9i", *matrix)
    path.write_bytes(content)


@needs_video
def test_films_of_phones_are_turned_upright(tmp_path: Path) -> None:
    film = make_film(tmp_path / "x.mp4", frames=2, left=255)
    turn_film(film, (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30))  # a quarter to the right
    picture = next(stills(film, 1)).picture
    assert picture.size == (48, 64)
    pixels = np.asarray(picture).mean(2)
    assert pixels[:18].mean() > 230  # what was left is on top
    assert pixels[24:].mean() < 25


@needs_video
def test_what_is_no_film_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = make_film(tmp_path / "x.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[:500])
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n")
    for name in ("cut.mp4", "empty.mp4", "list.mp4"):
        with pytest.raises(Unreadable, match=r"Invalid data|End of file"):
            list(stills(tmp_path / name, 1))
        assert count_stills(tmp_path / name, 1) == 1
    monkeypatch.setenv(LIMIT, "100")
    with pytest.raises(Unreadable, match=r"3,072 pixels, and 100 are allowed"):
        list(stills(film, 1))


def test_content_tells_films_from_pictures(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "photo.jpg")
    (tmp_path / "photo.jpg").rename(tmp_path / "photo.mov")
    (tmp_path / "film").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0")
    (tmp_path / "film.mkv").write_bytes(b"\x1a\x45\xdf\xa3")
    (tmp_path / "live.heic").write_bytes(struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic")
    (tmp_path / "cut.mp4").touch()
    names = ("photo.mov", "film", "film.mkv", "live.heic", "cut.mp4", "nothing.txt")
    assert [is_film(tmp_path / name) for name in names] == [False, True, True, False, True, False]


def test_without_the_extra_a_sentence_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convatlas.data.film.find_spec", lambda _: None)
    (tmp_path / "x.mp4").touch()
    for read in (lambda: list(stills(tmp_path / "x.mp4", 1)), lambda: list(stills(Camera(0), 1))):
        with pytest.raises(InputError, match=r"films and cameras need the package av: pip install 'convatlas\[video\]'"):
            read()


def test_cameras_are_found_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    places: dict[str, Any] = {}
    for system in ("linux", "darwin"):
        monkeypatch.setattr("sys.platform", system)
        places[system] = camera_place(1)
    assert places == {"linux": ("/dev/video1", {"format": "v4l2"}), "darwin": ("1", {"format": "avfoundation"})}
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(InputError, match="--camera works on Linux and macOS"):
        camera_place(0)


@needs_video
def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"camera 97 cannot be opened \(No such file or directory\)"):
        list(stills(Camera(97), 1))


@needs_video
def test_a_camera_is_a_film_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = make_film(tmp_path / "x.mp4")
    monkeypatch.setattr("convatlas.data.film.camera_place", lambda _: (str(film), {}))
    assert [still.time for still in stills(Camera(0), 1)] == pytest.approx([0, 1, 2])
