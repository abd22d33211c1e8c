"""The networks of RAE: convex combinations, who moves, averages of weights, and what is made."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from torch import nn

from imbdeep.classifiers._rae.losses import mixed
from imbdeep.classifiers._rae.players import RAE, Architecture

LEVEL = 1e-4
ARCHITECTURE = Architecture(
    shape=(3,),
    n_classes=3,
    convolutional=False,
    latent_dim=2,
    n_mixed=2,
    mixing="mixer",
    decoder=True,
    hidden=(6,),
    mixer_hidden=(5,),
    critic_hidden=(5,),
    dropout=0.4,
    columns=(3, 0, (), (), False),
)


def players(**changes):
    return RAE(dataclasses.replace(ARCHITECTURE, **changes))


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


# Proposition 1


def linear(weight, bias):
    head = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    head.weight.data, head.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    return head


@st.composite
def classified_codes(draw, n_classes=(2, 5)):
    """A linear head, codes that it puts into one class, weights of a combination, the class."""
    m, k = draw(st.integers(1, 5)), draw(st.integers(*n_classes))
    n = draw(st.integers(k + 1, 9))  # two of them are in the same class, at least
    values = st.floats(-10, 10, width=32)

    def array(*shape):
        return draw(hnp.arrays(np.float64, shape, elements=values))

    head = linear(array(k, m), array(k))
    z = torch.from_numpy(array(n, m))
    with torch.no_grad():
        found = head(z).argmax(dim=1)
    code = int(found.mode().values)
    own = z[found == code]
    alpha = draw(hnp.arrays(np.float64, len(own), elements=st.floats(0, 1)))
    assume(alpha.sum() > 1e-3)
    return head, own, torch.from_numpy(alpha / alpha.sum()), code


@given(classified_codes())
def test_a_combination_of_codes_of_a_class_stays_in_it(case):
    # Proposition 1: it leads every other class by at least the smallest lead among its codes.
    head, z, alpha, code = case
    with torch.no_grad():
        combined = head(mixed(alpha[None], z[None]))[0]
        logits = head(z)
    leads = logits[:, [code]] - logits
    lead = combined[code] - combined
    assert (lead >= leads.min(dim=0).values - 1e-9).all()
    assume(leads.min(dim=0).values[torch.arange(len(lead)) != code].min() > 1e-9)  # no ties
    assert int(combined.argmax()) == code


# The weights of a combination


@pytest.mark.parametrize("t", [2, 3, 4])
@pytest.mark.parametrize("concentration", [0.5, 2.0])
def test_drawn_weights_are_those_of_a_dirichlet(t, concentration):
    n = 5000
    rae = players(n_mixed=t, mixing=concentration)
    alpha = rae.alpha(torch.zeros(n, t, 2), torch.zeros(n).long(), concentration)
    torch.testing.assert_close(alpha.sum(dim=1), torch.ones(n), atol=1e-5, rtol=0)
    law = stats.beta(concentration, (t - 1) * concentration)  # of each one alone
    assert all(stats.kstest(alpha[:, i].numpy(), law.cdf).pvalue > LEVEL for i in range(t))


# Averages


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_averages_of_weights_and_statistics_have_the_closed_form(decay):
    # w̄_n = d^n w_0 + (1 - d) Σ d^(n - i) w_i
    rae = players()
    parts = ("encoder", "head", "decoder")
    path = [{name: state(getattr(rae, name)) for name in parts}]
    for i in range(1, 6):
        for name in parts:
            drawn = {
                key: torch.randn_like(v) if v.is_floating_point() else v + i
                for key, v in path[0][name].items()
            }
            getattr(rae, name).load_state_dict(drawn)
        path.append({name: state(getattr(rae, name)) for name in parts})
        rae.average(decay)
    shares = [decay**5] + [(1 - decay) * decay ** (5 - i) for i in range(1, 6)]
    n_statistics = 0
    for name in parts:
        for key, found in rae.averaged[name].state_dict().items():
            if not found.is_floating_point():
                continue
            n_statistics += "running" in key
            values = [step[name][key].double() for step in path]
            expected = sum(share * value for share, value in zip(shares, values, strict=True))
            torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)
    assert n_statistics == 4  # means and variances of encoder and decoder


# Rows


def test_generated_categories_and_events_are_drawn_as_often_as_expected():
    n = 4000
    rae = players(shape=(6,), columns=(1, 1, [4], (), False)).eval()
    z, y = torch.randn(1, 2), torch.zeros(1).long()
    with torch.no_grad():
        expected = rae.likelihood.mean(rae.averaged["decoder"](z, y))[0].double()
        found = rae.generate(z[None].expand(n, 2, 2), y.expand(n), "mixer").double()
    assert set(found[:, 1:].unique().tolist()) == {0.0, 1.0}
    assert (found[:, 2:].sum(dim=1) == 1).all()
    torch.testing.assert_close(found[:, 0], expected[0].expand(n), rtol=1e-4, atol=1e-5)
    assert stats.binomtest(int(found[:, 1].sum()), n, float(expected[1])).pvalue > LEVEL
    counts = found[:, 2:].sum(dim=0).numpy()
    assert (
        stats.chisquare(counts, n * expected[2:].numpy() / expected[2:].sum().item()).pvalue > LEVEL
    )
