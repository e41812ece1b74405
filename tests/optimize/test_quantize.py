"""Networks in integers: every operation against NumPy's, no float on the way, and what is refused."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import core, optimize

from .quantized_networks import MLP, PICTURES, RESIDUAL, X, Y, convolve

KEY = jax.random.key(9)


EIGHT = optimize.UniformBits(8)


def quantized(model, x, method=EIGHT, **options):
    return optimize.quantize(optimize.QuantizationProblem(model, x, **options), method, key=KEY)


@pytest.fixture(scope="module")
def residual():
    return {
        method: quantized(RESIDUAL, PICTURES, method(8))
        for method in (optimize.UniformBits, optimize.FloatRequantization)
    }


def rescaled(z, ratio, low, high):
    """`clip(round(z ratio))` by the dyadic number next to the ratio, in integers of any size."""
    fraction, exponent = np.frexp(ratio)
    m, e = np.floor(fraction * 2.0**31 + 0.5), 31 - exponent
    m, e = (np.broadcast_to(a, z.shape).astype(object) for a in (m, e))
    shift = np.vectorize(lambda z, m, e: min(max((int(z) * int(m) + 2 ** (int(e) - 1)) >> int(e), low), high))
    return shift(z, m, e).astype(np.int64)


@pytest.mark.parametrize("bits", [pytest.param(4, marks=pytest.mark.slow), 8])
def test_a_network_is_what_python_computes_with_whole_numbers(bits):
    """The algorithm once more, from the weights, with integers of any size."""
    found = quantized(MLP, X, optimize.UniformBits(bits), fixed={})
    codes = found.encode(X)
    z, scale, h = np.asarray(codes, np.int64), np.float64(found.input_scale), X
    for i, layer in enumerate(MLP.layers):
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if i == 0 else (0, 2**bits - 1)
        wanted = np.float64(jnp.max(jnp.abs(h))) / high
        if i > 0 or bits < 8:
            z = rescaled(z, scale / wanted, low, high)
        weight = np.asarray(layer.weight, np.float64)
        weight_scale = np.abs(weight).max(0) / (2 ** (bits - 1) - 1)
        q = np.round(weight / weight_scale).astype(np.int64)
        assert not np.any(np.asarray(layer.bias))
        largest = int(np.abs(q).sum(0).max()) * max(-low, high)
        finer = 2 ** min(max(22 - largest.bit_length(), 0), 8)  # of the scale on which a bias is added
        z, scale, h = z @ q * finer, wanted * weight_scale / finer, layer(h)
        if i < 2:
            z, h = np.maximum(z, 0), jax.nn.relu(h)
    wanted = rescaled(z, scale / found.output_scale, -(2**31) + 1, 2**31 - 1)
    ours = np.asarray(optimize.integer_apply(found, codes))
    assert ours.dtype == np.int32
    np.testing.assert_array_equal(ours, wanted)


def test_no_float_is_between_codes_and_outputs(residual):
    for model, x in ((residual[optimize.UniformBits], PICTURES), (quantized(MLP, X), X)):
        codes = model.encode(x)
        assert core.find_floats(lambda codes, m=model: optimize.integer_apply(m, codes), codes) == ()
        assert not any(jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in jax.tree.leaves(model.steps))
    model = residual[optimize.FloatRequantization]
    found = core.find_floats(lambda codes: optimize.integer_apply(model, codes), model.encode(PICTURES))
    assert any(name.startswith("round") for name in found)


def test_a_residual_network_in_eight_bits_is_close_to_that_in_floats(residual):
    exact = np.asarray(jax.vmap(RESIDUAL)(PICTURES))
    by_integers, by_floats = (np.asarray(model(PICTURES)) for model in residual.values())
    size = np.abs(exact).max()
    assert np.abs(by_integers - exact).max() < 0.03 * size
    assert np.abs(by_integers - by_floats).max() < 0.01 * size
    assert residual[optimize.UniformBits].code_dtype == jnp.uint8
    kinds = [type(step).__name__ for step in residual[optimize.UniformBits].steps]
    assert (kinds.count("Convolution"), kinds.count("Product"), kinds.count("Sum")) == (3, 1, 1)


class Folded(eqx.Module):
    kernel: jax.Array
    bias: jax.Array

    def __call__(self, x):
        return jax.nn.relu(convolve(x[None], self.kernel) + self.bias)


class Normalised(eqx.Module):
    kernel: jax.Array
    mean: jax.Array
    deviation: jax.Array
    gamma: jax.Array
    beta: jax.Array

    def __call__(self, x):
        return jax.nn.relu((convolve(x[None], self.kernel) - self.mean) / self.deviation * self.gamma + self.beta)


def test_batch_normalisation_is_folded_exactly():
    gamma, mean = jnp.array([1.5, -0.7, 0.2, 1.0])[:, None, None], jnp.array([0.1, 0.2, -0.3, 0.0])[:, None, None]
    deviation, beta = jnp.array([0.5, 2.0, 1.0, 3.0])[:, None, None], jnp.array([0.0, 0.3, -0.1, 0.2])[:, None, None]
    plain = Normalised(RESIDUAL.stem, mean, deviation, gamma, beta)
    factor = gamma / deviation
    folded = Folded(RESIDUAL.stem * factor[..., None], beta - mean * factor)
    ours, wanted = (np.asarray(quantized(model, PICTURES)(PICTURES)) for model in (plain, folded))
    np.testing.assert_allclose(ours, wanted, atol=1e-4 * np.abs(wanted).max())


def structure(p, x):
    y = jnp.concatenate([x @ p["w"], -x[:3]])[None]
    y = jnp.pad(y, ((0, 0), (1, 0)))[:, ::-1].reshape(2, 5).T
    y = jax.nn.relu6(y + p["b"])
    return jnp.clip(y, 0.5, 4.0).sum(0) / 2.0 - y[0]


@pytest.mark.slow
def test_structure_between_layers_is_kept():
    keys = jax.random.split(KEY, 2)
    params = {"w": jax.random.normal(keys[0], (5, 6)), "b": jax.random.normal(keys[1], (2,))}
    exact = np.asarray(jax.vmap(lambda x: structure(params, x))(X))
    found = quantized(params, X, apply=structure)
    assert list(found.bits) == ["w"]
    assert np.abs(np.asarray(found(X)) - exact).max() < 0.02 * np.abs(exact).max()


def test_equal_keys_and_batches_give_equal_integers(residual):
    model = residual[optimize.UniformBits]
    codes = model.encode(PICTURES)
    whole = np.asarray(optimize.integer_apply(model, codes))
    np.testing.assert_array_equal(whole[:7], optimize.integer_apply(model, codes[:7]))
    np.testing.assert_array_equal(whole, jax.jit(lambda c: optimize.integer_apply(model, c))(codes))


def test_weights_that_are_computed_keep_their_names_and_dead_channels_are_zero():
    params = {"w": np.asarray(MLP.layers[0].weight).T.copy(), "v": np.asarray(MLP.layers[2].weight[:, :3])}
    params["w"][2] = 0.0
    params = {**params, "v": np.concatenate([params["v"], params["v"][:2]])}

    def apply(p, x):
        return jax.nn.relu(p["w"] @ x) @ p["v"].T.T

    found = quantized(params, X, apply=apply)
    assert list(found.bits) == ["w", "v"]
    assert found.size == 5 * 8 + 8 * 3
    exact = np.asarray(jax.vmap(lambda x: apply(params, x))(X))
    assert np.abs(np.asarray(found(X)) - exact).max() < 0.03 * np.abs(exact).max()


def stacked(p, x):
    for w in p["blocks"]:
        x = jax.nn.relu(x @ w)
    return p["blocks"][0].T @ x


@pytest.mark.slow
def test_slices_and_transposed_weights_are_layers_of_their_own():
    params = {"blocks": jax.random.normal(KEY, (2, 5, 5))}
    found = quantized(params, X, apply=stacked)
    assert list(found.bits) == ["blocks", "blocks 2", "blocks 3"]
    exact = np.asarray(jax.vmap(lambda x: stacked(params, x))(X))
    assert np.abs(np.asarray(found(X)) - exact).max() < 0.03 * np.abs(exact).max()


def test_a_percentile_clips_what_is_larger():
    x = X.at[0, 0].set(1000.0)
    problem = optimize.QuantizationProblem(MLP, x)
    wide, clipped = (optimize.quantize(problem, optimize.UniformBits(8), key=KEY, percentile=p) for p in (100.0, 99.0))
    assert clipped.input_scale < 0.01 * wide.input_scale
    exact = np.asarray(MLP(x))[1:]
    errors = [np.abs(np.asarray(model(x))[1:] - exact).max() for model in (clipped, wide)]
    assert errors[0] < 0.1 * errors[1]


def gated(p, x):
    return jnp.tanh(x @ p["w"]) @ p["v"]


PARAMS = {"w": jnp.asarray(MLP.layers[0].weight), "v": jax.random.normal(KEY, (8, 3))}


def test_what_has_no_counterpart_is_named_or_becomes_an_island():
    with pytest.raises(
        core.MissingRuleError, match=r"no integer rule for the primitive 'tanh' at test_quantize.py:\d+"
    ):
        quantized(PARAMS, X, apply=gated)
    found = quantized(PARAMS, X, apply=gated, float_islands=True)
    exact = np.asarray(jax.vmap(lambda x: gated(PARAMS, x))(X))
    assert np.abs(np.asarray(found(X)) - exact).max() < 0.03 * np.abs(exact).max()
    names = core.find_floats(lambda c: optimize.integer_apply(found, c), found.encode(X))
    assert any(name.startswith("tanh") for name in names)
    assert len(names) < 12
    with pytest.raises(ValueError, match="islands in floating point"):
        optimize.save_quantized("never.npz", found)


def test_a_file_holds_the_network(residual, tmp_path):
    for model in residual.values():
        optimize.save_quantized(tmp_path / "q.npz", model)
        again = optimize.load_quantized(tmp_path / "q.npz")
        np.testing.assert_array_equal(again(PICTURES), model(PICTURES))
        assert again.bits == model.bits
    content = bytearray((tmp_path / "q.npz").read_bytes())
    (tmp_path / "cut.npz").write_bytes(content[:-200])
    with pytest.raises(ValueError, match=r"cut.npz is damaged"):
        optimize.load_quantized(tmp_path / "cut.npz")
    core.write_tree(tmp_path / "other.npz", {"steps": [{"kind": "Run", "inputs": ()}]}, "a quantised network")
    with pytest.raises(ValueError, match="unknown kind 'Run'"):
        optimize.load_quantized(tmp_path / "other.npz")


def test_another_network_of_the_same_shape_compiles_nothing_again():
    from perturbax.optimize._layer_curvature import _probe
    from perturbax.optimize._quantization import ranges

    budget = optimize.Budget(size=optimize.Share(0.5))
    other = jax.tree.map(lambda leaf: 1.1 * leaf, MLP)
    counts = []
    for model in (MLP, other):
        problem = optimize.QuantizationProblem(model, X, Y, budget=budget, fixed={})
        optimize.quantize(problem, optimize.Hawq(16), key=KEY)
        counts.append((_probe._cached._cache_size(), ranges._cached._cache_size()))
    assert counts[0] == counts[1]


def test_codes_are_checked():
    model = quantized(MLP, X)
    with pytest.raises(TypeError, match="codes must be int8"):
        optimize.integer_apply(model, np.zeros((2, 5), np.uint8))
    with pytest.raises(ValueError, match=r"x must have shape \(n, 5\)"):
        optimize.integer_apply(model, np.zeros((2, 4), np.int8))
    with pytest.raises(ValueError, match="x must be finite"):
        model.encode(np.full((2, 5), np.nan))
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.output = 0


def large(p, x):
    return x @ p["w"] + 1e9


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (MLP, {"bits": (4, 16)}, ValueError, r"bits\[1\] must be an integer in \[2, 8\]"),
        (MLP, {"bits": (8, 4)}, ValueError, "ascending"),
        (MLP, {"fixed": {"nowhere": 8}}, ValueError, "fixed names 'nowhere'"),
        (MLP, {"fixed": {"layers.0.weight": 6}}, ValueError, r"must be one of the bits \(4, 8\), got 6"),
        (MLP, {"targets": np.zeros(3, int)}, ValueError, "targets must have a row for each of inputs"),
        (MLP, {"loss": 3}, TypeError, "loss must be callable"),
        (MLP, {"targets": Y, "loss": lambda a, b: a}, ValueError, "loss must return one number"),
        ({"v": PARAMS["v"]}, {"apply": lambda p, x: x * 2.0}, ValueError, "model must have a layer"),
        (jax.tree.map(lambda a: a.at[0].set(jnp.inf), MLP), {}, ValueError, "model must be finite"),
        (MLP, {"budget": optimize.Budget(size=10.0)}, ValueError, "budget: size must be at least 88, got 10"),
        ({"w": PARAMS["w"]}, {"apply": large}, ValueError, "leaves the range of 32 bits"),
    ],
)
def test_bad_problems_are_named(model, options, error, message):
    with pytest.raises(error, match=message):
        quantized(model, X, **options)


def test_bad_arguments_of_the_verb_are_named():
    problem = optimize.QuantizationProblem(MLP, X)
    for arguments, named, message in (
        ((problem, optimize.UniformBits(8)), {"percentile": 0.0}, "percentile must be > 0"),
        ((problem, optimize.UniformBits(6)), {}, r"bits must be one of the problem's \(4, 8\), got 6"),
        ((problem, optimize.Hawq()), {}, "targets must be given"),
        ((problem, optimize.TopEigenvalueBits()), {}, "targets must be given"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            optimize.quantize(*arguments, key=KEY, **named)
    with pytest.raises(ValueError, match="inputs must not all be zero"):
        optimize.QuantizationProblem(MLP, np.zeros((3, 5)))
