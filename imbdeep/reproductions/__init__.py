"""The papers' experiments, run on the fold of ``compare``, beside the published numbers.

``python -m imbdeep.reproductions.mgvae`` runs the experiments of MGVAE on data in a local folder;
``m2m``, ``rae`` and ``gamo`` are the other papers, ``real_tables`` our own study. ``TABLES`` of a
module has the command line of each table.
"""

#: The papers: their modules' names.
PAPERS = ("mgvae", "m2m", "rae", "gamo")
