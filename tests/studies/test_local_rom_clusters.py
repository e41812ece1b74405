"""The study of local bases: its judge can fail at every bar, its families solve their equations, and it runs."""

import jax
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax import core
from perturbax.studies import _snapshot_families as families
from perturbax.studies import run_study
from perturbax.studies.local_rom_clusters import CURVE, STUDY

from .tables import failed

ERRORS = {"sine": (0.04, 4e-4), "Euclid": (0.25, 0.06), "parameters": (0.09, 8e-3), "means": (0.2, 0.05)}
GAINS = np.array([0.25, 0.54, 0.75, 0.87])


def _record(cell):
    if cell["part"] == "control":
        return {"gain_few": 0.01 * np.ones(4), "gain_raw": np.linspace(0.0, 0.3, 4), "refused": 1}
    record = {"gain_few": GAINS + 0.02, "gain_all": GAINS, "reduction": 1.0 - 0.5 ** np.arange(1, 5)}
    for name, (first, second) in ERRORS.items():
        for k, n, error in ((4, 4, first), (8, 8, second)):
            record |= {f"error {name} {k} {n}": error, f"worst {name} {k} {n}": 3.0 * error}
        record |= {f"curve {name}": first * 0.5 ** np.array(CURVE), f"labels {name}": np.arange(400) % 8}
    return record | {"params": np.random.default_rng(0).uniform(0.1, 0.9, (400, 2))}


def table_of():
    return pd.DataFrame([{**t.cell, "seed": t.seed, **_record(t.cell)} for t in STUDY.trials(STUDY.presets["small"])])


def test_a_table_as_claimed_meets_every_bar():
    assert failed(STUDY, table_of()) == set()
    assert len(STUDY.judge(table_of())) == 9


@pytest.mark.parametrize(
    ("column", "change", "bar"),
    [
        ("error Euclid 4 4", lambda x: 0.15, "over Euclid, K = 4, N = 4"),
        ("error Euclid 8 8", lambda x: 0.01, "over Euclid, K = 8"),
        ("error parameters 4 4", lambda x: 0.06, "over parameters, K = 4"),
        ("error parameters 8 8", lambda x: 1.9e-3, "over parameters, K = 8"),
        ("worst Euclid 4 4", lambda x: 0.25, "largest error"),
        ("gain_all", lambda x: x - 0.07, "gain from 50"),
        ("reduction", lambda x: x[::-1], "ranks K"),
    ],
)
def test_each_bar_on_the_equation_can_be_missed(column, change, bar):
    table = table_of()
    rows = table["family"] == "reaction-diffusion"
    table.loc[rows, column] = table.loc[rows, column].map(change)
    (missed,) = failed(STUDY, table)
    assert bar in missed


@pytest.mark.parametrize(("column", "value", "bar"), [("gain_few", 0.06, "|gain|"), ("refused", 0, "refused")])
def test_a_control_that_is_not_refused_is_a_miss(column, value, bar):
    table = table_of()
    last = table.index[-1]
    table.at[last, column] = np.full(4, value) if column == "gain_few" else value
    (missed,) = failed(STUDY, table)
    assert bar in missed


@pytest.mark.parametrize("part", ["family", "control", "none"])
def test_what_is_missing_meets_no_bar_and_is_not_drawn(part):
    table = table_of()
    table = table[table["part"] == part]
    names = [bar.name for bar in STUDY.judge(table) if bar.met]
    assert all(name.startswith("random vectors") == (part == "control") for name in names)
    assert (part == "none") == (names == [])
    assert isinstance(STUDY.plot(table), Figure)


def test_the_reaction_diffusion_equation_is_solved_to_second_order():
    """The residual of the differential equation at the nodes of a grid of twice the size, and Newton's own residual."""
    params = np.array([[np.log(50.0), 0.3], [np.log(9e3), 0.62]])
    coarse, fine, finer = (families.reaction_diffusion(params, nodes) for nodes in (149, 299, 599))
    first, second = (np.abs(a - b[:, 1::2]).max() for a, b in ((coarse, fine), (fine, finer)))
    assert 3.5 < first / second < 4.5
    x, h = np.linspace(0.0, 1.0, 301)[1:-1], 1.0 / 300
    around = np.pad(fine, ((0, 0), (1, 1)))
    source = np.exp(params[:, :1] - ((x - params[:, 1:]) / 0.03) ** 2)
    residual = (2.0 * fine - around[:, :-2] - around[:, 2:]) / h**2 + 100.0 * fine + 5.0 * fine**3 - source
    assert np.abs(residual).max() < 1e-8 * np.abs(source).max()


def test_burgers_equation_moves_a_front_at_half_its_height():
    params = np.array([[0.0, np.log(0.005)]])
    fields = families.burgers(params, nodes=200, times=4)[0]
    x = np.linspace(0.0, 1.0, 200)
    place = [np.interp(0.5, -u, x) if u[0] < 0.5 else np.interp(-0.5, -u, x) for u in fields]
    np.testing.assert_allclose(np.diff(place), 0.5 * 0.2, atol=0.01)


def test_the_heat_of_the_laser_is_what_it_has_given():
    """Insulated sides: the mean temperature is the power times the area of the spot, which stays inside, times t."""
    fields = families.moving_laser(np.array([[np.log(10.0), 0.5, 0.4]]), side=20, times=2)[0]
    wanted = 10.0 * np.pi * 0.05**2 * np.array([0.5, 1.0])
    np.testing.assert_allclose(fields.mean(1), wanted, rtol=0.02)


def test_a_pulse_is_carried_around():
    first, later = families.advection(np.array([[0.0, 0.0], [np.log(2.0), 0.5]]))
    np.testing.assert_allclose(later, 2.0 * np.roll(first, 150), atol=1e-12)


def test_parameters_stay_in_their_box():
    with core.float64():
        params, fields = families.FAMILIES["advection"].draw(jax.random.key(0), 50)
    low, high = families.FAMILIES["advection"][1:]
    assert ((params >= low) & (params <= high)).all()
    assert fields.shape == (50, 300)


@pytest.mark.slow
def test_the_smoke_preset_runs_and_gives_no_verdict(tmp_path):
    run = run_study("local-rom-clusters", "smoke", backend="sequential", store=tmp_path / "s.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    assert isinstance(STUDY.plot(run.table), Figure)
