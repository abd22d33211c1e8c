"""The step of M2m: what it replaces, what it asks of the networks, and what it leaves as it was."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from imbdeep.classifiers._m2m.net import M2mNet, Settings
from imbdeep.classifiers._net import ClassifierNet, ScaledSoftmax
from imbdeep.networks import CosineLinear

LEVEL = 1e-4
N_CLASSES, N_FEATURES = 3, 4
SETTINGS = Settings(
    gamma=0.0,
    logit_lambda=0.1,
    n_steps=5,
    step_size=0.3,
    noise_radius=0.0,
    from_batch=False,
    ablation=None,
    stop_at_gamma=False,
)


def network(n_classes=N_CLASSES, n_features=N_FEATURES):
    """A network with all that a translation could disturb: statistics, dropout, a frozen layer."""
    module = nn.Sequential(
        nn.Flatten(),
        nn.Linear(n_features, 8),
        nn.BatchNorm1d(8),
        nn.Dropout(0.5),
        nn.ReLU(inplace=True),
        nn.Linear(8, n_classes),
    )
    module[2].running_mean.normal_()
    return module


def sure(k, n_classes=N_CLASSES, logit=50.0):
    """A linear network that gives class k nearly all, whatever the row."""
    module = nn.Linear(N_FEATURES, n_classes)
    with torch.no_grad():
        module.weight.mul_(0.01)
        module.bias.copy_(logit * torch.eye(n_classes)[k])
    return module


def trained(module, scale=1.0):
    """A net as a fitted teacher holds it."""
    net = ClassifierNet(
        lambda: module,
        criterion=nn.CrossEntropyLoss,
        predict_nonlinearity=ScaledSoftmax(scale),
        device="cpu",
    ).initialize()
    net.module_.eval()
    return net


def student(teachers=(), module=None, scale=1.0, box=(-100.0, 100.0), augment=None, **settings):
    """A student before its first step; ``teachers`` are modules, or pairs of net and columns."""
    module = network() if module is None else module
    pairs = [
        teacher if isinstance(teacher, tuple) else (trained(teacher), list(range(N_CLASSES)))
        for teacher in teachers
    ]
    net = M2mNet(
        lambda: module,
        criterion=nn.CrossEntropyLoss,
        criterion__reduction="none",
        optimizer=torch.optim.SGD,
        lr=0.01,
        classes=list(range(N_CLASSES)),
        predict_nonlinearity=ScaledSoftmax(scale),
        device="cpu",
        verbose=0,
        augment=augment,
        teachers=pairs,
        settings=dataclasses.replace(SETTINGS, **settings),
        box=tuple(torch.tensor(bound) for bound in box),
        seed_rows=torch.randn(50, N_FEATURES),
    ).initialize()
    net.module_.train()
    return net


def planned(n=9, places=(1, 4, 5, 8), targets=(0, 1, 0, 2), sources=(2, 0, 1, 0)):
    """A batch with its plan."""
    x, y = torch.randn(n, N_FEATURES), torch.arange(n) % N_CLASSES
    where = torch.tensor(places)
    y[where] = torch.as_tensor(targets)
    seeds = torch.arange(len(where)) if n < 20 else torch.arange(len(where)) % 50
    return x, y, where, seeds, torch.as_tensor(sources)


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


# What is replaced


def test_gamma_0_replaces_all_planned_rows_and_no_other():
    net = student([network()], gamma=0.0)
    batch = planned()
    x, y, where, seeds, sources = batch
    before = x.clone()
    expected, _ = net.translated(net.seed_rows[seeds], y[where], sources)
    found, labels = net.training_rows(batch)
    torch.testing.assert_close(found[where], expected)
    others = torch.ones(9, dtype=torch.bool)
    others[where] = False
    assert torch.equal(found[others], x[others])
    assert (found[where] != x[where]).any(dim=1).all()
    assert torch.equal(labels, y)
    assert torch.equal(x, before), "The batch itself was written to."
    assert int(net.accepted_.sum()) == int(net.tried_.sum()) == 4


def test_what_is_accepted_is_what_the_teacher_gives_gamma():
    teacher = network()
    net = student([teacher], gamma=0.4)
    n = 60
    targets, sources = torch.arange(n) % 3, (torch.arange(n) + 1) % 3
    batch = planned(n, tuple(range(n)), targets, sources)
    expected, _ = net.translated(net.seed_rows[batch[3]], targets, sources)
    with torch.no_grad():
        chosen = torch.softmax(teacher.eval()(expected), 1)[torch.arange(n), targets] >= 0.4
    assert 0 < chosen.sum() < n
    found, _ = net.training_rows(batch)
    torch.testing.assert_close(found[chosen], expected[chosen])
    assert torch.equal(found[~chosen], batch[0][~chosen])
    kinds = 3 * targets + sources
    assert net.tried_.tolist() == torch.bincount(kinds, minlength=9).tolist()
    assert net.accepted_.tolist() == torch.bincount(kinds[chosen], minlength=9).tolist()


def test_clean_trains_on_the_seed_where_the_translation_is_accepted():
    net = student([sure(0)], gamma=0.5, ablation="clean", noise_radius=0.2)
    batch = planned()
    found, labels = net.training_rows(batch)
    expected = batch[0].clone()
    expected[[1, 5]] = net.seed_rows[[0, 2]]  # targets 0; the others are not accepted
    assert torch.equal(found, expected)
    assert torch.equal(labels, batch[1])


def test_random_label_relabels_what_is_accepted():
    net = student([sure(0)], gamma=0.5, ablation="random_label")
    batch = planned()
    x_star, _ = net.translated(net.seed_rows[batch[3]], batch[1][batch[2]], batch[4])
    found, labels = net.training_rows(batch)
    expected = batch[1].clone()
    expected[1], expected[5] = 1, 2  # the one class that is neither target nor seed class
    assert labels.tolist() == expected.tolist()
    torch.testing.assert_close(found[[1, 5]], x_star[[0, 2]])


@pytest.mark.parametrize("target, source", [(0, 4), (3, 1), (2, 3)])
def test_random_labels_are_uniform_over_the_other_classes(target, source):
    net = student([network()])
    net.classes = list(range(5))
    drawn = net._others(torch.full((3000,), target), torch.full((3000,), source))
    found = np.bincount(drawn.numpy(), minlength=5)
    others = [k for k in range(5) if k not in (target, source)]
    assert found[[target, source]].tolist() == [0, 0]
    assert stats.chisquare(found[others]).pvalue > LEVEL


@pytest.mark.parametrize("from_batch", [False, True])
def test_seeds_are_augmented_once(from_batch):
    net = student(
        [sure(0)], gamma=0.5, ablation="clean", from_batch=from_batch, augment=lambda x: x + 100
    )
    batch = planned()
    found, _ = net.training_rows(batch)
    seeds = (batch[0] if from_batch else net.seed_rows)[[0, 2]]
    torch.testing.assert_close(found[[1, 5]], seeds + 100)
    torch.testing.assert_close(found[[0, 4]], batch[0][[0, 4]] + 100)


# What the networks are asked, and how they are left


def watch(module, log):
    """Log the forward and the backward passes of a module, with the state it is in."""

    def forward(module, inputs, output):
        modes = {m.training for m in module.modules()}
        learns = {p.requires_grad for p in module.parameters()}
        log.append(("forward", len(output), modes, learns))

    module.register_forward_hook(forward)
    module.register_full_backward_hook(lambda m, i, o: log.append(("backward", len(o[0]))))


def test_both_networks_are_frozen_and_in_evaluation_mode_while_rows_are_translated():
    teacher, module = network(), network()
    net = student([teacher], module)
    log = []
    watch(teacher, log)
    watch(module, log)
    net.training_rows(planned())
    forwards = [entry[2:] for entry in log if entry[0] == "forward"]
    assert forwards == [({False}, {False})] * 11


# What the teacher says


def test_an_ensemble_has_the_mean_of_its_members_probabilities():
    modules = [network().eval() for _ in range(3)]
    net = student(modules)
    x = torch.randn(20, N_FEATURES)
    with torch.no_grad():
        found = net.teacher_log_proba(x).exp()
        expected = torch.stack([torch.softmax(m(x), 1) for m in modules]).mean(0)
    torch.testing.assert_close(found, expected)


def test_a_teacher_with_cosines_has_its_scale():
    module = nn.Sequential(nn.Flatten(), CosineLinear(N_FEATURES, N_CLASSES))
    net = student([(trained(module, scale=30.0), [0, 1, 2])])
    x = module[1].weight.detach().clone()  # rows along the classes' weights
    with torch.no_grad():
        found = net.teacher_log_proba(x)
        torch.testing.assert_close(found, torch.log_softmax(30 * module(x), 1))
