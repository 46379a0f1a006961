"""Indexes as files: an .npz of plain arrays, whose vectors are mapped into memory, or a Parquet table."""

import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import InputError, first_line
from ..files import replace_file
from . import parquet
from .extract import write_rows
from .index import FORMAT, Index, Ints, Part, Vectors, check_index, index_from_parts

ENDINGS = (".npz", ".parquet")
LOCAL_HEADER = 30  # bytes of it before the name


def kind_of(path: Path) -> str:
    """The ending that says how the file is written.

    Raises   InputError for an ending that says nothing, and where pyarrow is needed and missing
    """
    kind = path.suffix.lower()
    if kind not in ENDINGS:
        raise InputError(f"an index is written as {' or '.join(ENDINGS)}, got {path.name!r}")
    if kind == ".parquet":
        parquet.check_installed()
    return kind


def save(path: Path, parts: Iterable[Part], images: Index) -> Index:
    """Writes the vectors as they come, whole or not at all; `images` has all else, of those that come and those that don't.

    Raises   InputError if there is no vector
    """
    if kind_of(path) == ".parquet":
        parquet.save(path, parts, images)
        return load(path)
    raw = path.with_name(f".{path.name}.{os.getpid()}.npy")
    with replace_file(path) as temporary:
        try:
            places = np.concatenate(list(write_vectors(raw, parts))) if images.paths.size else np.empty(0, np.int64)
            with zipfile.ZipFile(temporary, "w") as archive:
                archive.write(raw, "vectors.npy")
                about = {"format": FORMAT, "classes": images.classes, "root": images.root, "maker": images.maker.to_json()}
                arrays = {"labels": images.labels[places], "paths": images.paths[places], "about": np.array(json.dumps(about))}
                for name, value in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, value, allow_pickle=False)
        finally:
            raw.unlink(missing_ok=True)
    return load(path)


def write_vectors(raw: Path, parts: Iterable[Part]) -> Iterator[Ints]:
    """Writes the vectors to an .npy of their own, and hands on the places.

    Shapes   parts: vectors (k, d) and places (k,) each → places (k,) each
    """
    places: list[Ints] = []

    def rows() -> Iterator[Vectors]:
        for vectors, at in parts:
            places.append(at)
            yield vectors

    write_rows(rows(), raw)
    yield from places


def load(path: Path) -> Index:
    """The index in a file, its vectors mapped into memory where it is an .npz.

    Raises   InputError if there is none, or it is something else
    """
    kind = kind_of(path)
    if not path.is_file():
        raise InputError(f"there is no index {path}: make one with convatlas embed … --out {path.name}")
    with explain_errors(path):
        if kind == ".parquet":
            index = parquet.load(path)
        else:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                labels, paths, about = (archive[name] for name in ("labels", "paths", "about"))
            index = index_from_parts(map_array(path, "vectors.npy"), labels.astype(np.int64), paths, json.loads(str(about)))
        check_index(index)
        return index


@contextmanager
def explain_errors(path: Path) -> Iterator[None]:
    """Turns what reading another kind of file raises into one sentence.

    Raises   InputError
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001  # a damaged file raises whatever its reader stumbles over
        words = f"it lacks {error}" if isinstance(error, KeyError) else first_line(error)
        raise InputError(f"{path} is no index, or was cut short ({words}): make one with convatlas embed") from None


def map_array(path: Path, member: str) -> Vectors:
    """An uncompressed array of an .npz without reading it into memory.

    Raises   ValueError if it is stored otherwise
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        info = archive.getinfo(member)
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{member} is compressed")
        file.seek(info.header_offset)
        head = file.read(LOCAL_HEADER)
        file.seek(
            info.header_offset + LOCAL_HEADER + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        )
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{member} is written in another version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        if fortran or dtype.hasobject:
            raise ValueError(f"{member} is no plain table")
        return np.memmap(path, dtype, "r", file.tell(), shape)
