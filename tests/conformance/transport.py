"""How the conformance suite tries the methods of `transport`, by the base class of the method."""

import jax.numpy as jnp
import numpy as np

from perturbax import transport

X0 = np.random.default_rng(0).normal(size=(64, 2))
X1 = 0.5 * np.random.default_rng(1).normal(size=(64, 2)) + 1.0
BRIDGES = transport.PiecewiseIPF(iterations=2, steps=5, regressor=transport.RandomFeatures(features=4, degree=1))
_SMALL = {
    transport.SBIRR: {"iterations": 2, "bridges": BRIDGES},
    transport.FixedReference: {"bridges": BRIDGES},
    transport.VanillaSB: {"bridges": BRIDGES},
    transport.SharedDrift: {"bridges": BRIDGES},
    transport.ConsecutiveBridges: {"method": transport.GaussianBridge(), "steps": 4},
    transport.MonteCarloAdam: {"steps": 5, "samples": 50},
    transport.EntropicSemidual: {"samples": 50},
    transport.LightSB: {"potentials": 3, "steps": 20, "batch_size": 16},
    transport.LightSBM: {"potentials": 3, "steps": 20, "batch_size": 16},
    transport.IPF: {
        "iterations": 2,
        "particles": 64,
        "steps": 5,
        "regressor": transport.RandomFeatures(features=4, degree=1),
    },
    transport.StochasticInterpolant: {"hidden": (4,), "steps": 2, "batch_size": 16},
    transport.FlowMatching: {"hidden": (4,), "steps": 2, "batch_size": 16},
    transport.ScoreDiffusion: {"hidden": (4,), "steps": 2, "batch_size": 16},
    transport.BridgeMatching: {
        "steps": 2,
        "batch_size": 16,
        "width": 4,
        "blocks": 1,
        "iterations": 10,
        "simulation_steps": 4,
    },
}


def make(cls):
    return cls(**_SMALL.get(cls, {}))


def onto_points(points, method, key):
    found = transport.semidiscrete(transport.SemiDiscrete(points), method, key=key, progress=False)
    return found.heights, found(X0)


def snapshots(samples=(X0, X1, X0), volatility=0.5):
    return transport.Snapshots(samples, [0.0, 1.0, 2.0], volatility, transport.OrnsteinUhlenbeck(jnp.array(0.1)))


def run(method, key):
    if isinstance(method, transport.AbstractTrajectoryMethod):
        found = transport.infer_trajectories(snapshots(), method, key=key, progress=False)
        return found.paths, found.parameters, found.at(0.5)
    if isinstance(method, transport.AbstractSemiDiscreteMethod):
        return onto_points(X1[:5], method, key)
    if isinstance(method, transport.AbstractInterpolantMethod):
        coupling = transport.Coupling(None if isinstance(method, transport.ScoreDiffusion) else X0, X1)
        learnt = transport.fit_interpolant(coupling, method, key=key, progress=False)
        return learnt.losses, learnt.velocity(X0, 0.5)
    solved = transport.bridge(transport.BridgeProblem(X0, X1, 1.0), method, key=key, progress=False)
    return solved.losses, solved.sample(key, X0), solved.drift(X0, 0.5)


def poison(method, key):
    broken = np.where(np.arange(64)[:, None] == 3, np.nan, X0)
    if isinstance(method, transport.AbstractSemiDiscreteMethod):
        return {"points": lambda: onto_points(broken, method, key)}
    if isinstance(method, transport.AbstractTrajectoryMethod):
        return {
            "samples[0]": lambda: snapshots((broken, X1, X0)),
            "volatility": lambda: snapshots(volatility=float("nan")),
        }
    if isinstance(method, transport.AbstractInterpolantMethod):
        return {
            "x0": lambda: transport.Coupling(broken, X1),
            "x1": lambda: transport.Coupling(X0, jnp.full((4, 2), jnp.inf)),
            "condition": lambda: transport.Coupling(X0, X1, condition=broken),
        }
    return {
        "x0": lambda: transport.BridgeProblem(broken, X1, 1.0),
        "x1": lambda: transport.BridgeProblem(X0, jnp.full((4, 2), jnp.inf), 1.0),
        "epsilon": lambda: transport.BridgeProblem(X0, X1, float("nan")),
    }
