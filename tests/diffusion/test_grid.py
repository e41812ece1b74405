"""Time grids: exact ends, strict order, the spacing that the name promises, and clear refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import diffusion

PROCESSES = [
    diffusion.VPLinear(),
    diffusion.VPCosine(),
    diffusion.Discrete(np.cumprod(1.0 - np.linspace(1e-4, 2e-2, 1000))),
    diffusion.VE(),
    diffusion.EDM(),
    diffusion.FlowMatching(shift=2.0),
]
GRIDS = [diffusion.LogSNR(), diffusion.TimeUniform(), diffusion.TimePower(), diffusion.Karras()]
every_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda process: type(process).__name__)
every_grid = pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: type(grid).__name__)


@every_process
@every_grid
@given(intervals=st.integers(1, 60), part=st.floats(0.05, 1.0))
def test_ends_are_exact_and_the_half_log_snr_increases(process, grid, intervals, part):
    start = process.t_min + part * (process.t_max - process.t_min)
    for first, times in (
        (process.t_max, grid.times(process, intervals)),
        (start, grid.times(process, intervals, start)),
    ):
        assert times.dtype == np.float64
        assert times.shape == (intervals + 1,)
        assert (times[0], times[-1]) == (first, process.t_min)
        assert np.all(np.diff(times) < 0)
        assert np.all(np.diff(process.half_log_snr(times)) > 0)


@every_process
@every_grid
def test_a_grid_of_half_the_steps_is_a_subset(process, grid):
    np.testing.assert_allclose(grid.times(process, 8), grid.times(process, 16)[::2], rtol=1e-10)


def test_spacings():
    process = diffusion.VPLinear()
    half_log_snr = process.half_log_snr(diffusion.LogSNR().times(process, 10))
    np.testing.assert_allclose(np.diff(half_log_snr, 2), 0.0, atol=1e-10)
    np.testing.assert_allclose(np.diff(diffusion.TimeUniform().times(process, 10), 2), 0.0, atol=1e-12)
    roots = diffusion.TimePower(3.0).times(process, 10) ** (1 / 3)
    np.testing.assert_allclose(np.diff(roots, 2), 0.0, atol=1e-12)


def test_karras_is_equation_5_of_the_paper():
    times = diffusion.Karras().times(diffusion.EDM(), 17)
    i = np.arange(18)
    paper = (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    np.testing.assert_allclose(times, paper, rtol=1e-12)


def test_explicit_times_are_kept():
    at = [0.9, 0.5, 0.2]
    for given_as in (at, tuple(at), np.array(at)):
        grid = diffusion.Explicit(given_as)
        assert grid.times(diffusion.VPLinear(), 2).tolist() == at
        assert (grid.begin(diffusion.VPLinear()), grid.end(diffusion.VPLinear())) == (0.9, 0.2)
    plan = diffusion.plan(diffusion.DDIM(steps=3, grid=diffusion.Explicit(at)), diffusion.VPLinear())
    assert plan.times.tolist() == at
    assert plan.prior_std == diffusion.VPLinear().sigma(0.9)
    assert diffusion.Explicit([3, 2, 1]).times(diffusion.EDM(), 2).tolist() == [3.0, 2.0, 1.0]


@every_grid
@pytest.mark.parametrize("final", ["zero", "eps"])
def test_start_in_the_middle(grid, final):
    process = diffusion.VPLinear()
    plan = diffusion.plan(diffusion.DDIM(steps=5, grid=type(grid)(final=final)), process, start=0.4)
    assert plan.start_time == plan.times[0] == 0.4
    assert plan.prior_std == process.sigma(0.4)
    assert plan.evaluations == 5


def test_start_is_the_first_time_under_churn():
    method = diffusion.Euler(steps=4, churn=diffusion.Churn(high=1e6))
    plan = diffusion.plan(method, diffusion.EDM())
    assert plan.times[0] > 80.0
    assert (plan.start_time, plan.prior_std) == (80.0, 80.0)


def test_flow_matching_from_pure_noise():
    process = diffusion.FlowMatching(t_max=1.0)
    assert diffusion.TimeUniform().times(process, 4)[0] == 1.0
    assert np.isfinite(
        diffusion.plan(diffusion.DPMSolverPP(steps=6, order=3, grid=diffusion.TimeUniform()), process).mix
    ).all()
    for grid in (diffusion.LogSNR(), diffusion.Karras()):
        with pytest.raises(ValueError, match=f"{type(grid).__name__} grid"):
            grid.times(process, 4)
    with pytest.raises(ValueError, match="no finite coefficients"):
        diffusion.plan(diffusion.DPMSolver(steps=6, grid=diffusion.TimeUniform()), process)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: diffusion.LogSNR().times(p, 0), "intervals must be an integer >= 1"),
        (lambda p: diffusion.LogSNR().times(p, 3, 1.5), "start must be .* got 1.5"),
        (lambda p: diffusion.LogSNR().times(p, 3, 1e-3), "start must be larger than the process's t_min"),
        (lambda p: diffusion.Explicit([0.9, 0.5]).times(p, 3), "needs 4 times, got 2"),
        (lambda p: diffusion.Explicit([0.2, 0.5, 0.9]).times(p, 2), "entries 0 and 1"),
        (lambda p: diffusion.Explicit([0.9, 0.5, 0.5]).times(p, 2), "entries 1 and 2"),
        (lambda p: diffusion.Explicit([2.0, 0.5]).times(p, 1), r"times must lie in \[0.001, 1.0\]"),
        (
            lambda p: diffusion.Explicit([0.9, 0.5]).times(p, 1, 0.8),
            "start must be the first time of the Explicit grid",
        ),
        (lambda p: diffusion.Explicit([0.9]), "at must have at least 2 times"),
        (lambda p: diffusion.Explicit([]), "at must not be empty"),
        (lambda p: diffusion.Explicit([0.9, np.nan]), "at must be finite"),
        (lambda p: diffusion.TimePower(0.0), "p must be"),
        (lambda p: diffusion.TimePower(1e-9).times(diffusion.EDM(), 5), "half log-SNR must increase strictly"),
        (lambda p: diffusion.Karras(rho=-1.0), "rho must be"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(diffusion.VPLinear())
