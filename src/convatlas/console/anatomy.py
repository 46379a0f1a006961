"""What `convatlas show` says of the layers of a network."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..anatomy.arithmetic import shape_text
from ..anatomy.layers import Anatomy
from ..anatomy.outline import ALL, depth_within, outline, walk
from ..errors import InputError, count_of
from ..files import check_are_new, write_text
from ..studies.network_summary import NetworkSummary
from ..views.layers import cells, csv_text, share, some, to_json
from ..views.numbers import count, size
from ..weights import Checkpoint
from .card import print_network
from .terminal import command, show, table

WORDS = ("output", "window")  # columns that are read from the left
DISPENSABLE = (
    "FLOPs",
    "FLOPs/B",
    "kept",
    "activations",
    "window",
    "field",
    "MACs %",
    "output",
)  # the first to go where it is narrow
NARROW = (28, 20)  # letters of name and kind
STDOUT = Path("-")
KEY = (
    "A line is the sum of all in it. window: kernel/stride, p padding, d dilation, g groups, dw depthwise · kept: bytes that\n"
    "training keeps · FLOPs/B: arithmetic intensity · field: side of the receptive field in pixels · --depth 9 lists all layers"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How deep to look, and which files to write."""

    depth: int | None
    csv: Path | None
    html: Path | None
    svg: Path | None

    def __post_init__(self) -> None:
        if self.csv and self.csv != STDOUT and self.csv.name.startswith("-"):
            raise InputError(f"--csv needs a file, or - for standard output, got {str(self.csv)!r}")
        if self.svg and self.svg.suffix.lower() not in (".svg", ".png", ".pdf"):
            raise InputError(f"--svg writes .svg, .png or .pdf, got {str(self.svg)!r}")
        table = None if self.csv == STDOUT else self.csv
        check_are_new({"--csv": table, "--html": self.html, "--svg": self.svg})


def print_summary(
    found: NetworkSummary, rows: Sequence[Checkpoint], sections: Mapping[str, str], wanted: Wanted, as_json: bool
) -> None:
    """The card, the layers, the stages and totals; or JSON, or CSV on standard output; and the files."""
    anatomy = found.anatomy
    written = files(found, wanted)
    if as_json:
        told = {"anatomy": to_json(anatomy, found.inference, found.training, found.batch)}
        print_network(found.info, rows, sections, as_json, told)
    elif wanted.csv == STDOUT:
        sys.stdout.write(csv_text(anatomy))
    else:
        print_network(found.info, rows, sections, as_json)
        print()
        layers(anatomy, wanted.depth)
        show(resolutions(anatomy))
        print("\n".join(totals(found)))
        for what, path in written.items():
            print(f"{what} {path}")


def layers(anatomy: Anatomy, depth: int | None) -> None:
    """A line for each layer, module or group of equal neighbors, in the order of execution."""
    depth = depth or depth_within(anatomy)
    console = Console(highlight=False)
    dropped: list[str] = []
    made = lines(anatomy, depth, dropped)
    for column in DISPENSABLE if console.is_terminal else ():
        if width_of(made, console) <= console.width:
            break
        dropped.append(column)
        made = lines(anatomy, depth, dropped)
    if depth >= ALL or not console.is_terminal:
        console.width = width_of(made, console)
    console.print(made)
    print(KEY)


def width_of(made: Table, console: Console) -> int:
    """Columns of the terminal that a table asks for."""
    return made.__rich_measure__(console, console.options.update(max_width=10_000)).maximum


def lines(anatomy: Anatomy, depth: int, dropped: Sequence[str]) -> Table:
    """The table without the columns that are dropped."""
    told = [(level, name, line, cells(line, anatomy)) for level, name, line in walk(outline(anatomy, depth))]
    heads = [head for head in told[0][3] if head not in dropped] if told else []
    made = table("layer" if depth >= ALL else "module", "kind", *heads, left=2)
    for column in made.columns:
        column.no_wrap = True
        if column.header in WORDS:
            column.justify = "left"
    if "kept" in dropped:  # a narrow terminal: figures are worth more than the ends of names
        made.columns[0].max_width, made.columns[1].max_width = NARROW
    if depth >= ALL:  # where names are wanted to the letter
        made.columns[0].max_width = None
    for level, name, line, figures in told:
        style = "bold" if line.inside and line.opens else ""
        made.add_row(
            Text("  " * level + name, style=style), Text(line.title, style=style), *(Text(figures[head]) for head in heads)
        )
    return made


def resolutions(anatomy: Anatomy) -> Table:
    """A row for each stage, and the sums."""
    made = table("stage", "output", "layers", "parameters", "%", "MACs", "%", "activations", left=2)
    for stage in anatomy.stages:
        made.add_row(
            stage.name, shape_text(stage.output_shape), str(len(stage.layers)), some(stage.parameters, count),
            share(stage.parameters, anatomy.parameters), some(stage.macs, count), share(stage.macs, anatomy.macs),
            some(stage.bytes, size),
        )  # fmt: skip
    if anatomy.idle:
        made.add_row("not run", "", "", count(anatomy.idle), share(anatomy.idle, anatomy.parameters), "", "", "")
    made.add_section()
    made.add_row("all", "", str(len(anatomy.layers)), count(anatomy.parameters), "100", count(anatomy.macs), "100",
                 size(anatomy.bytes))  # fmt: skip
    return made


def totals(found: NetworkSummary) -> list[str]:
    """The sums in words."""
    anatomy = found.anatomy
    cost = f"{count_of(anatomy.parameters, 'parameter')}, {count(anatomy.macs)} MACs, {count(anatomy.flops)} FLOPs"
    needs = (
        f"{size(found.inference.total)} to classify 1 image, {size(found.training.total)} for a training step of {found.batch}"
    )
    weights = f"weights of {size(found.inference.weights)} included, the optimizer's own state not"
    return [
        f"At {shape_text(anatomy.size)}: {cost}.",
        f"Activations {size(anatomy.bytes)} per image, of which training keeps {size(anatomy.kept)}.",
        f"Peak memory: {needs}, {weights}.",
    ]


def files(found: NetworkSummary, wanted: Wanted) -> dict[str, Path]:
    """Writes what was asked for."""
    anatomy = found.anatomy
    written = {}
    if wanted.csv and wanted.csv != STDOUT:
        write_text(wanted.csv, csv_text(anatomy))
        written["layers"] = wanted.csv
    if wanted.html:
        from ..views.anatomy import write

        written["page"] = write(anatomy, (found.inference, found.training, found.batch), command(), wanted.html)
    if wanted.svg:
        from ..views.blueprint import figure
        from ..views.save import save

        written["blueprint"] = save(figure(anatomy, year=found.info.year), wanted.svg)
    return written
