"""The numbers of M2m's paper; what they are beside ours is in test_m2m.py."""

import pytest

from imbdeep.reproductions._m2m_published import PUBLISHED, ROWS


def test_every_data_set_has_the_rows_of_tables_1_and_2():
    assert len(PUBLISHED) == 8
    for name, rows in PUBLISHED.items():
        assert list(rows)[: len(ROWS)] == list(ROWS)
        assert len(rows) == len(ROWS) + (13 if name == "cifar10-jpeg-100" else 0)


def test_tables_that_repeat_a_row_agree():
    """ERM-RS stands in Tables 1 and 4: its halves average to its balanced accuracy."""
    row = PUBLISHED["cifar10-jpeg-100"]["ERM-RS"]
    mean = 0.2 * row["Major"][0] + 0.8 * row["Minor"][0]
    assert mean == pytest.approx(row["bACC"][0], abs=0.05)
