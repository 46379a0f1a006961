"""The command line: parse, call, print. One file per command; a new command is imported here and added to COMMANDS."""

import json
import sys
from collections.abc import Callable

from cyclopts import App, Group

from .. import __version__
from ..errors import ConvAtlasError
from ..ops.malloc import keep_freed_memory
from . import (
    blueprint,
    card,
    cluster,
    compare,
    conv,
    data,
    embed,
    evaluate,
    evolution,
    hub,
    listing,
    look,
    lr_find,
    predict,
    probe,
    schedule,
    search,
    show,
    train,
    tune,
    verify,
    weights,
)

app = App(
    name="convatlas",
    version=__version__,
    help="Every famous convolutional network from scratch: train, compare, look inside, fine-tune and share.",
)
# The commands as `convatlas --help` shows them: groups and commands stand in the order of work.
COMMANDS: dict[str, tuple[Callable[..., None] | App, ...]] = {
    "Catalog": (listing.list_, show.show, weights.app, verify.verify, evolution.evolution),
    "Train and compare": (train.train, evaluate.evaluate, compare.compare, lr_find.lr_find, schedule.schedule),
    "Your images": (data.app, tune.tune, predict.predict),
    "Look inside": (look.look, blueprint.blueprint, conv.conv),
    "Features": (embed.embed, search.search, cluster.cluster, probe.probe),
    "Share": (card.card, hub.push, hub.pull),
}
for place, (title, commands) in enumerate(COMMANDS.items()):
    group = Group(title, sort_key=place)
    for order, command in enumerate(commands):
        if isinstance(command, App):
            command.group, command.sort_key = group, order
            app.command(command)
        else:
            app.command(command, group=group, sort_key=order)
app["--help"].group = app["--version"].group = Group("Flags", sort_key=len(COMMANDS))


def main() -> None:
    """Run the command line; wrong input ends with a sentence and exit code 2, never with a traceback."""
    try:
        with keep_freed_memory():
            app(sys.argv[1:])
    except ConvAtlasError as error:
        if "--json" in sys.argv:
            print(json.dumps({"error": str(error)}))
        print(f"convatlas: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("convatlas: stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
