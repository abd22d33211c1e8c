"""Rows and labels in any container: as arrays that can be checked, or refused with advice."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
import torch

from imbdeep.encoding import (
    check_shape,
    data_array,
    refuse_missing_labels,
    target_array,
)

NUMBERS = [[1.5, 2.0], [-3.0, 4.25]]  # exact in every floating dtype


def test_the_room_does_without_torch():
    program = "import sys, imbdeep.encoding; sys.stdout.write(str('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False", done.stderr


# ------------------------------------------------------------------------------------------- rows


@pytest.mark.parametrize(
    "dtype, expected",
    [
        (torch.float16, np.float16),
        (torch.bfloat16, np.float32),
        (torch.float32, np.float32),
        (torch.float64, np.float64),
        (torch.int8, np.int8),
        (torch.int64, np.int64),
        (torch.bool, np.bool_),
    ],
)
def test_tensors_become_arrays(dtype, expected):
    tensor = torch.tensor(NUMBERS).to(dtype)
    for read in (data_array, target_array):
        array = read(tensor)
        assert type(array) is np.ndarray
        assert array.dtype == expected
        assert array.tolist() == tensor.tolist()


# ----------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "y",
    [
        [0.0, np.nan],
        np.array([0, None], dtype=object),
        pd.Series([0, None], dtype="Int64"),
        pd.Series(["a", None], dtype="string"),
        pd.Series([True, None], dtype="boolean"),
        pl.Series([0, None]),
        torch.tensor([0.0, torch.nan]),
    ],
)
def test_missing_labels_are_refused(y):
    with pytest.raises(ValueError, match="missing labels: drop those rows, or give them a label"):
        refuse_missing_labels(target_array(y))


# ----------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    "data, image_shape, match",
    [
        (np.zeros(5), None, r"X has shape \(5,\): tables are"),
        (np.zeros((5, 4, 4)), None, r"\(5, 4, 4\).*grey images need X\[:, None\]"),
        (np.zeros((5, 1, 0, 4)), None, "images have no values"),
        (np.zeros((5, 16)), (4, 4), r"image_shape=\(4, 4\) must be three positive integers"),
        (np.zeros((5, 16)), (0, 4, 4), r"\(0, 4, 4\) must be three positive"),
        (np.zeros((5, 16)), (1, 4, 4.0), r"\(1, 4, 4\.0\) must be three positive"),
        (np.zeros((5, 16)), (1, 4, 5), r"\(1, 4, 5\) does not fit X of shape \(5, 16\)"),
        (np.zeros((5, 4, 2, 2)), (1, 4, 4), r"does not fit X of shape \(5, 4, 2, 2\)"),
        (np.full((5, 16), "a"), (1, 4, 4), "X is no numeric array"),
        (sp.csr_array((5, 16)), (1, 4, 4), r"pass X\.to_numpy\(\) \(or X\.toarray\(\)\)"),
        (pd.DataFrame(np.zeros((5, 16))), (1, 4, 4), r"pass X\.to_numpy\(\)"),
    ],
)
def test_other_shapes_are_refused_with_advice(data, image_shape, match):
    with pytest.raises(ValueError, match=match):
        check_shape(data, image_shape)
