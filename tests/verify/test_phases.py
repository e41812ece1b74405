"""Bounds of subdomains that are given by sides of kinks: sound for every member, exact where no element is open."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import nn, verify
from perturbax.core import float64
from perturbax.verify._phases import affine_pieces, bound_phases, is_piecewise_linear, phases_of, root_intervals
from perturbax.verify._query import queries_of

NETWORK = nn.MLP(3, (5, 4), 2, key=jax.random.key(0), activation=jax.nn.relu)


def bent(x):
    """All kinds of kinks, thresholds other than 0, and an element that is used twice."""
    y = jnp.abs(NETWORK(x)) - jnp.minimum(x[:2], 0.3)
    return jnp.clip(y, -0.5, 0.75) + jnp.maximum(y, 0.1)


def evaluated(f, x):
    """The margins of `f` at points, and the sides of all elements."""
    (query,) = queries_of(verify.Verification(f, verify.unsafe_box(-np.ones(3), np.ones(3), np.eye(2), np.zeros(2))))
    phases = phases_of(query.margins, verify.Box(query.lower, query.upper))

    def sides(x):
        known = {phases.graph.program.inputs[0]: x}
        for equation in phases.graph.program.equations:
            known.update(zip(equation.outputs, equation.bind(*equation.values(known)), strict=True))
        bends = zip(phases.kinks, phases.thresholds(), strict=True)
        return jnp.concatenate([jnp.sign(known[kink.variable] - c).ravel() for kink, c in bends])

    return query, np.asarray(jax.vmap(query.margins)(x)), np.asarray(jax.jit(jax.vmap(sides))(x), np.int8)


@pytest.mark.parametrize(
    "f", [pytest.param(NETWORK, id="relu"), pytest.param(bent, id="all kinks", marks=pytest.mark.slow)]
)
def test_a_subdomain_is_bounded_for_all_its_members_and_exactly_without_open_elements(f):
    rng = np.random.default_rng(1)
    with float64():
        x = rng.uniform(-1, 1, (500, 3))
        query, margins, sides = evaluated(f, x)
        box = verify.Box(query.lower, query.upper)
        assert is_piecewise_linear(query.margins, box)
        root, zeros = root_intervals(query.margins, box, verify.CROWN())
        assert zeros.shape == sides.shape[1:]
        # Each subdomain fixes a random part of the sides of one of the points.
        signs = np.where(rng.uniform(size=(24, sides.shape[1])) < rng.uniform(size=(24, 1)), sides[:24], 0)
        excluded = np.zeros((24, 1), bool)
        found = bound_phases(query.margins, box, root, query.groups, signs.astype(np.int8), excluded, 3, 0.3)
        member = np.all((signs[:, None] == 0) | (signs[:, None] == sides), axis=-1)
        assert member.any(1).all()
        assert np.all((margins >= np.asarray(found.lower)[:, None] - 1e-9) | ~member[..., None])
        # The bounds of the whole are those of CROWN or better.
        whole = bound_phases(query.margins, box, root, query.groups, np.zeros_like(signs), excluded, 3, 0.3)
        crown = verify.bound(query.margins, box, verify.CROWN())
        assert np.all(np.asarray(whole.lower[0]) >= np.asarray(crown.lower) - 1e-9)
        A, b, Z, c = (np.asarray(part)[0] for part in affine_pieces(query.margins, box, root, sides[:1]))
        alike = np.all(sides == sides[0], axis=-1)
        np.testing.assert_allclose(x[alike] @ A.T + b, margins[alike], atol=1e-10)
        assert np.all(np.sign(x[alike] @ Z.T + c) == sides[0])


@pytest.mark.slow
def test_impossible_sides_have_no_member():
    with float64():
        query, _, sides = evaluated(lambda x: (y := x[:2], jnp.maximum(y, 0.0) + jnp.abs(y - 0.5))[1], np.zeros((1, 3)))
        box = verify.Box(query.lower, query.upper)
        root, _ = root_intervals(query.margins, box, verify.CROWN())
        signs = np.zeros((2, sides.shape[1]), np.int8)
        signs[0, 0], signs[0, 2] = -1, 1  # x_0 <= 0 and x_0 >= 0.5
        found = bound_phases(query.margins, box, root, query.groups, signs, np.zeros((2, 1), bool), 2, 0.3)
        assert np.all(np.isposinf(np.asarray(found.lower)[0]))
        assert np.all(np.isfinite(np.asarray(found.lower)[1]))
