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
    ImageScaler,
    TabularEncoder,
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


@pytest.mark.parametrize("container", [list, tuple])
@pytest.mark.parametrize(
    "rows, dtype",
    [
        (NUMBERS, np.float64),
        ([[1, 2], [3, 4]], np.int64),
        ([[True, False]], np.bool_),
        ([["a", "b"]], object),
        ([[1, "a"], [2, "b"]], object),
        ([[1, 2.5]], object),
        ([[1, None]], object),
        ([["a"], ["b"]], object),
    ],
)
def test_lists_keep_their_cells(container, rows, dtype):
    array = data_array(container(rows))
    assert array.dtype == dtype
    assert array.shape == (len(rows), len(rows[0]))
    found = [[(type(cell), cell) for cell in row] for row in array.tolist()]
    assert found == [[(type(cell), cell) for cell in row] for row in rows]


@pytest.mark.parametrize(
    "X",
    [
        np.array(NUMBERS),
        sp.csr_array(NUMBERS),
        pd.DataFrame(NUMBERS),
        pl.DataFrame(NUMBERS),
        np.zeros((2, 1, 3, 3), np.uint8),
        None,
    ],
    ids=lambda X: type(X).__name__,
)
def test_other_containers_stay_as_they_are(X):
    assert data_array(X) is X


def test_a_query_holds_no_rows():
    with pytest.raises(TypeError, match=r"LazyFrame.*X\.collect\(\)"):
        data_array(pl.LazyFrame({"a": [1]}))


@pytest.mark.parametrize("dtype", ["f4", "i8", "?", "U1", "O"])
def test_masked_cells_are_missing_in_the_encoder(dtype):
    cells = np.arange(60).reshape(20, 3) % 7
    X = np.ma.masked_array(cells.astype(dtype), cells == 3)
    encoder = TabularEncoder().fit(X)
    back = encoder.inverse_transform(encoder.transform(X))
    assert type(back) is np.ma.MaskedArray
    assert back.dtype == X.dtype
    np.testing.assert_array_equal(back.mask, X.mask)
    assert back.tolist() == X.tolist()
    assert None in data_array(X) if dtype != "f4" else np.isnan(data_array(X)).any()


@pytest.mark.parametrize("read", [data_array, ImageScaler().fit])
def test_masked_pixels_are_refused(read):
    with pytest.raises(ValueError, match=r"1 of whose pixels are masked.*X.filled\(0\)"):
        read(np.ma.masked_equal(np.arange(12).reshape(3, 1, 2, 2), 5))


def test_lists_of_tensors_and_masked_arrays_are_stacked():
    assert data_array([torch.tensor(row).bfloat16() for row in NUMBERS]).tolist() == NUMBERS
    masked = data_array([np.ma.masked_equal(row, 2.0) for row in NUMBERS])
    np.testing.assert_array_equal(masked, [[1.5, np.nan], NUMBERS[1]])


# ----------------------------------------------------------------------------------------- labels

LABELS = {
    "list": [0, 1, 1],
    "array": np.array([0, 1, 1], dtype=np.int8),
    "Int64": pd.Series([0, 1, 1], dtype="Int64"),
    "boolean": pd.Series([False, True, True], dtype="boolean"),
    "int64[pyarrow]": pd.Series([0, 1, 1], dtype="int64[pyarrow]"),
    "category": pd.Categorical([0, 1, 1]),
    "objects": np.array([0, 1, 1], dtype=object),
    "Series of objects": pd.Series([False, True, True], dtype=object),
    "polars": pl.Series([0, 1, 1]),
    "tensor": torch.tensor([0, 1, 1]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_whole_labels_become_a_plain_array(kind):
    array = target_array(LABELS[kind])
    assert type(array) is np.ndarray
    assert array.dtype.kind in "iub"
    assert array.tolist() == [0, 1, 1]
    refuse_missing_labels(array)


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
    "data, image_shape",
    [
        (np.zeros((5, 3)), None),
        (np.zeros((5, 3, 4, 4)), None),
        (np.zeros((5, 3, 4, 4)), (3, 4, 4)),
        (np.zeros((5, 48), np.uint8), [3, 4, 4]),
        (np.zeros((5, 48), bool), (np.int64(3), 4, 4)),
        (sp.csr_array((5, 3)), None),
        (pd.DataFrame({"a": ["b"]}), None),
    ],
)
def test_tables_and_images_pass(data, image_shape):
    check_shape(data, image_shape)


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
