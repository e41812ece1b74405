"""Summaries as `perturbax study record` writes them, made up for the tests of the site."""

import io
from typing import Any

import numpy as np
import pytest


def summary(slug: str = "dpm-solver", *, missed: bool = False, claim: str = "Few evaluations do.") -> dict[str, Any]:
    bars = [
        bar("order of the error of DPM-Solver-3", 3.02, 2.85, True),
        bar("median error against DDIM at equal cost", 0.71 if missed else 0.35, 0.5, not missed),
    ]
    cells = [(method, steps) for method in ("DDIM", "DPMSolver", "DPMSolverPP") for steps in (6, 10, 20)]
    return {
        "layout": 1,
        "slug": slug,
        "number": 58,
        "title": "DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in Around 10 Steps",
        "paper": "2206.00927",
        "claim": claim,
        "verb": "diffusion.sample",
        "methods": ["DPMSolver", "DDIM"],
        "preset": "small",
        "precision": "float64",
        "met": not missed,
        "bars": bars,
        "table": [
            {
                "cell": {"method": method, "steps": steps, "task": "digits-gmm"},
                "n": 5,
                "values": {
                    "error": {"mean": 0.123456 / steps, "std": 0.00123},
                    "evaluations": {"mean": float(steps), "std": 0.0},
                },
            }
            for method, steps in cells
        ],
        "seeds": [0, 1, 2, 3, 4],
        "trials": 45,
        "seconds": 31.4,
        "versions": {"python": "3.11.7", "perturbax": "0.1.0", "jax": "0.10.2"},
        "machine": "Linux x86_64",
        "device": "cpu",
        "cores": 2,
        "date": "2026-11-23",
        "code": "0123456789abcdef" * 4,
    }


def bar(name: str, measured: float | None, threshold: float, met: bool) -> dict[str, Any]:
    sense = ">=" if "order" in name else "<="
    wanted = f"{sense} {threshold:g}"
    upper = None
    return {
        "name": name, "measured": measured, "threshold": threshold, "sense": sense, "upper": upper,
        "wanted": wanted, "met": met, "note": "specification, section Study",
    }  # fmt: skip


def picture() -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    evaluations = np.array([6, 10, 20, 40])
    for order in (1, 2, 3):
        axes.loglog(evaluations, evaluations ** (-float(order)), marker="o", label=f"order {order}")
    axes.legend()
    axes.set_xlabel("network evaluations")
    axes.set_ylabel("error")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def two_cards():
    """One study that met its bars, and one that missed one and has markup in its claim."""
    from perturbax import report

    drawn = picture()
    missed = summary("dpm-solver-pp", missed=True, claim="Error < 1 & <script>alert(1)</script>.")
    return report.card_from_summary(summary(), drawn), report.card_from_summary(missed, drawn, stale=True)


@pytest.fixture(scope="session")
def site(two_cards, tmp_path_factory):
    """The folder of a site with these two cards."""
    from perturbax import report
    from perturbax.report import _site

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_site, "cards", lambda store=None: two_cards)
        return report.build(tmp_path_factory.mktemp("site")).parent
