"""`convatlas weights`: what is published, fetched, where it lies, whether it is whole."""

import sys
from typing import Annotated

from cyclopts import App, Parameter

from .flags import Json

app = App(name="weights", help="Published weights: list them, fetch them, say where they lie, check that they are whole.")
Tag = Annotated[str, Parameter(name="--tag", help="Which of the network's weights, such as imagenet1k_v2.")]


@app.command(name="list")
def list_(*patterns: str, as_json: Json = False) -> None:
    """List the published weights: size, accuracy, input, license, and whether they are on disk.

    Parameters
    ----------
    patterns
        Shell patterns that names of networks must match, such as "resnet*"; all networks if there is none.
    """
    from ..console import weights as console
    from ..weights.checkpoints import matching
    from ..weights.store import held

    console.listed([(row, held(row)) for row in matching(patterns)], as_json)


@app.command
def fetch(*networks: str, tag: Tag = "default") -> None:
    """Fetch published weights, unless they are here and whole, and print where they lie.

    Parameters
    ----------
    networks
        Names of networks.
    """
    from ..console import weights as console
    from ..errors import InputError
    from ..weights import find

    if not networks:
        raise InputError("fetch needs the name of a network, such as `convatlas weights fetch resnet50`")
    for checkpoint in [find(name, tag) for name in networks]:
        console.fetched(checkpoint)


@app.command
def path(network: str | None = None, /, *, tag: Tag = "default") -> None:
    """Print where a network's weights lie; exit code 1 if they are not there yet.

    Parameters
    ----------
    network
        Name of a network; the folder of all weights if there is none.
    """
    from ..weights import find
    from ..weights.store import folder, held
    from ..weights.store import path as place

    if network is None:
        print(folder())
        return
    checkpoint = find(network, tag)
    found = held(checkpoint)
    print(found[0] if found else place(checkpoint))
    if not found:
        print(f"not there yet: convatlas weights fetch {network} --tag {checkpoint.tag}", file=sys.stderr)
        sys.exit(1)


@app.command
def verify(*patterns: str, as_json: Json = False) -> None:
    """Check the hashes of the weights on disk; exit code 1 if one is broken.

    Parameters
    ----------
    patterns
        Shell patterns that names of networks must match; all networks if there is none.
    """
    from ..console import weights as console
    from ..weights.checkpoints import matching
    from ..weights.store import digest, held

    here = ((row, place, digest(place)) for row in matching(patterns) for place in held(row))
    if not console.verified(here, as_json):
        sys.exit(1)
