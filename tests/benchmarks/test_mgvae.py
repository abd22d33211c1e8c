"""What is measured of MGVAE is what the sampler does."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from imbdeep.benchmarks import _mgvae
from imbdeep.benchmarks._mgvae import SPECS
from imbdeep.over_sampling import MGVAESampler
from imbdeep.over_sampling._mgvae.model import build, plan
from imbdeep.training import seeded


def test_specs_are_the_samplers_own(monkeypatch):
    asked = {}

    def spy(model, *args, **settings):
        asked.update(settings)
        return []

    def planned(*args, **settings):
        plans.append(plan(*args, **settings))
        return plans[-1]

    plans = []
    monkeypatch.setattr("imbdeep.over_sampling._mgvae.sampler.plan", planned)
    monkeypatch.setattr("imbdeep.over_sampling._mgvae.model.fit_model", spy)
    monkeypatch.setattr("imbdeep.over_sampling._mgvae.sampler.fit_model", spy)
    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [110, 20])
    table = random.standard_normal((130, 30))
    images = random.integers(0, 256, (130, 1, 28, 28), dtype=np.uint8)
    for x, spec in zip((table, images), SPECS.values(), strict=True):
        MGVAESampler(acceptance=None, random_state=0).fit_resample(x, y)
        assert plans[-1] == spec
    assert asked["batch_size"] == _mgvae.BATCH_SIZE
    assert asked["n_exemplars"] == _mgvae.N_EXEMPLARS


@pytest.mark.parametrize("name", SPECS)
def test_products_are_those_of_a_step(name):
    """Counted by torch in a forward and a backward pass of the model itself."""
    from torch.utils.flop_counter import FlopCounterMode

    cpu = torch.device("cpu")
    with seeded(0, cpu):
        model = build(SPECS[name], cpu)
        multiply, operations = _mgvae._products(model, cpu)
        with FlopCounterMode(display=False) as bare:
            multiply()
        x = torch.rand(200, *SPECS[name]["shape"]).flatten(1)
        with FlopCounterMode(display=False) as counter:
            reconstruction, kl = model(x[:100], x[100:], torch.zeros(100, model.latent_dim))
            (kl - reconstruction).sum().backward()
    assert bare.get_total_flops() == operations == counter.get_total_flops()


def test_threads_are_put_back(monkeypatch, tiny):
    monkeypatch.setattr(_mgvae, "_turns", lambda *a: iter(()))
    torch.set_num_threads(2)
    lines = list(_mgvae.step_lines(tiny))
    assert torch.get_num_threads() == 2
    assert {"peak, 1 thread", "peak, 2 threads"} <= {line.what for line in lines}


def test_a_gpu_is_measured_too(monkeypatch, tiny):
    """No GPU here: the processor plays it."""
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    places = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(_mgvae, "devices", lambda: [cpu, gpu])
    monkeypatch.setattr(_mgvae, "_turns", lambda *a: iter(()))
    monkeypatch.setattr(
        _mgvae, "seeded", lambda seed, device: places.append(device) or nullcontext()
    )
    monkeypatch.setattr(torch, "randn", lambda *a, device: np.ones((2, 2, 2)))
    monkeypatch.setattr(torch, "mm", lambda a, b: None)
    lines = list(_mgvae.step_lines(tiny))
    assert [line.what for line in lines] == ["peak, 1 thread", "peak, cuda"]
    assert places == [cpu, gpu]


def test_real_digits_are_taken_where_they_are(tmp_path, monkeypatch, tiny):
    from imbdeep.reproductions._runner import Task

    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [200, 20])
    x = random.integers(0, 256, (220, 784), dtype=np.uint8)
    (tmp_path / "mnist").mkdir()
    monkeypatch.setitem(_mgvae.DATASETS, "mnist-100", lambda folder, seed: Task(x, y, x, y))
    lines = list(_mgvae.default_lines(tiny, str(tmp_path)))
    assert lines[2].what == "defaults: MNIST, 132 x 784"


def test_peak_memory_sees_the_rows(tiny):
    megabytes, seconds, peak = map(float, _mgvae.resample_large(1000, 4, tiny.sampler).split())
    assert megabytes == pytest.approx(1000 * 5 * 8 / 2**20)
    assert seconds > 0
    assert peak > megabytes
