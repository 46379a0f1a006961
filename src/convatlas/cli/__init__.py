"""The command line: parse, call, print. A file a verb; a new one is imported and registered here."""

import json
import sys

from cyclopts import App

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
    help="Every famous convolutional network from scratch, and one bench to train, compare and look inside them.",
)
app.command(listing.list_, name="list")
app.command(data.app)
app.command(show.show)
app.command(blueprint.blueprint)
app.command(conv.conv)
app.command(evolution.evolution)
app.command(look.look)
app.command(train.train)
app.command(tune.tune)
app.command(lr_find.lr_find)
app.command(schedule.schedule)
app.command(evaluate.evaluate)
app.command(predict.predict)
app.command(card.card)
app.command(hub.push)
app.command(hub.pull)
app.command(compare.compare)
app.command(embed.embed)
app.command(search.search)
app.command(cluster.cluster)
app.command(probe.probe)
app.command(verify.verify)
app.command(weights.app)


def main() -> None:
    """Runs the command line; wrong input ends with a sentence and exit code 2, never with a traceback."""
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
