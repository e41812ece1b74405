"""The parts of the study of rRCM that train networks on MNIST at 14 x 14 pixels, and attack them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from perturbax import core, data, nn, perturb, verify

SIGMA, SHAPE, CLASSES = 0.5, (14, 14), 10
RADII = np.linspace(0.0, 1.4, 57)

# Mean of the pixels and widths of the encoder, as the specification has them.
_CENTRE, _WIDTHS = 0.3, (256, 256, 256)
_BATCH, _PRETRAINING_BATCH = 128, 256

# Noisy copies of a held-out image when checkpoints are compared.
_LOOKS = 16


class Digits(NamedTuple):
    """Images in [0, 1] with labels: to learn from with and without labels, to choose by, and to test."""

    unlabelled: np.ndarray
    labelled: tuple[np.ndarray, np.ndarray]
    held_out: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def digits(labels: int, tested: int, seed: int) -> Digits:
    """4,500 images, of which `labels` are labelled and 200 others held out, and test images, of all digits alike."""
    train, test = data.mnist().split(0.1)
    order = np.random.default_rng(seed).permutation(len(train))
    by_class = [order[train.labels[order] == c] for c in range(CLASSES)]
    each = labels // CLASSES
    chosen = np.concatenate([rows[:each] for rows in by_class])
    held_out = np.concatenate([rows[-200 // CLASSES :] for rows in by_class])
    small = _pooled(train.images)
    shown = np.linspace(0, len(test) - 1, tested).astype(int)
    return Digits(
        small,
        (small[chosen], train.labels[chosen]),
        (small[held_out], train.labels[held_out]),
        (_pooled(test.images[shown]), test.labels[shown]),
    )


def blank_encoder(key: Any) -> nn.NoiseEncoder:
    """The network of all methods, untrained."""
    return nn.NoiseEncoder(SHAPE, _WIDTHS, centre=_CENTRE, key=key)


def pretrained_encoder(key: Any, steps: int, consistency: float = 1.0) -> nn.NoiseEncoder:
    """The same after rRCM on all 4,500 images, kept in the cache."""
    unlabelled = digits(20, 10, 0).unlabelled
    method = verify.RRCM(
        augment=perturb.RandomShift(1),
        sigma_range=(0.05, 3.0),
        levels=(20, 20),
        hidden=64,
        output=64,
        decay=(0.99, 0.99),
        consistency=consistency,
    )
    model_key, fit_key = jax.random.split(key)
    blank = blank_encoder(model_key)

    def build() -> list[np.ndarray]:
        done = verify.fit_smoothed(
            blank,
            unlabelled,
            method,
            steps=steps,
            batch_size=_PRETRAINING_BATCH,
            optimizer=core.adam(1e-3),
            key=fit_key,
            progress=False,
        )
        return [np.asarray(leaf) for leaf in jax.tree.leaves(done.network)]

    inputs = {"method": method, "blank": blank, "data": unlabelled, "steps": steps, "key": fit_key}
    leaves = core.cached("rrcm-encoders", inputs, build)
    return jax.tree.unflatten(jax.tree.structure(blank), [jnp.asarray(leaf) for leaf in leaves])


def classifier_of(encoder: nn.NoiseEncoder) -> verify.NoiseClassifier:
    """A head that is zero on the encoder."""
    return verify.NoiseClassifier(encoder, encoder.width, CLASSES, sigma=SIGMA)


def trained(network: Any, images: Any, method: Any, steps: int, key: Any, validation: Any = None) -> Any:
    """A network after Adam with a cosine to 0."""
    count = len(images[0]) if isinstance(images, tuple) else len(images)
    return verify.fit_smoothed(
        network,
        images,
        method,
        steps=steps,
        batch_size=min(_BATCH, count),
        optimizer=core.adam(1e-3, steps),
        key=key,
        validation=validation,
        progress=False,
    ).network


def certified(classifier: Any, images: tuple[np.ndarray, np.ndarray], n: int, key: Any, n0: int = 100) -> Any:
    """The certificate of images."""
    method = verify.Smoothing(SIGMA, n0=n0, n=n, batch_size=2048)
    return verify.certify(classifier, images[0], method, key=key, progress=False)


def told(name: str, found: Any, labels: np.ndarray) -> dict[str, Any]:
    """What a table keeps of a certificate."""
    return {
        f"acr {name}": found.average_radius(labels),
        f"curve {name}": found.certified_accuracy(labels, RADII),
        f"at 0.75 {name}": float(found.certified_accuracy(labels, 0.75)),
        f"abstains {name}": float(found.abstain.mean()),
    }


def amortised(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """All methods after the same few steps with labels; pre-training is not counted."""
    pretrain_key, model_key, fit_key, certify_key = jax.random.split(key, 4)
    known = digits(cell["labels"], cell["tested"], int(jax.random.randint(key, (), 0, 2**31 - 1)))
    encoders = {
        "scratch": blank_encoder(model_key),
        "rRCM": pretrained_encoder(pretrain_key, cell["pretraining"]),
    }
    if cell["ablation"]:
        encoders["rRCM without L_con"] = pretrained_encoder(pretrain_key, cell["pretraining"], consistency=0.0)
    trainings = {"Gauss": verify.GaussianAugmentation(SIGMA), "consistency": verify.ConsistencyRegularization(SIGMA)}
    record: dict[str, Any] = {}
    for start, encoder in encoders.items():
        for name, method in trainings.items():
            classifier = trained(classifier_of(encoder), known.labelled, method, cell["steps"], fit_key)
            found = certified(classifier, known.test, cell["n"], certify_key)
            record |= told(f"{start}, {name}", found, known.test[1])
    return record


def baselines(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Attacks in training, a denoiser trained for a classifier, and the exact denoiser of the images without labels."""
    _, model_key, fit_key, certify_key = jax.random.split(key, 4)
    known = digits(cell["labels"], cell["tested"], int(jax.random.randint(key, (), 0, 2**31 - 1)))
    blank = classifier_of(blank_encoder(model_key))
    # A classifier of clean images: a little noise keeps 200 of them from being learned by heart.
    clean = trained(blank, known.labelled, verify.GaussianAugmentation(0.1), cell["steps"], fit_key)
    network = nn.ResidualMLP(SHAPE[0] * SHAPE[1], width=128, blocks=2, key=model_key)
    denoised = verify.Denoised(FlatDenoiser(nn.EDMPreconditioned(network, 0.3, _CENTRE)), clean, sigma=SIGMA)
    ideal = FlatDenoiser(data.ideal_denoiser(known.unlabelled.reshape(len(known.unlabelled), -1)[:: cell["thinned"]]))
    classifiers = {
        "SmoothAdv": trained(blank, known.labelled, verify.SmoothAdv(SIGMA), cell["steps"], fit_key),
        "denoised": trained(denoised, known.unlabelled, verify.DenoisedSmoothing(), cell["steps"], fit_key),
        "diffusion-denoised": verify.Denoised(ideal, clean, sigma=SIGMA),
    }
    record: dict[str, Any] = {}
    for name, classifier in classifiers.items():
        record |= told(name, certified(classifier, known.test, cell["n"], certify_key), known.test[1])
    return record


class FlatDenoiser(eqx.Module):
    """A denoiser of vectors as one of images."""

    denoiser: Any

    def __call__(self, x: Array, sigma: Any) -> Array:
        return self.denoiser(x.reshape(len(x), -1), sigma).reshape(x.shape)


class NegativeRadius(eqx.Module):
    """Minus the average radius of held-out images without a bound: the share of right answers stands for p."""

    x: Array
    labels: Array

    def __call__(self, classifier: Any, key: Any) -> Array:
        noisy = self.x + SIGMA * jax.random.normal(key, (_LOOKS, *self.x.shape))
        right = classifier(noisy.reshape(-1, *SHAPE)).argmax(-1).reshape(_LOOKS, -1) == self.labels
        p = (right.sum(0) + 0.5) / (_LOOKS + 1.0)
        return -jnp.mean(jnp.maximum(SIGMA * jax.scipy.special.ndtri(p), 0.0))


def equal_cost(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Scratch with as many steps as rRCM has with its pre-training; weight and step chosen by held-out images."""
    pretrain_key, model_key, fit_key, certify_key = jax.random.split(key, 4)
    known = digits(cell["labels"], cell["tested"], int(jax.random.randint(key, (), 0, 2**31 - 1)))
    starts = {
        "scratch": (blank_encoder(model_key), cell["pretraining"] + cell["steps"]),
        "rRCM": (pretrained_encoder(pretrain_key, cell["pretraining"]), cell["steps"]),
    }
    validation = NegativeRadius(*(jnp.asarray(part) for part in known.held_out))
    record: dict[str, Any] = {}
    for name, (encoder, steps) in starts.items():
        best, best_radius = None, -1.0
        for weight in cell["weights"].split(","):
            method = verify.ConsistencyRegularization(SIGMA, consistency=float(weight))
            classifier = trained(classifier_of(encoder), known.labelled, method, steps, fit_key, validation)
            radius = certified(classifier, known.held_out, 100, certify_key, n0=20).average_radius(known.held_out[1])
            if radius > best_radius:
                best, best_radius, record[f"lambda {name}"] = classifier, radius, float(weight)
        record |= told(name, certified(best, known.test, cell["n"], certify_key), known.test[1])
    return record


def attacked(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """Gradient attacks inside of certified balls, and how many change the label of the smoothed classifier."""
    pretrain_key, _, fit_key, certify_key = jax.random.split(key, 4)
    known = digits(cell["labels"], cell["tested"], int(jax.random.randint(key, (), 0, 2**31 - 1)))
    encoder = pretrained_encoder(pretrain_key, cell["pretraining"])
    method = verify.ConsistencyRegularization(SIGMA)
    classifier = trained(classifier_of(encoder), known.labelled, method, cell["steps"], fit_key)
    found = certified(classifier, known.test, cell["n"], certify_key)
    x, proved = known.test[0], np.flatnonzero(~found.abstain)
    if not len(proved):
        return {"certified": 0, "broken": np.nan}
    moved = attack(classifier, x[proved], found.label[proved], 0.95 * found.radius[proved], key, cell["attack_steps"])
    again = certified(classifier, (moved, found.label[proved]), 5 * cell["n"], jax.random.fold_in(certify_key, 1))
    return {
        "certified": len(proved),
        "broken": int(np.sum(~again.abstain & (again.label != found.label[proved]))),
        "undecided": int(again.abstain.sum()),
    }


def attack(classifier: Any, x: np.ndarray, labels: np.ndarray, radius: np.ndarray, key: Any, steps: int) -> np.ndarray:
    """Points in balls where the label has small probability under the noise, by gradients in expectation over it."""
    keys = jax.random.split(key, len(x))
    return np.asarray(
        _attack(classifier, jnp.asarray(x), jnp.asarray(labels), jnp.asarray(radius, x.dtype), keys, steps)
    )


@eqx.filter_jit
def _attack(classifier: Any, x: Array, labels: Array, radius: Array, keys: Array, steps: int) -> Array:
    def one(x: Array, label: Array, radius: Array, key: Array) -> Array:
        def log_probability(x: Array, key: Array) -> Array:
            noisy = x + SIGMA * jax.random.normal(key, (8, *x.shape), x.dtype)
            return jax.nn.logsumexp(jax.nn.log_softmax(classifier(noisy))[:, label])

        return perturb.gradient_in_ball(log_probability, x, radius, key=key, steps=steps, step_size=0.1)

    return jax.vmap(one)(x, labels, radius, keys)


class _HalfSpace(eqx.Module):
    """The side of a plane that a point is on: the probability of the side under noise is known."""

    def __call__(self, x: Array) -> Array:
        return jnp.stack([-x[:, 0], x[:, 0]], axis=1)


def covered(cell: Mapping[str, Any], key: Any) -> dict[str, Any]:
    """How often the bound exceeds the probability that is known, in standard errors above alpha."""
    from scipy import special

    record: dict[str, Any] = {}

    def fixed(alpha: float) -> Any:
        return verify.Smoothing(1.0, n0=10, n=100, alpha=alpha, batch_size=65536)

    def adaptive(alpha: float) -> Any:
        return verify.AdaptiveSmoothing(1.0, target=0.5, n0=10, n=100, alpha=alpha, first=20, batch_size=65536)

    for name, make in {"fixed": fixed, "adaptive": adaptive}.items():
        for distance in (0.2, 1.0):
            x = np.full((cell["repeats"], 1), distance, np.float32)
            for alpha in (0.001, 0.05):
                found = verify.certify(_HalfSpace(), x, make(alpha), key=key, progress=False)
                p = special.ndtr(np.where(found.label == 1, distance, -distance))
                failed = float(np.mean(~found.abstain & (found.p_lower > p)))
                error = np.sqrt(alpha * (1.0 - alpha) / cell["repeats"])
                record[f"excess {name} {distance} {alpha}"] = float((failed - alpha) / error)
    return record


def _pooled(images: np.ndarray) -> np.ndarray:
    """From 28 x 28 in [-1, 1] to the means of 2 x 2 pixels in [0, 1]."""
    n, h, w = images.shape
    return (0.5 + 0.5 * images.reshape(n, h // 2, 2, w // 2, 2).mean((2, 4))).astype(np.float32)
