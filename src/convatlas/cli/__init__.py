"""The command line: parse, call, print. A file a verb; a new one is imported and registered here."""

import json
import sys

from cyclopts import App

from .. import __version__
from ..errors import ConvAtlasError
from . import blueprint, compare, conv, evaluate, evolution, listing, look, predict, show, train, verify, weights

app = App(
    name="convatlas",
    version=__version__,
    help="Every famous convolutional network from scratch, and one bench to train, compare and look inside them.",
)
app.command(listing.list_, name="list")
app.command(listing.data)
app.command(show.show)
app.command(blueprint.blueprint)
app.command(conv.conv)
app.command(evolution.evolution)
app.command(look.look)
app.command(train.train)
app.command(evaluate.evaluate)
app.command(predict.predict)
app.command(compare.compare)
app.command(verify.verify)
app.command(weights.app)


def main() -> None:
    """Runs the command line; wrong input ends with a sentence and exit code 2, never with a traceback."""
    try:
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
