"""The numbers of MGVAE's paper."""

import pytest

from imbdeep.reproductions._mgvae_published import PUBLISHED

ROWS = {"ERM", "FOCAL", "RW", "CBRW", "LDAM", "RS", "SMOTE", "OCVAE", "MGVAE"}
MORE = {
    "mnist": {"VAE w/ PT+EWC", "MGVAE w/o PT", "MGVAE w/o EWC"},
    "fashion": {f"MGVAE, lambda {value}" for value in ("5e2", "5e4", "5e6", "5e8")},
}


@pytest.mark.parametrize(
    "dataset, row, metric, expected",
    [
        ("mnist-100", "MGVAE", "B-ACC", (85.0, 0.2)),
        ("mnist-600", "MGVAE", "ACSA", (64.4, 1.1)),
        ("mnist-600", "CBRW", "GM", (31.2, 1.2)),
        ("fashion-100", "MGVAE, lambda 5e2", "GM", (87.5, 0.1)),
        ("musk", "OCVAE", "GM", (89.8, 0.2)),
        ("isolet", "ERM", "GM", (0.0, 0.0)),
    ],
)
def test_published_numbers(dataset, row, metric, expected):
    assert PUBLISHED[dataset][row][metric] == expected


def test_published_tables_are_complete():
    images = [f"{name}-{ratio}" for name in ("mnist", "fashion") for ratio in (100, 600)]
    assert set(PUBLISHED) == {*images, "musk", "water", "isolet"}
    for name, published in PUBLISHED.items():
        assert set(published) == ROWS | MORE.get(name.partition("-")[0], set())
        for metrics in published.values():
            assert list(metrics) == ["B-ACC", "ACSA", "GM"]
            # The geometric mean of both recalls is never above their arithmetic mean.
            assert metrics["GM"][0] <= metrics["ACSA"][0]


@pytest.mark.parametrize("ratio", [100, 600])
def test_tables_that_repeat_a_row_agree(ratio):
    """MGVAE of Table 3 is the best lambda of Table 9."""
    published = PUBLISHED[f"fashion-{ratio}"]
    assert published["MGVAE"] == published["MGVAE, lambda 5e4"]
