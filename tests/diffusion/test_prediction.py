"""Prediction types: the conversions invert the definitions, and the samples do not depend on the type."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import diffusion

DEFINITIONS = {
    diffusion.Epsilon: lambda x0, e, alpha, sigma: e,
    diffusion.Data: lambda x0, e, alpha, sigma: x0,
    diffusion.Velocity: lambda x0, e, alpha, sigma: alpha * e - sigma * x0,
    diffusion.Score: lambda x0, e, alpha, sigma: -e / sigma,
    diffusion.Flow: lambda x0, e, alpha, sigma: e - x0,
}
PREDICTIONS = [diffusion.Epsilon(), diffusion.Data(), diffusion.Velocity(), diffusion.Score(), diffusion.Flow()]
number = st.floats(-3.0, 3.0)


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=repr)
@given(x0=number, e=number, angle=st.floats(0.05, 1.5))
def test_coefficients_invert_the_definition(prediction, x0, e, angle):
    alpha, sigma = np.cos(angle), np.sin(angle)
    if isinstance(prediction, diffusion.Flow):
        alpha, sigma = 1.0 - angle / 2, angle / 2
    x = alpha * x0 + sigma * e
    y = DEFINITIONS[type(prediction)](x0, e, alpha, sigma)
    (a, b), (c, d) = prediction.data(alpha, sigma), prediction.noise(alpha, sigma)
    assert prediction.target(x0, e, alpha, sigma) == y
    assert a * x + b * y == pytest.approx(x0, abs=1e-9)
    assert c * x + d * y == pytest.approx(e, abs=1e-9)


@pytest.mark.parametrize(
    ("prediction", "process"),
    [
        (diffusion.Velocity(), diffusion.EDM()),
        (diffusion.Velocity(), diffusion.VE()),
        (diffusion.Velocity(), diffusion.FlowMatching()),
        (diffusion.Flow(), diffusion.VPLinear()),
        (diffusion.Flow(), diffusion.EDM()),
    ],
)
def test_a_type_without_meaning_for_the_process_is_refused(prediction, process):
    with pytest.raises(ValueError, match=f"prediction {type(prediction).__name__}.*{type(process).__name__}"):
        diffusion.Sampling(lambda x, t: x, process, shape=(2,), prediction=prediction)


@pytest.mark.parametrize(
    "method", [diffusion.DPMSolverPP(steps=6), diffusion.DPMSolver(steps=6)], ids=["data", "noise"]
)
@pytest.mark.parametrize("process", [diffusion.VPLinear(), diffusion.FlowMatching(), diffusion.EDM()], ids=repr)
def test_all_types_give_the_same_samples(gaussian_under, process, method):
    gaussian = gaussian_under(process)
    x_T = np.random.default_rng(0).normal(size=(3, 6)) * process.prior_std
    samples = []
    for prediction in PREDICTIONS:
        try:
            prediction.check(process)
        except ValueError:
            continue

        def model(x, t, prediction=prediction):
            alpha, sigma = gaussian.scales(t)
            return DEFINITIONS[type(prediction)](gaussian.data(x, t), gaussian.noise(x, t), alpha, sigma)

        problem = diffusion.Sampling(model, process, shape=(6,), prediction=prediction)
        samples.append(diffusion.sample(problem, method, x_T=x_T).x)
    assert len(samples) >= 3
    for other in samples[1:]:
        np.testing.assert_allclose(other, samples[0], rtol=1e-7, atol=1e-9)
