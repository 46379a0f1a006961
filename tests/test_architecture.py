"""The package is built as planned: layers, forbidden imports, names, sizes, and documents whose code runs."""

import ast
import importlib
import importlib.util
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from convatlas.cli import main

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "convatlas"

# Imports go downwards only, and packages of one layer do not import each other; in the lowest layer they may.
LAYERS = (
    ("errors", "ranges", "files", "offline", "streams", "catalog", "trust", "ops"),
    ("data", "weights", "anatomy"),
    ("models",),
    ("engine", "verify"),
    ("recipes",),
    ("runs",),
    ("features",),
    ("insight",),
    ("studies", "views", "export", "progress", "loggers"),
    ("looks",),
    ("explorer", "serve", "console"),
    ("cli",),
    ("__init__", "__main__"),
)
LAYER = {package: number for number, packages in enumerate(LAYERS) for package in packages}

# What only some packages may import: the reference is the referee, and heavy libraries live behind one door.
ONLY_IN = {
    "torchvision.models": {"verify"},
    "timm": {"verify"},
    "pytorchcv": {"verify"},
    "matplotlib": {"views", "looks"},
    "av": {"data"},
    "pillow_heif": {"data"},
    "tifffile": {"data"},
    "captum": {"insight"},
    "umap": {"insight"},
    "faiss": {"features"},
    "pyarrow": {"features"},
    "huggingface_hub": {"runs.hub"},
    "optuna": {"studies"},
    "mlflow": {"loggers"},
    "wandb": {"loggers"},
    "torch.utils.tensorboard": {"loggers"},
    "sqlalchemy": {"studies"},
    "onnx": {"export"},
    "onnxruntime": {"export"},
    "onnxscript": {"export"},
    "openvino": {"export"},
    "executorch": {"export"},
    "torchao": {"export"},
    "fastapi": {"explorer"},
    "starlette": {"explorer"},
    "uvicorn": {"explorer"},
    "cyclopts": {"cli"},
    "pickle": set(),
    "cloudpickle": set(),
    "dill": set(),
    "joblib": set(),
    "marshal": set(),
    "shelve": set(),
    "convatlas": set(),  # inside the package imports are relative
}
# What several modules define under one name means the same in all of them; any other name belongs to fewer modules than MANY.
SHARED_NAMES = set("caption check describe draw figure find page pictures read stage write".split())
MANY = 4
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "base", "manager"}
HEAVY = ("torch", "torchvision", "lightning_fabric", "torchmetrics", "numpy", "sklearn", "scipy", "matplotlib", "PIL", "jinja2")
HARMLESS = {"pickle.UnpicklingError"}  # what torch.load raises when it refuses a file
LONGEST = 300  # lines; past them a second idea has moved in


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


class Import(NamedTuple):
    line: int
    target: str  # dotted, absolute; a relative import starts with "."


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name inside it; `models` is models/__init__.py, `__init__` the façade."""
    trees = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        trees[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return trees


def path_of(module: str) -> Path:
    place = PACKAGE.joinpath(*module.split("."))
    return package if (package := place / "__init__.py").is_file() else place.with_suffix(".py")


def imports(module: str) -> Iterator[Import]:
    """Every import statement, also those inside functions; relative ones resolved to `.package.module[.name]`."""
    package = [] if module in {"__init__", "__main__"} else module.split(".")
    if path_of(module).name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - node.level + 1]
            for alias in node.names:
                yield Import(node.lineno, "." + ".".join([*above, *filter(None, [node.module]), alias.name]))
        elif isinstance(node, ast.ImportFrom):
            yield from (Import(node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def module_behind(target: str) -> str | None:
    """The module that `.package.module.name` reaches, if it is one of ours."""
    parts = target.removeprefix(".").split(".")
    for end in range(len(parts), 0, -1):
        if (name := ".".join(parts[:end])) in modules():
            return name
    return None


def lies_in(module: str, place: str) -> bool:
    return module == place or module.startswith(place + ".")


def has_all(tree: ast.Module) -> bool:
    assigned = (target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets)
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in assigned)


def named(module: str, line: int) -> str:
    return f"{path_of(module).relative_to(ROOT)}:{line}"


def test_imports_go_downwards_only() -> None:
    wrong = []
    for module in modules():
        package = module.split(".")[0]
        assert package in LAYER, f"{module} is in no layer: give {package} one in LAYERS"
        for line, target in imports(module):
            other = target.split(".")[1] if target.startswith(".") else package
            if package in (other, "__init__") or target == ".__version__":  # the one name of the façade a package may need
                continue
            layer = LAYER.get(other, len(LAYERS))
            if layer > LAYER[package] or layer == LAYER[package] > 0:
                wrong.append(f"{named(module, line)} layer {LAYER[package]} imports {target}, layer {layer}")
    assert not wrong, "\n".join(wrong)


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        module: {behind for _, target in imports(module) if target.startswith(".") and (behind := module_behind(target))}
        - {module}
        for module in modules()
        if module != "__init__"
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_libraries_stay_in_their_packages() -> None:
    wrong = [
        f"{named(module, line)} imports {target}, which belongs to {' and '.join(sorted(homes)) or 'no package'}"
        for module in modules()
        for line, target in imports(module)
        for library, homes in ONLY_IN.items()
        if lies_in(target, library) and target not in HARMLESS and not any(lies_in(module, home) for home in homes)
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_unpickled() -> None:
    def allows(call: ast.Call, keyword: str, *, value: bool) -> bool:
        return any(k.arg == keyword and isinstance(k.value, ast.Constant) and k.value.value is value for k in call.keywords)

    wrong = [
        f"{named(module, line)} imports {target}"
        for module in modules()
        for line, target in imports(module)
        if target == "torch.load"
    ]
    for module, tree in modules().items():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            if name == "torch.load" and not allows(call, "weights_only", value=True):
                wrong.append(f"{named(module, call.lineno)} torch.load without weights_only=True")
            if any(k.arg == "allow_pickle" for k in call.keywords) and not allows(call, "allow_pickle", value=False):
                wrong.append(f"{named(module, call.lineno)} {name} with allow_pickle")
    assert not wrong, "\n".join(wrong)


def test_names_say_what_is_inside() -> None:
    vague = {name for name in modules() if VAGUE & set(re.split(r"[._]", name.lower()))}
    assert not vague


def test_one_name_means_one_thing() -> None:
    homonyms = {name: places for name, places in functions().items() if len(places) >= MANY and name not in SHARED_NAMES}
    assert not homonyms, "\n".join(f"{name}: {', '.join(places)}" for name, places in homonyms.items())


def functions() -> dict[str, list[str]]:
    """The functions of modules, without those that Python itself calls, each with the modules that define it."""
    places: dict[str, list[str]] = {}
    for module, tree in modules().items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
                places.setdefault(node.name, []).append(module)
    return places


def test_every_module_makes_a_promise() -> None:
    silent = [str(path_of(name).relative_to(ROOT)) for name, tree in modules().items() if not ast.get_docstring(tree)]
    assert not silent


def test_no_module_is_longer_than_one_idea() -> None:
    length = {name: len(path_of(name).read_text(encoding="utf-8").splitlines()) for name in modules()}
    assert not {name: lines for name, lines in length.items() if lines > LONGEST}
    assert length["__init__"] < 40


@pytest.mark.parametrize("module", [name for name, tree in modules().items() if has_all(tree)])
def test_what_all_names_is_there_and_explained(module: str) -> None:
    loaded = importlib.import_module("convatlas" if module == "__init__" else f"convatlas.{module}")
    assert len(set(loaded.__all__)) == len(loaded.__all__)
    for name in loaded.__all__:
        value = getattr(loaded, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            words = inspect.getdoc(value) or ""
            assert words, f"{module}.{name} has no docstring"
            assert not words.startswith(f"{name}("), f"{module}.{name} has only the docstring that dataclass made"


@pytest.mark.parametrize("command", ["", "--help", "--version"])
def test_help_answers_before_anything_heavy_is_imported(command: str) -> None:
    """With an empty command, importing the façade."""
    script = (
        "import runpy, sys\n"
        f"sys.argv = ['convatlas', {command!r}]\n"
        "try:\n"
        f"    runpy.run_module('convatlas', run_name='__main__') if {command!r} else __import__('convatlas')\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('heavy:', *sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)\n"
    )
    path = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=path)
    assert done.stderr.splitlines()[-1] == "heavy:"


DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(document: Path, *languages: str) -> list[str]:
    return [code for language, code in FENCE.findall(document.read_text(encoding="utf-8")) if language in languages]


def commands(document: Path) -> list[list[str]]:
    """The command lines a reader would type: after `$ ` in console blocks, every line of sh and bash blocks."""
    typed = [line[2:] for code in blocks(document, "console") for line in joined(code) if line.startswith("$ ")]
    typed += [line for code in blocks(document, "sh", "bash") for line in joined(code)]
    return [words for line in typed if (words := shlex.split(line, comments=True))]


def joined(code: str) -> list[str]:
    return re.sub(r"\\\n\s*", " ", code).splitlines()


def documents(has: Callable[[Path], list[Any]]) -> list[Any]:
    return [pytest.param(path, id=path.relative_to(ROOT).as_posix()) for path in DOCUMENTS if has(path)]


@pytest.mark.parametrize("document", documents(lambda path: blocks(path, "python")))
def test_python_in_documents_runs(document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.delenv("CONVATLAS_DATA", raising=False)
    world: dict[str, Any] = {"__name__": "__main__"}
    for code in blocks(document, "python"):
        exec(compile(code, str(document), "exec"), world)


SCRIPTS = [path for folder in ("bench", "docs/write", "examples") for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_scripts_import_what_is_there(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "convatlas":
            module = importlib.import_module(str(node.module))
            for name in (alias.name for alias in node.names):
                assert hasattr(module, name) or importlib.util.find_spec(f"{node.module}.{name}"), f"{node.module}.{name}"


_help: dict[tuple[str, ...], str] = {}


@pytest.mark.parametrize("document", documents(commands))
def test_commands_in_documents_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for words in commands(document):
        program, *rest = [word for word in words if not re.match(r"[A-Z_]+=", word)]
        if program == "make":
            assert set(rest) <= targets, f"{words}: no such target"
        if program.startswith("python") and rest and rest[0].endswith(".py"):
            assert (ROOT / rest[0]).is_file(), f"{words}: no such script"
        if Path(program).name == "convatlas":
            verb: list[str] = []
            while rest and not rest[0].startswith("-") and "COMMAND" in help_of(*verb).partition("\n")[0]:
                verb.append(rest.pop(0))
            for flag in (word.split("=")[0] for word in rest if re.match(r"--\w", word)):
                assert re.search(rf"(?<![\w-]){flag}(?![\w-])", help_of(*verb)), (
                    f"{words}: {flag} is no flag of {' '.join(['convatlas', *verb])}"
                )
            help_of(*verb)


def help_of(*verb: str) -> str:
    if verb not in _help:
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as output:
            patch.setenv("COLUMNS", "200")
            patch.setattr(sys, "argv", ["convatlas", *verb, "--help"])
            with pytest.raises(SystemExit) as end:
                main()
        assert not end.value.code, f"{verb}: {output.getvalue()}"
        _help[verb] = output.getvalue()
    return _help[verb]


def test_links_between_documents_lead_somewhere() -> None:
    dead = [
        f"{document.relative_to(ROOT)}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)\s#]+)", document.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:", target) and not (document.parent / target).exists()
    ]
    assert not dead


def test_no_file_names_a_package_registry() -> None:
    registry = re.compile(r"py[p]i\.org|pythonhoste[d]|anacond[a]\.|pytorch\.org/wh[l]|/simpl[e]/|(?:index-ur|find-link)[ls]")
    places = [path for name in ("src", "tests", "docs", "bench", "examples", ".ci") for path in (ROOT / name).rglob("*")]
    named_in = []
    for path in [*places, *ROOT.iterdir()]:
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        content = path.read_bytes()
        if b"\0" not in content and registry.search(content.decode("utf-8", errors="replace")):
            named_in.append(str(path.relative_to(ROOT)))
    assert not named_in


def test_constraints_pin_every_dependency() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {line.split("==")[0] for line in lines if not line.startswith("#")}
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", line) for line in lines if not line.startswith("#"))
    project = PROJECT["project"]
    asked = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    names = {re.split(r"[\[>=<!~; ]", need)[0] for need in asked} - {"convatlas"}
    assert names <= pins


def test_the_version_stands_in_one_place_and_is_repeated_rightly() -> None:
    [version] = re.findall(r'^__version__ = "(.+)"$', path_of("__init__").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert version in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_ignored_rule_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    rules = [line for line in text.splitlines() if re.fullmatch(r'\s+"[A-Z]+[0-9]*",.*', line)]
    assert len(rules) > len(PROJECT["tool"]["ruff"]["lint"]["ignore"]) - 1
    assert not [line.strip() for line in rules if "# " not in line]


# Where a task's name may stand: its own file, a family, a data set, and the LOOK of a look, which says for which tasks it is.
TASK_NAMES = {"classify", "segment", "detect"}
NAME_TASKS = ("engine.tasks", "models.family", "models.segment", "models.detect", "data", "looks")


def constants(tree: ast.AST) -> Iterator[ast.Constant]:
    """String constants, docstrings left out."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def names_task(node: ast.AST) -> bool:
    """Whether an expression is a task's name: a constant, `….task` where that is a string, or `task.name`."""
    if isinstance(node, ast.Constant):
        return node.value in TASK_NAMES
    if isinstance(node, ast.Attribute):
        of_task = isinstance(node.value, ast.Name | ast.Attribute) and "task" in ast.unparse(node.value).rpartition(".")[2]
        return node.attr == "task" or (node.attr == "name" and of_task)
    return isinstance(node, ast.Tuple | ast.List | ast.Set) and any(map(names_task, node.elts))


def test_a_task_is_a_value_whose_name_nobody_compares() -> None:
    """Loss, measures and words come with the task; whoever asks for its name would have to be changed for the next one."""
    named = [
        f"{module}:{node.lineno} {node.value}"
        for module, tree in modules().items()
        if not any(module == place or module.startswith(f"{place}.") for place in NAME_TASKS)
        for node in constants(tree)
        if node.value in TASK_NAMES
    ]
    assert not named
    compared = []
    for module, tree in modules().items():
        for node in ast.walk(tree) if module != "looks.look" else ():  # a look says its tasks, and one place asks
            if isinstance(node, ast.Compare) and any(map(names_task, (node.left, *node.comparators))):
                compared.append(f"{module}:{node.lineno} {ast.unparse(node)}")
            if isinstance(node, ast.Match) and (names_task(node.subject) or any(map(names_task, ast.walk(node)))):
                compared.append(f"{module}:{node.lineno} match")
    assert not compared
    assert names_task(ast.parse("data.task", mode="eval").body)  # the test is awake
    assert names_task(ast.parse("session.task.name", mode="eval").body)


def test_every_slow_test_is_there() -> None:
    lines = (ROOT / "tests" / "slow.txt").read_text(encoding="utf-8").splitlines()
    assert lines == sorted(set(lines))
    for path, name in (line.split("::") for line in lines):
        assert f"\ndef {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
