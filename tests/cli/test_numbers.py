"""Every number that a command takes: what is none, not finite, of the wrong kind or out of range is refused while parsing."""

from dataclasses import fields

import pytest
from commands import EVERY
from cyclopts import Token

from convatlas.cli.numbers import Number, split_numbers
from convatlas.engine.recipe import Recipe
from convatlas.errors import InputError
from convatlas.looks import LOOKS

NO_NUMBER = ("nan", "inf", "-inf", "1e400", "abc", "1,5", "0x10", "--5", "", " ", "9" * 5000)
LOOK_FLAGS = {option.name for each in LOOKS for option in each.options}
FIELDS = {f"--{f.name.replace('_', '-')}": f.name for f in fields(Recipe)}


def numeric_flags():
    for param in EVERY:
        path, command = param.values
        for argument in command.assemble_argument_collection() if command.default_command else ():
            number = argument.parameter.converter
            if isinstance(number, Number):
                yield pytest.param(argument.name, number, id=f"{' '.join(path)} {argument.name}")
            elif argument.hint in (int, float, int | None, float | None):
                assert argument.name.removeprefix("--") in LOOK_FLAGS, f"{path} {argument.name} takes any number"


FLAGS = list(numeric_flags())


def parse(name: str, number: Number, value: str) -> None:
    parsed = number(None, [Token(keyword=name, value=value, source="cli")])
    if name in FIELDS:
        Recipe(**{FIELDS[name]: parsed})


@pytest.mark.parametrize(("name", "number"), FLAGS)
def test_f39_numbers_are_refused_by_name(name, number):
    for value in (*NO_NUMBER, "-5", *(["1.5"] if number.kind is int else [])):
        with pytest.raises(InputError) as refused:
            parse(name, number, value)
        assert str(refused.value).startswith(name), value
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize("value", ["nan", "0.5,inf", "0.5,x", ",", ""])
def test_f39_numbers_of_channels(value):
    with pytest.raises(InputError, match=r"^--mean needs"):
        split_numbers(None, [Token(keyword="--mean", value=value, source="cli")])


def test_all_commands_were_walked():
    assert len(FLAGS) > 200
    commands = {param.id.split(" --")[0] for param in FLAGS}
    assert commands >= {"train", "tune", "compare", "search", "show", "cluster", "embed", "predict", "lr-find", "schedule"}
