"""Sphinx: ``sphinx-build docs docs/_build`` after ``pip install -c constraints.txt -e .[docs]``."""

from pathlib import Path

import imbdeep

project = "imbdeep"
author = "imbdeep developers"
copyright = "2026, imbdeep developers"
release = version = imbdeep.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
html_theme = "furo"
html_title = f"imbdeep {version}"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autosummary_generate = True

sphinx_gallery_conf = {
    "examples_dirs": str(Path(__file__).parents[1] / "examples"),
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "show_memory": False,
    "download_all_examples": False,
}
