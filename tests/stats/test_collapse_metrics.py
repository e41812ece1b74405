"""Neural collapse: the metrics against their definitions, frames for which they are known, and bad input."""

import os
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax.core import float64
from perturbax.stats import collapse_metrics


def drawn(n, d, classes, seed=0):
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, n - classes)])
    return random.normal(size=(classes, d))[labels] + 0.3 * random.normal(size=(n, d)), labels


def by_definition(h, labels, W):
    classes = labels.max() + 1
    means = np.stack([h[labels == k].mean(0) for k in range(classes)])
    z, A = h - means[labels], means - means.mean(0)
    within, between = z.T @ z / len(h), A.T @ A / classes
    E = (np.eye(classes) - 1.0 / classes) / np.sqrt(classes - 1)
    nearest = ((h[:, None] - means) ** 2).sum(-1).argmin(1)
    return {
        "nc1": np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / classes,
        "nc1_trace": np.trace(within) / np.trace(between),
        "nc2": np.linalg.norm(A @ A.T / np.linalg.norm(A @ A.T) - E),
        "nc2_orthogonal": np.linalg.norm(
            means @ means.T / np.linalg.norm(means @ means.T) - np.eye(classes) / np.sqrt(classes)
        ),
        "nc3": np.linalg.norm(W @ A.T / np.linalg.norm(W @ A.T) - E),
        "ncc": np.mean(nearest != (h @ W.T).argmax(1)),
    }


@pytest.mark.parametrize(("d", "classes"), [(7, 4), (3, 6)])
def test_metrics_are_those_of_the_definitions(d, classes):
    h, labels = drawn(40, d, classes)
    W = np.random.default_rng(1).normal(size=(classes, d))
    with float64():
        found = collapse_metrics(h, labels, W)
        plain = collapse_metrics(h, labels)
    for name, value in by_definition(h, labels, W).items():
        assert float(getattr(found, name)) == pytest.approx(value, rel=1e-10), name
    assert plain.nc3 is None
    nearest = ((h[:, None] - np.stack([h[labels == k].mean(0) for k in range(classes)])) ** 2).sum(-1).argmin(1)
    assert plain.ncc == pytest.approx(np.mean(nearest != labels))


def test_frames_have_the_distances_that_are_known():
    labels = np.repeat(np.arange(4), 3)
    simplex = np.eye(4) - 0.25
    with float64():
        collapsed = collapse_metrics(simplex[labels], labels, 5.0 * simplex)
        orthogonal = collapse_metrics(2.0 * np.eye(4, 6)[labels], labels)
        plane = collapse_metrics(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])[labels], labels)
    for name in ("nc1", "nc1_trace", "nc2", "nc3", "ncc", "nc2_floor"):
        assert float(getattr(collapsed, name)) == pytest.approx(0.0, abs=1e-12), name
    assert float(orthogonal.nc2_orthogonal) == pytest.approx(0.0, abs=1e-12)
    assert float(orthogonal.nc2) == pytest.approx(0.0, abs=1e-12)
    # In a plane four means cannot be a simplex; these come as near as any.
    assert float(plane.nc2_floor) > 0.4
    assert float(plane.nc2) == pytest.approx(float(plane.nc2_floor), rel=1e-12)


def test_labels_are_any_integers_and_turns_and_scales_change_nothing():
    h, labels = drawn(40, 7, 4)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(7, 7)))[0]
    with float64():
        one, other = collapse_metrics(h, labels), collapse_metrics(3.0 * h[::-1] @ turn, 10 * labels[::-1] - 7)
    for name in ("nc1", "nc1_trace", "nc2", "nc2_orthogonal", "ncc"):
        assert float(getattr(one, name)) == pytest.approx(float(getattr(other, name)), rel=1e-10), name


def test_half_precision_is_summed_in_float32():
    h, labels = drawn(40, 7, 4)
    half = h.astype(np.float16)
    found, wanted = collapse_metrics(half, labels), collapse_metrics(half.astype(np.float32), labels)
    assert found.nc1.dtype == jnp.float32
    assert found.nc1 == wanted.nc1


def test_it_works_under_jit_and_vmap():
    h, labels = drawn(40, 7, 4)
    batch = jnp.asarray(np.stack([h, 2.0 * h + 1.0]), jnp.float32)
    many = jax.jit(jax.vmap(lambda h, y: collapse_metrics(h, y, classes=4), in_axes=(0, None)))(batch, labels)
    for one, h in zip(many.nc1, batch, strict=True):
        assert one == pytest.approx(float(collapse_metrics(h, labels).nc1), rel=1e-4)
    with pytest.raises(ValueError, match="classes must be given where labels are traced"):
        jax.jit(collapse_metrics)(batch[0], labels)


def test_classes_of_one_sample_and_equal_means_are_warned_of():
    h, labels = drawn(40, 7, 4)
    with pytest.warns(UserWarning, match="class 4 has one sample"):
        collapse_metrics(np.concatenate([h, h[:1] + 9.0]), np.append(labels, 4))
    with pytest.warns(UserWarning, match="all class means are equal"):
        found = collapse_metrics(np.ones((4, 3)), [0, 0, 1, 1])
    assert np.isinf([found.nc1, found.nc1_trace, found.nc2]).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collapse_metrics(h, labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.where(np.arange(40)[:, None] == 3, np.nan, 1.0)}, "row 3 is the first of 1"),
        ({"features": np.ones(40)}, "features must have 2 axes"),
        ({"labels": np.zeros(40, int)}, "labels must hold two classes or more, got only 0"),
        ({"labels": np.zeros(39, int)}, "labels must have shape"),
        ({"labels": np.zeros(40)}, "labels must be an array of kind integer"),
        ({"classes": 5}, "no sample of class 4"),
        ({"classes": 3}, r"labels must lie in \[0, 2\], got 0 to 3"),
        ({"classifier": np.ones((5, 7))}, "no sample of class 4"),
        ({"classifier": np.ones((4, 6))}, "classifier must have shape"),
        ({"classifier": np.ones((4, 7)), "classes": 5}, "classes must be the rows of classifier, 4, got 5"),
    ],
)
def test_bad_input_is_refused_by_name(change, message):
    h, labels = drawn(40, 7, 4)
    given = {"features": h, "labels": labels, **change}
    with pytest.raises((ValueError, TypeError), match=message):
        collapse_metrics(**given)


SPLIT = """
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from perturbax import core, stats

core.enable_compilation_cache()
random = np.random.default_rng(0)
labels = np.arange(64) % 4
h = (random.normal(size=(4, 7))[labels] + 0.3 * random.normal(size=(64, 7))).astype(np.float32)
rows = NamedSharding(Mesh(np.array(jax.devices()), ("rows",)), PartitionSpec("rows"))
one = stats.collapse_metrics(h, labels)
four = stats.collapse_metrics(jax.device_put(h, rows), jax.device_put(labels, rows))
for name in ("nc1", "nc1_trace", "nc2", "ncc"):
    np.testing.assert_allclose(getattr(four, name), getattr(one, name), rtol=1e-4)
# Only class sums are reduced: no device gets all samples.
from perturbax.stats._collapse_metrics import _measure
text = _measure.lower(jax.device_put(h, rows), jax.device_put(labels, rows), None, 4).compile().compiled.as_text()
assert "all-reduce" in text
assert "all-gather" not in text
"""


@pytest.mark.slow
def test_samples_on_four_devices_are_measured_where_they_lie():
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run([sys.executable, "-c", SPLIT], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
