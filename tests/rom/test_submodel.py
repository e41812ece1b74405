"""The submodel: it continues the full solution, its reactions are in equilibrium, and what it refuses."""

import jax
import numpy as np
import pytest
import scipy.sparse

from perturbax import rom, systems

pytest.importorskip("skfem", reason="needs the extra mesh")

PLATE = systems.SoftHolePlate(cells=8, zone=(2, 5))
CHAIN = np.array([[1.0, -1.0, 0.0, 0.0], [-1.0, 2.0, -1.0, 0.0], [0.0, -1.0, 2.0, -1.0], [0.0, 0.0, -1.0, 1.0]])


@pytest.fixture(scope="module")
def submodel():
    return rom.LinearSubmodel.of_body(PLATE.submodel(), PLATE.submodel_rim)


@pytest.fixture(scope="module")
def random_traces(submodel):
    return np.random.default_rng(0).normal(size=(300, submodel.size))


def test_true_traces_give_the_full_solution_inside(submodel):
    whole = PLATE.solve(jax.random.key(0), 3)[0]
    inside = whole[:, (2 * PLATE.zone_nodes[:, None] + np.arange(2)).ravel()]
    found = submodel.displacement(whole[:, PLATE.rim_components])
    np.testing.assert_allclose(found, inside, rtol=0.0, atol=1e-9 * np.abs(inside).max())
    wrong = submodel.displacement(np.roll(whole[:, PLATE.rim_components], 2, 1))
    assert np.abs(wrong - inside).max() > 1e-3 * np.abs(inside).max()


def test_reactions_to_any_trace_are_in_equilibrium(submodel, random_traces):
    motions, reactions = submodel.rigid_motions(), submodel.reactions(random_traces)
    np.testing.assert_allclose(motions.T @ motions, np.eye(3), atol=1e-14)
    assert np.array_equal(submodel.schur, submodel.schur.T)
    left = np.linalg.norm(reactions @ motions, axis=1)
    assert (left < 1e-10 * np.linalg.norm(reactions, axis=1)).all()
    assert np.abs(submodel.energy(motions.T)).max() < 1e-14


def test_the_energy_is_that_of_the_whole_displacement(submodel, random_traces):
    found = submodel.displacement(random_traces)
    wanted = 0.5 * np.einsum("ni,ni->n", found @ submodel.stiffness, found)
    np.testing.assert_allclose(submodel.energy(random_traces), wanted, rtol=1e-10)


def test_inner_forces_are_carried_by_the_boundary():
    chain = rom.LinearSubmodel(CHAIN, [0, 3], force=[0.0, 1.0, 2.0, 0.0])
    u = chain.displacement([[0.0, 0.0], [0.3, -0.2]])
    np.testing.assert_allclose((u @ CHAIN)[:, 1:3], [[1.0, 2.0]] * 2, atol=1e-14)
    np.testing.assert_allclose(chain.reactions(u[:, [0, 3]]), (u @ CHAIN)[:, [0, 3]], atol=1e-14)
    np.testing.assert_allclose(chain.energy(u[:, [0, 3]]), 0.5 * np.einsum("ni,ij,nj->n", u, CHAIN, u), atol=1e-14)
    assert chain.reactions(u[:, [0, 3]]).sum(1) == pytest.approx([-3.0, -3.0])


def test_resultants_balance_the_forces_whatever_the_trace():
    held = rom.LinearSubmodel.of_body(PLATE.submodel(), PLATE.submodel_rim)
    force = np.random.default_rng(1).normal(size=(held.force.size // 2, 2))
    loaded = rom.LinearSubmodel(held.stiffness, held.boundary, force.ravel(), held.coordinates)
    traces = np.random.default_rng(2).normal(size=(4, loaded.size))
    np.testing.assert_allclose(held.resultants(traces), 0.0, atol=1e-12)
    total = loaded.reactions(traces).reshape(4, -1, 2).sum(1)
    np.testing.assert_allclose(total, np.tile(-force.sum(0), (4, 1)), atol=1e-11)
    np.testing.assert_allclose(
        loaded.resultants(traces), np.tile(loaded.resultants(0.0 * traces)[0], (4, 1)), atol=1e-11
    )


def test_many_traces_are_solved_in_blocks(submodel, random_traces):
    found = submodel.displacement(random_traces)
    np.testing.assert_allclose(found[299], submodel.displacement(random_traces[299:])[0], atol=1e-14)


def test_a_submodel_may_have_no_inner_components():
    chain = rom.LinearSubmodel(CHAIN, [3, 2, 1, 0])
    np.testing.assert_allclose(chain.schur, CHAIN[::-1, ::-1])
    assert chain.displacement([[4.0, 3.0, 2.0, 1.0]]).tolist() == [[1.0, 2.0, 3.0, 4.0]]


LOOSE = np.pad(CHAIN, (0, 2))
LOOSE[4:, 4:] = [[1.0, -1.0], [-1.0, 1.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rom.LinearSubmodel(LOOSE, [0, 3]), "inner components 4, 5: connect"),
        (lambda: rom.LinearSubmodel(np.diag([1.0, 0.0]), [0]), "inner components 1"),
        (lambda: rom.LinearSubmodel(CHAIN[:3], [0]), "stiffness must be square"),
        (lambda: rom.LinearSubmodel(np.triu(CHAIN), [0]), "stiffness must be symmetric"),
        (lambda: rom.LinearSubmodel(np.where(CHAIN > 1.5, np.nan, CHAIN), [0]), "stiffness must be finite"),
        (lambda: rom.LinearSubmodel(CHAIN, [0, 4]), r"boundary must hold different numbers in \[0, 3\]"),
        (lambda: rom.LinearSubmodel(CHAIN, [0, 0]), "boundary must hold different"),
        (lambda: rom.LinearSubmodel(CHAIN, [0.5]), "boundary must be a list of integers"),
        (lambda: rom.LinearSubmodel(CHAIN, [0], force=[1.0]), "force"),
        (lambda: rom.LinearSubmodel(CHAIN, [0], coordinates=[[0.0, 0.0]]), "coordinates must have"),
        (lambda: rom.LinearSubmodel(CHAIN, [0]).energy([[1.0, 2.0]]), "traces"),
        (lambda: rom.LinearSubmodel(CHAIN, [0]).rigid_motions(), "coordinates of the nodes"),
        (lambda: rom.LinearSubmodel.of_body(PLATE.submodel(), [0, 1]), "nodes must be those"),
    ],
)
def test_wrong_input_is_refused_by_name(without_type_checks, call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_sparse_and_dense_matrices_are_the_same():
    dense, sparse = rom.LinearSubmodel(CHAIN, [0, 3]), rom.LinearSubmodel(scipy.sparse.coo_array(CHAIN), [0, 3])
    np.testing.assert_array_equal(dense.schur, sparse.schur)
