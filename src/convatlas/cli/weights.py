"""`convatlas weights`."""

import sys
from typing import Annotated

from cyclopts import App, Parameter

from .flags import Json

app = App(name="weights", help="List, download, locate and check published weights.\n\nExample: convatlas weights list")
Tag = Annotated[str, Parameter(name="--tag", help="Tag of the network's weights, such as imagenet1k_v2.")]


@app.command(name="list")
def list_(*patterns: str, as_json: Json = False) -> None:
    """List published weights: size, accuracy, license.

    Example: convatlas weights list "resnet*"

    Also shows the input size, and which weights are on disk.

    Parameters
    ----------
    patterns
        Shell patterns for names of networks, such as "resnet*"; all networks if none is given.
    """
    from ..console import weights as console
    from ..weights.checkpoints import match_checkpoints
    from ..weights.store import copies_on_disk

    console.print_weights([(row, copies_on_disk(row)) for row in match_checkpoints(patterns)], as_json)


@app.command
def fetch(*networks: str, tag: Tag = "default") -> None:
    """Download published weights, and print their path.

    Example: convatlas weights fetch resnet50

    Weights that are on disk and intact are not downloaded again.

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
        console.fetch_and_print(checkpoint)


@app.command
def path(network: str | None = None, /, *, tag: Tag = "default") -> None:
    """Print the path of a network's published weights.

    Example: convatlas weights path resnet50

    The exit code is 1 if they have not been downloaded.

    Parameters
    ----------
    network
        Name of a network; without it, the folder of all weights is printed.
    """
    from ..weights import find
    from ..weights.store import copies_on_disk, folder
    from ..weights.store import path as place

    if network is None:
        print(folder())
        return
    checkpoint = find(network, tag)
    files = copies_on_disk(checkpoint)
    print(files[0] if files else place(checkpoint))
    if not files:
        print(f"not there yet: convatlas weights fetch {network} --tag {checkpoint.tag}", file=sys.stderr)
        sys.exit(1)


@app.command
def verify(*patterns: str, as_json: Json = False) -> None:
    """Check the hashes of the weights on disk.

    Example: convatlas weights verify

    The exit code is 1 if a file is broken.

    Parameters
    ----------
    patterns
        Shell patterns for names of networks; all networks if none is given.
    """
    from ..console import weights as console
    from ..weights.checkpoints import match_checkpoints
    from ..weights.store import copies_on_disk, digest

    here = ((row, place, digest(place)) for row in match_checkpoints(patterns) for place in copies_on_disk(row))
    if not console.print_verification(here, as_json):
        sys.exit(1)
