"""Radial return: its equation, its derivative by the formula, what does not flow, and what is refused."""

import equinox as eqx
import jax
import numpy as np
import pytest

from perturbax import core, systems
from perturbax.systems._constitutive import _overstress

YOUNG, POISSON, HARDENING, EXPONENT, STEP = 200e3, 0.3, 5e3, 5.0, 0.1
MU = YOUNG / 2.0 / (1.0 + POISSON)
KAPPA = YOUNG / 3.0 / (1.0 - 2.0 * POISSON)
LAW = systems.Norton(
    young=YOUNG, poisson=POISSON, yield_stress=200.0, hardening=HARDENING, viscosity=300.0, exponent=EXPONENT
)


@pytest.fixture(scope="module")
def flowed():
    """Strains in all directions from small to large, in plane strain, and what the law makes of them."""
    random = np.random.default_rng(0)
    strains = random.normal(size=(40, 4)) * np.geomspace(1e-4, 1e-2, 40)[:, None]
    strains[:, 2] = 0.0
    with core.float64():
        states = jax.tree.map(np.array, LAW.begin(40, 4))
        states.cumulated[:] = random.uniform(0.0, 1e-3, 40)
        stress, new, tangent = eqx.filter_jit(LAW.linearise)(strains, states, np.full(40, 20.0), STEP)
    return strains, states, *(jax.tree.map(np.asarray, x) for x in (stress, new, tangent))


def test_the_consistent_tangent_is_that_of_the_formula(flowed):
    strains, states, _, new, tangent = flowed
    unit = np.array([1.0, 1.0, 1.0, 0.0])
    deviatoric = np.eye(4) - np.outer(unit, unit) / 3.0
    trial = 2.0 * MU * strains @ deviatoric
    size = np.linalg.norm(trial, axis=1)
    q, normal = np.sqrt(1.5) * size, trial / size[:, None]
    dp = new.cumulated - states.cumulated
    flows = dp > 0.0
    assert 10 < flows.sum() < 35
    safe = np.where(flows, dp, 1.0)
    slope = HARDENING + 300.0 / EXPONENT / STEP * (safe / STEP) ** (1.0 / EXPONENT - 1.0)
    last = 6.0 * MU**2 * (dp / q - flows / (3.0 * MU + slope))
    wanted = KAPPA * np.outer(unit, unit) + 2.0 * MU * (1.0 - 3.0 * MU * dp / q)[:, None, None] * deviatoric
    wanted = wanted + last[:, None, None] * normal[:, :, None] * normal[:, None, :]
    np.testing.assert_allclose(tangent, wanted, rtol=1e-9, atol=1e-9 * YOUNG)


def test_the_step_solves_the_equation_of_the_flow(flowed):
    _, states, stress, new, _ = flowed
    deviator = stress - stress[:, :3].mean(1)[:, None] * np.array([1.0, 1.0, 1.0, 0.0])
    q = np.sqrt(1.5) * np.linalg.norm(deviator, axis=1)
    rate = np.maximum(q - 200.0 - HARDENING * new.cumulated, 0.0) / 300.0
    np.testing.assert_allclose(new.cumulated - states.cumulated, STEP * rate**EXPONENT, rtol=1e-8, atol=1e-16)
    flow = new.strain - states.strain
    np.testing.assert_allclose(flow[:, :3].sum(1), 0.0, atol=1e-16)
    np.testing.assert_allclose(np.sqrt(2.0 / 3.0) * np.linalg.norm(flow, axis=1), new.cumulated - states.cumulated)


def test_the_overstress_is_found_to_rounding_over_all_sizes():
    excess, stiffness, viscosity = (x.ravel() for x in np.meshgrid(*[np.geomspace(1e-6, 1e6, 13)] * 3))
    for exponent in (1.0, 1.5, 5.0, 20.0, 100.0):
        with core.float64():
            y = np.asarray(jax.jit(jax.vmap(_overstress, (0, 0, 0, None)))(excess, stiffness, viscosity, exponent))
        np.testing.assert_allclose(stiffness * y**exponent + viscosity * y, excess, rtol=1e-11)


def test_a_free_body_that_is_heated_has_no_stress():
    law = systems.Norton(
        young=systems.Table([0.0, 500.0], [2.0, 1.0]),
        poisson=0.3,
        yield_stress=1.0,
        hardening=0.0,
        viscosity=1.0,
        exponent=3.0,
        expansion=1e-3,
        reference=20.0,
    )
    assert law.temperature_range == (0.0, 500.0)
    with core.float64():
        free = 0.1 * np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
        states = law.begin(2, 6)
        (stress, held), states = eqx.filter_jit(law.advance)(
            np.stack([free, 0.0 * free]), states, np.full(2, 120.0), 1.0
        )
    np.testing.assert_allclose(stress, 0.0, atol=1e-15)
    assert float(states.cumulated[0]) == 0.0
    np.testing.assert_allclose(held[:3], -0.1 * (1.76 / 0.4), rtol=1e-12)


GOOD = {"young": 1.0, "poisson": 0.3, "yield_stress": 1.0, "hardening": 0.0, "viscosity": 1.0, "exponent": 3.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"young": 0.0}, "young must be positive"),
        ({"young": systems.Table([0.0, 1.0], [1.0, -1.0])}, "young must be positive"),
        ({"poisson": 0.5}, "poisson must be"),
        ({"exponent": 0.5}, "exponent must be"),
        ({"hardening": -1.0}, "hardening must be"),
        ({"viscosity": np.nan}, "viscosity must be"),
    ],
)
def test_bad_properties_are_refused_by_name(change, message):
    with pytest.raises(ValueError, match=message):
        systems.Norton(**{**GOOD, **change})


def test_a_table_must_increase():
    with pytest.raises(ValueError, match="temperatures must increase"):
        systems.Table([1.0, 0.0], [1.0, 1.0])


@pytest.fixture(scope="module")
def body():
    pytest.importorskip("skfem", reason="needs the extra mesh")
    mesh = systems.box((2, 2))
    return systems.Solid(mesh, np.repeat(mesh.points[:, 1:] == 0.0, 2, axis=1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": [1.0, 1.0]}, "times must increase from start = 0"),
        ({"times": [-1.0, 1.0]}, "times must increase from start = 0"),
        ({"temperature": np.full((2, 9), 900.0)}, r"temperature must lie in \[0, 500\], .* in step 0"),
        ({"temperature": np.full((3, 9), 20.0)}, "temperature must have shape"),
        ({"temperature": np.full((2, 9), np.nan)}, "temperature must be finite"),
        ({"force": systems.Separable(np.ones((1, 18)), np.ones((3, 1)))}, "force must have 2 steps of 18 values"),
        ({"displacement": np.ones((2, 17))}, "displacement must have shape"),
    ],
)
def test_a_problem_that_does_not_fit_is_refused_by_name(body, change, message):
    law = systems.Norton(**{**GOOD, "young": systems.Table([0.0, 500.0], [2.0, 1.0])})
    given = {"times": [0.5, 1.0], "temperature": np.full((2, 9), 20.0)}
    with pytest.raises(ValueError, match=message):
        systems.Viscoplastic(body, law, **{**given, **change})
