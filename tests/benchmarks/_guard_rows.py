"""Rows of one checkout's MGVAE for :mod:`tests.benchmarks.guard`, which starts this file.

``python _guard_rows.py FOLDER SIDE [PARAMETERS]`` takes each split in FOLDER/splits, fits MGVAE
with the defaults of the imbdeep on the path (but PARAMETERS, JSON), and keeps rows and CPU seconds
in FOLDER/SIDE. What is there already is not made again. With PARAMETERS, only rows for fidelity.
"""

import json
import pickle
import sys
import time
import warnings
from pathlib import Path

import torch

from imbdeep.over_sampling import MGVAESampler

torch.set_num_threads(1)
warnings.simplefilter("ignore")


def made(x, y, seed, given, filtered):
    """Rows that are new, of class 1, and the CPU seconds of the fit."""
    sampler = MGVAESampler(random_state=seed, **given)
    if not filtered:  # the filter had another name once
        known = sampler.get_params()
        sampler.set_params(**{"row_filter" if "row_filter" in known else "acceptance": None})
    start = time.process_time()
    found, _ = sampler.fit_resample(x, y)
    seconds = time.process_time() - start
    return found[len(y) :], seconds


def main(folder, side, given="{}"):
    """Make what is missing."""
    folder, given = Path(folder), json.loads(given)
    (folder / side).mkdir(parents=True, exist_ok=True)
    # The filtered rows of all seeds come first.
    splits = sorted((folder / "splits").glob("*.pkl"), key=lambda p: p.stem.split("-")[::-1])
    for part in ("fidelity",) if given else ("rows", "fidelity"):
        for split in splits:
            kept = folder / side / f"{split.stem}-{part}.pkl"
            if kept.exists():
                continue
            x, y, half, seed = pickle.loads(split.read_bytes())
            if part == "fidelity":
                x, y = (x.iloc[half] if hasattr(x, "iloc") else x[half]), y[half]
            new = made(x, y, seed, given, part == "rows")
            partial = kept.with_suffix(".part")
            partial.write_bytes(pickle.dumps(new))
            partial.rename(kept)
            sys.stdout.write(f"{side} {split.stem} {part} {new[1]:.1f} CPU s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
