"""A bar on a terminal; elsewhere nothing, and the items in any case."""

import pytest

from perturbax.core import progress


@pytest.fixture(autouse=True)
def no_wish(monkeypatch):
    monkeypatch.delenv("PERTURBAX_PROGRESS", raising=False)


def test_the_items_come_through_unchanged(capsys):
    assert list(progress(range(5), "counting")) == [0, 1, 2, 3, 4]
    assert list(progress(iter("ab"), "unsized")) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_it_is_shown_when_asked_and_not_on_standard_output(capsys):
    with progress(3, "counting", show=True) as bar:
        bar.advance(2)
        bar.update(loss=0.12345678, phase="warm")
    out, err = capsys.readouterr()
    assert out == ""
    for part in ("counting", "2/3", "loss 0.1235", "phase warm"):
        assert part in err


def test_the_environment_silences_it(capsys, monkeypatch):
    monkeypatch.setenv("PERTURBAX_PROGRESS", "0")
    assert list(progress([1], "counting", show=True)) == [1]
    assert capsys.readouterr().err == ""


def test_a_bar_inside_of_a_bar_is_silent_and_an_error_ends_the_outer_one(capsys):
    def fail():
        with progress(2, "outer", show=True):
            assert list(progress([1], "inner", show=True)) == [1]
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    err = capsys.readouterr().err
    assert "outer" in err
    assert "inner" not in err
    list(progress([1], "later", show=True))
    assert "later" in capsys.readouterr().err


def test_a_total_is_not_iterable():
    with pytest.raises(TypeError, match="context manager"):
        list(progress(3, "counting"))
