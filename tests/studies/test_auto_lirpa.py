"""The study of auto_LiRPA: its judge can fail at every bar, its picture is drawn from what is there, and it runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from perturbax import verify
from perturbax.studies import run_study
from perturbax.studies._random_functions import KINDS, extremes
from perturbax.studies.auto_lirpa import EPSILONS, METHODS, RADII, STUDY

from .tables import failed

_NAMES = (*METHODS, "samples")
_RECORDS = {
    "exact": {"linear": 1e-9, "chain": 0.0},
    "speed": {"fused seconds": 0.01, "margins seconds": 0.03},
    "training": {"accuracy": 0.9, "seconds": 5.0},
    "widths": {
        **{f"width {name} {e}": 5.0 - i for i, name in enumerate(_NAMES) for e in EPSILONS},
        **{f"proved {name} {e}": 0.5 for name in METHODS for e in EPSILONS},
        **{f"worse {e}": 0 for e in EPSILONS},
    },
    "weights": {"above ordinary": 0.0, "above flat": 0.0, "flat ratio": 0.7},
    "sound": {
        **{f"width {name} {r}": 5.0 - i for i, name in enumerate(_NAMES) for r in RADII},
        **{f"{what} {r}": -1.0 for what in ("outside", "unordered") for r in RADII},
    },
}
_CERTIFIED = {"natural": 0.0, "fused": 0.52, "margins": 0.5}


def table_of():
    rows = []
    for trial in STUDY.trials(STUDY.presets["small"]):
        row = {**trial.cell, "seed": trial.seed, **_RECORDS[trial.cell["part"]]}
        if trial.cell["part"] == "training":
            row["certified"] = _CERTIFIED[trial.cell["method"]]
        rows.append(row)
    return pd.DataFrame(rows)


def test_a_table_with_good_values_meets_every_bar():
    assert failed(STUDY, table_of()) == set()
    assert len(STUDY.judge(table_of())) == 10


@pytest.mark.parametrize(
    ("select", "column", "value", "bar"),
    [
        ({"part": "sound", "kind": "LSTM"}, "outside 0.4", 2e-5, "outside of bounds"),
        ({"part": "sound", "kind": "GELU"}, "unordered 0.1", 2e-5, "looser than the last"),
        ({"part": "exact"}, "linear", 2e-6, "linear function"),
        ({"part": "exact"}, "chain", 2e-6, "monotone chain"),
        ({"part": "widths"}, "worse 0.03", 1, "makes worse"),
        ({"part": "speed"}, "fused seconds", 0.016, "time of a step"),
        ({"part": "training", "method": "fused"}, "certified", 0.46, "difference to that of margins"),
        ({"part": "training", "method": "natural"}, "certified", 0.06, "ordinary training"),
        ({"part": "weights"}, "above flat", 1e-3, "sampled loss"),
        ({"part": "weights"}, "flat ratio", 0.81, "flat training"),
    ],
)
def test_each_bar_can_be_missed(select, column, value, bar):
    table = table_of()
    rows = np.logical_and.reduce([table[name] == wanted for name, wanted in select.items()])
    table.loc[rows, column] = value
    missed = failed(STUDY, table)
    assert len(missed) == 1
    assert bar in next(iter(missed))


def test_without_data_nothing_is_met_and_the_picture_is_drawn():
    empty = table_of().iloc[:1].drop(columns=[c for c in table_of() if c.startswith(("outside", "unordered"))])
    assert len(failed(STUDY, empty)) == 10
    assert isinstance(STUDY.plot(empty), Figure)
    assert isinstance(STUDY.plot(table_of()), Figure)


def test_extremes_reach_the_corner_of_a_monotone_function():
    region = verify.Box(jnp.zeros(3), jnp.ones(3))
    low, high = extremes(lambda x: jnp.stack([x.sum(), jnp.prod(1.0 - x)]), jax.random.key(0), region, 1000)
    np.testing.assert_allclose(low, [0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(high, [3.0, 1.0], atol=1e-6)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_random_function_has_a_vector_as_value(kind):
    def value(key, x):
        return KINDS[kind](key)[0](x)

    shape = {"pooling": (6, 6), "attention": (3, 4), "LSTM": (2, 3), "GRU": (2, 3)}.get(kind, (6,))
    found = jax.eval_shape(value, jax.random.key(0), jax.ShapeDtypeStruct(shape, np.float32))
    assert len(found.shape) == 1


@pytest.mark.slow
def test_smoke_runs(tmp_path):
    run = run_study("auto-lirpa", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert not run.failures
