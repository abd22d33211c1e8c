"""One file a paper: its published numbers, and the code that runs its experiments again.

``python -m imbdeep.reproductions.mgvae`` runs the experiments of MGVAE on data in a local folder,
``python -m imbdeep.reproductions.m2m`` those of M2m, ``python -m imbdeep.reproductions.rae`` those
of RAE, ``python -m imbdeep.reproductions.gamo`` those of GAMO. ``TABLES`` of each module holds the
words of its command line that run one table of the paper.
"""

#: The papers: their modules' names.
PAPERS = ("mgvae", "m2m", "rae", "gamo")
