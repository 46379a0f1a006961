"""`convatlas --help` and the help of each command: short, in the order of work, and with an example that works."""

import shlex

import pytest
from commands import EVERY, commands, paragraphs
from cyclopts import App

from convatlas.cli import COMMANDS, app

LONGEST = 60  # characters of a command's line in `convatlas --help`


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_a_command_has_a_short_line(path, command):
    line = paragraphs(command)[0]
    assert len(line) <= LONGEST
    assert line[0].isupper()
    assert line[-1] == "."


@pytest.mark.parametrize(("path", "command"), EVERY)
def test_a_command_begins_with_an_example_that_parses(path, command):
    example = paragraphs(command)[1]
    assert example.startswith(f"Example: convatlas {' '.join(path)}")
    assert len(example) <= 80 - 1  # one line of a narrow terminal, so that it can be copied
    words = shlex.split(example.removeprefix("Example: convatlas "))
    parsed, *_ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert parsed in {command.default_command, *(sub.default_command for _, sub in commands(command))}


def test_help_groups_the_commands_in_the_order_of_work(capsys):
    app(["--help"], result_action="return_value")
    shown = capsys.readouterr().out
    titles = ["Catalog", "Train and compare", "Your images", "Look inside", "Features", "Share"]
    assert list(COMMANDS) == titles
    rows = [line.strip("╭╮─│ ").split("  ")[0] for line in shown.splitlines() if line[:1] in ("╭", "│")]
    names = [path[0] for path, _ in commands(app) if len(path) == 1]
    assert [row for row in rows if row in (*titles, *names)] == [
        word for title, group in zip(titles, COMMANDS.values(), strict=True) for word in (title, *map(name_of, group))
    ]


def name_of(command) -> str:
    return command.name[0] if isinstance(command, App) else command.__name__.strip("_").replace("_", "-")
