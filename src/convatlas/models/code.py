"""The code of networks that are no part of the catalog: found, executed if the user allows it, and kept in run folders.

A run folder keeps the text of the user's file beside its weights; that text is executed where the user trusts it, or where
it is the text of a file that the user named. So nothing is ever executed because a folder says so.
"""

import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ..errors import InputError, unknown_name
from ..files import read_object, write_json, write_text
from ..trust import FILE, TRUST, place_and_rest

TEXT, RECORD = "network.py", "network.json"
"""The files of a run folder that hold the text of an own network, and its place and hash."""

Make = Callable[..., nn.Module]


@dataclass(frozen=True, slots=True)
class Code:
    """A class or function that makes a network, with the text it stands in."""

    place: str
    make: Make
    module: ModuleType
    text: str
    package: str = ""  # the library it belongs to, with its version; empty for a file

    @property
    def sha256(self) -> str:
        return hash_of(self.text)


@dataclass(frozen=True, slots=True)
class KeptCode:
    """What a run folder holds of an own network."""

    folder: Path
    place: str
    sha256: str
    text: str | None  # None for a library's


KEPT: dict[str, dict[Path, KeptCode]] = {}
"""What the run folders opened so far hold, by place and folder."""

LOADED: dict[str, Code] = {}
"""The code that was executed so far, by place."""


def code_of(place: str) -> Code:
    """The code of a place, executed when it is first asked for.

    Raises   InputError if the user neither named it nor trusts it, it cannot be found, or it raises
    """
    if place not in LOADED:
        LOADED[place] = load_code(place)
    return LOADED[place]


def load_code(place: str) -> Code:
    """The code of a place that the user named, or else of the run folder that keeps it.

    Raises   InputError as `code_of`
    """
    kept = list(KEPT.get(place, {}).values())
    if place in TRUST.places or (TRUST.all and not kept):
        return load_file(place, read_text(place)) if FILE.fullmatch(place) else load_module(place)
    if not kept:
        raise InputError(
            f"{place} is code that the command does not name, so it is not executed: name it, or add --trust-code "
            "(in Python trust_code=True) if you know it"
        )
    name = place.rpartition(":")[2]
    texts = {one.sha256: one for one in kept}
    for own in list(TRUST.places):  # the same text under a name that the user gave
        if own.rpartition(":")[2] == name and (code := code_of(own)).sha256 in texts:
            return code
    one = kept[-1]
    if not TRUST.all and one.folder not in TRUST.folders:
        raise InputError(
            f"{one.folder} was trained with code of its own, {place}, and a run folder's code is not executed unasked: read "
            f"{one.folder / TEXT if one.text is not None else 'what it names'} and add --trust-code, or name your file and "
            f"give the folder as --weights"
        )
    if len(texts) > 1:
        folders = " and ".join(str(other.folder) for other in texts.values())
        raise InputError(f"{folders} were trained with different texts of {place}: open one at a time")
    if one.text is None:
        return load_module(place)
    return load_file(f"{one.folder / TEXT}:{name}", one.text)


def read_text(place: str) -> str:
    """The text of a file with a network.

    Raises   InputError if it cannot be read
    """
    path = Path(place.rpartition(":")[0])
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"a network of your own is named FILE.py:CLASS, but {path} cannot be read ({error}): `convatlas new {path.name}` "
            "writes one to begin with"
        ) from None


def load_file(place: str, text: str) -> Code:
    """Executes the text of a file, whose folder its imports are looked up in.

    Raises   InputError if it raises, with the line, or holds no such class or function
    """
    file, _, name = place.rpartition(":")
    path = Path(file).resolve()
    module = ModuleType(f"convatlas_own_{path.stem}_{hash_of(str(path) + text)[:8]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses and torch.compile look for it
    with explain_own_errors(place, path), on_search_path(path.parent):
        exec(compile(text, str(path), "exec"), vars(module))  # noqa: S102 (the user named it)
    return Code(place, maker(vars(module), name, file, module.__name__), module, text)


def load_module(place: str) -> Code:
    """Imports a module, of an installed library or of the working folder.

    Raises   InputError if there is none, it raises, or it holds no such class or function
    """
    dotted, _, name = place.rpartition(":")
    with explain_own_errors(place), on_search_path(Path.cwd()):
        try:
            module = importlib.import_module(dotted)
        except ModuleNotFoundError as error:
            top = dotted.partition(".")[0]
            remedy = f"pip install {top}" if error.name == top else "look at its spelling"
            raise InputError(f"{place} needs the module {error.name}, which is not there: {remedy}") from None
    make = maker(vars(module), name, dotted)
    try:
        text = Path(inspect.getsourcefile(make) or "").read_text(encoding="utf-8")
    except (TypeError, OSError, UnicodeDecodeError):
        text = ""
    top = dotted.partition(".")[0]
    try:
        package = f"{top} {version(top)}"
    except PackageNotFoundError:
        package = ""
    return Code(place, make, sys.modules.get(make.__module__, module), text, package)


def maker(names: Mapping[str, Any], name: str, where: str, defined_in: str = "") -> Make:
    """The class or function of that name.

    Raises   InputError if there is none, with the nearest names
    """
    value = names.get(name)
    if value is None:
        known = [
            key for key, other in names.items() if makes_network(other) and (other.__module__ == defined_in or not defined_in)
        ]
        raise unknown_name(f"class or function of {where}", name, known)
    if not callable(value):
        raise InputError(f"{where}:{name} needs to be a class or function that makes a network, got {type(value).__name__}")
    return value


def makes_network(value: object) -> bool:
    """Whether a name may stand for a network: a module's class, or a public function."""
    return (isinstance(value, type) and issubclass(value, nn.Module)) or (
        inspect.isfunction(value) and not value.__name__.startswith("_")
    )


@contextmanager
def on_search_path(folder: Path) -> Iterator[None]:
    """Looks imports up in this folder too, after all others, while the block runs."""
    sys.path.append(str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def explain_own_errors(place: str, path: Path | None = None) -> Iterator[None]:
    """Turns whatever the user's code raises into a sentence with the user's line.

    Raises   InputError
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{place} raised {describe_error(error, path)}") from error


def describe_error(error: BaseException, path: Path | None = None) -> str:
    """`TypeError (…) in line 12, x = self.fc(x)`: an error with the last line of the file that it went through.

    Without a path, of any file that was loaded as own network.
    """
    files = {str(path)} if path else {code.module.__file__ for code in LOADED.values()}
    what = f"{type(error).__name__} ({' '.join(str(error).split())[:300]})"
    if isinstance(error, SyntaxError) and error.lineno:
        return f"SyntaxError ({error.msg}) in line {error.lineno}, {(error.text or '').strip()}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return f"{what} in line {frames[-1].lineno}, {frames[-1].line}" if frames else what


def went_through_own_code(error: BaseException) -> bool:
    """Whether an error was raised by a file that was loaded as own network, or by what it called."""
    files = {code.module.__file__ for code in LOADED.values() if not code.package}
    return any(frame.filename in files for frame in traceback.extract_tb(error.__traceback__))


def hash_of(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def keep_code(folder: Path, name: str) -> None:
    """Notes what a run folder holds of the user's network that it trained; nothing is executed. A catalog's name is ignored."""
    place = place_and_rest(name)
    if place is None or not (folder / RECORD).is_file():
        return
    path = folder / TEXT
    text = path.read_text(encoding="utf-8") if path.is_file() else None
    sha256 = str(read_object(folder / RECORD).get("sha256")) if text is None else hash_of(text)
    KEPT.setdefault(place[0], {})[folder] = KeptCode(folder, place[0], sha256, text)


def check_text(folder: Path, place: str) -> None:
    """Makes sure that the code in use is the text that a run was trained with, unless the user allows another.

    Raises   InputError if it is another text
    """
    kept = next((folders[folder] for folders in KEPT.values() if folder in folders), None)
    if kept is None or TRUST.changed or code_of(place).sha256 == kept.sha256:
        return
    own = f"leave {place} out and add --trust-code to execute {folder / TEXT}, or " if kept.text is not None else ""
    raise InputError(
        f"{folder} was trained with another text of {kept.place} than {place} has now: {own}add --changed-code to use its "
        "weights with the text of today"
    )


def write_code(folder: Path, name: str) -> None:
    """Writes the text of an own network and its hash into a run folder; nothing for a network of the catalog.

    Raises   InputError as `code_of`, and if the disk is full
    """
    if (place := place_and_rest(name)) is None:
        return
    code = code_of(place[0])
    if not code.package:
        write_text(folder / TEXT, code.text)
    write_json(folder / RECORD, {"place": place[0], "sha256": code.sha256, "package": code.package})
