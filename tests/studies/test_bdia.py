"""The study of exact inversion: it runs, its judge can fail at every bar, its picture holds what it says."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from perturbax.studies import run_study
from perturbax.studies.bdia import STUDY

from .tables import failed, spoiled, table_of

_ORDERS = {"DDIM": 1.0, "BDIA 0.5": 0.97, "BDIA 1.0": 2.0}
_TRIPS = {"latent": 1e-14, "latent, float32": 2e-6, "image": 1e-14, "image, float32": 1e-6}


def _error(cell):
    if cell["problem"] == "Gaussian":
        return float(cell["steps"]) ** -_ORDERS[cell["method"]]
    if cell["problem"] in _TRIPS:
        return 0.5 if cell["method"] == "DDIM" else _TRIPS[cell["problem"]]
    return {"BDIA 1.0": 0.035, "BDIA 0.5": 0.034}.get(cell["method"], 0.1)


@pytest.fixture(scope="module")
def table():
    images = np.random.default_rng(0).uniform(-1, 1, (4, 64))
    return table_of(
        STUDY,
        "small",
        _error,
        images=lambda cell: images,
        originals=lambda cell: images,
        amplification=lambda cell: 1.0,
    )


def test_a_table_with_the_measured_laws_meets_every_bar(table):
    assert failed(STUDY, table) == set()
    assert len(STUDY.judge(table)) == 10


@pytest.mark.parametrize(
    ("column", "factor", "cell"),
    [
        ("error", 2.0, {"problem": "digits", "grid": "time", "method": "BDIA 1.0"}),
        ("error", 2.0, {"problem": "digits", "grid": "logSNR", "method": "BDIA 0.5"}),
        ("error", 0.5, {"problem": "digits", "grid": "logSNR", "method": "BDIA 0.5"}),
        ("error", 4.0, {"problem": "Gaussian", "grid": "logSNR", "method": "BDIA 1.0", "steps": 320}),
        ("error", 4.0, {"problem": "Gaussian", "grid": "logSNR", "method": "BDIA 0.5", "steps": 320}),
        ("error", 1e3, {"problem": "latent", "method": "BDIA 1.0"}),
        ("error", 1e3, {"problem": "latent, float32", "method": "BDIA 1.0"}),
        ("error", 1e4, {"problem": "image", "method": "BDIA 1.0"}),
        ("error", 1e-3, {"problem": "image", "method": "DDIM"}),
        ("evaluations", 2, {"problem": "image", "method": "BDIA 1.0"}),
    ],
)
def test_every_bar_can_be_missed(table, column, factor, cell):
    assert len(failed(STUDY, spoiled(table, column, factor, **cell))) == 1


def test_the_picture_is_drawn_from_whatever_is_there(table):
    for part in (table, table[table["problem"] == "latent"]):
        assert isinstance(STUDY.plot(part), Figure)


def test_the_smoke_preset_runs(tmp_path):
    run = run_study("bdia", "smoke", backend="sequential", store=tmp_path / "store.sqlite", progress=False)
    assert run.met is None
    assert run.failures == ()
    found = run.table.set_index(["problem", "method"])["error"]
    assert found["image", "BDIA 1.0"] < 1e-11 < 1e-2 < found["image", "DDIM"]
