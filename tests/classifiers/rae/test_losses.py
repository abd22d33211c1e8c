"""The critic's objective and the mixer's labels: closed forms, an exact optimum, properties."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imbdeep.classifiers._rae.losses import critic_loss, gradient_penalty

numbers = st.floats(-10, 10, allow_subnormal=False)


def labels(n, n_classes=2):
    return torch.arange(n) % n_classes


# Gradient penalty


@given(hnp.arrays(float, (3,), elements=numbers), st.integers(0, 1000))
def test_linear_critic_pays_for_the_length_of_its_weights(weight, seed):
    w = torch.tensor(weight)
    real, fake = torch.tensor(np.random.default_rng(seed).normal(size=(2, 5, 3)))
    found = gradient_penalty(lambda x, y: x @ w, real, fake, labels(5))
    assert found.shape == ()
    assert found.item() == pytest.approx((np.linalg.norm(weight) - 1) ** 2, abs=1e-9)


@given(hnp.arrays(float, (4, 3), elements=numbers))
def test_quadratic_critic_at_a_point(points):
    """|x|^2 / 2 has the slope |x|; where real and made rows agree, the segment is a point."""
    x = torch.tensor(points)
    found = gradient_penalty(lambda x, y: x.square().sum(dim=1) / 2, x, x.clone(), labels(4))
    expected = ((np.linalg.norm(points, axis=1) - 1) ** 2).mean()
    assert found.item() == pytest.approx(expected, abs=1e-9)


class Spy:
    """A linear critic that keeps the points at which it was asked."""

    def __call__(self, x, y):
        self.x, self.y = x.detach(), y
        return x.flatten(1).sum(dim=1)


@given(hnp.arrays(np.float32, (2, 5, 2, 3), elements=st.floats(-1e3, 1e3, width=32)))
def test_points_lie_on_the_segments(ends):
    real, fake = torch.from_numpy(ends)
    spy, y = Spy(), labels(5)
    gradient_penalty(spy, real, fake, y)
    assert spy.y is y
    slack = 1e-6 * (real.abs() + fake.abs())  # of single precision
    assert (spy.x >= torch.minimum(real, fake) - slack).all()
    assert (spy.x <= torch.maximum(real, fake) + slack).all()
    # One u a row: the point moves along the segment by the same share in every value.
    along, whole = (spy.x - fake).double().flatten(1), (real - fake).double().flatten(1)
    share = (along * whole).sum(dim=1) / whole.square().sum(dim=1).clamp(min=1e-30)
    beside = (along - share[:, None] * whole).abs()
    assert (beside <= 3e-6 * (real.abs() + fake.abs()).double().flatten(1).amax() + 1e-30).all()


# Critic's loss


@pytest.mark.parametrize("distance, penalty_weight", [(0.5, 10.0), (3.0, 10.0), (3.0, 1.0)])
def test_linear_critic_finds_its_exact_optimum(distance, penalty_weight):
    """Two points on a line: -w d + lambda (|w| - 1)^2 is least at w = 1 + d / (2 lambda)."""
    w = torch.zeros(1, dtype=torch.float64).fill_(0.1).requires_grad_()
    real, fake = torch.full((4, 1), distance).double(), torch.zeros(4, 1).double()
    optimizer = torch.optim.SGD([w], lr=0.4 / penalty_weight)
    for _ in range(60):
        loss = critic_loss(real @ w, fake @ w)
        loss = loss + penalty_weight * gradient_penalty(lambda x, y: x @ w, real, fake, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert w.item() == pytest.approx(1 + distance / (2 * penalty_weight))
