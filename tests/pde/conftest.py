"""What the tests of `pde` share, so that what is compiled is shared too."""

import contextlib

import jax
import pytest

from perturbax import pde

COMPILED = "/jax/core/compile/backend_compile_duration"


def pulled(x, u, params):
    return u.laplacian() + params["force"]


def parabola(x, params):
    return x[0] * (1.0 - x[0])


@pytest.fixture(scope="session")
def string():
    """A string that is pulled: `u'' = -2` on [0, 1], `u = x (1 - x)`."""
    box = pde.Box([0.0], [1.0])
    return pde.PDEProblem(
        box, pulled, [pde.Dirichlet(0.0)], params={"force": 2.0}, exact=lambda x, _: x[0] * (1 - x[0])
    )


@pytest.fixture(scope="session")
def quick():
    """A method that takes no time."""
    return pde.PINN(hidden=(6,), optimiser=pde.LM(5, chunk=5), points=pde.FixedPoints(12, 2))


@pytest.fixture
def key():
    return jax.random.key(0)


@pytest.fixture
def compilations():
    """A context that collects one entry for each program that is compiled in it."""

    @contextlib.contextmanager
    def collect():
        seen = []

        def listen(event, duration, **details):
            if event == COMPILED:
                seen.append(details.get("fun_name", event))

        jax.monitoring.register_event_duration_secs_listener(listen)
        try:
            yield seen
        finally:
            jax.monitoring.unregister_event_duration_listener(listen)

    return collect
