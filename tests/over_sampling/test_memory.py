"""What samplers keep in ``memory``: it is made once for all that share it, and changes no rows."""

import numpy as np
import pytest

from imbdeep.over_sampling import CVAESampler, MGVAESampler

Y = np.repeat([0, 1], [40, 12])
X = np.random.default_rng(0).normal(size=(len(Y), 3)) + Y[:, None]


def mgvae(**params):
    few = {"pretrain_steps": 4, "finetune_steps": 2, "hidden_layer_sizes": (4,), "device": "cpu"}
    return MGVAESampler(**{**few, "random_state": 0, **params})


@pytest.fixture
def kept(tmp_path):
    """Tell how many results the memory holds."""
    return lambda: len(list(tmp_path.rglob("output.pkl")))


def test_candidates_of_a_search_share_what_they_have_in_common(tmp_path, kept):
    mgvae(memory=str(tmp_path)).fit_resample(X, Y)
    n = kept()
    assert n == 3  # encoder, row filter, pre-trained model
    for params in ({"ewc_lambda": 10.0}, {"beta": 0.5}, {"finetune_steps": 3}):
        found, _ = mgvae(memory=str(tmp_path), **params).fit_resample(X, Y)
        np.testing.assert_array_equal(found, mgvae(**params).fit_resample(X, Y)[0])
    assert kept() == n


def test_samplers_share_encoder_and_filter(tmp_path, kept):
    mgvae(memory=str(tmp_path)).fit_resample(X, Y)
    n = kept()
    sampler = CVAESampler(max_steps=2, device="cpu", random_state=0)
    expected, _ = sampler.fit_resample(X, Y)
    found, _ = sampler.set_params(memory=str(tmp_path)).fit_resample(X, Y)
    assert kept() == n
    np.testing.assert_array_equal(found, expected)


def test_other_rows_or_seeds_share_nothing(tmp_path, kept):
    mgvae(memory=str(tmp_path)).fit_resample(X, Y)
    other = np.random.default_rng(1).normal(size=X.shape)
    mgvae(memory=str(tmp_path)).fit_resample(other, Y)
    assert kept() == 6
    mgvae(memory=str(tmp_path), random_state=1).fit_resample(X, Y)
    assert kept() == 8  # the encoder has no seed
