"""Texts that samplers share, and the page that shows how to write one."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from sklearn.base import clone

from imbdeep import over_sampling
from imbdeep.over_sampling import _shared
from tests import test_contract as contract

ADDING = Path(__file__).parents[2] / "docs" / "adding.md"


def test_every_text_is_used_and_filled_in():
    classes = [getattr(over_sampling, name) for name in over_sampling.__all__]
    pages = "\n".join(cls.__doc__ for cls in classes)
    assert "$" not in pages
    for text in _shared._texts().values():
        assert text in pages


@pytest.fixture(scope="module")
def sampler_of_the_page(tmp_path_factory):
    """The class that the page shows, from a module of its own: it can be pickled."""
    (code,) = re.findall(r"```python\n(.*?)^```", ADDING.read_text("utf-8"), re.DOTALL | re.M)
    path = tmp_path_factory.mktemp("page") / "_example.py"
    path.write_text(code, encoding="utf-8")
    name = "imbdeep.over_sampling._example"
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module.ExampleSampler(max_steps=20, row_filter=None, device="cpu", random_state=0)
    del sys.modules[name]


@pytest.fixture
def steps():
    yield from contract.hooked_steps()


CONTRACT = [
    contract.test_seed_decides_the_rows,
    contract.test_pickled_sampler_goes_on_where_it_stood,
    contract.test_a_refit_leaves_nothing_of_an_earlier_fit,
    contract.test_samples_need_a_fit_a_class_that_grew_and_a_number,
    contract.test_options_of_tables_are_refused_for_images,
    contract.test_rows_are_filtered_and_the_same_each_time,
    *(contract.check_arrays, contract.check_pandas, contract.check_polars, contract.check_others),
]


@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_sampler_of_the_page_keeps_the_contract(sampler_of_the_page, check):
    check(clone(sampler_of_the_page))


def test_sampler_of_the_page_can_be_interrupted(sampler_of_the_page, steps):
    contract.test_a_fit_that_fails_leaves_the_sampler_as_it_was(clone(sampler_of_the_page), steps)
    steps.clear()
    contract.test_an_interrupted_training_keeps_what_it_learned(clone(sampler_of_the_page), steps)
