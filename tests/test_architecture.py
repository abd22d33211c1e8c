"""The rules of the house, read from the source: who may import whom, what may stand where."""

import ast
import fnmatch
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Room(NamedTuple):
    """What one room may import."""

    rooms: frozenset = frozenset()  # other rooms of imbdeep
    anywhere: frozenset = frozenset()  # third-party packages, beyond EVERYWHERE
    lazy: frozenset = frozenset()  # third-party packages, only inside a function


def room(rooms="", *, anywhere="", lazy=""):
    return Room(*(frozenset(names.split()) for names in (rooms, anywhere, lazy)))


# numpy and scikit-learn are everywhere, and scipy wherever scikit-learn is.
EVERYWHERE = frozenset({"numpy", "scipy", "sklearn"})

METHODS = "losses networks encoding seeding training"
ALL_BUT_CLI = (
    f"{METHODS} classifiers over_sampling metrics calibration datasets displays comparison"
)
STUDIES = "torch imblearn pandas joblib tqdm"

#: Small modules that every room may import.
FOR_ALL = {"_docs", "_interrupts", "_warnings"}

ROOMS = {
    **dict.fromkeys(FOR_ALL, room()),
    "losses": room(anywhere="torch"),
    "networks": room(anywhere="torch"),
    "seeding": room(anywhere="torch"),
    "training": room("seeding", anywhere="torch tqdm"),
    "encoding": room(lazy="pandas polars torch"),
    "metrics": room(anywhere="imblearn"),
    "calibration": room(),
    "datasets": room(anywhere="imblearn", lazy="pandas PIL pooch"),
    "classifiers": room(f"{METHODS} calibration", anywhere="torch skorch threadpoolctl"),
    "over_sampling": room(f"{METHODS} calibration classifiers", anywhere="torch imblearn"),
    "displays": room("encoding metrics seeding", lazy="matplotlib"),
    "comparison": room(ALL_BUT_CLI, anywhere=f"{STUDIES} psutil"),
    "reproductions": room(ALL_BUT_CLI, anywhere=STUDIES),
    "cli": room(f"{ALL_BUT_CLI} reproductions", anywhere="torch imblearn pandas joblib psutil"),
    "__main__": room("cli"),
    "__init__": room(),
}

TOP_LEVEL = {"imbdeep", "tests", "examples", "docs", ".ci", ".git"}
BANNED_NAMES = {"utils", "common", "helpers", "types"}
MAX_LINES = 700


class Import(NamedTuple):
    """One imported module: its full dotted name, and whether it waits inside a function."""

    name: str
    lazy: bool
    line: int


def _is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imports_of(tree, package):
    """Every import below `tree`, a module of the dotted `package`; relative names made absolute."""
    found = []

    def visit(node, lazy):
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, lazy, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            if module == "imbdeep":  # from imbdeep import losses
                names = [f"imbdeep.{alias.name}" for alias in node.names]
            else:
                names = [module]
            found.extend(Import(name, lazy, node.lineno) for name in names)
        if _is_type_checking(node):
            for child in node.body:
                visit(child, True)
            for child in node.orelse:
                visit(child, lazy)
            return
        inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, False)
    return found


class Source(NamedTuple):
    """One module of the package under `root`, parsed."""

    path: Path  # relative to the repository
    text: str
    tree: ast.Module

    @property
    def room(self):
        return self.path.parts[1].removesuffix(".py")

    @property
    def package(self):
        return ".".join(self.path.parts[:-1])


def sources(root):
    """Every module of the package below `root`."""
    paths = sorted((root / "imbdeep").rglob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    return [
        Source(path.relative_to(root), text, ast.parse(text))
        for path, text in zip(paths, texts, strict=True)
    ]


def import_problems(root):
    """Imports that the table ROOMS does not allow."""
    for source in sources(root):
        rules = ROOMS.get(source.room)
        if rules is None:
            yield f"{source.path}: the room {source.room!r} is not in the table of this test"
            continue
        for name, lazy, line in imports_of(source.tree, source.package):
            where = f"{source.path}:{line}"
            top = name.split(".")[0]
            if top == "imbdeep":
                target = name.split(".")[1] if "." in name else "__init__"
                own = target == source.room or target.startswith("__") or target in FOR_ALL
                if not own and target not in rules.rooms:
                    yield f"{where}: {source.room} may not import from imbdeep.{target}"
            elif top in sys.stdlib_module_names or top in EVERYWHERE | rules.anywhere:
                continue
            elif top not in rules.lazy:
                yield f"{where}: {source.room} may not import {top}"
            elif not lazy:
                yield f"{where}: {source.room} may import {top} only inside a function"


def size_problems(root):
    """Modules above the limit."""
    for source in sources(root):
        lines = source.text.count("\n")
        if lines > MAX_LINES:
            yield f"{source.path}: {lines} lines, the limit is {MAX_LINES}: split it by task"


def name_problems(root):
    """Rooms and modules whose name says nothing."""
    for source in sources(root):
        for part in source.path.parts:
            if part.removesuffix(".py").lstrip("_") in BANNED_NAMES:
                yield f"{source.path}: {part!r} says nothing; name it after its task"


def print_problems(root):
    """Calls of print."""
    for source in sources(root):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
                yield f"{source.path}:{node.lineno}: print is for users, not for the package"


def _marked_abstract(node):
    """Names of the methods of a class that carry ``abstractmethod``."""
    return {
        child.name
        for child in node.body
        for mark in getattr(child, "decorator_list", [])
        if ast.unparse(mark).split(".")[-1] == "abstractmethod"
    }


def class_problems(root):
    """Concrete estimators with a subclass. Abstract ones may stand beside their family."""
    classes = [
        (source, node, [ast.unparse(base).split(".")[-1].split("[")[0] for base in node.bases])
        for source in sources(root)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    ]
    estimators = {"BaseEstimator", "BaseOverSampler"}
    abstract = {}  # the abstract methods of each class, inherited ones among them
    while True:  # the estimators are what descends from these two
        more = {node.name for _, node, bases in classes if estimators & set(bases)} - estimators
        before = dict(abstract)
        for _, node, bases in classes:
            own = {child.name for child in node.body if isinstance(child, ast.FunctionDef)}
            inherited = set().union(*(abstract.get(base, set()) for base in bases))
            abstract[node.name] = _marked_abstract(node) | (inherited - own)
        if not more and before == abstract:
            break
        estimators |= more
    concrete = {node.name for _, node, _ in classes if node.name in estimators}
    concrete -= {name for name, methods in abstract.items() if methods}
    for source, node, bases in classes:
        for base in sorted(concrete & set(bases)):
            yield (
                f"{source.path}:{node.lineno}: {node.name} subclasses {base}, a concrete "
                "estimator; compose instead"
            )


def mirror_problems(root):
    """Modules without a test file of their own."""
    tests = {path.relative_to(root).as_posix() for path in (root / "tests").rglob("test_*.py")}
    for source in sources(root):
        *folders, name = [part.lstrip("_") for part in source.path.with_suffix("").parts[1:]]
        if source.path.name.startswith("__"):
            continue
        here = "/".join(["tests", *folders])
        accepted = [
            f"{here}/test_{name}.py",
            f"{here}/test_{name}_*.py",
            f"{here}/{name}/test_*.py",
        ]
        for depth, folder in enumerate(folders):  # or one file for the folder it is in
            above = "/".join(["tests", *folders[:depth]])
            accepted += [f"{above}/test_{folder}.py", f"{above}/test_{folder}_{name}.py"]
        if not any(fnmatch.filter(tests, pattern) for pattern in accepted):
            yield f"{source.path}: no test file; write {accepted[0]}"


def map_problems(root):
    """Rooms that the package's docstring, the map, does not name, and names without a room."""
    init = root / "imbdeep" / "__init__.py"
    text = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
    lines = text.splitlines()
    named = {line for line, below in pairwise(lines) if below.startswith("  ")}
    rooms = {source.room for source in sources(root)} - {"__init__", "__main__"} - FOR_ALL
    yield from (f"imbdeep/__init__.py: the map lacks the room {name}" for name in rooms - named)
    yield from (f"imbdeep/__init__.py: the map names no room: {name}" for name in named - rooms)


def folder_problems(root):
    """Top-level folders beyond the fixed ones and those that git ignores."""
    ignored = [
        line.rstrip("/")
        for line in (root / ".gitignore").read_text(encoding="utf-8").splitlines()
        if line.endswith("/")
    ]
    for path in sorted(root.iterdir()):
        known = path.name in TOP_LEVEL or any(fnmatch.fnmatch(path.name, p) for p in ignored)
        if path.is_dir() and not known:
            yield f"{path.name}/: the top level holds {', '.join(sorted(TOP_LEVEL))} only"


CHECKERS = [
    import_problems,
    size_problems,
    name_problems,
    print_problems,
    class_problems,
    mirror_problems,
    map_problems,
    folder_problems,
]


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_house_has_no(checker):
    problems = list(checker(ROOT))
    assert not problems, "\n".join(problems)


def plant(root, files):
    """A small house: files by path, with the text that each holds."""
    files = {"imbdeep/__init__.py": "", ".gitignore": "build/\n", **files}
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


FORBIDDEN_IMPORTS = {
    "another room": ("losses/_kl.py", "from imbdeep.networks import MLP"),
    "another room by name": ("training.py", "from imbdeep import losses"),
    "another room, relative": ("losses/_kl.py", "from ..networks import MLP"),
    "another room from a function": ("seeding.py", "def f():\n    import imbdeep.training"),
    "another room for its types": (
        "seeding.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from imbdeep import training",
    ),
    "the command line": ("reproductions/_results.py", "from imbdeep.cli import main"),
    "torch": ("encoding.py", "import torch.nn as nn"),
    "skorch outside the classifiers": ("over_sampling/_x.py", "from skorch import NeuralNet"),
    "matplotlib above the functions": ("displays/_x.py", "import matplotlib.pyplot as plt"),
    "matplotlib elsewhere": ("cli.py", "def f():\n    import matplotlib.pyplot as plt"),
    "pandas above the functions": ("encoding.py", "import pandas as pd"),
    "any room in the package's face": ("__init__.py", "from .losses import kl"),
    "from an unknown room": ("attic.py", "import numpy"),
}
ALLOWED_IMPORTS = {
    "its own room": ("losses/__init__.py", "from ._kl import kl\nfrom imbdeep.losses import _kl"),
    "the version": ("cli.py", "from imbdeep import __version__"),
    "a room below": ("over_sampling/_x.py", "from ..losses import kl\nimport imbdeep.networks"),
    "a room below, one file": ("training.py", "from .seeding import seeded"),
    "matplotlib in a function": ("displays/_x.py", "def f():\n    import matplotlib.pyplot"),
    "matplotlib for its types": (
        "displays/_x.py",
        "import typing\nif typing.TYPE_CHECKING:\n    from matplotlib.axes import Axes",
    ),
    "numpy, scipy, scikit-learn": ("encoding.py", "import numpy, scipy.sparse, sklearn.base"),
}


@pytest.mark.parametrize("path, text", FORBIDDEN_IMPORTS.values(), ids=FORBIDDEN_IMPORTS)
def test_import_checker_refuses(tmp_path, path, text):
    assert len(list(import_problems(plant(tmp_path, {f"imbdeep/{path}": text})))) == 1


@pytest.mark.parametrize("path, text", ALLOWED_IMPORTS.values(), ids=ALLOWED_IMPORTS)
def test_import_checker_accepts(tmp_path, path, text):
    assert list(import_problems(plant(tmp_path, {f"imbdeep/{path}": text}))) == []


PLANTED = {
    size_problems: {"imbdeep/losses.py": "x = 1\n" * (MAX_LINES + 1)},
    name_problems: {"imbdeep/losses/_utils.py": ""},
    print_problems: {"imbdeep/losses.py": "print('hello')"},
    class_problems: {
        "imbdeep/over_sampling/_a.py": (
            "class A(BaseOverSampler): pass\nclass B(A): pass\n"  # a concrete one subclassed
        ),
    },
    mirror_problems: {"imbdeep/losses/_kl.py": "", "tests/losses/test_gp.py": ""},
    map_problems: {"imbdeep/losses.py": ""},
    folder_problems: {"notebooks/a.txt": "", "build/b.txt": ""},
}


@pytest.mark.parametrize("checker", PLANTED, ids=lambda checker: checker.__name__)
def test_checker_finds_what_is_planted(tmp_path, checker):
    assert len(list(checker(plant(tmp_path, PLANTED[checker])))) == 1


def test_abstract_estimators_may_be_subclassed_wherever_they_stand(tmp_path):
    base = "class Deep(BaseOverSampler):\n    @abstractmethod\n    def f(self): ...\n"
    files = {
        "imbdeep/over_sampling/_deep.py": base + "class Deeper(Deep): pass\n",
        "imbdeep/over_sampling/_a.py": "class A(Deeper):\n    def f(self): ...\n",
        "imbdeep/networks/_c.py": "class C(nn.Module): pass\nclass D(C): pass",
    }
    assert list(class_problems(plant(tmp_path, files))) == []
    files["imbdeep/over_sampling/_b.py"] = "class B(A): pass\n"
    (problem,) = class_problems(plant(tmp_path, files))
    assert "B subclasses A, a concrete estimator" in problem


@pytest.mark.parametrize(
    "test_file",
    ["losses/test_kl.py", "losses/test_kl_gaussian.py", "losses/kl/test_a.py", "test_losses.py"],
)
def test_mirror_checker_accepts(tmp_path, test_file):
    files = {"imbdeep/losses/_kl.py": "", f"tests/{test_file}": ""}
    assert list(mirror_problems(plant(tmp_path, files))) == []


def test_mirror_checker_accepts_a_file_for_a_method_of_several_modules(tmp_path):
    files = {"imbdeep/over_sampling/_a/_net.py": "", "tests/over_sampling/test_a.py": ""}
    assert list(mirror_problems(plant(tmp_path, files))) == []


def test_import_imbdeep_is_instant():
    program = (
        "import sys, time; start = time.perf_counter(); import imbdeep; "
        "seconds = time.perf_counter() - start; "
        "heavy = {'torch', 'numpy', 'sklearn', 'imblearn', 'pandas', 'matplotlib'}; "
        "sys.stdout.write(f'{seconds:.4f} {sorted(heavy & set(sys.modules))}')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, loaded = done.stdout.split(" ", 1)
    assert loaded == "[]"
    assert float(seconds) < 0.5, f"import imbdeep took {seconds} s"


def test_a_trace_in_a_global_stream_fails_the_test(tmp_path):
    """The guard of conftest.py, on planted tests: three offenders, an excused one, a clean one."""
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_planted.py").write_text(
        "import numpy as np, pytest, torch\n"
        "def test_numpy(): np.random.rand()\n"
        "def test_torch(): torch.rand(1)\n"
        "def test_dtype(): torch.set_default_dtype(torch.float64)\n"
        "@pytest.mark.changes_global_state\n"
        "def test_excused(): np.random.seed(0)\n"
        "def test_clean():\n"
        "    np.random.default_rng(0).random()\n"
        "    assert torch.get_default_dtype() == torch.float32\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    config = ["-c", str(ROOT / "pyproject.toml"), f"--rootdir={tmp_path}"]
    done = subprocess.run([*command, *config], capture_output=True, text=True, check=False)
    assert "5 passed, 3 errors" in done.stdout, done.stdout
