"""`convatlas verify`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json


def verify(
    *networks: str,
    memory: Annotated[str | None, Parameter(help="Memory for comparing values, such as 8GB. [all that is free]")] = None,
    quick: Annotated[bool, Parameter(name="--quick", negative="", help="Compare only layouts and costs, no values.")] = False,
    html: Annotated[Path | None, Parameter(help="Also write the results as a page.")] = None,
    as_json: Json = False,
) -> None:
    """Compare networks with their references on this machine.

    Example: convatlas verify "resnet*"

    The reference is torchvision, timm, pytorchcv or the numbers of the paper. Prints one line per network: name, reference,
    parameters, largest difference, verdict. The exit code is 1 if there is an unexplained difference.

    Parameters
    ----------
    networks
        Shell patterns for names, such as "resnet*"; all networks if none is given.
    """
    from ..console.verdicts import print_verdicts
    from ..errors import unknown_name
    from ..files import check_is_new
    from ..models import CATALOG, list_models
    from ..verify import Outcome, parse_size
    from ..verify import verify as verdicts

    check_is_new(html, "--html")
    allowed = None if memory is None else parse_size(memory)
    matching = {pattern: list_models(pattern) for pattern in networks or ["*"]}
    for pattern, names in matching.items():
        if not names:
            raise unknown_name("network", pattern, CATALOG)
    chosen = [name for name in CATALOG if any(name in names for names in matching.values())]
    results = print_verdicts(verdicts(chosen, allowed, quick=quick), chosen, html, as_json)
    if any(verdict.outcome is Outcome.DIFFERS for verdict in results):
        sys.exit(1)
