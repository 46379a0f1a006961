"""The run folder: everything a run writes, each file whole or not there."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ..data import Data
from ..data.file_list import FileList
from ..errors import ConvAtlasError, InputError, count_of, first_line, join_names, nearest_names
from ..files import (
    JsonObject,
    check_folder_is_new,
    check_kind,
    free_path,
    is_occupied,
    make_folder,
    parse_json,
    read_object,
    replace_file,
    write_json,
    write_text,
    writing_to,
)
from ..models.code import keep_code, write_code
from .events import Epoch, is_epoch_line
from .metrics import NUMBER, check_figures
from .recipe import Recipe

MEASURED = (dict, type(None))  # the figures of a split that there may be
FILES = "files.json"
SEEN = {"classes": [str], "channels": int, "size": [int], "mean": [NUMBER], "std": [NUMBER]}
EXTENSION = "extension.json"  # the recipe of a finished run that was given more epochs, until these are over
LONGEST = 60  # letters of a folder's name


class Run:
    """A folder with recipe.json env.json events.jsonl model.safetensors state.pt metrics.json predictions.safetensors.

    If its images are files, files.json lists them: which were for training, validation and test.
    That of a network of the user's own has its text too, in network.py, and network.json with its hash.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.extending = path, False
        self.recipe = Recipe.from_json(read_object(path / "recipe.json"))
        keep_code(path, self.recipe.model)

    @classmethod
    def create(cls, path: Path | None, recipe: Recipe) -> "Run":
        """A new folder; without a path, a fresh name under runs/.

        Raises   InputError if the folder holds anything: no run is ever overwritten
        """
        if path is None:
            path = free_path(
                Path("runs") / f"{slug(recipe.model)}-{slug(Path(recipe.data).stem)}-s{recipe.seed}-{recipe.digest()}"
            )
        elif is_occupied(path):
            raise not_empty(path)
        make_folder(path)
        try:
            write_code(path, recipe.model)
            write_json(path / "recipe.json", recipe.to_json())
        except ConvAtlasError:  # half a beginning would be in the way of the next one
            for file in path.iterdir():
                file.unlink()
            raise
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "Run":
        """The run in an existing folder.

        Raises   InputError if there is none
        """
        if not is_run(path):
            raise no_run(path)
        return cls(path)

    @property
    def finished(self) -> bool:
        """True once the final figures are written, and no more epochs are under way."""
        return (self.path / "metrics.json").is_file() and not self.extending

    @property
    def begun(self) -> bool:
        """True once there is a state to resume from."""
        return (self.path / "state.pt").is_file()

    @property
    def metrics(self) -> dict[str, Any]:
        """The final figures.

        Raises   InputError if the run has none yet
        """
        if not (self.path / "metrics.json").is_file():
            raise InputError(f"{self.path} is unfinished: continue it with `convatlas train --out {self.path} --resume`")
        return check_figures(read_object(self.path / "metrics.json", val=MEASURED, test=MEASURED, seconds=NUMBER))

    def take_up_extension(self) -> None:
        """Goes on with the epochs that a finished run was given, if there are such."""
        path = self.path / EXTENSION
        if path.is_file():
            self.recipe, self.extending = Recipe.from_json(read_object(path)), True

    def extend(self, epochs: int) -> None:
        """Gives a finished run more epochs; its recipe, weights and figures stay until the new ones are whole."""
        before = (*(self.recipe.extended or ()), self.recipe.epochs)
        self.recipe, self.extending = replace(self.recipe, epochs=epochs, extended=before), True

    def save_extension(self) -> None:
        """Writes down that more epochs are under way, so that they can be resumed."""
        if self.extending:
            write_json(self.path / EXTENSION, self.recipe.to_json())

    def describe(self, data: Data, image_size: int, environment: Mapping[str, Any]) -> None:
        """Writes env.json: versions, processor, and the data as the run saw it, so that the folder is enough to predict."""
        parts = {"train": data.train, "val": data.val, "test": data.test}
        sizes = {name: len(images) if images is not None else 0 for name, images in parts.items()}
        named = {"name": data.name, "title": data.title, "task": data.task, "classes": list(data.classes)}
        named["images"] = data.storage
        pixels = {"channels": data.channels, "size": list(data.size), "mean": list(data.mean), "std": list(data.std)}
        same: dict[str, Any] = {"digests": dict(data.digests)} if data.digests else {}
        if data.files is not None:
            same = {"digest": data.files.digest}
            if not (self.path / FILES).exists():
                write_text(self.path / FILES, data.files.to_text())
        write_json(self.path / "env.json", {**environment, "image_size": image_size, "data": named | sizes | pixels | same})

    @property
    def files(self) -> FileList | None:
        """Which files were for training, validation and test; None for images in memory, and for runs of older versions.

        Raises   InputError if the list is damaged
        """
        path = self.path / FILES
        if not path.is_file():
            return None
        try:
            return FileList.from_json(read_object(path, images=int, channels=int, classes=[str], files=[list]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is damaged: the run no longer knows which images it was trained on") from error

    @property
    def environment(self) -> dict[str, Any]:
        """What `describe` wrote."""
        values = read_object(self.path / "env.json", image_size=int, data=SEEN)
        for part in ("train", "val", "test"):
            check_kind(values["data"].get(part, 0), int, self.path / "env.json", part)
        return values

    def epochs(self) -> list[dict[str, Any]]:
        """The lines of events.jsonl, without one that a crash cut short."""
        path = self.path / "events.jsonl"
        rows: list[dict[str, Any]] = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
            try:
                row = parse_json(line, path)
            except ValueError:
                row = None
            if isinstance(row, JsonObject) and is_epoch_line(row):
                rows.append(row)
            else:
                logging.getLogger(__name__).warning("%s: left out a line that was cut short", path)
        return rows

    def append(self, event: Epoch) -> None:
        """Adds an epoch's line and flushes it."""
        path = self.path / "events.jsonl"
        with writing_to(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event.to_json(), allow_nan=False) + "\n")

    def keep_epochs(self, count: int) -> None:
        """Drops lines of epochs that a resumed run computes again."""
        rows = [row for row in self.epochs() if row["epoch"] <= count]
        with replace_file(self.path / "events.jsonl") as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Replaces state.pt, which `--resume` reads.

        Raises   OSError if the disk is full or the folder is read-only
        """
        with replace_file(self.path / "state.pt") as temporary, temporary.open("wb") as file:
            try:
                torch.save(dict(state), file)
            except RuntimeError as error:  # which hides the system's own message
                raise error.__context__ if isinstance(error.__context__, OSError) else error from None

    def load_state(self) -> dict[str, Any] | None:
        """The last saved state, None before the first one.

        Raises   InputError if the file is damaged
        """
        path = self.path / "state.pt"
        if not path.exists():
            return None
        try:
            return dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:  # torch.load raises many kinds for damaged files
            what = f"{path} is damaged or cut short ({type(error).__name__})"
            raise InputError(f"{what}: start again with another --out") from error

    def finish(self, weights: Mapping[str, Tensor], predictions: Mapping[str, Tensor], metrics: Mapping[str, Any]) -> None:
        """Writes what lasts; metrics.json comes last and says that the run is whole.

        Nothing takes the place of what an extended run had before all of it is written.
        """
        with ExitStack() as files:  # which takes them in reverse order
            texts = {"metrics.json": metrics} | ({"recipe.json": self.recipe.to_json()} if self.extending else {})
            for name, value in texts.items():
                temporary = files.enter_context(replace_file(self.path / name))
                temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
            for name, tensors in (("predictions", predictions), ("model", weights)):
                content = save({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
                files.enter_context(replace_file(self.path / f"{name}.safetensors")).write_bytes(content)
        (self.path / EXTENSION).unlink(missing_ok=True)
        self.extending = False

    def predictions(self) -> dict[str, Tensor]:
        """For `val` and `test` where there is one, the answers by name.

        Raises   InputError if the file is missing or damaged
        Shapes   of a classifier `{split}_labels`, `{split}_predicted` and `{split}_probability`, each (n,)
        """
        path = self.path / "predictions.safetensors"
        try:
            return load_file(path)
        except (OSError, SafetensorError, ValueError) as error:
            raise InputError(
                f"{path} is damaged, cut short or missing ({first_line(error)}): the run needs to be trained again"
            ) from None


def images_per_second(rates: Sequence[float], *, alike: bool) -> float | None:
    """The speed of a run: that of its best epoch, which nothing slowed down, or the mean where epochs don't all do the same."""
    if alike or not rates:
        return max(rates, default=None)
    return len(rates) / sum(1 / rate for rate in rates)


def is_run(place: str | Path) -> bool:
    """Whether it is a run folder."""
    return (Path(place) / "recipe.json").is_file()


def no_run(path: Path) -> InputError:
    """The error for a path that is no run folder, with what may have been meant."""
    from ..catalog import ROWS

    what = f"{path} is not a run folder"
    try:
        inside = sorted(child for child in path.iterdir() if is_run(child)) if path.is_dir() else []
        beside = [str(path.with_name(other.name)) for other in path.absolute().parent.iterdir() if is_run(other)]
    except OSError:
        inside, beside = [], []
    if inside:
        return InputError(f"{what}, but holds {count_of(len(inside), 'run')}: name {join_names([*map(str, inside)], 3, 'or')}")
    if is_run(path.parent) and not path.is_dir():
        return InputError(f"{what}, but a file of one: name {path.parent}")
    if not path.exists() and (near := nearest_names(str(path), [*ROWS, *beside])):
        return InputError(f"{what}: did you mean {' or '.join(near)}?")
    return InputError(f"{what}: it needs a recipe.json, as `convatlas train --out {path}` writes it")


def check_run_folder(path: Path | None) -> None:
    """Makes sure that a new run or study can be written, before its data is opened.

    Raises   InputError if the folder holds anything, or lies where nothing can be written
    """
    if path is None:
        return
    if is_occupied(path):
        raise not_empty(path)
    check_folder_is_new(path)


def not_empty(path: Path) -> InputError:
    """The error for a folder that already holds something."""
    return InputError(f"{path} is not empty and nothing is overwritten: add --resume to continue it, or choose another --out")


def slug(text: str) -> str:
    """Letters, digits and dashes for a folder's name; a long one ends in a digest, so that two stay different."""
    plain = "".join(c if c.isalnum() or c == "_" else "-" for c in text).strip("-")
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
