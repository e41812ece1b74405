"""A tiny study for the tests of the engine. Environment variables make it slow, failing, or deadly."""

import os
import signal
import time

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from perturbax.studies import Bar, Study, Trial


def trials(preset):
    methods = ("plain", "scaled")
    return [
        Trial({"method": method, "size": size}, seed)
        for method in methods
        for size in preset["sizes"]
        for seed in range(preset["seeds"])
    ]


def run(trial, key):
    if os.environ.get("FIXTURE_LOG"):
        with open(os.environ["FIXTURE_LOG"], "a") as file:
            file.write(f"{trial.label}|{os.getpid()}|{os.environ.get('NPROC', '')}\n")
    time.sleep(float(os.environ.get("FIXTURE_SLEEP", "0")))
    if os.environ.get("FIXTURE_FAIL") == trial.label:
        raise FloatingPointError("asked to fail")
    if os.environ.get("FIXTURE_DIE") == trial.label:
        os.kill(os.getpid(), signal.SIGKILL)
    size = trial.cell["size"]
    x = jax.random.normal(key, (size,))
    scale = 1.0 if trial.cell["method"] == "plain" else 1.0 / 3.0
    return {
        "mean": jnp.mean(x) * scale,
        "spread": float(np.std(np.asarray(x)) * scale),
        "dtype": str(x.dtype),
        "x": x[:3] * scale,
    }


def judge(table):
    scaled = table[table["method"] == "scaled"]["spread"].mean()
    plain = table[table["method"] == "plain"]["spread"].mean()
    threshold = float(os.environ.get("FIXTURE_BAR", "0.5"))
    return [Bar("spread of scaled over plain", scaled / plain, threshold, "<=", note="1/3 by construction")]


def plot(table):
    figure = Figure(figsize=(4, 3))
    axes = figure.add_subplot()
    axes.plot(table["size"], table["spread"], "o")
    return figure


STUDY = Study(
    slug="fixture",
    title="A study of the tests",
    claim="Scaling by a third scales the spread by a third.",
    verb="tests.scale",
    methods=("plain", "scaled"),
    precision="float64",
    presets={
        "smoke": {"sizes": (8,), "seeds": 1},
        "small": {"sizes": (8, 16), "seeds": 3},
        "full": {"sizes": (8, 16, 32), "seeds": 5},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
)
