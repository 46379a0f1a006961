"""A run folder to a repository of the Hugging Face Hub, and from there to another machine.

What travels are the files that a run needs and its card, under the names they have; state.pt, which only resuming needs, stays.
"""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.record import slug
from ..errors import ConvAtlasError, InputError
from ..files import check_folder_is_new, free_path, make_folder, writing_to
from ..models.code import RECORD, TEXT
from ..offline import offline
from ..weights.download import is_safe
from ..weights.store import digest
from .network import load_run

if TYPE_CHECKING:
    from huggingface_hub import HfApi

NEEDED = ("recipe.json", "env.json", "model.safetensors", "metrics.json")
FILES = (*NEEDED, "events.jsonl", "predictions.safetensors", "README.md")
CODE = (TEXT, RECORD)  # of a network of the user's own
PICTURE = re.compile(r"card/[\w-]+\.png", re.ASCII)
NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
PUBLIC = "https://huggingface.co"
LOG_IN = "log in with `hf auth login`, set HF_TOKEN, or give --token"


@dataclass(frozen=True, slots=True)
class PushResult:
    """What a repository holds now."""

    url: str
    commit: str
    files: tuple[str, ...]
    before: str | None  # the commit that held another run, or an earlier form of this one


@dataclass(frozen=True, slots=True)
class PullResult:
    """What a new run folder holds now, and which files of the repository were skipped because no run has such files."""

    folder: Path
    commit: str
    files: tuple[str, ...]
    left_out: tuple[str, ...]


def push(folder: Path, name: str, *, private: bool = False, token: str | None = None) -> PushResult:
    """Puts a finished run into a repository, new or not, in one commit; what it held of another run goes.

    Raises   InputError if the folder holds no finished run, the name is none, or the hub refuses; ConvAtlasError if it
             cannot be reached
    """
    load_run(folder)  # one that is damaged shall not travel
    files = tuple(sorted(file for path in folder.rglob("*") if is_run_file(file := path.relative_to(folder).as_posix())))
    hub = open_client(name, token)
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with explain_errors(name, hub.endpoint):
        url = hub.create_repo(name, private=private or None, exist_ok=True)
        info = hub.model_info(name)
        if private and not info.private:
            raise InputError(f"{name} is there already and public: make it private on its page first, or leave --private out")
        there = [sibling.rfilename for sibling in info.siblings or () if is_run_file(sibling.rfilename)]
        added = [CommitOperationAdd(file, folder / file) for file in files]
        gone = [CommitOperationDelete(file) for file in there if file not in files]
        commit = hub.create_commit(name, [*added, *gone], commit_message=f"Run {folder.resolve().name}")
    return PushResult(str(url), commit.oid, files, info.sha if "model.safetensors" in there else None)


def pull(name: str, out: Path | None = None, *, revision: str | None = None, token: str | None = None) -> PullResult:
    """Fetches a run into a new folder, which appears whole or not at all; without `out`, a fresh name under runs/.

    Each file is checked against the hash that the hub has for it, then the whole as `load_run` does; nothing is unpickled.

    Raises   InputError if the folder holds anything, there is no such repository or it holds no run, or a file is not what
             it should be; ConvAtlasError if the hub cannot be reached
    """
    folder = free_path(Path("runs") / slug(name.rpartition("/")[2])) if out is None else out
    check_folder_is_new(folder)
    hub = open_client(name, token)
    with explain_errors(name, hub.endpoint, revision):
        info = hub.model_info(name, revision=revision, files_metadata=True)
    there = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    if missing := [file for file in NEEDED if file not in there]:
        raise InputError(f"{name} holds no run of convatlas: it lacks {', '.join(missing)}")
    files = tuple(sorted(filter(is_run_file, there)))
    left_out = tuple(sorted(there.keys() - set(files) - {".gitattributes"}))
    with new_folder(folder) as temporary:
        for file in files:
            with explain_errors(name, hub.endpoint), writing_to(folder):
                hub.hf_hub_download(name, file, revision=info.sha, local_dir=temporary)
            check_hash(temporary / file, there[file], name)
        shutil.rmtree(temporary / ".cache", ignore_errors=True)  # the client's own notes
        check_run(temporary, name)
    return PullResult(folder, str(info.sha), files, left_out)


def is_run_file(file: str) -> bool:
    """Whether a file of that name belongs to a run; no other is ever pushed or pulled."""
    return file in (*FILES, *CODE) or PICTURE.fullmatch(file) is not None


def open_client(name: str, token: str | None) -> "HfApi":
    """The hub that HF_ENDPOINT names, else the public one.

    Raises   InputError if its library is not installed, or the network is forbidden, or the name cannot be one
    """
    if find_spec("huggingface_hub") is None:
        raise InputError("push and pull need the package huggingface_hub: pip install 'convatlas[hub]'")
    if not NAME.fullmatch(name):
        raise InputError(f"a repository is called OWNER/NAME, in letters, digits, dashes and dots, got {name!r}")
    if offline():
        raise InputError("CONVATLAS_OFFLINE forbids the network: unset it to push and pull")
    endpoint = (os.environ.get("HF_ENDPOINT") or PUBLIC).rstrip("/")
    if not is_safe(endpoint):
        raise InputError(f"HF_ENDPOINT needs an address that begins with https://, got {endpoint!r}")
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi(endpoint, token, library_name="convatlas", library_version=version("convatlas"))


@contextmanager
def explain_errors(name: str, endpoint: str, revision: str | None = None) -> Iterator[None]:
    """Turns what the client raises into errors that say what to do.

    Raises   InputError if the hub refuses, ConvAtlasError if it cannot be reached
    """
    from huggingface_hub import errors

    try:
        yield
    except ConvAtlasError:
        raise
    except errors.RevisionNotFoundError:
        raise InputError(f"{name} has no revision {revision!r}: leave --revision out for the newest") from None
    except errors.HfHubHTTPError as error:
        raise refusal(error.response.status_code, name, endpoint) from None
    except (errors.HTTPError, OSError, RuntimeError) as error:  # type: ignore[attr-defined]  # of the transport it uses
        known = error.__cause__
        if isinstance(known, errors.HfHubHTTPError):
            raise refusal(known.response.status_code, name, endpoint) from None
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConvAtlasError(f"{endpoint} cannot be reached ({reason}): look at the connection and try again") from None
    except ValueError as error:  # an answer or a name that is malformed
        raise InputError(f"{name} cannot be used: {error}") from None


def refusal(status: int, name: str, endpoint: str) -> ConvAtlasError:
    """The error for the status that a hub answers with."""
    if status == 401:
        return InputError(f"{endpoint} has no {name} for those it does not know: {LOG_IN}")
    if status == 403:
        return InputError(f"this token may not do that to {name}: {LOG_IN} with one that may write there")
    if status == 404:
        return InputError(f"{endpoint} has no repository {name}, or a private one that this token may not see: {LOG_IN}")
    return ConvAtlasError(f"{endpoint} answered with status {status}: try again later")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder to fill; its files are moved to `folder` only when the block ends well, metrics.json last of all.

    Raises   InputError if the folder cannot be written
    """
    beside = folder if folder.is_dir() else make_folder(folder.absolute().parent)
    temporary = beside / f".{folder.absolute().name}.{os.getpid()}.tmp"
    try:
        yield make_folder(temporary)
        with writing_to(folder):
            if not folder.is_dir():
                temporary.rename(folder)
                return
            for path in sorted(temporary.iterdir(), key=lambda path: path.name == "metrics.json"):
                path.rename(folder / path.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_hash(path: Path, known: Any, name: str) -> None:
    """Raises InputError unless the file has the hash that the hub has for it: sha256 of large files, git's of others."""
    if known.lfs is not None:
        whole = digest(path) == known.lfs.sha256
    else:
        content = path.read_bytes()
        whole = hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest() == known.blob_id
    if not whole:
        raise InputError(f"{known.rfilename} of {name} came with another hash than the hub has for it: pull it again")


def check_run(folder: Path, name: str) -> None:
    """Raises InputError if what came is no run that can be used."""
    try:
        load_run(folder)
    except (TypeError, ValueError, AttributeError) as error:
        reason = str(error).replace(str(folder), name)
        raise InputError(f"{name} came whole, but is no run of this version of convatlas: {reason}") from None
