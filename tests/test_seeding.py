"""Streams, devices and attributes: what is seeded repeats, and nothing global is changed."""

import random

import numpy as np
import pytest
import torch

from imbdeep.seeding import (
    draw_seed,
    random_stream,
    resolve_device,
    seeded,
)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def local_randomness():
    with seeded(0, CPU):
        yield


# --------------------------------------------------------------------------------------- no trace


def draws():
    return torch.rand(1).item(), np.random.random(), random.random()  # noqa: NPY002 - the global stream is what is watched


@pytest.mark.changes_global_state
@pytest.mark.parametrize("fails", [False, True])
def test_seeding_leaves_every_global_stream_where_it_was(fails):
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002 - the global stream is what is watched
    random.seed(7)
    expected = draws()
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002 - the global stream is what is watched
    random.seed(7)
    settings = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    try:
        with seeded(3, CPU):
            torch.rand(10)
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert draws() == expected
    assert settings == (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
    )


def test_seeding_the_processor_does_not_reach_the_gpus(monkeypatch):
    for module in (torch.cuda, torch.mps, torch.xpu):
        for name in ("manual_seed", "manual_seed_all"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda seed: pytest.fail("seeded a GPU"))
    with seeded(1, CPU):
        torch.rand(1)


def flushes():
    return torch.tensor(1e-40).mul(1.0).item() == 0.0


@pytest.mark.parametrize("before", [False, True])
def test_denormal_numbers_are_flushed_inside_and_as_before_after(before):
    torch.set_flush_denormal(before)
    inside = []

    def work():
        with seeded(0, CPU):
            inside.append(flushes())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert inside == [True]
    assert flushes() == before


def test_seeding_can_be_nested():
    with seeded(1, CPU):
        first = torch.rand(3).tolist()
        with seeded(1, CPU):
            assert torch.rand(3).tolist() == first
        assert torch.rand(3).tolist() != first
        assert flushes()


# ---------------------------------------------------------------------------------------- devices


def test_device_auto_takes_what_is_there(monkeypatch):
    there = {"cuda": False, "mps": False}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there["mps"])
    assert resolve_device("auto") == resolve_device() == CPU
    there["mps"] = True
    assert resolve_device("auto") == torch.device("mps")
    there["cuda"] = True
    assert resolve_device("auto") == torch.device("cuda")


@pytest.mark.parametrize("device", ["gpu", "", "cuda:x", None, 3.5])
def test_unknown_device_is_refused(device):
    with pytest.raises(ValueError, match="is not a device: use 'auto', 'cpu', 'cuda', 'mps' or"):
        resolve_device(device)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "meta", torch.device("cuda")])
def test_absent_device_is_refused(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match=r"no such device: use device='auto', which here.*'cpu'"):
        resolve_device(device)


def test_gpu_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match="device='cuda:2' was asked for"):
        resolve_device("cuda:2")


# ------------------------------------------------------------------------------------- randomness


def test_an_integer_starts_its_stream_anew_and_a_stream_goes_on():
    first, again = random_stream(7), random_stream(np.int64(7))
    assert first is not again
    seeds = [draw_seed(first) for _ in range(3)]
    assert seeds == [draw_seed(again) for _ in range(3)]
    assert len(set(seeds)) == 3
    assert random_stream(first) is first


def test_no_random_state_is_a_stream_of_its_own():
    """Neither numpy's global stream (conftest.py watches it) nor the same one twice."""
    seeds = {draw_seed(random_stream(state)) for state in [None] * 5}
    assert len(seeds) == 5
    assert draw_seed(random_stream()) not in seeds


def test_seeds_are_those_of_numpy_and_fit_torch():
    seeds = [draw_seed(stream) for stream in [random_stream(0)] for _ in range(1000)]
    assert seeds == np.random.RandomState(0).randint(2**31 - 1, size=1000).tolist()
    assert all(type(seed) is int for seed in seeds)
    with seeded(2**31 - 2, CPU):  # the largest there can be
        assert torch.rand(1) < 1


@pytest.mark.parametrize("state", ["0", 0.5, -1])
def test_what_is_no_random_state_is_refused(state):
    with pytest.raises(ValueError, match=r"seed|Seed"):
        random_stream(state)
