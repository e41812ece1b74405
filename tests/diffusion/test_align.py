"""`diffusion.align`: what the losses promise on paper, captions, references, partial training, collapse, bad input."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from perturbax import core, diffusion, nn, perturb

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
WINNER, LOSER = RNG.normal(size=(2, 24, 3)).astype(np.float32)
PROMPT, OTHER = np.eye(4, dtype=np.float32)[np.arange(24) % 4], np.eye(4, dtype=np.float32)[np.arange(24) % 3]
PAIRS = diffusion.PreferencePairs(WINNER, LOSER, PROMPT, PROMPT, OTHER)
ADAM, SGD, STILL = optax.adam(1e-2), optax.sgd(1.0), optax.sgd(0.0)
TABLE = diffusion.Discrete(np.cumprod(1 - np.linspace(1e-3, 0.3, 20)))


class Network(eqx.Module):
    first: eqx.nn.Linear
    last: eqx.nn.Linear
    narrow: Any = eqx.field(static=True, default=None)

    def __init__(self, key=KEY, narrow=None):
        self.first, self.last = (eqx.nn.Linear(n, m, key=key) for n, m in ((8, 16), (16, 3)))
        self.narrow = narrow

    def __call__(self, x, time, condition=None):
        condition = jnp.zeros((len(x), 4)) if condition is None else condition
        inputs = jnp.concatenate((x, jnp.full((len(x), 1), time), condition), axis=1)
        if self.narrow is not None:
            inputs = inputs.astype(self.narrow)
        return jax.vmap(lambda row: self.last(jax.nn.silu(self.first(row))))(inputs)


def problem(pairs=PAIRS, model=None, process=None, prediction=None, **options):
    process, prediction = process or diffusion.VPLinear(), prediction or diffusion.Epsilon()
    return diffusion.AlignmentProblem(model or Network(), process, pairs, prediction, **options)


def align(method, stated=None, **options):
    defaults = {"key": KEY, "steps": 6, "batch_size": 8, "optimizer": ADAM, "winner_limit": None}
    return diffusion.align(stated or problem(), method, **{**defaults, **options})


def flat(model):
    return ravel_pytree(eqx.filter(model, eqx.is_inexact_array))[0]


DPO = diffusion.DiffusionDPO(50.0)


@pytest.mark.parametrize(
    ("process", "prediction", "levels"),
    [
        (diffusion.VPLinear(), diffusion.Epsilon(), diffusion.UniformTimes()),
        (diffusion.VPCosine(), diffusion.Velocity(), diffusion.UniformTimes()),
        (TABLE, diffusion.Epsilon(), diffusion.UniformTimes()),
        (diffusion.EDM(), diffusion.Data(), diffusion.LogNormalLevels()),
        (diffusion.VE(), diffusion.Score(), diffusion.LogNormalLevels()),
        (diffusion.FlowMatching(shift=3.0), diffusion.Flow(), diffusion.UniformTimes()),
        (diffusion.PoissonFlow(8.0), diffusion.Data(), diffusion.LogNormalLevels()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_at_the_reference_the_loss_is_log_2_for_every_process_and_prediction(process, prediction, levels):
    done = align(diffusion.DiffusionDPO(0.1), problem(process=process, prediction=prediction, levels=levels), steps=1)
    assert done.losses[0] == pytest.approx(math.log(2.0), abs=1e-6)
    np.testing.assert_allclose(done.kl_proxy / done.errors.winner, 0.0, atol=1e-6)
    assert not np.array_equal(flat(done.model), flat(Network()))


def test_equal_captions_are_diffusion_dpo_bit_for_bit():
    pairs = diffusion.PreferencePairs(WINNER, LOSER, PROMPT, PROMPT, PROMPT)
    dpo = align(DPO, problem(pairs))
    with pytest.warns(UserWarning, match="24 of 24 pairs have one caption for both"):
        dcpo = align(diffusion.DCPO(diffusion.Captioned(), 50.0), problem(pairs))
    np.testing.assert_array_equal(dpo.losses, dcpo.losses)
    np.testing.assert_array_equal(flat(dpo.model), flat(dcpo.model))
    other = align(diffusion.DCPO(diffusion.Captioned(), 50.0))
    assert not np.array_equal(flat(dpo.model), flat(other.model))


def test_the_gradient_agrees_with_finite_differences():
    with core.float64():
        stated = problem(model=jax.tree.map(lambda x: x.astype(jnp.float64) if eqx.is_array(x) else x, Network()))
        weights, restore = ravel_pytree(eqx.filter(stated.model, eqx.is_inexact_array))
        here = weights + 0.1 * jax.random.normal(KEY, weights.shape)
        direction = jax.random.normal(jax.random.key(1), weights.shape)
        method = diffusion.DCPO(diffusion.Captioned(), 5.0)

        def step(at):
            start = problem(model=eqx.combine(restore(at), stated.model))
            done = align(method, start, reference=stated.model, steps=1, batch_size=24, optimizer=SGD)
            return float(done.losses[0]), at - flat(done.model)

        h = 1e-5
        finite = (step(here + h * direction)[0] - step(here - h * direction)[0]) / (2 * h)
        assert float(step(here)[1] @ direction) == pytest.approx(finite, rel=1e-7)


def test_both_images_of_a_pair_are_noised_alike_and_pairs_are_not():
    """A network that says nothing leaves the noise itself as its error, which is the same for both images."""

    class Silent(eqx.Module):
        factor: jax.Array

        def __call__(self, x, time):
            return self.factor * jnp.zeros_like(x)

    pairs = diffusion.PreferencePairs(WINNER, LOSER)
    done = align(diffusion.SFT(), problem(pairs, Silent(jnp.ones(()))), batch_size=4, steps=40)
    np.testing.assert_array_equal(done.errors.winner, done.errors.loser)
    # A mean of 12 independent squares of normals has variance 2 / 12; noise shared by pairs would make it 2 / 3.
    assert done.errors.winner.var() == pytest.approx(2 / 12, rel=0.6)


def test_weights_of_edm_make_the_error_the_same_whatever_is_predicted():
    """One denoiser, stated as a data prediction and as a noise prediction."""
    denoiser = nn.EDMPreconditioned(nn.ResidualMLP(3, width=8, blocks=1, key=KEY), 0.5)

    class Noise(eqx.Module):
        denoiser: nn.EDMPreconditioned

        def __call__(self, x, sigma):
            return (x - self.denoiser(x, sigma)) / sigma

    pairs, levels = diffusion.PreferencePairs(WINNER, LOSER), diffusion.LogNormalLevels(-0.5, 0.5)
    runs = [
        align(diffusion.SFT(), problem(pairs, model, diffusion.EDM(), prediction, levels=levels), steps=1)
        for model, prediction in ((denoiser, diffusion.Data()), (Noise(denoiser), diffusion.Epsilon()))
    ]
    np.testing.assert_allclose(runs[0].losses, runs[1].losses, rtol=1e-4)


def test_a_discrete_process_is_trained_at_its_entries_only():
    times = jax.vmap(lambda key: diffusion.UniformTimes().time(key, TABLE))(jax.random.split(KEY, 500))
    index = np.asarray(TABLE.model_time(times))
    np.testing.assert_allclose(index, index.round(), atol=1e-5)
    assert set(index.round()) == set(range(round(TABLE.t_max * 20)))


def test_cached_draws_have_the_errors_of_the_reference_and_cost_them_once():
    moved = eqx.tree_at(lambda m: m.last.bias, Network(), replace_fn=lambda bias: bias + 1.0)
    fresh = align(DPO, problem(model=moved), reference=moved, cached_draws=3, steps=9)
    # At its own reference every row has margin 0, whatever draw it is.
    assert fresh.losses[0] == pytest.approx(math.log(2.0), abs=1e-6)
    assert fresh.stats["evaluations"] == 2 * 24 * 3 + 9 * 2 * 8
    assert align(DPO, steps=9).stats["evaluations"] == 9 * 4 * 8
    # One epoch of frozen weights meets every row once: the mean over it is that of all rows.
    still = align(DPO, reference=moved, cached_draws=3, steps=9, optimizer=STILL)
    again = align(DPO, reference=moved, cached_draws=3, steps=18, optimizer=STILL)
    np.testing.assert_allclose(again.losses[9:].mean(), still.losses.mean(), rtol=1e-5)


def test_only_what_the_filter_chooses_is_trained_and_centres_of_denoisers_are_not():
    spec = eqx.tree_at(lambda m: m.last, jax.tree.map(lambda _: False, Network()), True)
    done = align(DPO, filter_spec=spec)
    np.testing.assert_array_equal(flat(done.model.first), flat(Network().first))
    assert not np.array_equal(flat(done.model.last), flat(Network().last))

    denoiser = nn.EDMPreconditioned(nn.ResidualMLP(3, width=8, blocks=1, key=KEY), 0.5, jnp.full(3, 0.1))
    wrapped = diffusion.FromDenoiser(denoiser, diffusion.VPLinear())
    stated = problem(diffusion.PreferencePairs(WINNER, LOSER), wrapped, prediction=diffusion.Data())
    done = align(DPO, stated)
    np.testing.assert_array_equal(done.model.denoiser.centre, denoiser.centre)
    assert not np.array_equal(flat(done.model.denoiser.network), flat(denoiser.network))


def test_gradients_are_accumulated_by_optax():
    optimizer = optax.MultiSteps(optax.sgd(0.1), 4).gradient_transformation()
    assert np.array_equal(flat(align(DPO, steps=3, optimizer=optimizer).model), flat(Network()))
    assert not np.array_equal(flat(align(DPO, steps=4, optimizer=optimizer).model), flat(Network()))


def test_a_run_that_collapses_is_ended_with_the_model_from_before():
    seen = []
    options = {"chunk": 2, "steps": 40, "optimizer": SGD, "winner_limit": 1.5, "callback": seen.append}
    with pytest.warns(UserWarning, match="align ended at step .*the winners' error is"):
        done = align(diffusion.DiffusionDPO(5000.0), **options)
    assert done.result == core.Result.diverged
    assert done.stats["steps"] == 2 * len(seen) + 2 < 40
    np.testing.assert_array_equal(flat(done.model), flat(seen[-1].model if seen else Network()))
    assert np.isfinite(flat(done.model)).all()


def test_methods_without_a_reference_have_no_accuracy_and_half_the_evaluations():
    for method, draws in ((diffusion.MaPO(), None), (diffusion.SFT(), None), (diffusion.SFT(), 2)):
        done = align(method, cached_draws=draws)
        assert done.implicit_accuracy is None
        assert done.errors.reference_winner is None
        assert done.stats["evaluations"] == 6 * 2 * 8
        with pytest.raises(ValueError, match="kl_proxy needs a method with a reference"):
            _ = done.kl_proxy


def test_training_prefers_winners_and_a_large_beta_stays_near_the_reference():
    # Winners and losers are told apart by their mean.
    pairs = diffusion.PreferencePairs(WINNER + 2.0, LOSER - 2.0, PROMPT)
    free, held = (align(diffusion.DiffusionDPO(beta), problem(pairs), steps=60) for beta in (5.0, 5000.0))
    assert free.implicit_accuracy is not None
    assert free.implicit_accuracy[-10:].mean() > 0.8
    margins = [np.abs(losses_margin(done)[-10:]).mean() for done in (free, held)]
    assert margins[1] < margins[0]


def losses_margin(done):
    return diffusion.losses.margin(*done.errors)


def test_a_narrow_network_has_errors_in_float32():
    model = jax.tree.map(lambda x: x.astype(jnp.bfloat16), Network(narrow=jnp.bfloat16))
    done = align(DPO, problem(model=model), steps=2)
    assert done.errors.winner.dtype == np.float32
    assert done.losses[0] == pytest.approx(math.log(2.0), abs=1e-6)
    assert done.model.first.weight.dtype == jnp.bfloat16


def test_a_stopped_run_resumes_to_the_same_bits(tmp_path):
    options = {"chunk": 3, "checkpoint": tmp_path / "run.npz"}
    whole = align(DPO, steps=6, chunk=3)
    align(DPO, steps=3, **options)
    resumed = align(DPO, steps=6, **options)
    np.testing.assert_array_equal(flat(whole.model), flat(resumed.model))
    np.testing.assert_array_equal(whole.errors.winner, resumed.errors.winner)


def test_the_same_key_gives_the_same_model_and_other_values_do_not_compile_again():
    traced = []

    class Counted(Network):
        def __call__(self, x, time, condition=None):
            traced.append(1)
            return super().__call__(x, time, condition)

    first = align(DPO, problem(model=Counted()))
    before = len(traced)
    second = align(DPO, problem(model=Counted()))
    np.testing.assert_array_equal(flat(first.model), flat(second.model))
    moved = diffusion.PreferencePairs(LOSER, WINNER, PROMPT)
    align(DPO, problem(moved, Counted(jax.random.key(3))), key=jax.random.key(4))
    # The door of core.fit traces model and reference once a run to see what the loss returns.
    assert len(traced) - before <= 2 * 2


class TestCaptions:
    texts = diffusion.PreferencePairs(
        WINNER[:3], LOSER[:3], ["a b", "c d", "e f"], ["w0", "w1", "w2"], ["l0", "l1", "l2"]
    )

    def of(self, route, pairs=None):
        return route.of(pairs or self.texts, KEY)

    def test_routes_take_captions_from_where_the_paper_says(self):
        shout = perturb.Paraphrase(1.0, lambda text, strength, seed: text.upper())
        told = diffusion.Captioned(lambda images, prompts: [f"{x.mean():.1f} {p}" for x, p in zip(images, prompts)])  # noqa: B905
        assert self.of(diffusion.Prompts()) == (["a b", "c d", "e f"],) * 2
        assert self.of(diffusion.Captioned()) == (["w0", "w1", "w2"], ["l0", "l1", "l2"])
        assert self.of(diffusion.Perturbed(shout)) == (["a b", "c d", "e f"], ["A B", "C D", "E F"])
        assert self.of(diffusion.Hybrid(shout)) == (["w0", "w1", "w2"], ["L0", "L1", "L2"])
        assert self.of(told)[0][1] == f"{WINNER[1].mean():.1f} c d"
        hybrid = diffusion.Hybrid(shout, lambda images, prompts: [f"x {p}" for p in prompts])
        assert self.of(hybrid) == (["x a b", "x c d", "x e f"], ["X A B", "X C D", "X E F"])

    def test_texts_are_encoded_once_and_their_perturbations_reach_the_network(self):
        seen = []

        def encode(texts):
            seen.append(texts)
            return np.array([[len(text)] * 4 for text in texts], np.float32)

        stated = problem(self.texts, encode=encode)
        align(diffusion.DCPO(diffusion.Perturbed(perturb.WordDrop(1.0)), 5.0), stated, batch_size=3)
        assert seen[0] == ["a b", "c d", "e f"]
        assert all(len(text) == 1 for text in seen[1])
        assert len(seen) == 2
        align(DPO, stated, batch_size=3)
        assert len(seen) == 3

    def test_pairs_of_equal_images_are_left_out_with_their_captions(self):
        loser = LOSER.copy()
        loser[[2, 5]] = WINNER[[2, 5]]
        pairs = diffusion.PreferencePairs(WINNER, loser, [str(i) for i in range(24)], PROMPT, OTHER)
        kept = pairs.distinct()
        assert kept.count == 22
        assert "2" not in kept.prompt
        np.testing.assert_array_equal(kept.loser_caption, np.delete(OTHER, [2, 5], axis=0))
        with pytest.warns(UserWarning, match="2 of 24 pairs hold two equal images"):
            done = align(diffusion.SFT(diffusion.Captioned()), problem(pairs), steps=1)
        assert (done.stats["dropped"], done.stats["pairs"]) == (2, 22)

    def test_an_unconditional_network_is_aligned_without_prompts(self):
        done = align(DPO, problem(diffusion.PreferencePairs(WINNER, LOSER)), steps=2)
        assert np.isfinite(done.losses).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: diffusion.PreferencePairs(WINNER, LOSER[:5]), "loser must have shape"),
        (lambda: diffusion.PreferencePairs(WINNER[:, 0], LOSER[:, 0]), r"winner must have shape \(n, ...\)"),
        (lambda: diffusion.PreferencePairs(np.full((2, 2), np.nan), LOSER[:2, :2]), "winner must be finite"),
        (lambda: diffusion.PreferencePairs(WINNER, LOSER, ["a"]), "prompt must hold a text for each of the 24"),
        (lambda: diffusion.PreferencePairs(WINNER, LOSER, PROMPT[:3]), "prompt must have a leading axis of the 24"),
        (lambda: diffusion.PreferencePairs(WINNER, LOSER, PROMPT, np.inf + PROMPT), "winner_caption must be finite"),
        (lambda: diffusion.PreferencePairs(WINNER, WINNER).distinct(), "winner and loser must differ in some pairs"),
        (lambda: problem(prediction=diffusion.Velocity(), process=diffusion.EDM()), "Velocity"),
        (lambda: diffusion.DCPO(diffusion.Captioned(), 0.0), "beta must be a number > 0, got 0"),
        (lambda: diffusion.DiffusionDPO(-1.0), "beta must be a number > 0"),
        (lambda: diffusion.IPO(beta=0.0), "beta must be a number > 0"),
        (lambda: diffusion.MaPO(scale=0.0), "scale must be a number > 0"),
        (lambda: diffusion.LogNormalLevels(sigma_data=0.0), "sigma_data must be a number > 0"),
        (lambda: align(DPO, batch_size=25), r"batch_size must be an integer in \[1, 24\]"),
        (lambda: align(DPO, winner_limit=0.5), "winner_limit must be a number >= 1"),
        (lambda: align(DPO, cached_draws=0), "cached_draws must be an integer >= 1"),
        (
            lambda: align(
                diffusion.DCPO(diffusion.Captioned()), problem(diffusion.PreferencePairs(WINNER, LOSER, PROMPT))
            ),
            "winner_caption is needed for Captioned captions: give the pairs captions, or the route a captioner",
        ),
        (
            lambda: align(
                diffusion.DCPO(diffusion.Perturbed(lambda x, key: x)), problem(diffusion.PreferencePairs(WINNER, LOSER))
            ),
            "prompt is needed for Perturbed captions",
        ),
        (
            lambda: align(DPO, problem(diffusion.PreferencePairs(WINNER, LOSER, ["a"] * 24))),
            "encode is needed, because prompt holds texts",
        ),
        (
            lambda: align(
                DPO, problem(diffusion.PreferencePairs(WINNER, LOSER, ["a"] * 24), encode=lambda texts: PROMPT[:2])
            ),
            "what encode returns for prompt must have a leading axis of the 24",
        ),
        (
            lambda: align(diffusion.DCPO(diffusion.Perturbed(lambda x, key: x[:, :2]))),
            "must have one shape",
        ),
        (lambda: align(DPO, problem(model=eqx.nn.Lambda(lambda x, t, c: x))), "model must have floating arrays"),
    ],
)
def test_bad_input_is_refused_by_name(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_foreign_objects_are_refused_by_name():
    with pytest.raises(TypeError, match="method"):
        align(diffusion.DDIM())
    with pytest.raises(TypeError, match="captions"):
        diffusion.DCPO("h")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="validation is no option of"):
        align(DPO, validation=PROMPT)
    with pytest.raises(TypeError, match="perturbation"):
        diffusion.Hybrid(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="model"):
        problem(model=3)


_ON_DEVICES = """
import jax, numpy as np, optax
from tests_align import DPO, align, flat
assert jax.device_count() == 4
spread, alone = (align(DPO, steps=5, devices=devices, cached_draws=2) for devices in (jax.devices(), jax.devices()[:1]))
assert spread.stats["devices"] == 4
np.testing.assert_allclose(spread.losses, alone.losses, rtol=1e-5)
np.testing.assert_allclose(flat(spread.model), flat(alone.model), atol=1e-4)
print("the same")
"""


@pytest.mark.slow
def test_a_batch_is_spread_over_devices(tmp_path):
    (tmp_path / "tests_align.py").write_text(Path(__file__).read_text(encoding="utf-8"))
    environment = os.environ | {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
    }
    said = subprocess.run([sys.executable, "-c", _ON_DEVICES], env=environment, capture_output=True, text=True)
    assert said.stdout.strip() == "the same", said.stderr
