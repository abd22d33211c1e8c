"""The benchmarks measure what they say, on sizes of a second."""

import runpy

import numpy as np
import pytest
import torch

from imbdeep import benchmarks
from imbdeep.benchmarks import SPECS, main
from imbdeep.over_sampling import MGVAESampler
from imbdeep.over_sampling._mgvae.model import build, plan
from imbdeep.training import seeded


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Here and in the child processes: on a busy machine threads wait for each other."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("IMBDEEP_DATA", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    quick = benchmarks._QUICK._replace(
        rows=400,
        repetitions=1,
        steps=2,
        images=(120, 12),
        large=(2000, 4),
        gemm=32,
        sampler={"pretrain_steps": 4, "finetune_steps": 2, "hidden_layer_sizes": (8,)},
    )
    monkeypatch.setattr(benchmarks, "_QUICK", quick)


def table_of(text):
    """The lines below the header, by what they measure."""
    lines = text.splitlines()[2:]
    return {line[:58].strip(): float(line[58:].split()[0]) for line in lines}


def test_everything_is_measured_once(capsys):
    assert main(["all", "--quick"]) == 0
    text = capsys.readouterr().out
    found = table_of(text)
    assert len(found) < len(text.splitlines())
    for name in SPECS:
        for phase in ("pre-training", "fine-tuning"):
            assert found[f"{name}, 1 thread: step of {phase}"] > 0
    assert found["defaults: 400 x 30"] > 0
    assert found["defaults: synthetic images, 132 x 784"] > 0
    assert text.count("defaults: 2000 x 4") == 1  # although two measurements ask for it
    assert found["peak memory, 2000 x 4 (0 MiB)"] > 50
    one, some = found["grid: one fit"], found["grid: 2 lambdas with memory"]
    assert found["grid: the same / one fit"] == pytest.approx(some / one, rel=0.05)
    assert 0 <= found["import imbdeep"] < 5
    assert found["import imbdeep loads torch"] == 0
    assert "TOO MUCH" not in text
    assert text.count("not judged") == 11


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
        MGVAESampler(random_state=0).fit_resample(x, y)
        assert plans[-1] == spec
    assert asked["batch_size"] == benchmarks.BATCH_SIZE
    assert asked["n_exemplars"] == benchmarks.N_EXEMPLARS


@pytest.mark.parametrize("name", SPECS)
def test_products_are_those_of_a_step(name):
    """Counted by torch in a forward and a backward pass of the model itself."""
    from torch.utils.flop_counter import FlopCounterMode

    cpu = torch.device("cpu")
    with seeded(0, cpu):
        model = build(SPECS[name], cpu)
        multiply, operations = benchmarks._products(model, cpu)
        with FlopCounterMode(display=False) as bare:
            multiply()
        x = torch.rand(200, *SPECS[name]["shape"]).flatten(1)
        with FlopCounterMode(display=False) as counter:
            reconstruction, kl = model(x[:100], x[100:], torch.zeros(100, model.latent_dim))
            (kl - reconstruction).sum().backward()
    assert bare.get_total_flops() == operations == counter.get_total_flops()


def test_threads_are_put_back(monkeypatch):
    monkeypatch.setattr(benchmarks, "_turns", lambda *a: iter(()))
    torch.set_num_threads(2)
    lines = list(benchmarks._step_lines(benchmarks._QUICK))
    assert torch.get_num_threads() == 2
    assert {"peak, 1 thread", "peak, 2 threads"} <= {line.what for line in lines}


def test_a_gpu_is_measured_too(monkeypatch):
    """No GPU here: the processor plays it, and says how often it was waited for."""
    waits = []
    monkeypatch.setattr(torch.cuda, "synchronize", waits.append)
    benchmarks._seconds(lambda: None, torch.device("cuda"))
    assert len(waits) == 2

    class Gpu:
        type = "cuda"

    places = []
    monkeypatch.setattr(benchmarks, "resolve_device", lambda device: Gpu)
    monkeypatch.setattr(benchmarks, "_turns", lambda *a: iter(()))
    monkeypatch.setattr(benchmarks, "seeded", lambda seed, device: places.append(device) or _null())
    monkeypatch.setattr(torch, "randn", lambda *a, device: np.ones((2, 2, 2)))
    monkeypatch.setattr(torch, "mm", lambda a, b: None)
    lines = list(benchmarks._step_lines(benchmarks._QUICK))
    assert [line.what for line in lines] == ["peak, 1 thread", "peak, cuda"]
    assert places == [torch.device("cpu"), Gpu]


def _null():
    from contextlib import nullcontext

    return nullcontext()


def test_real_digits_are_taken_where_they_are(tmp_path, monkeypatch):
    from imbdeep.reproductions._runner import Task

    random = np.random.default_rng(0)
    y = np.repeat([0, 1], [200, 20])
    x = random.integers(0, 256, (220, 784), dtype=np.uint8)
    (tmp_path / "mnist").mkdir()
    monkeypatch.setitem(benchmarks.DATASETS, "mnist-100", lambda folder, seed: Task(x, y, x, y))
    lines = list(benchmarks._default_lines(benchmarks._QUICK, str(tmp_path)))
    assert lines[1].what == "defaults: MNIST, 132 x 784"


def test_peak_memory_of_both_systems(tmp_path):
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmHWM:\t  204800 kB\nVmRSS:\t 1 kB\n")
    assert benchmarks._peak_mib(status) == 200
    elsewhere = benchmarks._peak_mib(tmp_path / "missing")
    assert 50 < elsewhere < 100_000


def test_peak_memory_sees_the_rows():
    megabytes, seconds, peak = map(
        float, benchmarks._resample_large(1000, 4, benchmarks._QUICK.sampler).split()
    )
    assert megabytes == pytest.approx(1000 * 5 * 8 / 2**20)
    assert seconds > 0
    assert peak > megabytes


def test_an_exceeded_limit_is_the_exit_status(monkeypatch, capsys):
    line = benchmarks._Line
    measured = [line("slow", 2.0, "s", 1.0), line("fine", 1.0, "s", 1.0), line("free", 9.0, "s")]
    monkeypatch.setitem(benchmarks.MEASUREMENTS, "grid", (lambda sizes, data: iter(measured),))
    assert main(["grid"]) == 1
    slow, fine, free = capsys.readouterr().out.splitlines()[2:]
    assert slow.endswith("TOO MUCH")
    assert fine.endswith("ok")
    assert free.endswith("s")
    assert main(["grid", "--quick"]) == 0


def test_it_is_a_program(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "import", "--quick"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(benchmarks.__file__, run_name="__main__")
    assert stopped.value.code == 0
    assert "import imbdeep" in capsys.readouterr().out
