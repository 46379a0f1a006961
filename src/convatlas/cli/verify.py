"""`convatlas verify`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .flags import Json


def verify(
    *networks: str,
    memory: Annotated[
        str | None, Parameter(help="What comparing values may take, such as 8GB; all that is free if not given.")
    ] = None,
    quick: Annotated[bool, Parameter(name="--quick", negative="", help="Compare no values: layouts and costs alone.")] = False,
    html: Annotated[Path | None, Parameter(help="Also write the certificate as a page to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Compare networks with torchvision's, timm's, pytorchcv's or their papers' numbers, here and now.

    A line a network: name, reference, parameters, largest difference, verdict. Ends with 1 if a difference is not meant.

    Parameters
    ----------
    networks
        Shell patterns that names must match, such as "resnet*"; all networks if there is none.
    """
    from ..console.verdicts import certified
    from ..errors import unknown
    from ..models import CATALOG, list_models
    from ..verify import Outcome, parse
    from ..verify import verify as verdicts

    allowed = None if memory is None else parse(memory)
    matching = {pattern: list_models(pattern) for pattern in networks or ["*"]}
    for pattern, names in matching.items():
        if not names:
            raise unknown("network", pattern, CATALOG)
    chosen = [name for name in CATALOG if any(name in names for names in matching.values())]
    found = certified(verdicts(chosen, allowed, quick=quick), chosen, html, as_json)
    if any(verdict.outcome is Outcome.DIFFERS for verdict in found):
        sys.exit(1)
