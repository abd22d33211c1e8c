"""One interruption of a fit may end a training alone; the next one ends the fit."""

from imbdeep._interrupts import abort_on_interrupt, keep_on_interrupt, was_interrupted
from imbdeep.seeding import restored_on_failure


def test_one_interruption_of_a_fit_may_keep_what_was_learned():
    assert not keep_on_interrupt()  # outside of fits
    for _ in range(2):
        with restored_on_failure(fit := Fit()), restored_on_failure(Fit()):
            assert not was_interrupted()
            assert keep_on_interrupt()
            with restored_on_failure(fit):  # part of the same fit
                assert was_interrupted()
                assert not keep_on_interrupt()
    with abort_on_interrupt(), restored_on_failure(fit):
        assert not keep_on_interrupt()
    with restored_on_failure(fit), abort_on_interrupt():
        assert keep_on_interrupt()  # what is outside decides
    assert not was_interrupted()


class Fit:
    """What a fit works on."""
