"""`convatlas push` and `convatlas pull`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json

Token = Annotated[str | None, Parameter(help="Access token; HF_TOKEN, or the one of `hf auth login`, if not given.")]


def push(
    run: Path,
    repository: str,
    /,
    *,
    private: Annotated[bool, Parameter(negative="", help="Make a new repository that only you can see.")] = False,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Put a run and its card into a repository of the Hugging Face Hub, or of the one that HF_ENDPOINT names.

    Parameters
    ----------
    run
        A run folder.
    repository
        OWNER/NAME; made if it does not exist.
    """
    from ..console import sharing
    from ..runs import hub

    sharing.pushed(hub.push(run, repository, private=private, token=token), as_json)


def pull(
    repository: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="New folder for the run; a fresh name under runs/ if not given.")] = None,
    revision: Annotated[str | None, Parameter(help="Branch, tag or commit; the newest commit if not given.")] = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Fetch a run from a repository of the Hugging Face Hub, check it, and put it into a new folder.

    Parameters
    ----------
    repository
        OWNER/NAME.
    """
    from ..console import sharing
    from ..runs import hub

    sharing.pulled(hub.pull(repository, out, revision=revision, token=token), as_json)
