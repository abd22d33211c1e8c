"""The loop: what it trains, when it stops, what it puts back, and that it leaves no trace."""

import math
import pickle

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from imbdeep.seeding import restored_on_failure, seeded
from imbdeep.training import (
    Descent,
    DivergedError,
    batch_indices,
    class_rows,
    flatten_parameters,
    release_parameters,
    run,
)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def local_randomness():
    with seeded(0, CPU):
        yield


class Weight(nn.Module):
    """One weight and one buffer: enough to be restored."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.register_buffer("count", torch.zeros(()))


def train(step, n=10, *, module=None, **params):
    settings = {"max_steps": 200, "batch_size": 5, "device": CPU, **params}
    return run(step, n, module=module or Weight(), **settings)


def counting(module):
    """A step that adds one to the weight and calls it the loss."""

    def step(idx):
        with torch.no_grad():
            module.weight += 1
            module.count += 1
        return {"loss": module.weight.clone()}

    return step


# ---------------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("n, batch_size", [(12, 4), (10, 4), (7, 7), (100, 3)])
def test_each_pass_covers_all_rows_once(n, batch_size):
    n_steps = 3 * math.ceil(n / batch_size)
    batches = batch_indices(n, batch_size, n_steps, CPU)
    assert batches.shape == (n_steps, batch_size)
    assert batches.dtype == torch.int64
    drawn = batches.flatten().tolist()
    for start in range(0, len(drawn) - n + 1, n):
        assert sorted(drawn[start : start + n]) == list(range(n))
    assert drawn[:n] != drawn[n : 2 * n]  # each pass in an order of its own


def test_tiny_class_fills_its_batches_with_replacement():
    batches = batch_indices(3, 100, 200, CPU)
    assert batches.shape == (200, 100)
    counts = batches.flatten().bincount(minlength=3)
    assert len(counts) == 3
    assert (counts - 20_000 / 3).abs().max() < 5 * math.sqrt(20_000 * 2 / 9)


def test_rows_of_a_class_are_drawn_equally_often():
    codes = np.repeat([2, 1, 0], [1, 5, 50])
    drawn = class_rows(torch.from_numpy(codes))(torch.arange(3).repeat(2000)).numpy()
    assert set(drawn[2::3]) == {0}
    assert stats.chisquare(np.bincount(drawn[1::3] - 1, minlength=5)).pvalue > 1e-3
    assert stats.chisquare(np.bincount(drawn[::3] - 6, minlength=50)).pvalue > 1e-3


def test_no_row_beyond_the_class_is_drawn_where_a_product_rounds_up(monkeypatch):
    monkeypatch.setattr(torch, "rand", torch.ones)
    assert class_rows(torch.tensor([0, 0, 1]))(torch.tensor([0, 1])).tolist() == [1, 2]


# ---------------------------------------------------------------------------------------- history


def test_history_holds_the_means_of_every_term():
    values = iter(range(1000))

    def step(idx):
        value = float(next(values))
        return {"loss": torch.tensor(value), "other": torch.tensor(-2 * value)}

    history = train(step, max_steps=120)
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert [record["step"] for record in history] == [50, 100, 120]
    means = [np.mean(range(50)), np.mean(range(50, 100)), np.mean(range(100, 120))]
    np.testing.assert_allclose([record["loss"] for record in history], means)
    np.testing.assert_allclose([record["other"] for record in history], np.multiply(-2, means))
    assert all("validation" not in record for record in history)


@pytest.mark.parametrize("n, steps", [(10, 50), (5 * 120, 120), (5 * 10_000, 250)])
def test_epoch_is_a_pass_but_neither_short_nor_endless(n, steps):
    history = train(lambda idx: {"loss": torch.zeros(())}, n=n, max_steps=1000)
    assert history[0]["step"] == steps
    assert history[-1]["step"] == 1000


# --------------------------------------------------------------------------------- early stopping


def validation_of(*values):
    values = iter(values)
    return lambda: torch.tensor(next(values))


@pytest.mark.parametrize("patience, epochs", [(1, 3), (2, 6), (3, 7), (None, 8)])
def test_patience_counts_epochs_without_a_better_one(patience, epochs):
    module = Weight()
    curve = validation_of(5.0, 4.0, 4.5, 3.0, 3.0, 9.0, 9.0, 9.0)
    history = train(
        counting(module), module=module, max_steps=400, validate=curve, patience=patience
    )
    assert len(history) == epochs
    best = 2 if patience == 1 else 4
    assert module.weight.item() == module.count.item() == 50 * best  # buffers too


# ------------------------------------------------------------------------------ when things break


def breaking(module, at, value=math.nan, term="kl"):
    good = counting(module)

    def step(idx):
        loss = good(idx)["loss"]
        broken = torch.tensor(value if module.weight >= at else 1.0)
        return {"loss": loss + broken, term: broken, "fine": torch.zeros(())}

    return step


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_diverged_loss_names_epoch_and_term_and_best_weights_come_back(value):
    module = Weight()
    message = (
        rf"my phase: the term 'kl' of the loss became {value} in epoch 3 \(by step 150\)\. Try a "
        "smaller learning_rate"
    )
    with pytest.raises(DivergedError, match=message):
        train(
            breaking(module, 101, value),
            module=module,
            validate=validation_of(2.0, 1.0),
            description="my phase",
        )
    assert module.weight.item() == 100


def test_diverged_loss_is_named_where_no_part_is_to_blame():

    def step(idx):
        return {"loss": torch.tensor(math.inf), "kl": torch.zeros(())}

    with pytest.raises(DivergedError, match="the term 'loss' of the loss became inf in epoch 1"):
        train(step)


def test_diverged_validation_is_named():
    with pytest.raises(DivergedError, match="the term 'validation' of the loss became nan"):
        train(counting(Weight()), validate=validation_of(math.nan))


# --------------------------------------------------------------------------------- flat parameters


def small_net():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def test_flat_parameters_share_their_memory_gradients_too():
    net = small_net()
    expected = nn.utils.parameters_to_vector(net.parameters()).detach().clone()
    flat = flatten_parameters(net)
    assert torch.equal(flat.data, expected)
    flat.data.mul_(2)
    assert torch.equal(nn.utils.parameters_to_vector(net.parameters()), 2 * expected)
    net[0].bias.data.fill_(9)
    assert (flat == 9).sum() == 4
    net(torch.rand(5, 3)).square().sum().backward()
    gradients = torch.cat([p.grad.flatten() for p in net.parameters()])
    assert gradients.any()
    assert torch.equal(flat.grad, gradients)
    flat.grad.zero_()
    assert not any(p.grad.any() for p in net.parameters())


def test_learning_rate_warms_up_and_decays():
    """Adam moves a weight with a constant gradient by the learning rate, whatever the gradient."""
    module = Weight()
    descent = Descent(module, 0.1, 100)
    moves = []
    for _ in range(100):
        before = module.weight.item()
        descent.gradient.fill_(3.0)
        descent.step()
        moves.append(before - module.weight.item())
    t = np.arange(100)
    expected = 0.1 * np.minimum(1, (t + 1) / 5) * 0.5 * (1 + np.cos(np.pi * t / 100))
    np.testing.assert_allclose(moves, expected, atol=1e-5)


def test_released_parameters_have_their_own_memory_and_the_same_values():
    net = small_net()
    flat = flatten_parameters(net)
    net(torch.rand(5, 3)).square().sum().backward()
    values = flat.data.clone()
    assert len(pickle.dumps(net)) > 4 * len(list(net.parameters())) * flat.numel()
    release_parameters(net)
    assert torch.equal(nn.utils.parameters_to_vector(net.parameters()), values)
    flat.data.add_(1)
    assert torch.equal(nn.utils.parameters_to_vector(net.parameters()), values)
    for parameter in net.parameters():
        assert parameter.grad is None
        assert not parameter.requires_grad
        assert parameter.untyped_storage().nbytes() == 4 * parameter.numel()
    assert not any(module.training for module in net.modules())


def test_the_term_that_broke_first_is_named():
    """All terms are lost a step later: the order of their names must not decide."""
    module, steps = Weight(), []
    good = counting(module)

    def step(idx):
        steps.append(len(steps))
        after, at = (torch.tensor(math.nan if len(steps) > n else 1.0) for n in (11, 10))
        return {"loss": good(idx)["loss"] + at, "kl": after, "ewc": at}

    with pytest.raises(DivergedError, match=r"'ewc' of the loss became nan.* smaller ewc_lambda"):
        train(step, module=module)


# ------------------------------------------------------------------------------------ interruption


def interrupted(module, *at, **params):
    """A training inside a fit that is interrupted as soon as the weight has one of the values."""
    count, left = counting(module), list(at)

    def step(idx):
        if left and module.weight == left[0]:
            left.pop(0)
            raise KeyboardInterrupt
        return count(idx)

    return train(step, module=module, **params)


@pytest.mark.parametrize(
    "validation, kept, weight",
    [
        ((2.0, 1.0), "the best weights so far, of step 100, are kept", 100),
        ((1.0, 2.0), "the best weights so far, of step 50, are kept", 50),
        (None, "the weights are kept", 130),
    ],
)
def test_first_interruption_of_a_fit_ends_the_training_alone(validation, kept, weight):
    module = Weight()
    curve = None if validation is None else validation_of(*validation)
    message = f"my phase was interrupted after 130 of at most 200 steps: {kept}"
    with restored_on_failure(module):
        with pytest.warns(UserWarning, match=message) as caught:
            history = interrupted(module, 130, validate=curve, description="my phase")
        assert caught[0].filename == __file__
        assert module.weight.item() == weight
        assert [record["step"] for record in history] == [50, 100, 130]
        assert history[-1]["loss"] == np.mean(range(101, 131))
        with pytest.raises(KeyboardInterrupt):
            interrupted(Weight(), 10)  # the second one


def test_interruption_while_validating():
    def validate():
        if module.weight == 100:
            raise KeyboardInterrupt
        return module.weight

    module = Weight()
    with restored_on_failure(module), pytest.warns(UserWarning, match="weights so far, of step 50"):
        history = train(counting(module), module=module, validate=validate)
    assert module.weight.item() == 50
    assert ["validation" in record for record in history] == [True, False]


def test_interruption_aborts_outside_of_fits_and_before_the_first_step():
    module = Weight()
    with pytest.raises(KeyboardInterrupt):
        interrupted(module, 130, validate=validation_of(2.0, 1.0))
    assert module.weight.item() == 100  # the best weights are put back
    with restored_on_failure(module), pytest.raises(KeyboardInterrupt):
        interrupted(Weight(), 0)
