"""The command line: parse, call, print. One file per command; a new command is imported here and added to COMMANDS."""

import json
import signal
import sys
import warnings
from collections.abc import Callable
from typing import NoReturn, TextIO

from cyclopts import App, CycloptsError, Group

from .. import __version__
from ..errors import ConvAtlasError, ConvAtlasWarning, InputError, is_out_of_memory
from ..ops.malloc import keep_freed_memory
from ..streams import escape_controls, forgiving_streams
from ..trust import TRUST, allow_named, is_own
from . import (
    ablate,
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
    new,
    predict,
    probe,
    schedule,
    search,
    show,
    sweep,
    train,
    tune,
    verify,
    weights,
)
from .parsing import check_words, explain

app = App(
    name="convatlas",
    version=__version__,
    help="Every famous convolutional network from scratch: train, compare, look inside, fine-tune and share. "
    "A network of your own takes the place of a name as FILE.py:CLASS. Two flags work with every command: --trust-code "
    "executes the code that a run folder keeps of one; --changed-code takes the weights of a run though your file changed.",
    suppress_keyboard_interrupt=False,
)
# The commands as `convatlas --help` shows them: groups and commands stand in the order of work.
COMMANDS: dict[str, tuple[Callable[..., None] | App, ...]] = {
    "Catalog": (listing.list_, show.show, weights.app, verify.verify, evolution.evolution),
    "Train and compare": (
        new.new,
        train.train,
        evaluate.evaluate,
        compare.compare,
        ablate.ablate,
        sweep.sweep,
        lr_find.lr_find,
        schedule.schedule,
    ),
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


SHOW_ANY = warnings.showwarning  # as it was
OUT_OF_MEMORY = "out of memory: try fewer or smaller images at once, a smaller network, or a smaller --batch-size"
TRUST_FLAGS = ("--trust-code", "--changed-code")
STOPPED = 130  # exit code of Ctrl-C


def fail(sentence: str, code: int) -> NoReturn:
    """Says what went wrong, and ends with an exit code."""
    if "--json" in sys.argv:
        print(json.dumps({"error": sentence}))
    say(sentence)
    sys.exit(code)


def say(sentence: str) -> None:
    """Prints a sentence on standard error; names of files cannot steer the terminal."""
    print(f"convatlas: {escape_controls(sentence)}", file=sys.stderr)


def show_warning(  # noqa: PLR0917 - the standard library's signature
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    """Shows a warning of the product's own as a sentence; those of libraries are for programmers, who ask with python -W."""
    if issubclass(category, ConvAtlasWarning):
        say(str(message))
    elif sys.warnoptions:
        SHOW_ANY(message, category, filename, lineno, file, line)


def own_code_error(error: Exception) -> str:
    """What the code of a user's network raised, with the user's line; empty for an error that did not go through it."""
    if not any(map(is_own, sys.argv)) and not TRUST.all:
        return ""
    from ..models.code import describe_error, went_through_own_code

    return f"the network's own code raised {describe_error(error)}" if went_through_own_code(error) else ""


def main() -> None:
    """Run the command line; wrong input ends with a sentence and exit code 2, never with a traceback."""
    words = [word for word in sys.argv[1:] if word not in TRUST_FLAGS]
    TRUST.all = TRUST.all or "--trust-code" in sys.argv
    TRUST.changed = TRUST.changed or "--changed-code" in sys.argv
    allow_named(words)
    warnings.showwarning = show_warning
    with forgiving_streams():
        try:
            with keep_freed_memory():
                run_command(words)
        except ConvAtlasError as error:
            fail(str(error), error.exit_code)
        except KeyboardInterrupt as stop:
            fail(", ".join(["stopped", *map(str, stop.args)]), STOPPED)
        except UnicodeEncodeError as error:  # raised where the system is handed the name of a file
            name, encoding = ascii(error.object[:80]), sys.getfilesystemencoding()
            remedy = "set PYTHONUTF8=1 and run the same command again"
            fail(f"{name} is no name of a file where the locale's encoding is {encoding}: {remedy}", InputError.exit_code)
        except Exception as error:
            if is_out_of_memory(error):
                fail(OUT_OF_MEMORY, ConvAtlasError.exit_code)
            if not (sentence := own_code_error(error)):
                raise
            fail(sentence, InputError.exit_code)


def run_command(words: list[str]) -> None:
    """Parses and calls, and ends when all output is written; SIGTERM is like Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        check_words(words)
        app(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        explain(error)
    finally:
        signal.signal(signal.SIGTERM, before)
        sys.stdout.flush()
