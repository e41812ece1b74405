"""Newmark's method: exact oscillators at second order, conserved energy, and a submodel that follows the whole."""

import numpy as np
import pytest

from perturbax import systems

pytest.importorskip("skfem", reason="needs the extra mesh")

PLATE = systems.SoftHolePlate(cells=6, zone=(2, 4))


def oscillator(steps, damping=None):
    """Under a constant force, up to the time 5."""
    return systems.newmark([[4.0]], [[1.0]], np.ones((steps + 1, 1)), 5.0 / steps, damping=damping)[-1, 0]


@pytest.mark.parametrize("damping", [None, [[0.8]]])
def test_an_oscillator_is_found_to_second_order(damping):
    rate = 0.0 if damping is None else 0.4
    omega = np.sqrt(4.0 - rate**2)
    exact = 0.25 * (1.0 - np.exp(-5.0 * rate) * (np.cos(5.0 * omega) + rate / omega * np.sin(5.0 * omega)))
    errors = [abs(oscillator(n, damping) - exact) for n in (100, 200, 400)]
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx([2.0, 2.0], abs=0.05)


@pytest.fixture(scope="module")
def waves():
    """A plate that is struck at its side, whole, and the matrices of its zone."""
    body = PLATE.body
    elastic = systems.Elastic(body, systems.plane_stress(np.ones(body.points), 0.3))
    stiffness, mass = elastic.stiffness(), systems.consistent_mass(body)
    force = np.zeros((40, stiffness.shape[0]))
    force[1:6, -2] = 1.0
    fixed = np.setdiff1d(np.arange(force.shape[1]), body.free)
    return stiffness, mass, force, systems.newmark(stiffness, mass, force, 0.05, given=fixed)


def test_a_body_that_is_let_alone_keeps_its_energy(waves):
    stiffness, mass, _, u = waves
    fixed = np.flatnonzero(~u.any(0))
    assert len(fixed) == 14
    # The mean acceleration gives u' - u = h (v + v') / 2, so that velocities follow from displacements.
    v = np.zeros_like(u)
    for k in range(1, len(u)):
        v[k] = 2.0 * (u[k] - u[k - 1]) / 0.05 - v[k - 1]
    energy = 0.5 * (np.einsum("ki,ki->k", u @ stiffness, u) + np.einsum("ki,ki->k", v @ mass, v))
    np.testing.assert_allclose(energy[6:], energy[6], rtol=1e-9)
    assert energy[6] > 0.0


def test_the_zone_follows_the_whole_when_its_boundary_does(waves):
    *_, u = waves
    zone = PLATE.submodel()
    rim = (2 * PLATE.submodel_rim[:, None] + np.arange(2)).ravel()
    matrices = zone.stiffness(), systems.consistent_mass(zone.body)
    none = np.zeros((len(u), matrices[0].shape[0]))
    found = systems.newmark(*matrices, none, 0.05, given=rim, motion=u[:, PLATE.rim_components])
    inside = u[:, (2 * PLATE.zone_nodes[:, None] + np.arange(2)).ravel()]
    np.testing.assert_allclose(found, inside, atol=1e-9 * np.abs(inside).max())
    wrong = systems.newmark(*matrices, none, 0.05, given=np.roll(rim, 2), motion=u[:, PLATE.rim_components])
    assert np.abs(wrong - inside).max() > 1e-2 * np.abs(inside).max()


ONE, TWO = np.ones((3, 1)), np.ones((3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: systems.newmark([[1.0]], np.eye(2), ONE, 0.1), "mass must have shape"),
        (lambda: systems.newmark([[np.nan]], [[1.0]], ONE, 0.1), "stiffness must be finite"),
        (
            lambda: systems.newmark(np.eye(2), np.eye(2), TWO, 0.1, given=[0.5]),
            "given must be an array of kind integer",
        ),
        (lambda: systems.newmark([[1.0]], [[1.0]], ONE, 0.1, damping=np.eye(2)), "damping must have shape"),
        (lambda: systems.newmark([[1.0]], [[1.0]], TWO, 0.1), "force must have shape"),
        (lambda: systems.newmark([[1.0]], [[1.0]], ONE, 0.0), "dt"),
        (lambda: systems.newmark(np.eye(2), np.eye(2), TWO, 0.1, given=[2]), "given must hold"),
        (
            lambda: systems.newmark(np.eye(2), np.eye(2), TWO, 0.1, given=[0], motion=ONE),
            "motion must be 0",
        ),
        (lambda: systems.newmark(np.eye(2), np.eye(2), TWO, 0.1, motion=ONE), "motion must have shape"),
        (lambda: systems.consistent_mass(PLATE.body, 0.0), "density must be"),
        (lambda: systems.consistent_mass(PLATE.body, [1.0, 2.0]), "density must be"),
    ],
)
def test_wrong_input_is_refused_by_name(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
