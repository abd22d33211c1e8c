"""``reproduce``: a paper's table, published numbers beside measured ones."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from ._terminal import CommandError, nearest, say

USAGE = "python -m imbdeep reproduce [--list | TABLE [OPTION ...]]"
_ABOUT = (
    "Run the experiments of a paper's table again, and write the published numbers beside the "
    "measured ones. TABLE is a name such as mgvae-table2; --list names them all. The options are "
    "those of the paper's own command: TABLE --help lists them, as --trials 3 or --data DIR."
)


def run_reproduce(arguments: argparse.Namespace) -> int:
    """Run the table that the first word names, with the other words."""
    words = list(arguments.words)
    if words and words[0] in ("-h", "--help"):
        say(f"usage: {USAGE}", wrap=False)
        say("")
        say(_ABOUT)
        return 0
    if not words:
        raise CommandError(f"name a table: {USAGE}.")
    from imbdeep.reproductions import PAPERS

    papers = {name: importlib.import_module(f"imbdeep.reproductions.{name}") for name in PAPERS}
    if words[0] == "--list":
        if words[1:]:
            raise CommandError(
                f"--list takes no other words, and there is {words[1]}: leave it out."
            )
        _list(papers)
        return 0
    name, *rest = words
    tables = {f"{paper}-{table}": paper for paper in papers for table in papers[paper].TABLES}
    if name not in tables:
        raise CommandError(
            f"{name} is no table: python -m imbdeep reproduce --list names them all."
            + nearest(name, list(tables))
        )
    paper = papers[tables[name]]
    leading = paper.TABLES[name.partition("-")[2]]
    try:
        return int(paper.main([*leading, *rest]))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "interrupted: a table is written when all its trials are done. With --output, the "
            "results of those that were done are in that file."
        ) from None


def _list(papers: dict[str, Any]) -> None:
    """Write the tables of each paper, with what they are of."""
    for name, paper in papers.items():
        title = str(paper.__doc__).partition(":")[0]
        say(f"{title}: python -m imbdeep.reproductions.{name}", wrap=False)
        for table in paper.TABLES:
            say(f"  {name + '-' + table:14}  {paper.TITLES[table]}", indent=" " * 18)
