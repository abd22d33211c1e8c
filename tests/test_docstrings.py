"""Every public name is documented: sections that match the signature, examples that run."""

import ast
import doctest
import importlib
import inspect
import re
import sys
import textwrap
from pathlib import Path

import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from sklearn.base import BaseEstimator

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# Found on disk, so that a module that cannot be imported fails its own test and no other.
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "imbdeep").rglob("*.py")
    if path.name != "__main__.py"
)
PUBLIC_MODULES = [name for name in MODULES if not re.search(r"\._", name)]


def public_objects(module):
    """The classes and functions that `module` offers: its ``__all__``, else what it defines."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
    for name in names:
        value = getattr(module, name)
        ours = str(getattr(value, "__module__", "")).split(".")[0] == module.__name__.split(".")[0]
        if ours and (inspect.isclass(value) or inspect.isfunction(value)):
            yield name, value


def signature_names(function, *, bound):
    """The names of the parameters, with the stars of ``*args`` and ``**kwargs``."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    parameters = list(inspect.signature(function).parameters.values())
    return [stars.get(p.kind, "") + p.name for p in parameters[bound:]]


def documented_names(doc):
    """The names in the Parameters section; ``x, y : array`` documents two."""
    return [
        name.strip().replace("\\*", "*")
        for entry in doc["Parameters"]
        for name in entry.name.split(",")
    ]


def gives_a_value(function):
    """Whether the function's own body returns or yields something."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    todo = list(tree.body[0].body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None:
            if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                return True
        elif isinstance(node, ast.YieldFrom):
            return True
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo.extend(ast.iter_child_nodes(node))
    return False


def parameter_problems(doc, function, *, bound):
    documented, taken = documented_names(doc), signature_names(function, bound=bound)
    if documented != taken:
        yield f"documents the parameters {documented}, takes {taken}"


def function_problems(function, *, bound=False):
    """What is wrong with the docstring of a function, or of a method when `bound`."""
    if not function.__doc__:
        yield "has no docstring"
        return
    doc = FunctionDoc(function)
    yield from parameter_problems(doc, function, bound=bound)
    if gives_a_value(function) and not (doc["Returns"] or doc["Yields"]):
        yield "returns something and has no Returns section"


def class_problems(cls):
    """What is wrong with the docstrings of a class: its own, and those of its methods."""
    if not vars(cls).get("__doc__"):
        yield "has no docstring"
        return
    doc = ClassDoc(cls, config={"show_class_members": False})
    # An __init__ inherited from outside is not ours to document.
    if str(getattr(cls.__init__, "__module__", "")).split(".")[0] == cls.__module__.split(".")[0]:
        yield from parameter_problems(doc, cls.__init__, bound=True)
    is_estimator = issubclass(cls, BaseEstimator)
    if is_estimator and not inspect.isabstract(cls) and not doc["Examples"]:
        yield "is an estimator and has no Examples section"
    for name, member in vars(cls).items():
        method = getattr(member, "__func__", member)  # a classmethod or staticmethod
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        bound = not isinstance(member, staticmethod)
        has_section = bool(method.__doc__) and "Parameters\n" in method.__doc__
        # A network's forward may speak for itself; an estimator's methods are what users call.
        if is_estimator or has_section:
            yield from (f".{name} {p}" for p in function_problems(method, bound=bound))


def module_problems(module):
    """What is wrong with the docstrings of the public names of a module."""
    if not module.__doc__:
        yield f"{module.__name__} has no docstring"
    for name, value in public_objects(module):
        check = class_problems if inspect.isclass(value) else function_problems
        yield from (f"{module.__name__}.{name} {problem}" for problem in check(value))


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_public_names_are_documented(name):
    problems = list(module_problems(importlib.import_module(name)))
    assert not problems, "\n".join(problems)


# The weights of a network that an example builds come from torch's global stream. That samplers
# leave it alone is tested with the samplers.
@pytest.mark.changes_global_state
@pytest.mark.parametrize("name", MODULES)
def test_doctests(name):
    module = importlib.import_module(name)
    output = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for test in doctest.DocTestFinder().find(module):
        runner.run(test, out=output.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(output)


def python_blocks(path):
    """The fenced Python blocks of a document, each with the number of its first line."""
    text = path.read_text(encoding="utf-8")
    for block in re.finditer(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, block.start(1)), block.group(1)


@pytest.fixture
def short_trainings(monkeypatch):
    """Samplers whose default numbers of steps are small, and whose filter is as quick."""
    over_sampling = importlib.import_module("imbdeep.over_sampling")
    for _, cls in public_objects(over_sampling):
        defaults = getattr(cls.__init__, "__kwdefaults__", None) or {}
        for name in defaults:
            if name.endswith("_steps"):
                monkeypatch.setitem(defaults, name, 20)
    ensemble = importlib.import_module("imbdeep.classifiers._voting")
    for name, value in {"_MOST_EPOCHS": 10, "_N_TREES": 10, "_N_ROUNDS": 10}.items():
        monkeypatch.setattr(ensemble, name, value)


DOCUMENTS = [
    "README.md",
    "docs/user_guide.md",
    "docs/classifiers.md",
    "docs/comparison.md",
    "docs/metrics.md",
    "docs/datasets.md",
    "docs/pitfalls.md",
]


@pytest.mark.usefixtures("short_trainings")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_of_documents_runs(document, tmp_path, monkeypatch):
    """One block after the other, in one namespace, as a reader would paste them."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for line, code in python_blocks(ROOT / document):
        # The blank lines above make a traceback name the line of the document.
        exec(compile("\n" * line + code, str(ROOT / document), "exec"), namespace)


PLANTED = '''"""A module with one mistake in each public name but the last."""

from sklearn.base import BaseEstimator


def silent(x):
    return x


def wrong_parameters(x, *rest, scale=1.0):
    """Do it.

    Parameters
    ----------
    x, scale : float
        The value and its scale.
    """


def no_returns(x):
    """Do it.

    Parameters
    ----------
    x : float
        The value.
    """
    return 2 * x


class NoExamples(BaseEstimator):
    """Do it.

    Parameters
    ----------
    depth : int
        How deep.
    """

    def __init__(self, depth=1):
        self.depth = depth


class SilentMethod(BaseEstimator):
    """Do it.

    Examples
    --------
    >>> 1 + 1
    2
    """

    def __init__(self):
        pass

    def fit(self, X):
        return self


def _private(x):
    return x


def good(x, *rest):
    """Do it.

    Parameters
    ----------
    x : float
        The value.
    *rest : float
        More of them.

    Returns
    -------
    float
        The value.
    """
    return x
'''


def test_checker_finds_what_is_planted(tmp_path, monkeypatch):
    (tmp_path / "planted_docstrings.py").write_text(PLANTED, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    problems = list(module_problems(importlib.import_module("planted_docstrings")))
    monkeypatch.delitem(sys.modules, "planted_docstrings")
    assert [p.removeprefix("planted_docstrings.") for p in problems] == [
        "silent has no docstring",
        "wrong_parameters documents the parameters ['x', 'scale'], takes ['x', '*rest', 'scale']",
        "no_returns returns something and has no Returns section",
        "NoExamples is an estimator and has no Examples section",
        "SilentMethod .fit has no docstring",
    ]
