"""A Gaussian in diagonal form, whose denoiser and probability flow are known exactly, and the samplers to try on it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from perturbax import diffusion


class Gaussian:
    """Data N(mean, diag(variances)) under a process; the predictions work on NumPy and on JAX arrays."""

    def __init__(self, process: diffusion.AbstractProcess, dims: int = 6):
        self.process = process
        self.mean = np.linspace(-0.5, 0.5, dims)
        self.variances = np.geomspace(0.01, 1.0, dims)

    def scales(self, model_time: Any) -> tuple[Any, Any]:
        """`alpha` and `sigma` from what a network is given."""
        if isinstance(self.process, diffusion.EDM | diffusion.VE):
            return 1.0 + 0.0 * model_time, model_time
        if isinstance(self.process, diffusion.FlowMatching):
            return 1.0 - model_time, model_time
        if isinstance(self.process, diffusion.Discrete):
            model_time = (model_time + 1.0) / len(self.process.alphas_cumprod)
        return self.process.alpha(model_time), self.process.sigma(model_time)

    def noise(self, x: Any, model_time: Any) -> Any:
        alpha, sigma = self.scales(model_time)
        cast = x.dtype.type if isinstance(x, np.ndarray) else lambda value: value
        mean, variances = self.mean.astype(x.dtype), self.variances.astype(x.dtype)
        return cast(sigma) * (x - cast(alpha) * mean) / (cast(alpha) ** 2 * variances + cast(sigma) ** 2)

    def data(self, x: Any, model_time: Any) -> Any:
        alpha, sigma = self.scales(model_time)
        return (x - sigma * self.noise(x, model_time)) / alpha

    def flow(self, x: np.ndarray, start: float, end: float) -> np.ndarray:
        """The exact solution of the probability-flow ODE."""

        def std(t: float) -> np.ndarray:
            return np.sqrt(self.process.alpha(t) ** 2 * self.variances + self.process.sigma(t) ** 2)

        centred = x - self.process.alpha(start) * self.mean
        return self.process.alpha(end) * self.mean + std(end) / std(start) * centred


@pytest.fixture(scope="session")
def gaussian() -> Gaussian:
    return Gaussian(diffusion.VPLinear())


@pytest.fixture(scope="session")
def gaussian_under() -> Callable[[diffusion.AbstractProcess], Gaussian]:
    return Gaussian


def _planned() -> dict[str, diffusion.AbstractPlanned]:
    methods: dict[str, diffusion.AbstractPlanned] = {
        "DDIM": diffusion.DDIM(steps=9),
        "DDIM eta=1": diffusion.DDIM(steps=9, eta=1.0),
        "DDIM eta=0.3 eps": diffusion.DDIM(steps=9, eta=0.3, grid=diffusion.TimeUniform(final="eps")),
        "DDPM": diffusion.DDPM(steps=9),
        "DDPM forward": diffusion.DDPM(steps=9, variance="forward"),
        "Euler": diffusion.Euler(steps=9),
        "Euler churn": diffusion.Euler(steps=9, churn=diffusion.Churn(high=200.0)),
        "Heun": diffusion.Heun(steps=9),
        "Heun churn": diffusion.Heun(steps=9, churn=diffusion.Churn()),
    }
    steppings = (
        diffusion.Singlestep(),
        diffusion.FixedSinglestep(),
        diffusion.Multistep(),
        diffusion.Multistep(third="exact", start="singlestep", lower_order_final=False),
    )
    for cls in (diffusion.DPMSolver, diffusion.DPMSolverPP):
        methods[f"{cls.__name__} 1"] = cls(steps=9, order=1)
        for order in (2, 3):
            for i, stepping in enumerate(steppings):
                name = f"{cls.__name__} {order} {type(stepping).__name__}{i}"
                solver_type = "taylor" if (i + order) % 2 else "midpoint"
                methods[name] = cls(steps=9, order=order, stepping=stepping, solver_type=solver_type)
            name = f"{cls.__name__} {order} SDE"
            methods[name] = cls(steps=9, order=order, stepping=diffusion.Multistep(), stochastic=0.5)
    karras = diffusion.Karras(final="eps")
    methods["DPMSolver 3 Karras"] = diffusion.DPMSolver(steps=9, grid=karras)
    methods["DPMSolverPP 2 SDE taylor"] = diffusion.DPMSolverPP(steps=9, solver_type="taylor", stochastic=1.0)
    methods["DPMSolverPP 2 euler_at_final"] = diffusion.DPMSolverPP(
        steps=9, stepping=diffusion.Multistep(euler_at_final=True), grid=karras
    )
    mixed = diffusion.SolverSchedule(
        np.linspace(-5.0, 4.5, 10), 3, ["data", "noise", "noise"] * 3, correctors="pseudo", final="zero"
    )
    methods["USF"] = diffusion.USF(mixed)
    for name in diffusion.__all__:
        cls = getattr(diffusion, name)
        exported = (
            isinstance(cls, type) and issubclass(cls, diffusion.AbstractPlanned) and not name.startswith("Abstract")
        )
        if exported and not any(type(method) is cls for method in methods.values()):
            methods[name] = cls(steps=max(9, cls().minimum_steps))
    return methods


PLANNED = _planned()


def _stepped() -> dict[str, diffusion.AbstractPlanned]:
    return {name: method for name, method in PLANNED.items() if "steps" in {f.name for f in dataclasses.fields(method)}}


def _deterministic() -> dict[str, diffusion.AbstractPlanned]:
    process = diffusion.VPLinear()
    return {name: method for name, method in PLANNED.items() if not diffusion.plan(method, process).stochastic}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `planned` with every sampler that compiles to a plan, one that asks for `stepped` with
    those that can be given other steps, and one that asks for `deterministic` with those that add no noise."""
    for name, methods in (("planned", lambda: PLANNED), ("stepped", _stepped), ("deterministic", _deterministic)):
        if name in metafunc.fixturenames:
            chosen = methods()
            metafunc.parametrize(name, chosen.values(), ids=chosen.keys())
