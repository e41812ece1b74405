"""The tuner for loops of other programs: the choices of the verb, late tells, and a file that goes on."""

import jax
import numpy as np
import pytest

from perturbax import optimize

from .conftest import GRID

KEY = jax.random.key(3)
METHODS = [
    optimize.TsallisINF(grid=GRID, estimator=optimize.ReducedVariance()),
    optimize.ChebCB((0.0, 1.0), grid=GRID, terms=3),
    optimize.Binned(optimize.UCB1(grid=GRID), (0.0, 1.0), bins=2),
]


def play(tuner, table, rounds):
    values = []
    for t in rounds:
        choice = tuner.ask(table.contexts[t])
        values.append(float(choice.value))
        tuner.tell(choice, table.costs[t, int(choice.arm)])
    return values


@pytest.mark.parametrize(
    "method",
    [METHODS[1], *(pytest.param(method, marks=pytest.mark.slow) for method in (METHODS[0], METHODS[2]))],
    ids=lambda method: type(method).__name__,
)
def test_it_makes_the_choices_of_the_verb_across_a_file(table, tmp_path, method):
    wanted = optimize.tune(table, method, key=KEY).values[:60].tolist()
    tuner = optimize.Tuner(method, key=KEY)
    found = play(tuner, table, range(30))
    tuner.save(tmp_path / "tuner.npz")
    loaded = optimize.Tuner.load(tmp_path / "tuner.npz")
    assert loaded.method == method
    assert loaded.rounds == 30
    assert found + play(loaded, table, range(30, 60)) == wanted


def test_costs_may_come_late_and_out_of_order():
    """Four simulations share a tuner: all are told in the end, and what was learned does not depend on the order."""
    tuners = [optimize.Tuner(METHODS[0], key=KEY) for _ in range(2)]
    for tuner, order in zip(tuners, ((0, 1, 2, 3), (2, 0, 3, 1)), strict=True):
        choices = [tuner.ask() for _ in range(4)]
        for i in order:
            tuner.tell(choices[i], 10.0)
    assert tuners[0].rounds == 4
    assert float(tuners[0].state.total) == float(tuners[1].state.total) == 36.0


def test_it_counts_contexts_that_are_clipped():
    tuner = optimize.Tuner(METHODS[1], key=jax.random.PRNGKey(0))
    tuner.ask(2.0)
    tuner.ask(0.5)
    assert tuner.clipped == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda tuner: tuner.ask(), ValueError, "context must be given for ChebCB"),
        (lambda tuner: tuner.ask(np.nan), ValueError, "context"),
        (lambda tuner: tuner.tell(1.5, 3.0), TypeError, "choice"),
        (lambda tuner: tuner.tell(tuner.ask(0.5), np.nan), ValueError, "cost"),
        (lambda tuner: tuner.tell(tuner.ask(0.5), 0.5), ValueError, "cost must be a number >= 1"),
    ],
)
def test_bad_calls_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(optimize.Tuner(METHODS[1], key=KEY))


def test_a_method_that_holds_a_function_cannot_be_saved(tmp_path):
    tuner = optimize.Tuner(optimize.AsymptoticOracle(np.cos), key=KEY)
    with pytest.raises(TypeError, match="holds a function"):
        tuner.save(tmp_path / "tuner.npz")


def test_files_that_are_no_tuners_are_refused_by_name(tmp_path):
    from perturbax.core import write_tree
    from perturbax.optimize._persistent import _LABEL

    (tmp_path / "text.npz").write_text("text")
    np.savez(tmp_path / "arrays.npz", a=np.ones(2))
    good = {"method": {"class": "UCB1", "settings": {"grid": list(GRID)}}, "counts": [0, 0, 0], "key": KEY}
    write_tree(tmp_path / "state.npz", {**good, "state": [np.ones(3)]}, _LABEL)
    write_tree(tmp_path / "class.npz", {**good, "method": {"class": "Popen", "settings": {}}, "state": []}, _LABEL)
    write_tree(tmp_path / "empty.npz", {}, _LABEL)
    for name in ("text", "arrays", "state", "class", "empty"):
        with pytest.raises(ValueError, match=rf"{name}\.npz"):
            optimize.Tuner.load(tmp_path / f"{name}.npz")


def test_a_second_tuner_of_a_method_compiles_nothing():
    optimize.Tuner(METHODS[1], key=KEY).ask(0.5)
    again = optimize.Tuner(optimize.ChebCB((0.0, 1.0), grid=GRID, terms=3), key=KEY)
    again.ask(0.5)
    assert again._programs.ask._cache_size() == 1
