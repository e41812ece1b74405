"""Programs: evaluation by three routes, normal form, mutations, exports, units, tuning of constants, selection."""

import ctypes
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import approximate
from perturbax.approximate import _interpreter as interpreter
from perturbax.approximate import _moves as moves
from perturbax.approximate import _selection as selection
from perturbax.approximate._evaluation import program_of
from perturbax.approximate._program import horner, rational
from perturbax.core import float64

KEY = jax.random.key(0)
EXP2 = approximate.Target(jnp.exp2, 0.0, 1.0, points=64)
X = np.linspace(0.0, 1.0, 7)
TUNER = approximate.Lawson(steps=100, points=30)
SLOTS = 6


pytestmark = pytest.mark.usefixtures("without_type_checks")


def grown(seed, steps=12):
    """A random program by mutations from empty code, and all on the way."""
    random = np.random.default_rng(seed)
    genome, seen = moves.empty(1.5), []
    for _ in range(steps):
        longer = moves.mutate(genome, random, (0, 1, 2, 3), (3, 2, 3, 3), (-1.0, 1.0))
        genome = longer if len(longer.code) <= SLOTS else genome
        seen.append(genome)
    return seen


@given(st.integers(0, 10**6))
def test_the_interpreter_agrees_with_the_program(seed):
    genome = grown(seed)[-1]
    program = program_of(genome)
    with float64(), np.errstate(all="ignore"):
        batch = (jnp.asarray(part) for part in moves.packed([genome], SLOTS, SLOTS))
        by_interpreter = np.asarray(interpreter.run_many(*batch, jnp.asarray(X)))[0]
        np.testing.assert_allclose(by_interpreter, program(X) + 0.0 * X, rtol=1e-12)


@given(st.integers(0, 10**6))
def test_mutations_give_normal_forms(seed):
    for genome in grown(seed):
        assert moves.normal_form(*genome) == genome
        assert len(genome.constants) <= len(genome.code) + 1
        for i, (_, left, right) in enumerate(genome.code):
            assert max(left, right) < len(genome.constants) + 1 + i
            assert not all(1 <= operand <= len(genome.constants) for operand in (left, right))


def test_normal_form_carries_constants_out_and_drops_what_is_dead():
    # (2 + 3) * x, beside x / 2 that nothing needs.
    found = moves.normal_form([(0, 1, 2), (3, 0, 1), (2, 3, 0)], [2.0, 3.0], 5)
    assert found == ([(2, 1, 0)], [5.0], 2)
    assert moves.structure(found) == moves.structure(moves.Genome([(2, 0, 1)], [7.0], 2))


def test_exports_compute_the_same():
    program = rational([1.0, -0.3, 0.2], [2.5, 1.0])
    names: dict = {}
    exec(program.to_python("f"), names)
    np.testing.assert_array_equal(names["f"](X), program(X))
    exec(program.to_jax("g"), names)
    np.testing.assert_allclose(names["g"](X), program(X), rtol=1e-6)
    assert program.to_latex(3) == r"\frac{\left(0.2 \, x + \left(-0.3\right)\right) \, x + 1}{x + 2.5}"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="the code in C needs gcc to be tried")
def test_the_code_in_c_computes_the_same(tmp_path):
    program = rational([1.0, -0.3, 0.2], [2.5, 1.0])
    source = tmp_path / "f.c"
    source.write_text(program.to_c("f", "float64").replace("static inline ", ""))
    library = tmp_path / "f.so"
    subprocess.run(["gcc", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    compiled = ctypes.CDLL(str(library)).f
    compiled.argtypes, compiled.restype = [ctypes.c_double], ctypes.c_double
    assert [compiled(x) for x in X] == program(X).tolist()


def test_float32_rounds_constants_and_operations():
    program = horner([1.0 / 3.0, 0.1, 0.7])
    x = X.astype(np.float32)
    a, b, c = (np.float32(value) for value in (1.0 / 3.0, 0.1, 0.7))
    np.testing.assert_array_equal(program(x), (c * x + b) * x + a)
    assert "f;" in program.to_c("f")
    assert "0.33333334f" in program.to_c("f")


def test_a_program_without_operations():
    constant = program_of(moves.empty(2.0))
    assert constant(X).tolist() == [2.0] * 7
    assert "return 2.0" in constant.to_python()
    assert program_of(moves.empty(None))(X).tolist() == X.tolist()


@pytest.mark.parametrize("precision", [24, 53])
def test_ulp_is_the_spacing_of_floating_point_numbers(precision):
    dtype = np.float32 if precision == 24 else np.float64
    y = np.array([1.0, 1.5, 1.999, 2.0, 3.1e-5, -7.0e4], dtype)
    np.testing.assert_array_equal(approximate.ulp(y, precision), np.spacing(np.abs(y)).astype(np.float64))


def test_errors_contain_rounding_in_the_dtype():
    unit = approximate.ULPError()
    single = approximate.Target(jnp.exp2, 0.0, 1.0, unit, "float32")
    exact = approximate.fit(approximate.Target(jnp.exp2, 0.0, 1.0, unit), approximate.Remez(10)).function
    assert approximate.Target(jnp.exp2, 0.0, 1.0, unit).error_of(exact) < 1e-5
    assert 0.3 < single.error_of(exact) < 2.0
    assert single.error_of(lambda x: np.exp2(x.astype(np.float64)).astype(np.float32)) <= 1.0


@pytest.mark.parametrize(
    ("program", "best"),
    [
        # c + b / (a - x), and its square: the largest errors of the specification.
        (moves.Genome([(1, 1, 0), (3, 2, 4), (0, 3, 5)], [3.0, 8.0, -1.0], 6), 8.67e-4),
        (moves.Genome([(1, 1, 0), (3, 2, 4), (0, 3, 5), (2, 6, 6)], [6.0, 20.0, -2.0], 7), 2.17e-4),
    ],
)
def test_constants_are_tuned_to_the_minimax(program, best):
    x = TUNER.grid(0.0, 1.0)
    with float64():
        batch = [jnp.asarray(part) for part in (*moves.packed([program], SLOTS, SLOTS), x, 2.0**x, 2.0**x)]
        tuned = np.asarray(TUNER.tune(*batch))[0, : len(program.constants)]
    found = program_of(program._replace(constants=tuned.tolist()))
    assert EXP2.error_of(found) == pytest.approx(best, rel=0.05)


def test_ranks_and_survivors_are_those_of_their_definition():
    points = np.random.default_rng(0).integers(0, 6, (40, 2)).astype(float)
    rank = selection.ranks(points)
    for level in np.unique(rank):
        rest = points[rank >= level]
        beaten = [any((q <= p).all() and (q < p).any() for q in rest) for p in points[rank == level]]
        assert not any(beaten)
        if level:
            before = points[rank == level - 1]
            assert all(any((q <= p).all() and (q < p).any() for q in before) for p in points[rank == level])
    kept, ranks = selection.survivors(points, 15)
    assert len(set(kept.tolist())) == 15
    assert ranks.max() <= np.sort(rank)[14]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: approximate.Target(jnp.exp2, 1.0, 1.0), "upper must be > lower"),
        (lambda: approximate.Target(jnp.log, 0.0, 1.0), "fn must be finite"),
        (lambda: approximate.Target(jnp.sin, 0.0, 1.0), "unit must not vanish"),
        (lambda: approximate.Target("exp2", 0.0, 1.0), "fn must be a function"),
        (lambda: approximate.Target(lambda x: 1.0, 0.0, 1.0), "fn must have shape"),
        (lambda: approximate.Target(jnp.exp2, 0.0, 1.0, dtype="float16"), "dtype must be"),
        (lambda: approximate.Target(jnp.exp2, 0.0, 1.0, points=1), "points must be"),
        (lambda: approximate.Target(jnp.exp2, 0.0, 1.0, "ulp"), "unit must be"),
        (lambda: approximate.ULPError(precision=0), "precision must be"),
        (lambda: approximate.ULPError(at=0.0), "at must be"),
        (lambda: approximate.Lawson(steps=0), "steps must be"),
        (lambda: approximate.Lawson(gamma=-1.0), "gamma must be"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_a_program_is_a_function_for_jit_that_compiles_once():
    program = approximate.fit(approximate.Target(jnp.exp2, 0.0, 1.0), approximate.Remez(3)).function
    same = approximate.fit(approximate.Target(jnp.exp2, 0.0, 1.0), approximate.Remez(3)).function
    assert program == same
    assert hash(program) == hash(same)
    np.testing.assert_allclose(jax.jit(program)(jnp.asarray(0.3)), program(np.float64(0.3)), rtol=1e-6)
