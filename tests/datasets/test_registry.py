"""The registry, the options of ``fetch``, and the real data by their counts."""

import numpy as np
import pytest

from imbdeep.datasets import DATASETS, PROFILES, fetch


def test_a_bunch_has_everything_and_the_pair_is_the_same():
    bunch = fetch("optical_digits", source="bundled", download=False)
    assert bunch.data.shape == (1797, 64)
    assert np.bincount(bunch.target).tolist() == [1623, 174]
    assert bunch.target_names == ["another digit", "8"]
    assert (bunch.feature_names[0], bunch.feature_names[-1]) == ("f1", "f64")
    assert (bunch.image_shape, bunch.categorical_features) == ((1, 8, 8), [])
    assert DATASETS["optical_digits"].about == bunch.DESCR
    x, y = fetch("optical_digits", source="bundled", return_X_y=True)
    np.testing.assert_array_equal(x, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


@pytest.mark.parametrize("name", DATASETS)
def test_without_files_the_error_names_one(name, cache):
    for download in (True, False):
        with pytest.raises(FileNotFoundError, match=f"there is no {cache}/.*/.*Put the file into"):
            fetch(name, download=download)


@pytest.mark.parametrize(
    "name, options, error, message",
    [
        ("mnst", {}, ValueError, "name='mnst' is none of 'mnist', 'fashion_mnist', "),
        ("german_credit", {"subset": "test"}, TypeError, "'subset': it takes none"),
        ("mnist", {"source": "jpeg"}, TypeError, "mnist takes no option 'source': it takes subset"),
        ("isolet", {"letters": 2}, ValueError, "letters=2 is none of False, True"),
        ("twitter_pos", {"subset": "all"}, ValueError, "'all' is none of 'train', 'dev', 'test'"),
        ("optical_digits", {"source": "sklearn"}, ValueError, "source='sklearn' is none of"),
    ],
)
def test_options_are_those_of_the_data_set(name, options, error, message):
    with pytest.raises(error, match=message):
        fetch(name, **options)


MNIST = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
SOME_JPEGS = {"subset": "test", "source": "jpeg", "choose": lambda y: np.arange(0, 10_000, 500)}
LETTERS = [300] * 5 + [298] + [300] * 6 + [299] + [300] * 13


@pytest.mark.parametrize(
    "real, name, options, n_columns, counts, n_missing",
    [
        ("mnist", "mnist", {}, 784, MNIST, 0),
        ("mnist", "mnist", {"subset": "test"}, 784, MNIST_TEST, 0),
        ("cifar10_jpeg", "cifar10", SOME_JPEGS, 3072, [2] * 10, 0),
        ("musk2", "musk2", {}, 166, [5581, 1017], 0),
        ("isolet", "isolet", {}, 617, [7197, 600], 0),
        ("isolet", "isolet", {"letters": True}, 617, LETTERS, 0),
        ("water_quality", "water_quality", {}, 20, [7084, 912], 0),
        ("mammography", "mammography", {}, 6, [10_923, 260], 0),
        ("webpage", "webpage", {}, 300, [33_799, 981], 0),
        ("adult", "adult", {}, 14, [24_720, 7841], 4262),
        ("adult", "adult", {"subset": "test"}, 14, [12_435, 3846], 2203),
        ("credit_default", "credit_default", {}, 23, [23_364, 6636], 0),
        ("german_credit", "german_credit", {}, 20, [700, 300], 0),
        ("hypothyroid", "hypothyroid", {}, 25, [3012, 151], 5329),
        ("reuters_r52", "reuters36", {}, 1000, list(PROFILES["reuters-36"].counts), 0),
        ("twitter_pos", "twitter_pos", {}, 1000, list(PROFILES["twitter"].counts), 0),
    ],
    indirect=["real"],
)
def test_real_data_have_their_counts(real, name, options, n_columns, counts, n_missing):
    bunch = fetch(name, data_home=real, download=False, **options)
    assert bunch.data.shape == (sum(counts), n_columns)
    assert np.bincount(bunch.target).tolist() == counts
    assert len(set(bunch.feature_names)) == n_columns
    assert len(bunch.target_names) == len(counts)
    if n_missing or bunch.categorical_features:
        assert bunch.data.isna().sum().sum() == n_missing
    else:
        assert np.isfinite(bunch.data).all()
