"""Linear elasticity: uniform stress is exact, and a plate with a hole is the one that is described."""

import jax
import numpy as np
import pytest

from perturbax import interop, systems

pytest.importorskip("skfem", reason="needs the extra mesh")

POISSON = 0.3


@pytest.fixture(scope="module")
def patch():
    """A distorted plate, held as little as possible."""
    mesh = systems.box((3, 3))
    inner = ((mesh.points > 1e-9) & (mesh.points < 1.0 - 1e-9)).all(1)
    moved = mesh.points + 0.1 * inner[:, None] * np.random.default_rng(0).uniform(-1, 1, mesh.points.shape)
    fixed = np.zeros(moved.shape, bool)
    fixed[moved[:, 0] == 0.0, 0] = True
    fixed[(moved == 0.0).all(1)] = True
    body = systems.Solid(interop.Mesh(moved, mesh.cells), fixed)
    return systems.Elastic(body, systems.plane_stress(np.full(body.points, 2.0), POISSON))


def pulled(elastic):
    """A traction of 1 along x on the right side."""
    points = elastic.body.mesh.points
    force = np.zeros(points.shape)
    edge = points[:, 0] == 1.0
    force[edge, 0] = np.where((points[edge, 1] == 0.0) | (points[edge, 1] == 1.0), 1 / 6, 1 / 3)
    return force.ravel()


def test_a_plate_that_is_pulled_stretches_and_narrows_exactly(patch):
    found = patch.displacement(pulled(patch)).reshape(-1, 2)
    np.testing.assert_allclose(found, patch.body.mesh.points * [0.5, -0.5 * POISSON], atol=1e-12)
    np.testing.assert_allclose(patch.von_mises(found.ravel()), 1.0, rtol=1e-12)


def test_many_forces_are_solved_as_one(patch):
    force = np.stack([pulled(patch), 2.0 * pulled(patch)])
    found = patch.displacement(force)
    np.testing.assert_allclose(found[1], 2.0 * found[0], rtol=1e-12)


def test_the_stiffness_is_symmetric_and_blind_to_rigid_motions(patch):
    matrix, (x, y) = patch.stiffness(), patch.body.mesh.points.T
    motions = np.stack([np.tile([1.0, 0.0], x.size), np.tile([0.0, 1.0], x.size), np.stack([-y, x], 1).ravel()])
    assert abs(matrix - matrix.T).max() < 1e-14
    assert np.abs(matrix @ motions.T).max() < 1e-13


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: systems.plane_stress([0.0], 0.3), "young must be > 0"),
        (lambda b: systems.plane_stress([1.0], 0.6), "poisson"),
        (lambda b: systems.plane_stress([1.0], -1.0), "poisson must be > -1"),
        (lambda b: systems.Elastic(b, np.zeros((3, 4, 4))), "moduli must have shape"),
        (lambda b: systems.Elastic(b, np.tile(np.eye(4, k=1), (b.points, 1, 1))), "moduli must be symmetric"),
        (lambda b: systems.Elastic(b, np.ones((b.points, 4, 4))).displacement(np.ones(5)), "force must have 32"),
        (lambda b: systems.SoftHolePlate(cells=6, zone=(2, 3)), "zone must be two cells wide"),
        (lambda b: systems.SoftHolePlate(softness=0.0), "softness"),
    ],
)
def test_wrong_input_is_refused_by_name(patch, call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(patch.body)


def test_a_plate_is_linear_in_its_load_and_the_same_for_the_same_key():
    plate, key = systems.SoftHolePlate(cells=6, zone=(2, 4)), jax.random.key(0)
    one, load, above = plate.solve(key, 3, load=0.5)
    two = plate.solve(key, 3, load=1.0)[0]
    np.testing.assert_allclose(two, 2.0 * one, rtol=1e-10)
    assert load.tolist() == [[0.5]] * 3
    sampled = plate.sample(key, 3)
    scaled = one[:, plate.rim_components] * sampled.load / 0.5
    np.testing.assert_allclose(sampled.traces, scaled, rtol=1e-10)
    np.testing.assert_array_equal(sampled.above, above)
    assert (one.reshape(3, -1, 2)[:, plate.body.mesh.points[:, 0] == 0.0] == 0.0).all()


def test_loads_and_holes_have_the_law_that_is_written_down():
    from perturbax.systems._soft_hole import _draw

    drawn = _draw(jax.random.key(0), 20_000)
    assert (drawn["load"].min(), drawn["load"].max()) == pytest.approx((0.5, 1.5), abs=1e-3)
    assert (drawn["radius"].min(), drawn["radius"].max()) == pytest.approx((0.1, 0.16), abs=1e-3)
    assert drawn["above"].mean() == pytest.approx(0.5, abs=0.02)
    for above, place in ((True, 0.82), (False, 0.18)):
        y = drawn["centre"][drawn["above"] == above, 1]
        assert (y.mean(), y.std()) == pytest.approx((place, 0.03), abs=2e-3)
    assert (drawn["angle"].std(), drawn["centre"][:, 0].std()) == pytest.approx((0.15, 0.08), abs=2e-3)


def test_the_rim_runs_once_around_the_zone():
    plate = systems.SoftHolePlate(cells=6, zone=(2, 4))
    points = plate.body.mesh.points[plate.rim]
    assert len(np.unique(plate.rim)) == 8
    np.testing.assert_allclose(np.linalg.norm(points - np.roll(points, 1, 0), axis=1), 1 / 6)
    x, y = points.T
    assert np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2 == pytest.approx((1 / 3) ** 2)
    own = plate.submodel().body.mesh.points[plate.submodel_rim]
    np.testing.assert_allclose(own + plate.body.mesh.points[plate.zone_nodes[0]], points, atol=1e-14)
