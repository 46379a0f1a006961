"""The command line: parse, call, print."""

import json
import sys
from collections.abc import Sequence
from dataclasses import field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import App, Parameter, Token

from . import __version__
from .engine.recipe import Recipe
from .errors import ConvAtlasError, InputError

app = App(
    name="convatlas",
    version=__version__,
    help="Every famous convolutional network from scratch, and one bench to train, compare and look inside them.",
)


def flags() -> Any:
    """A dataclass with a flag for each field of Recipe but the network; None is what was not given."""
    hints = get_type_hints(Recipe)
    rows = []
    for f in fields(Recipe):
        if f.name != "model":
            default = f.metadata["default"] or plain(f.default)
            words = f"{f.metadata['help']}{f' [{default}]' if default else ''}"
            converter = whole if hints[f.name] in (int, int | None) else None
            shown = Parameter(help=words, converter=converter)
            rows.append((f.name, Annotated[hints[f.name] | None, shown], field(default=None)))
    made = make_dataclass("Flags", rows, kw_only=True)
    made.__module__ = __name__
    return Parameter(name="*")(made)


def whole(_: Any, tokens: Sequence[Token]) -> int:
    """A whole number; the parser itself would round 2.5."""
    given = tokens[0].value
    if not given.lstrip("+-").isdecimal():
        raise ValueError(f'unable to convert "{given}" into int')
    return int(given)


def plain(value: Any) -> str:
    """A default as people say it; nothing for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


Flags = flags()
Quiet = Annotated[bool, Parameter(name="--quiet", negative="", help="Print the result alone.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print the result as JSON.")]
Resume = Annotated[bool, Parameter(name="--resume", negative="", help="Continue what --out holds.")]
Out = Annotated[Path | None, Parameter(name="--out", help="New folder for the results; a fresh name under runs/ if not given.")]
DataDir = Annotated[Path | None, Parameter(name="--data-dir", help="Folder that holds the data sets.")]


def given(chosen: Any) -> dict[str, Any]:
    """The flags that were given."""
    values = {f.name: getattr(chosen, f.name) for f in fields(chosen)} if chosen else {}
    return {name: value for name, value in values.items() if value is not None}


@app.command(name="list")
def list_(*patterns: str, as_json: Json = False) -> None:
    """List the networks: year, parameters, multiply-accumulates, published accuracy.

    Parameters
    ----------
    patterns
        Shell patterns that names must match, such as "resnet*"; all networks if there is none.
    """
    from fnmatch import fnmatchcase

    from . import console
    from .catalog import ROWS
    from .errors import unknown

    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in ROWS):
            raise unknown("network", pattern, ROWS)
    rows = [row for name, row in ROWS.items() if not patterns or any(fnmatchcase(name, p) for p in patterns)]
    console.networks(rows, as_json)


@app.command
def data(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the data sets: images, classes, size, license, and whether they are on disk."""
    from . import console
    from .data import CATALOG, on_disk

    console.sources([(source, on_disk(source, data_dir)) for source in CATALOG.values()], as_json)


@app.command
def train(
    model: str | None = None,
    /,
    *,
    recipe: Flags | None = None,  # type: ignore[valid-type]  # made from Recipe's fields
    out: Out = None,
    resume: Resume = False,
    log: Annotated[str | None, Parameter(help="Also write the events for another tool: tensorboard.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train a network and test it once, at the end.

    What is not given is chosen for the network and the data; the run folder's recipe.json says what that was.

    Parameters
    ----------
    model
        Network, with ablations after a colon: resnet20 or resnet20:width=32.
    """
    from . import console
    from .engine.record import Run
    from .recipes import default
    from .studies.run import check, open_data, reopen, start

    console.check_log(log)
    values = given(recipe)
    data = None
    if resume:
        run = reopen(out, model, values)
    elif model is None:
        raise InputError("train needs the name of a network, such as `convatlas train lenet5`; `convatlas list` shows them")
    else:
        chosen = default(model, values.pop("data", "digits"), **values)
        data = open_data(chosen)
        check(chosen, data)
        run = Run.create(out, chosen)
    if run.finished:
        console.finished(run, quiet, as_json)
        return
    with console.watching(run.recipe.model, quiet or as_json, log and run.path) as watch:
        for event in start(run, data):
            watch(event)
    console.finished(run, quiet, as_json)


@app.command
def evaluate(
    run: str,
    /,
    *,
    data: Annotated[str | None, Parameter(help="Data set, folder or .npz file; the run's own if not given.")] = None,
    split: Annotated[str, Parameter(help="test, val or train.")] = "test",
    weights: Annotated[Path | None, Parameter(help="A weight file, when RUN is the name of a network.")] = None,
    mean: Annotated[
        tuple[float, ...] | None, Parameter(consume_multiple=True, help="Mean of each channel, instead of the data's.")
    ] = None,
    std: Annotated[
        tuple[float, ...] | None, Parameter(consume_multiple=True, help="Deviation of each channel, instead of the data's.")
    ] = None,
    data_dir: DataDir = None,
    batch_size: Annotated[int, Parameter(help="Images in each forward pass.")] = 128,
    device: Annotated[str, Parameter(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, Parameter(help="auto, 32, bf16 or fp16.")] = "32",
    as_json: Json = False,
) -> None:
    """Measure a trained run, or a network with a weight file, on images it was not trained on.

    Parameters
    ----------
    run
        A run folder, or the name of a network together with --weights.
    """
    from . import console
    from .studies.measure import Question, measure

    question = Question(run, data, split, weights, mean, std, data_dir, batch_size, device, precision)
    console.evaluation(*measure(question), as_json)


@app.command
def predict(
    run: Path,
    /,
    *images: Path,
    topk: Annotated[int, Parameter(help="Classes to name for each image.")] = 5,
    as_json: Json = False,
) -> None:
    """Name what images show, with probabilities.

    Parameters
    ----------
    run
        A run folder.
    images
        Image files, or folders of them.
    """
    from . import console
    from .studies.predict import predict as answer

    console.predictions(answer(run, images, topk), as_json)


@app.command
def compare(
    *models: str,
    recipe: Flags | None = None,  # type: ignore[valid-type]  # made from Recipe's fields
    seeds: Annotated[int, Parameter(help="How many seeds, counted from --seed.")] = 2,
    out: Out = None,
    resume: Resume = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train several networks with several seeds and write a report that says which is better, by how much, at what cost.

    Parameters
    ----------
    models
        Networks, with ablations after a colon: resnet20 plain20 resnet20:width=32. Five small ones if there is none.
    """
    from . import console
    from .studies.compare import DEFAULT_NETWORKS, Comparison, default_recipes

    values = given(recipe)
    if resume:
        if out is None and len(models) == 1:
            out = Path(models[0])
        if out is None:
            raise InputError("--resume needs the folder of the comparison: add --out DIR")
        comparison = Comparison.open(out)
    else:
        if seeds < 1:
            raise InputError(f"--seeds needs to be at least 1, got {seeds}")
        recipes = default_recipes(models or DEFAULT_NETWORKS, values.pop("data", "digits"), values)
        comparison = Comparison.create(out, recipes, seeds, console.command())
    with console.watching("", quiet or as_json) as watch:
        for event in comparison.run():
            watch(event)
    console.compared(comparison, quiet, as_json)


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
