"""Writes the table of looks in docs/how-to/look.md again, one row per look.

python docs/write/looks.py
"""

from pathlib import Path

from convatlas.files import write_text
from convatlas.looks import LOOKS

PAGE = Path(__file__).parents[1] / "how-to" / "look.md"
BEGIN, END = "<!-- looks: written by make docs -->\n", "<!-- end of looks -->\n"


def table() -> str:
    """The rows: the name of each look, what it shows, and its options."""
    rows = ["| `--what` | shows | options |", "|---|---|---|"]
    for look in LOOKS:
        flags = ", ".join(f"`--{option.name}`" for option in look.options)
        rows.append(f"| `{look.name}` | {look.words} | {flags} |")
    return "\n".join(rows) + "\n"


def page(text: str) -> str:
    """The page with its table written again."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    write_text(PAGE, page(PAGE.read_text(encoding="utf-8")))
