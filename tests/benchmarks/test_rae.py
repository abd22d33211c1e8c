"""A cycle is beside exactly its products, and tapes are found where they are kept."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from imbdeep.benchmarks import _rae
from imbdeep.benchmarks._measuring import Sizes, peak_bytes
from imbdeep.benchmarks._rae import (
    CONSTANT,
    Products,
    cycle_tasks,
    fit_large,
    kept_by,
    look_into,
    player_steps,
    products_of,
    rae_fit_lines,
    tape_lines,
)
from imbdeep.classifiers import RAEClassifier
from imbdeep.classifiers._rae.losses import critic_loss, gradient_penalty

CPU = torch.device("cpu")
TASKS = ("30 columns", "28 x 28")


def layer_costs(network, *rows):
    """Operations a row of each layer's forward product, in order; ``rows`` are two."""
    costs = []

    def note(layer, inputs, output):
        kernel = math.prod(layer.weight.shape[1:])
        # A convolution multiplies a kernel at each place of its output; a transposed one at each
        # place of its input.
        transposed = isinstance(layer, nn.ConvTranspose2d)
        places = inputs[0] if transposed else output
        costs.append(2 * kernel * places[0].numel())

    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    layers = [layer for layer in network.modules() if isinstance(layer, kinds)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with torch.no_grad():
        network.eval()(*rows)
    for hook in hooks:
        hook.remove()
    assert len(costs) == len(layers)
    return np.array(costs)


@pytest.mark.parametrize("name", TASKS)
def test_products_are_those_that_a_step_needs(name, tiny):
    """The operations that torch counts in each step, by those of the layers: none is wasted."""
    n_groups, t = 6, 3
    parameters = {**tiny.rae, "batch_size": n_groups, "n_mixed": t}
    found = {}

    def look(net, x, codes):
        rae, n = net.module_, n_groups * t
        groups, y = x[:2].repeat_interleave(t, 0).unflatten(0, (2, t)), codes[:2]
        with torch.no_grad():
            z = rae.encoder.eval()(groups.flatten(0, 1)).view(2, t, -1)
        encoder = layer_costs(rae.encoder, x[:2])
        head = layer_costs(rae.head, z[:, 0])
        decoder = layer_costs(rae.decoder, z[:, 0], y)
        mixer = layer_costs(rae.mixer, z, y)
        critic = layer_costs(rae.critic, x[:2], y)

        def trained(costs, constant):
            """Forward, weights, and the inputs that are not constant."""
            return 3 * costs.sum() - constant * costs[0]

        found["counted"] = {p: o.operations for p, o in products_of(net, x, codes).items()}
        found["needed"] = {
            "encoder": n * trained(encoder, True)
            + n_groups * trained(mixer, True)
            + n * 2 * decoder.sum()  # the gradient goes through it
            + (n + n_groups) * trained(head, False)  # codes and their combinations
            + n_groups * 2 * head.sum(),  # the mixer's loss goes through it
            "decoder": n * (encoder.sum() + trained(decoder, True))
            + n_groups * mixer.sum()
            + n * 2 * (critic.sum() + encoder.sum() + head.sum()),
            "critic": n * (encoder.sum() + decoder.sum())
            + n_groups * mixer.sum()
            # Scores of real and made rows.
            + 2 * n * trained(critic, True)
            # Slopes between them, and what the penalty on them asks for: the gradients by the
            # weights and by the slopes of each layer, of which those of the last one are ones.
            + n * (4 * critic.sum() - critic[-1]),
        }

    task = cycle_tasks(tiny, CPU)[name]
    look_into(task._replace(parameters={**parameters, "max_steps": 1}), CPU, look)
    assert found["counted"] == found["needed"]


def test_products_do_without_the_bias():
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    layer, image = nn.utils.skip_init(nn.Linear, 3, 2), torch.ones(2, 1, 4, 4)
    kernel, bias = torch.ones(3, 1, 2, 2, requires_grad=True), torch.ones(3, requires_grad=True)
    nn.init.ones_(layer.weight)
    nn.init.constant_(layer.bias, 1000.0)
    with Products() as found:
        layer(x)
        F.conv2d(image, kernel, bias).sum().backward()
    assert torch.equal(bias.grad, torch.full((3,), 18.0))
    results = [product(*given) for product, given in found.calls]
    linear, convolved, (by_image, by_kernel, by_bias) = results
    torch.testing.assert_close(linear, x.sum(dim=1, keepdim=True).expand(4, 2))
    assert torch.equal(convolved, torch.full((2, 3, 3, 3), 4.0))
    torch.testing.assert_close(by_kernel, kernel.grad)
    assert by_image is None  # as in the call: the image needs no gradient
    assert by_bias is None
    # 4 x 3 x 2, and twice 2 x 9 places, 3 kernels of 4.
    assert found.operations == 2 * (4 * 3 * 2 + 2 * (2 * 9 * 3 * 4))


def test_again_is_the_same_products(tiny):
    counted = []

    def look(net, x, codes):
        for products in products_of(net, x, codes).values():
            with Products() as repeated:
                products.again()
            counted.append((products.operations, repeated.operations))
            for (_, ours), (_, theirs) in zip(products.calls, repeated.calls, strict=True):
                for a, b in zip(ours, theirs, strict=True):
                    if isinstance(a, torch.Tensor):
                        assert (a.data_ptr(), a.stride()) == (b.data_ptr(), b.stride())

    look_into(cycle_tasks(tiny, CPU)["30 columns"], CPU, look)
    assert [a for a, _ in counted] == [b for _, b in counted]
    assert len(counted) == 3


def test_cycles_are_those_of_the_defaults(tiny):
    tasks = cycle_tasks(Sizes(), CPU)
    default = RAEClassifier()
    for name, cycles in zip(TASKS, (Sizes().cycles, Sizes().image_cycles), strict=True):
        given = tasks[name].parameters
        assert given == {"max_steps": cycles * default.encoder_steps}
    assert tasks["30 columns"].x.shape == (20_000, 30)
    assert tasks["28 x 28"].x.shape[1:] == (1, 28, 28)
    more = cycle_tasks(tiny, torch.device("cuda"))
    assert all(
        more[name].parameters["max_steps"] > task.parameters["max_steps"]
        for name, task in cycle_tasks(tiny, CPU).items()
    )


def test_a_repetition_has_its_cycles_and_its_steps(tiny, monkeypatch):
    """Training and products take turns: as many steps of each player in either."""
    steps, products = [], []
    real = Products.again

    def again(self):
        products.append(self)
        real(self)

    monkeypatch.setattr(Products, "again", again)

    def look(net, x, codes):
        assert net.module_.sizes.convolutional is False
        assert torch.get_num_threads() == 1  # the classifier's own surroundings
        train_step = net.train_step

        def counted(batch, **given):
            steps.extend(net.schedule.order)
            return train_step(batch, **given)

        monkeypatch.setattr(net, "train_step", counted)
        list(_rae._cycle_lines("table", 1, CPU, net, x, codes))

    parameters = {**tiny.rae, "max_steps": 10}
    task = cycle_tasks(tiny, CPU)["30 columns"]._replace(parameters=parameters)
    torch.set_num_threads(2)
    try:
        look_into(task, CPU, look)
    finally:
        torch.set_num_threads(1)
    assert len(steps) / 3 == len(products) / 2 > 0  # two turns, and the fit after them
    assert len(set(map(id, products))) == len(set(steps)) == 3


def test_tapes_are_found_where_they_are_kept():
    first, second = nn.utils.skip_init(nn.Linear, 10, 20), nn.Sequential(nn.Sigmoid())
    x = torch.zeros(5, 10)
    with kept_by({"first": first, "second": second}) as saved:
        second(first(x)).exp().sum().backward()
        assert saved["first"].now == saved["second"].now == 0  # the graph is gone
    assert saved["first"].peak == x.nbytes  # no gradient by x: the weights are not kept
    assert saved["second"].peak == 4 * 5 * 20
    with kept_by({"first": first, "second": second}) as saved:
        with torch.no_grad():
            made = first(x)
        second(made.requires_grad_()).sum().backward()
    assert saved["first"].peak == 0
    assert saved["second"].peak == 4 * 5 * 20
    assert "forward" not in {**vars(first), **vars(second)}  # nothing is left behind


@pytest.mark.parametrize("name", TASKS)
def test_a_critic_keeps_its_own_tape_alone(name, tiny):
    """A step keeps as many bytes as the losses of the critic on rows that are simply given."""
    found = {}

    def look(net, x, codes):
        rae, n = net.module_, 2 * tiny.rae["batch_size"]
        real, y = x[:n].clone(), codes[:n].clone()

        def losses():
            fake = torch.zeros_like(real)
            scores = rae.critic(torch.cat([real, fake]), torch.cat([y, y]))
            gap = critic_loss(scores[:n], scores[n:])
            (gap + 10 * gradient_penalty(rae.critic, real, fake, y)).backward()

        found["step"] = peak_bytes(player_steps(net, x, codes)["critic"], CPU)
        rae.play(rae.critic)
        found["given"] = peak_bytes(losses, CPU)

    task = cycle_tasks(tiny, CPU)[name]
    look_into(task, CPU, look)
    assert found["step"] == found["given"] > 0


def test_no_tape_where_none_is_needed(tiny):
    """Bytes, not seconds: the limits hold at this size too."""
    lines = list(tape_lines(tiny))
    limits = [line for line in lines if line.limit is not None]
    assert len(limits) == len(TASKS) * len(CONSTANT)
    assert all(line.measured == line.limit == 0 for line in limits)
    assert all(line.measured > 0 for line in lines if line.limit is None)


def test_a_needless_tape_would_be_seen(tiny, monkeypatch):
    """Made rows that are not constants: the critic's step keeps the decoder's tape."""
    found = []

    def look(net, x, codes):
        monkeypatch.setattr(torch, "no_grad", torch.enable_grad)
        monkeypatch.setattr(
            net.module_, "play", lambda *players: net.module_.train().requires_grad_(True)
        )
        found.extend(_rae._tape_lines("table", net, x, codes))
        monkeypatch.undo()

    look_into(cycle_tasks(tiny, CPU)["30 columns"], CPU, look)
    assert found[1].measured > found[1].limit


def test_the_defaults_are_fitted(monkeypatch):
    fitted = []
    monkeypatch.setattr(RAEClassifier, "fit", lambda self, x, y: fitted.append((self, x, y)))
    (line,) = rae_fit_lines(Sizes())
    ((classifier, x, y),) = fitted
    assert x.shape == (20_000, 30)
    assert set(np.unique(y)) == {0, 1}
    assert classifier.get_params() == RAEClassifier(random_state=0).get_params()
    assert line.limit == 90


def test_peak_memory_sees_the_rows(tiny):
    megabytes, *found = map(float, fit_large(1000, 4, tiny.rae).split())
    fit_seconds, fitted, predict_seconds, predicted = found
    assert megabytes == pytest.approx(1000 * 5 * 8 / 2**20)
    assert fit_seconds > 0
    assert predict_seconds > 0
    assert predicted >= fitted > megabytes
