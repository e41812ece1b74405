"""Ctrl-C in places where Python drops exceptions."""

import signal

import pytest

from perturbax.studies._interrupt import interrupts


class Dropping:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_is_raised_again():
    with interrupts() as check:
        check()
        Dropping()
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_any_other_is_raised_at_once():
    with interrupts(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_handler_of_someone_else_is_left_alone():
    def theirs(number, frame):
        pass

    before = signal.signal(signal.SIGINT, theirs)
    try:
        with interrupts() as check:
            assert signal.getsignal(signal.SIGINT) is theirs
            signal.raise_signal(signal.SIGINT)
            check()
    finally:
        signal.signal(signal.SIGINT, before)
