"""`convatlas push` and `convatlas pull`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json

Token = Annotated[str | None, Parameter(help="Access token. [HF_TOKEN, or the one of `hf auth login`]")]


def push(
    run: Path,
    repository: str,
    /,
    *,
    private: Annotated[bool, Parameter(negative="", help="Make a new repository private.")] = False,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Upload a run and its card to the Hugging Face Hub.

    Example: convatlas push runs/mine ann/digits

    The variable HF_ENDPOINT names another hub.

    Parameters
    ----------
    run
        A run folder.
    repository
        OWNER/NAME; created if it does not exist.
    """
    from ..console import sharing
    from ..runs import hub

    sharing.print_push(hub.push(run, repository, private=private, token=token), as_json)


def pull(
    repository: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="New folder for the run. [a new folder under runs/]")] = None,
    revision: Annotated[str | None, Parameter(help="Branch, tag or commit. [the newest commit]")] = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Download a run from the Hugging Face Hub, and check it.

    Example: convatlas pull ann/digits --out runs/digits

    Parameters
    ----------
    repository
        OWNER/NAME.
    """
    from ..console import sharing
    from ..runs import hub

    sharing.print_pull(hub.pull(repository, out, revision=revision, token=token), as_json)
