"""Finite elements of a solid: strains of linear fields, virtual work, derivatives, integrals, and what is refused."""

import equinox as eqx
import numpy as np
import pytest

from perturbax import core, interop, systems

pytest.importorskip("skfem", reason="needs the extra mesh")


def distorted(cells):
    """A box whose inner nodes are moved."""
    mesh = systems.box(cells)
    inner = ((mesh.points > 1e-9) & (mesh.points < 1.0 - 1e-9)).all(1)
    moved = mesh.points + 0.1 * inner[:, None] * np.random.default_rng(0).uniform(-1, 1, mesh.points.shape)
    return interop.Mesh(moved, mesh.cells)


def triangles():
    mesh = distorted((3, 3))
    quads = mesh.cells["quad"]
    return interop.Mesh(mesh.points, {"triangle": np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])})


def clamped(mesh):
    return systems.Solid(mesh, np.repeat(mesh.points[:, -1:] == 0.0, mesh.points.shape[1], axis=1))


HELD = eqx.filter_jit(lambda body, stress: body.forces(stress))
MESHES = {"quad": lambda: distorted((3, 3)), "triangle": triangles, "hexahedron": lambda: distorted((2, 2, 2))}


@pytest.fixture(scope="module", params=MESHES)
def body(request):
    return clamped(MESHES[request.param]())


def test_a_linear_displacement_has_its_strain_everywhere(body):
    d = body.dimension
    gradient = np.random.default_rng(1).normal(size=(d, d))
    strain = np.zeros((3, 3))
    strain[:d, :d] = (gradient + gradient.T) / 2.0
    mandel = [*np.diag(strain), *(np.sqrt(2.0) * strain[i, j] for i, j in ((1, 2), (0, 2), (0, 1)))]
    wanted = np.array(mandel)[[0, 1, 2, 5] if d == 2 else slice(None)]
    found = body.strain((body.mesh.points @ gradient.T).ravel())
    np.testing.assert_allclose(found, np.broadcast_to(wanted, found.shape), atol=1e-13)


def test_forces_do_the_work_of_the_stresses_and_stiffness_is_their_derivative(body):
    random = np.random.default_rng(2)
    u = random.normal(size=body.mesh.points.size)
    factor = random.normal(size=(body.points, body.components, body.components))
    moduli = factor @ factor.transpose(0, 2, 1)
    with core.float64():
        strain = body.strain(u)
        stress = np.einsum("gmn,gn->gm", moduli, strain)
        forces = np.asarray(HELD(body, stress))
        matrix = body.pattern().matrix(eqx.filter_jit(body.stiffness)(moduli))
    assert forces @ u == pytest.approx(np.einsum("g,gm,gm", body.weights, stress, strain), rel=1e-12)
    u[np.setdiff1d(np.arange(u.size), body.free)] = 0.0
    with core.float64():
        forces = np.asarray(HELD(body, np.einsum("gmn,gn->gm", moduli, body.strain(u))))
    np.testing.assert_allclose(matrix @ u[body.free], forces[body.free], rtol=1e-10, atol=1e-10)


def test_linear_fields_are_interpolated_and_integrated_exactly(body):
    slope = np.arange(1.0, body.dimension + 1)
    at_points = body.interpolate(body.mesh.points @ slope)
    np.testing.assert_allclose(at_points, body.coordinates @ slope, atol=1e-13)
    assert body.weights @ at_points == pytest.approx(slope.sum() / 2.0, rel=1e-12)
    chosen = np.array([3, 0, body.points - 1])
    np.testing.assert_array_equal(body.interpolate(body.mesh.points @ slope, chosen), at_points[chosen])
    total = body.body_force(np.tile(slope, (body.points, 1))).reshape(-1, body.dimension).sum(0)
    np.testing.assert_allclose(total, slope, rtol=1e-12)


def test_a_box_with_a_hole_has_no_lonely_nodes():
    mesh = systems.box((6, 6), keep=lambda x: np.linalg.norm(x - 0.5, axis=1) > 0.3)
    assert clamped(mesh).weights.sum() == pytest.approx(mesh.count / 36.0)
    assert mesh.count < 36


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: systems.Solid(systems.box((2, 2)), np.zeros((9, 2), bool)), "fixed must prescribe"),
        (lambda: systems.Solid(systems.box((2, 2)), np.zeros((8, 2), bool)), r"fixed must have shape \(9, 2\)"),
        (
            lambda: systems.Solid(interop.Mesh(np.eye(3)[:, :2], {"line": [[0, 1]]}), np.eye(3, 2)),
            "mesh must have cells",
        ),
        (lambda: clamped(interop.Mesh(np.eye(4)[:, :2], {"triangle": [[0, 1, 2]]})), "mesh must have no nodes without"),
        (lambda: clamped(interop.Mesh(np.eye(3), {"triangle": [[0, 1, 2]]})), "mesh must fill its 3 dimensions"),
        (lambda: systems.box((2,)), "cells must be two or three"),
        (lambda: systems.box((2, 0)), "cells must be an integer >= 1"),
        (lambda: systems.box((2, 2), (1.0,)), "sides must be 2 lengths"),
    ],
)
def test_bad_input_is_refused_by_name(without_type_checks, call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_fixed_must_be_booleans(without_type_checks):
    with pytest.raises(TypeError, match="fixed must hold booleans"):
        systems.Solid(systems.box((2, 2)), np.ones((9, 2)))
