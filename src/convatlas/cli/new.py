"""`convatlas new`."""

from pathlib import Path


def new(file: Path, /) -> None:
    """Write the start of a network of your own.

    Example: convatlas new mynet.py

    The file holds a small residual network whose width, depth, kernel and skip are keywords. It trains at once:
    convatlas train mynet.py:Net --data cifar10

    Parameters
    ----------
    file
        New file that ends in .py; nothing is overwritten.
    """
    from ..errors import InputError
    from ..files import check_is_new, write_text

    if file.suffix != ".py":
        raise InputError(f"a network stands in a Python file, so its name needs to end in .py, got {file.name}")
    check_is_new(file, "name")
    template = Path(__file__).parents[1] / "studies" / "template.py"
    write_text(file, template.read_text(encoding="utf-8"))
    print(file)
    for words in (f"show {file}:Net", f"train {file}:Net --data digits", f"ablate {file}:Net --vary skip=yes,no --data digits"):
        print(f"  convatlas {words}")
