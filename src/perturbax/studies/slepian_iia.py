"""Independent intervals from the Slepian process (Bengtsson & Podgorski 2024, arXiv 2401.01805).

Five parts. "exponent": theta of processes whose exponents are known, exactly or from the literature. "law": the exact
distribution for random acceleration. "simulation": counted excursions of the diffusing noise in two dimensions; the
seed draws the paths. "refusal": oscillating processes, where the approximation must not be used. "agreement": the
classical route to the same transform. With `series`, also how a real monthly series stays above its mean.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._study import Bar, Study, Trial

if TYPE_CHECKING:
    import pandas as pd

DIMENSIONS = (1, 2, 3, 4, 5, 10)
# The approximation's own exponents: to four digits in Majumdar et al. 1996, the rest by root finding to 1e-12.
APPROXIMATE = {1: 0.120328, 2: 0.186211, 3: 0.235774, 4: 0.276915, 5: 0.312777, 10: 0.451335}
APPROXIMATE_ACCELERATION = 0.264669
# d = 2: Poplavskyi & Schehr 2018; d = 1, 3: simulations of Newman & Loinaz 2001; acceleration: Sinai 1992.
TRUE = {1: 0.1205, 2: 0.1875, 3: 0.2380}
TRUE_ACCELERATION = 0.25
POINTS = 25  # of the survival functions that are drawn


def trials(preset: Mapping[str, Any]) -> list[Trial]:
    """One trial for each part; the simulation one for each seed."""
    made = [Trial({"part": "exponent", "points": preset["points"]}, seed=0)]
    made.append(Trial({"part": "law", "points": preset["points"]}, seed=0))
    made.append(Trial({"part": "refusal", "points": preset["points"]}, seed=0))
    made.append(Trial({"part": "agreement"}, seed=0))
    made += [Trial({"part": "simulation", "paths": preset["paths"]}, seed=s) for s in range(preset["seeds"])]
    if preset["series"]:
        made.append(Trial({"part": "series"}, seed=0))
    return made


def run(trial: Trial, key: Any) -> dict[str, Any]:
    """One part."""
    from perturbax import stats

    part = trial.cell["part"]
    if part == "simulation":
        return _simulation(trial.cell["paths"], key)
    if part == "agreement":
        return _agreement()
    if part == "series":
        return _series()
    method = stats.SlepianIIA(points=trial.cell["points"])
    return {"exponent": _exponent, "law": _law, "refusal": _refusal}[part](method)


def _diffusion(d: int) -> Any:
    from perturbax import stats

    return stats.StationaryGaussian(stats.covariances.Diffusion(d))


def _exponent(method: Any) -> dict[str, Any]:
    from perturbax import stats

    laws = {d: stats.excursions(_diffusion(d), method) for d in DIMENSIONS}
    found: dict[str, Any] = {f"theta_{d}": float(law.theta) for d, law in laws.items()}
    for d in TRUE:
        t = np.linspace(0.0, float(8.0 * laws[d].mean), POINTS)
        found |= {f"t_{d}": t, f"survival_{d}": laws[d].survival_at(t)}
    return found


def _law(method: Any) -> dict[str, Any]:
    from perturbax import stats

    problem = stats.StationaryGaussian(stats.covariances.RandomAcceleration())
    exact = stats.excursions(problem, stats.ExactRandomAcceleration())
    law = stats.excursions(problem, method)
    t = np.linspace(0.0, float(8.0 * law.mean), POINTS)
    return {
        "theta": float(law.theta),
        "distance": float(np.abs(law.survival_at(exact.t) - exact.survival).max()),
        "exact_mass": float(np.trapezoid(exact.pdf, exact.t) + exact.survival[-1]),
        "t": t,
        "survival": law.survival_at(t),
        "exact": exact.survival_at(t),
    }


def _simulation(paths: int, key: Any) -> dict[str, Any]:
    from perturbax import stats

    problem = _diffusion(2)
    law = stats.excursions(problem, stats.SlepianIIA())
    simulated = stats.excursions(problem, stats.SimulatedExcursions(paths=paths), key=key)
    t = np.linspace(0.0, float(8.0 * law.mean), POINTS)
    return {
        "excursions": simulated.durations.size,
        "distance": stats.kolmogorov_smirnov(simulated.durations, lambda t: 1.0 - law.survival_at(t)),
        "floor": stats.kolmogorov_smirnov_floor(simulated.durations.size).mean,
        "mean_error": abs(float(simulated.mean) / (2.0 * math.pi) - 1.0),
        "theta": float(simulated.theta),
        "t": t,
        "survival": simulated.survival_at(t),
    }


def _refusal(method: Any) -> dict[str, Any]:
    """exp(-t^2/2) cos 2t and sech(t) cos t."""
    import dataclasses

    from perturbax import stats

    C = stats.covariances
    found: dict[str, Any] = {}
    for name, covariance in {
        "gaussian": C.Product(C.SquaredExponential(), C.Cosine(2.0)),
        "sech": C.Product(C.Rescaled(C.Diffusion(2), 0.5), C.Cosine(1.0)),
    }.items():
        problem = stats.StationaryGaussian(covariance, horizon=20.0)
        try:
            stats.excursions(problem, method)
            found[f"{name}_refused"] = 0
        except stats.InvalidIIA:
            found[f"{name}_refused"] = 1
        formal = stats.excursions(problem, dataclasses.replace(method, check=False))
        found[f"{name}_increase"] = float(formal.first_increase)
        found[f"{name}_lowest"] = float(formal.pdf.min())
        found[f"{name}_lowest_at"] = float(formal.t[formal.pdf.argmin()])
    return found


def _agreement() -> dict[str, Any]:
    import jax.numpy as jnp

    from perturbax import stats

    s = jnp.geomspace(0.01, 50.0, 200)
    gaps = []
    for covariance in (stats.covariances.Diffusion(2), stats.covariances.RandomAcceleration()):
        problem = stats.StationaryGaussian(covariance)
        gaps.append(jnp.abs(stats.SlepianIIA().laplace(problem, s) - stats.ClassicalIIA().laplace(problem, s)).max())
    return {"gap": float(max(gaps))}


def _series() -> dict[str, Any]:
    """The anomalies of the monthly sea surface temperature off Peru, 1950 to 2010, about their mean."""
    try:
        from statsmodels.datasets import elnino
    except ModuleNotFoundError:
        raise ModuleNotFoundError("the series needs statsmodels: pip install 'perturbax[data-series]'") from None

    from perturbax import stats

    table = elnino.load_pandas().data.to_numpy(float)[:, 1:]
    x = (table - np.nanmean(table, axis=0)).ravel()
    x = x[np.isfinite(x)]
    law = stats.excursions(stats.stationary_gaussian(x), stats.SlepianIIA())
    q = np.array([0.25, 0.5, 0.75, 0.9])
    observed = stats.excursion_durations(x, level=float(x.mean()))
    return {"quantiles": law.quantile(q), "observed": np.quantile(observed, q)}


def judge(table: "pd.DataFrame") -> list[Bar]:
    """The bars of all parts."""
    from ._verdict import median_of, select

    def one(part: str, column: str) -> float:
        return median_of(table, column, part=part)

    bars = [
        Bar(
            f"theta of diffusion in d = {d}: absolute error of the computation",
            abs(one("exponent", f"theta_{d}") - APPROXIMATE[d]),
            2e-5,
            "<=",
        )
        for d in DIMENSIONS
    ]
    error = abs(one("law", "theta") - APPROXIMATE_ACCELERATION)
    bars.append(Bar("theta of random acceleration: absolute error of the computation", error, 2e-5, "<="))
    for d, true in TRUE.items():
        error = abs(one("exponent", f"theta_{d}") / true - 1.0)
        bars.append(Bar(f"theta of diffusion in d = {d}: relative error of the approximation", error, 0.012, "<="))
    error = one("law", "theta") / TRUE_ACCELERATION - 1.0
    simulated = select(table, part="simulation")
    return [
        *bars,
        Bar(
            "theta of random acceleration: relative error of the approximation",
            error,
            0.058,
            "in",
            0.060,
            note="what the approximation costs; a smaller error would mean that the exact exponent was used",
        ),
        Bar(
            "random acceleration: distance to the exact distribution function",
            one("law", "distance"),
            0.0195,
            "in",
            0.0225,
            note="a smaller distance would mean that the exact law was used",
        ),
        Bar("diffusion in d = 2: simulated excursions", simulated["excursions"].median(), 4e4, ">="),
        Bar(
            "diffusion in d = 2: Kolmogorov-Smirnov distance to the simulation",
            simulated["distance"].median(),
            0.012,
            "<=",
            note="sampling alone gives about 0.004",
        ),
        Bar("diffusion in d = 2: simulated mean against Rice", simulated["mean_error"].median(), 0.015, "<="),
        Bar("exp(-t^2/2) cos 2t: refused", one("refusal", "gaussian_refused"), 1, ">="),
        Bar("sech(t) cos t: refused", one("refusal", "sech_refused"), 1, ">="),
        Bar("exp(-t^2/2) cos 2t: first increase", one("refusal", "gaussian_increase"), 1.69, "in", 1.71),
        Bar("exp(-t^2/2) cos 2t: lowest formal density", one("refusal", "gaussian_lowest"), -0.002, "<="),
        Bar("sech(t) cos t: first increase", one("refusal", "sech_increase"), 3.14, "in", 3.16),
        Bar(
            "sech(t) cos t: lowest formal density",
            one("refusal", "sech_lowest"),
            0.0,
            ">=",
            note="the condition is sufficient only: this one is refused although its density is not negative up to 20",
        ),
        Bar("classical and Slepian transform: largest difference", one("agreement", "gap"), 1e-8, "<="),
    ]


def plot(table: "pd.DataFrame") -> Any:
    """Survival of excursions on a logarithmic axis: the approximation, and what is exact or simulated."""
    from matplotlib.figure import Figure

    from ._verdict import select

    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    colors = {1: "#56b4e9", 2: "#0072b2", 3: "#009e73"}
    exponent, law = select(table, part="exponent").iloc[0], select(table, part="law").iloc[0]
    for d, color in colors.items():
        label = f"diffusion, d = {d}: theta {exponent[f'theta_{d}']:.4f}, true {TRUE[d]:.4f}"
        axes.plot(exponent[f"t_{d}"], exponent[f"survival_{d}"], color=color, linewidth=1.7, label=label)
    label = f"random acceleration: theta {law['theta']:.4f}, true {TRUE_ACCELERATION:.4f}"
    axes.plot(law["t"], law["survival"], color="#d55e00", linewidth=1.7, label=label)
    axes.plot(law["t"], law["exact"], "o", color="#d55e00", markersize=3.5, label="exact (McKean)")
    simulated = select(table, part="simulation").sort_values("seed")
    for i, row in enumerate(simulated.itertuples()):
        seen = row.survival >= 30.0 / row.excursions
        label = "simulated" if i == 0 else None
        axes.plot(row.t[seen], row.survival[seen], "s", color=colors[2], markersize=3.5, label=label)
    axes.set(yscale="log", ylim=(1e-3, 1.2), xlim=(0.0, 60.0), xlabel="t", ylabel="P(excursion > t)")
    axes.set_title("Lines: independent intervals; the slope is -theta", loc="left", fontsize=10, fontweight="bold")
    axes.grid(True, color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5)
    return figure


_SMALL = {"points": 2**15, "paths": 320, "seeds": 3, "series": False}

STUDY = Study(
    slug="slepian-iia",
    number=31,
    paper="2401.01805",
    title="The Slepian model based independent interval approximation of persistency and zero-level exceedance "
    "distributions",
    claim=(
        "For a stationary Gaussian process with monotone correlation, independent intervals matched with the Slepian "
        "process give a proper law of excursions, with exponents within 1 to 6 percent; oscillation is refused."
    ),
    verb="stats.excursions",
    methods=("SlepianIIA", "ClassicalIIA", "SimulatedExcursions", "ExactRandomAcceleration"),
    presets={
        "smoke": {**_SMALL, "points": 2**12, "paths": 16, "seeds": 1},
        "small": _SMALL,
        "full": {**_SMALL, "paths": 80_000, "seeds": 1, "series": True},
    },
    trials=trials,
    run=run,
    judge=judge,
    plot=plot,
    precision="float64",
)
