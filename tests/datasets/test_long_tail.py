"""Class counts: the papers' totals and ratios, their printed tables, and rows that are kept."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from imbdeep.datasets import (
    PROFILES,
    exponential_counts,
    make_imbalanced,
    pareto_counts,
)

# What the papers say beside the counts: rows in all, and the largest class by the smallest.
STATED = {
    "mnist-100": (30_300, 100),
    "mnist-600": (30_050, 600),
    "mnist-100-two-class": (30_300, 100),
    "mnist-600-two-class": (30_050, 600),
    "fashion-mnist-100": (30_300, 100),
    "fashion-mnist-600": (30_050, 600),
    "fashion-mnist-100-two-class": (30_300, 100),
    "fashion-mnist-600-two-class": (30_050, 600),
    "celeba-100": (None, 100),
    "musk-6.6": (6598 - 2 * 200, 6.6),
    "water-quality-11.1": (7996 - 2 * 300, 11.1),
    "isolet-17.5": (7797 - 2 * 200, 17.5),
    "mnist-4000-40": (None, 100),
    "fashion-mnist-4000-40": (None, 100),
    "cifar10-4500-80": (None, 56.25),
    "svhn-4500-80": (None, 56.25),
    "mnist-test-1000-10": (None, 100),
    "celeba-gamo-small": (None, 100),
    "celeba-gamo-large": (None, 37.33),
    "lsun-small": (None, 100),
    "lsun-large": (None, 66.67),
    "celeba-rae": (15_160, 56.25),
    "celeba-rae-test": (None, 58.82),  # ours: 1000 / 17
    "cifar100-500-50": (None, 10),
    "imagenet100-1300-130": (50_973, 10),
    "cifar10-lt-10": (None, 10),
    "cifar10-lt-100": (12_406, 100),
    "cifar100-lt-10": (None, 10),
    "cifar100-lt-100": (None, 100),
    "celeba-5": (6651, 10.7),
    "reuters-36": (6436, 710),
    "twitter": (14_614, 147.9),
    "imagenet-lt": (None, 256),
}
CLASSES = {"reuters-36": 36, "twitter": 23, "imagenet-lt": 1000, "celeba-5": 5, "lsun-large": 5}

# RAE's Tables 8 and 9, the first twelve and the last twelve of their hundred counts.
PRINTED = {
    "cifar100-500-50": (
        (500, 488, 477, 466, 455, 445, 434, 424, 415, 405, 396, 387),
        (64, 63, 61, 60, 58, 57, 56, 54, 53, 52, 51, 50),
    ),
    "imagenet100-1300-130": (
        (1300, 1270, 1240, 1212, 1184, 1157, 1130, 1104, 1079, 1054, 1030, 1006),
        (167, 164, 160, 156, 152, 149, 146, 142, 139, 136, 133, 130),
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_have_the_totals_and_ratios_of_the_papers(name):
    profile, (total, ratio) = PROFILES[name], STATED[name]
    counts = profile.counts
    assert all(type(count) is int and count > 0 for count in counts)
    assert profile.paper
    assert total is None or sum(counts) == total
    digits = len(str(ratio).partition(".")[2])
    assert round(max(counts) / min(counts), digits) == ratio
    assert len(counts) == CLASSES.get(name, len(counts))


def test_classes_of_profiles_fall_in_order_but_where_the_note_says():
    rising = [n for n, p in PROFILES.items() if list(p.counts) != sorted(p.counts, reverse=True)]
    assert rising == ["celeba-5"]


@pytest.mark.parametrize("name", PRINTED)
def test_the_rule_gives_the_tables_that_rae_prints(name):
    counts = PROFILES[name].counts
    assert (counts[:12], counts[-12:]) == PRINTED[name]
    assert len(counts) == 100


def test_imagenet_lt_comes_near_the_papers_list():
    counts = PROFILES["imagenet-lt"].counts
    assert (counts[0], counts[-1]) == (1280, 5)
    assert sum(counts) == pytest.approx(115_846, rel=0.02)


@given(n_max=st.integers(1, 10**6), n_classes=st.integers(2, 200), share=st.floats(0, 1))
def test_exponential_counts_fall_from_end_to_end(n_max, n_classes, share):
    ratio = n_max**share
    counts = np.array(exponential_counts(n_max, n_classes, ratio))
    assert len(counts) == n_classes
    assert counts[0] == n_max
    assert counts[-1] in (int(n_max / ratio), int(n_max / ratio) - 1, int(n_max / ratio) + 1)
    assert (np.diff(counts) <= 0).all()
    exact = n_max * ratio ** (-np.arange(n_classes) / (n_classes - 1))
    assert (np.abs(counts - exact) <= 1).all()


@given(n_max=st.integers(1, 10**5), n_classes=st.integers(2, 300), power=st.floats(0.5, 20))
def test_pareto_counts_lie_between_their_ends(n_max, n_classes, power):
    n_min = 1 + n_max // 50
    counts = np.array(pareto_counts(n_max, n_classes, n_min, power))
    assert len(counts) == n_classes
    assert counts[0] == n_max
    assert counts.min() == counts[-1] == n_min
    assert (np.diff(counts) <= 0).all()


def test_pareto_counts_are_quantiles():
    """Of excesses, half of which lie below the median of the distribution, 2^(1 / power) - 1."""
    counts = pareto_counts(10**6, 1001, 1, power=6)
    largest = 1001 ** (1 / 6) - 1
    assert counts[500] == pytest.approx(1e6 * (2 ** (1 / 6) - 1) / largest, rel=0.005)


@pytest.mark.parametrize(
    "function, arguments, message",
    [
        (exponential_counts, (0, 10, 1), "n_max=0 must be a whole number"),
        (exponential_counts, (10, 0, 1), "n_classes=0 must be"),
        (exponential_counts, (10, 3, 0.5), "ratio=0.5 must lie between 1 and n_max=10"),
        (exponential_counts, (10, 3, float("nan")), "ratio=nan must lie"),
        (pareto_counts, (10, 1, 1, 6), "n_classes=1 must be at least 2"),
        (pareto_counts, (10, 3, 11, 6), "n_min=11 must lie between 1 and n_max=10"),
        (pareto_counts, (10, 3, 1, 0), "power=0 must be above 0"),
    ],
)
def test_schedules_refuse(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


LABELS = np.array(["b", "a", "c"] * 20)
WANTED = (15, 6, 2)  # of a, b, c


@given(
    sizes=st.lists(st.integers(0, 12), min_size=3, max_size=3),
    seed=st.integers(0, 100),
    shuffle=st.booleans(),
)
def test_rows_are_drawn_without_replacement(sizes, seed, shuffle):
    y = np.random.default_rng(0).permutation(np.repeat([3, 5, 9], 12))
    x = np.arange(36)[:, None]
    kept, labels, indices = make_imbalanced(
        x, y, sizes, random_state=seed, shuffle=shuffle, return_indices=True
    )
    assert [np.sum(labels == label) for label in (3, 5, 9)] == sizes
    assert len(set(indices.tolist())) == sum(sizes)
    np.testing.assert_array_equal(kept[:, 0], indices)
    np.testing.assert_array_equal(labels, y[indices])
    assert shuffle or (np.diff(indices) > 0).all()


CONTAINERS = {
    "array": lambda x: x,
    "images": lambda x: x.reshape(-1, 1, 2, 1),
    "list": lambda x: x.tolist(),
    "pandas": lambda x: pd.DataFrame(x, columns=["u", "v"], index=np.arange(60) + 100),
    "polars": lambda x: pl.DataFrame({"u": x[:, 0], "v": x[:, 1]}),
    "csr": sparse.csr_matrix,
    "csr array": sparse.csr_array,
    "coo": sparse.coo_matrix,  # comes back as CSR
    "tensor": lambda x: torch.from_numpy(x),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_containers_stay_what_they_are(name):
    x = np.column_stack([np.arange(60), np.arange(60) ** 2])
    container = CONTAINERS[name](x)
    kept, labels, indices = make_imbalanced(
        container, LABELS, WANTED, random_state=0, return_indices=True
    )
    assert kept.format == "csr" if name == "coo" else type(kept) is type(container)
    rows = kept.toarray() if sparse.issparse(kept) else np.asarray(kept)
    np.testing.assert_array_equal(rows.reshape(len(indices), -1), x[indices])
    np.testing.assert_array_equal(labels, LABELS[indices])


@pytest.mark.parametrize("make", [list, pd.Series, np.asarray, torch.tensor])
def test_labels_stay_what_they_are(make):
    y = make([ord(label) for label in LABELS])
    _, labels = make_imbalanced(np.zeros((60, 1)), y, WANTED, random_state=0)
    assert type(labels) is type(y)
    assert [list(labels).count(ord(label)) for label in "abc"] == list(WANTED)


def test_a_profile_by_its_name_and_all_rows_of_a_class_that_has_too_few():
    y = np.repeat(np.arange(10), 3000)
    _, labels = make_imbalanced(y, y, "mnist-4000-40", too_few="all", random_state=0)
    assert tuple(np.bincount(labels)) == (3000, *PROFILES["mnist-4000-40"].counts[1:])


def test_the_seed_draws_the_rows():
    def rows(random_state):
        return make_imbalanced(
            LABELS, LABELS, WANTED, random_state=random_state, return_indices=True
        )[2].tolist()

    assert rows(0) == rows(0) == rows(np.random.default_rng(0))
    assert rows(0) != rows(1)
    assert rows(np.random.RandomState(0)) == rows(np.random.RandomState(0))
    stream = np.random.default_rng(0)
    assert rows(stream) != rows(stream)
    assert rows(None) != rows(None)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"counts": "mnist-7"}, "counts='mnist-7' is none of mnist-100, mnist-600, "),
        ({"counts": [1, 2]}, "counts has 2 numbers and y 3 classes"),
        ({"counts": [1, 2, -3]}, "counts holds -3: numbers of rows are whole"),
        ({"counts": {"d": 3}}, r"counts names \['d'\], which y does not have: it has \['a',"),
        ({"counts": {"a": 21}}, "class a has 20 rows, fewer than the 21 asked for"),
        ({"X": np.zeros((59, 1))}, "X has 59 rows and y 60 labels"),
        ({"y": np.zeros((60, 1))}, r"y has shape \(60, 1\): give one label for each row"),
        ({"too_few": "some"}, "too_few='some' must be 'raise' or 'all'"),
    ],
)
def test_make_imbalanced_refuses(changes, message):
    arguments = {"X": np.zeros((60, 1)), "y": LABELS, "counts": WANTED, **changes}
    with pytest.raises(ValueError, match=message):
        make_imbalanced(**arguments)
