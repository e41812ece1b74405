"""Bad input: always a ValueError or TypeError from the door, which names the argument; never a depth, never a silence.

The test suite runs under runtime type checks, which refuse wrong types before the door is reached: they are switched
off here, so that what a user meets is seen.
"""

import traceback
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perturbax import diffusion

PROCESS = diffusion.VPLinear()
KEY = jax.random.key(0)
PLANNED = [cls for cls in vars(diffusion).values() if isinstance(cls, type) and hasattr(cls, "minimum_steps")]
# The steps of USF are those of its schedule.
PLANNED = [cls for cls in PLANNED if not cls.__name__.startswith("Abstract") and cls is not diffusion.USF]


pytestmark = pytest.mark.usefixtures("without_type_checks")


def refused(name, call):
    """The call raises at the door and its message names the argument."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    error = caught.value
    last = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    assert last.parts[-2] in ("core", "diffusion"), f"raised in {last}: {error}"
    assert name in str(error), f"the message does not name {name}: {error}"


def model(x, t, *condition):
    return 0.5 * x


def problem(**settings):
    return diffusion.Sampling(**{"model": model, "process": PROCESS, "shape": (3,), **settings})


def draw(settings=None, method=None, **arguments):
    method = diffusion.DPMSolverPP(steps=3) if method is None else method
    return diffusion.sample(problem(**(settings or {})), method, **{"key": KEY, "num_samples": 2, **arguments})


NOT_COUNTS = [0, -1, -(10**9), 10**9, 2.0, 10.5, np.float64(3), True, np.True_, "3", None, float("nan"), [3], 3j]
NOT_NUMBERS = [float("nan"), float("inf"), "1", None, [1.0], 1j, True, np.array([1.0, 2.0]), jnp.nan]


@pytest.mark.parametrize("cls", PLANNED, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("steps", NOT_COUNTS, ids=repr)
def test_steps(cls, steps):
    refused("steps", lambda: cls(steps=steps))


@pytest.mark.parametrize("cls", PLANNED, ids=lambda cls: cls.__name__)
def test_too_few_steps_name_the_minimum(cls):
    least = cls().minimum_steps
    assert diffusion.plan(cls(steps=least), PROCESS).evaluations <= least
    with pytest.raises(ValueError, match=f"steps must be an integer >= {least}, got {least - 1}"):
        cls(steps=least - 1)
    eps = cls(steps=least, grid=diffusion.LogSNR(final="eps"))
    assert eps.minimum_steps == least - 1 + (1 - cls().grid.denoises)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(
    "stepping",
    [
        diffusion.Singlestep(),
        diffusion.FixedSinglestep(),
        diffusion.Multistep(),
        diffusion.Multistep(start="singlestep"),
    ],
    ids=repr,
)
def test_the_minimum_of_every_stepping_works(order, stepping):
    for final in ("zero", "eps"):
        grid = diffusion.LogSNR(final=final)
        least = diffusion.DPMSolverPP(steps=50, order=order, stepping=stepping, grid=grid).minimum_steps
        method = diffusion.DPMSolverPP(steps=least, order=order, stepping=stepping, grid=grid)
        assert diffusion.plan(method, PROCESS).evaluations <= least
        too_few = {"steps": least - 1, "order": order, "stepping": stepping, "grid": grid}
        refused("steps", lambda settings=too_few: diffusion.DPMSolverPP(**settings))


def test_numpy_integers_are_integers():
    assert draw(method=diffusion.DPMSolverPP(steps=np.int64(3))).stats["evaluations"] == 3
    assert draw({"shape": np.array([3])}).x.shape == (2, 3)


NAMED_FIELDS = [
    (diffusion.DDIM, "eta", [-0.1, 1.1, *NOT_NUMBERS]),
    (diffusion.DDPM, "variance", ["other", None, 1]),
    (diffusion.DPMSolver, "order", [0, 4, -1, 2.0, True, "2", None]),
    (diffusion.DPMSolver, "stochastic", [-1.0, *NOT_NUMBERS]),
    (diffusion.DPMSolver, "stochastic", [1.0]),
    (diffusion.DPMSolverPP, "order", [0, 4, -1, 2.0, True, "2", None]),
    (diffusion.DPMSolverPP, "stochastic", [-1.0, *NOT_NUMBERS]),
    (diffusion.DPMSolverPP, "solver_type", ["heun", None, 1]),
    (diffusion.DPMSolverPP, "stepping", ["multistep", None, diffusion.Multistep, 2]),
    (diffusion.DPMSolverPP, "grid", ["karras", None, diffusion.LogSNR, [1.0, 0.5]]),
    (diffusion.DDIM, "grid", ["karras", None, diffusion.LogSNR]),
    (diffusion.Euler, "churn", [5.0, "yes", diffusion.Churn]),
    (diffusion.Heun, "churn", [5.0, "yes", diffusion.Churn]),
    (diffusion.Churn, "amount", [-1.0, *NOT_NUMBERS]),
    (diffusion.Churn, "low", [-1.0, *NOT_NUMBERS]),
    (diffusion.Churn, "high", [0.01, float("nan"), "1", None]),
    (diffusion.Churn, "noise_scale", [-1.0, *NOT_NUMBERS]),
    (diffusion.AdaptiveDPMSolver, "order", [1, 4, 2.0, "3", None, True]),
    (diffusion.AdaptiveDPMSolver, "rtol", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.AdaptiveDPMSolver, "atol", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.AdaptiveDPMSolver, "first_step", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.AdaptiveDPMSolver, "safety", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.AdaptiveDPMSolver, "max_evaluations", [0, 2, 5.0, None, True]),
    (diffusion.RungeKutta, "rtol", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.RungeKutta, "atol", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.RungeKutta, "max_evaluations", [0, 6, 5.0, None]),
    (diffusion.Multistep, "third", ["other", None]),
    (diffusion.Multistep, "start", ["other", None]),
    (diffusion.LogSNR, "final", ["other", None, 0]),
    (diffusion.Karras, "rho", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.TimePower, "p", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.Clip, "max", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.DynamicThreshold, "ratio", [-0.1, 1.1, *NOT_NUMBERS]),
    (diffusion.DynamicThreshold, "max", [0.0, -1.0, *NOT_NUMBERS]),
    (diffusion.VPLinear, "t_max", [-1.0, *NOT_NUMBERS]),
    (diffusion.VPCosine, "s", [-1.0, *NOT_NUMBERS]),
    (diffusion.EDM, "t_min", [-1.0, 0.0, *NOT_NUMBERS]),
    (diffusion.VE, "sigma_max", [-1.0, 0.0, *NOT_NUMBERS]),
    (diffusion.FlowMatching, "shift", [-1.0, 0.0, *NOT_NUMBERS]),
]


@pytest.mark.parametrize(
    ("cls", "field", "value"),
    [
        pytest.param(cls, field, value, id=f"{cls.__name__}.{field}={value!r:.20}")
        for cls, field, values in NAMED_FIELDS
        for value in values
    ],
)
def test_settings(cls, field, value):
    refused(field, lambda: cls(**{field: value}))


def test_noise_needs_multistep():
    for stepping in (diffusion.Singlestep(), diffusion.FixedSinglestep(), diffusion.Multistep(start="singlestep")):
        refused("stochastic", lambda s=stepping: diffusion.DPMSolverPP(steps=12, stochastic=0.5, stepping=s))


PROBLEMS = [
    ("model", None), ("model", 3), ("model", dict), ("process", diffusion.VPLinear), ("process", None),
    ("process", "vp-linear"), ("shape", 3), ("shape", None), ("shape", (0,)), ("shape", (-1,)), ("shape", (2.5,)),
    ("shape", "ab"), ("shape", (True,)), ("prediction", "eps"), ("prediction", diffusion.Data), ("prediction", None),
    ("prediction", diffusion.Flow()), ("guidance", 4.0), ("guidance", diffusion.ClassifierFree),
    ("corrector", 1.0), ("corrector", diffusion.DynamicThreshold), ("start", -0.1), ("start", 1.1), ("start", 1e-3),
    ("start", float("nan")), ("start", "0.5"), ("start", True),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), PROBLEMS, ids=[f"{field}={value!r:.20}" for field, value in PROBLEMS])
def test_problems(field, value):
    refused(field, lambda: problem(**{field: value}))


GUIDANCE = [
    ("unconditional", None, lambda: diffusion.ClassifierFree(2.0, 0.0)),
    ("unconditional", 1.0, lambda: diffusion.ClassifierFree(2.0, None)),
    ("unconditional", {"a": 1.0}, lambda: diffusion.ClassifierFree(2.0, {"b": 1.0})),
    ("unconditional", np.zeros((1, 3)), lambda: diffusion.ClassifierFree(2.0, np.zeros((1, 4)))),
    ("unconditional", np.zeros(2), lambda: diffusion.ClassifierFree(2.0, np.zeros(5))),
    ("unconditional", np.zeros(2), lambda: diffusion.ClassifierFree(2.0, np.full(2, np.nan))),
    ("scale", 1.0, lambda: diffusion.ClassifierFree(float("nan"), 0.0)),
    ("scale", 1.0, lambda: diffusion.ClassifierFree("2", 0.0)),
    ("scale", 1.0, lambda: diffusion.ClassifierFree(np.ones(2), 0.0)),
    ("log_prob", None, lambda: diffusion.ClassifierGuidance(2.0, None)),
    ("log_prob", None, lambda: diffusion.ClassifierGuidance(2.0, lambda x, t: x)),
    ("condition", np.zeros(5), lambda: None),
    ("condition", np.array([np.nan]), lambda: None),
    ("condition", "a text", lambda: None),
    ("condition", {"a": object()}, lambda: None),
]


@pytest.mark.parametrize("place", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
@pytest.mark.parametrize(("name", "condition", "guidance"), GUIDANCE)
def test_conditions_and_guidance(name, condition, guidance, place):
    if name == "log_prob" and place is np.asarray:
        name = "ClassifierGuidance"  # needs JAX, whatever the classifier; or is refused by its own name
        with pytest.raises((TypeError, ValueError)):
            draw({"condition": condition, "guidance": guidance()}, x_T=np.zeros((2, 3)))
        return
    refused(
        name,
        lambda: draw({"condition": condition, "guidance": guidance()}, x_T=place(np.zeros((2, 3), np.float32))),
    )


ARGUMENTS = [
    ("key", {"key": None}), ("key", {"key": 0}), ("key", {"key": np.zeros(2, np.uint32)}),
    ("key", {"key": jax.random.split(KEY, 3)}), ("key", {"key": jnp.zeros(2)}),
    ("num_samples", {"num_samples": 0}), ("num_samples", {"num_samples": -3}), ("num_samples", {"num_samples": 2.0}),
    ("num_samples", {"num_samples": True}), ("num_samples", {"num_samples": "2"}),
    ("num_samples", {"num_samples": 3, "x_T": np.zeros((2, 3))}),
    ("x_T", {"x_T": np.zeros((2, 4))}), ("x_T", {"x_T": np.zeros(3)}), ("x_T", {"x_T": np.zeros((0, 3))}),
    ("x_T", {"x_T": np.zeros((2, 3, 1))}), ("x_T", {"x_T": np.zeros((2, 3), int)}), ("x_T", {"x_T": 1.0}),
    ("x_T", {"x_T": jnp.zeros((2, 3), int)}), ("x_T", {"x_T": np.zeros((2, 3), complex)}), ("x_T", {"x_T": "noise"}),
    ("x_T", {"x_T": jnp.zeros((2, 3), complex)}), ("x_T", {"x_T": np.zeros((2, 3), bool)}),
    ("x_T", {"x_T": np.full((2, 3), np.nan)}), ("x_T", {"x_T": jnp.full((2, 3), jnp.inf)}),
    ("x_T", {"x_T": np.full((2, 3), None)}), ("x_T", {"x_T": [[1.0, 2.0, 3.0], [1.0]]}),
    ("callback", {"callback": 3}), ("callback", {"callback": dict}),
    ("sharding", {"sharding": "batch"}), ("sharding", {"sharding": jax.devices()[0]}),
    ("sharding", {"sharding": jax.sharding.SingleDeviceSharding(jax.devices()[0]), "x_T": np.zeros((2, 3))}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), ARGUMENTS)
def test_arguments_of_sample(name, arguments):
    refused(name, lambda: draw(**arguments))


class OtherArray:
    """An array of a framework that nobody has heard of."""

    def __init__(self, shape, dtype="float32", value=0.0):
        self.shape, self.dtype, self.value = shape, dtype, value

    def __abs__(self):
        return self

    def max(self):
        return self.value


@pytest.mark.parametrize(
    "x_T",
    [
        OtherArray((2, 4)),
        OtherArray(()),
        OtherArray((0, 3)),
        OtherArray((2, 3), "int64"),
        OtherArray((2, 3), value=np.nan),
    ],
)
def test_foreign_starts(x_T):
    refused("x_T", lambda: draw(x_T=x_T))


def test_a_method_or_problem_of_another_kind():
    for method in (diffusion.DDIM, None, "ddim", 20, PROCESS):
        refused("method", lambda m=method: diffusion.sample(problem(), m, key=KEY))
        refused("method", lambda m=method: diffusion.plan(m, PROCESS))
    for other in (None, model, PROCESS, diffusion.Sampling):
        refused("problem", lambda p=other: diffusion.sample(p, diffusion.DDIM(), key=KEY))
    for process in (None, "vp", diffusion.VPLinear):
        refused("process", lambda p=process: diffusion.plan(diffusion.DDIM(), p))
    for start in (-1.0, 2.0, float("nan"), "0.5", 1e-3):
        refused("start", lambda s=start: diffusion.plan(diffusion.DDIM(), PROCESS, s))


def test_noise_is_not_drawn_without_a_key():
    for method in (
        diffusion.DDPM(steps=4),
        diffusion.DPMSolverPP(steps=4, stochastic=1.0),
        diffusion.DDIM(steps=4, eta=0.1),
    ):
        refused("key", lambda m=method: draw(method=m, key=None, x_T=np.zeros((2, 3))))
    assert draw(key=None, x_T=np.zeros((2, 3))).x.shape == (2, 3)


OUTPUTS = {
    "shape": lambda x: x[:, :2],
    "batch": lambda x: x[:1],
    "axis": lambda x: x[None],
    "scalar": lambda x: x.sum(),
    "integers": lambda x: (0 * x).astype(np.int32),
    "booleans": lambda x: x > 0,
    "complex": lambda x: x + 0j,
    "none": lambda x: None,
    "tuple": lambda x: (x, x),
    "number": lambda x: 1.0,
    "list": lambda x: [1.0],
}


@pytest.mark.parametrize("place", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS.keys())
def test_outputs_of_models_and_correctors(place, output):
    x_T = place(np.ones((2, 3), np.float32))
    refused("model must return", lambda: draw({"model": lambda x, t: output(x)}, x_T=x_T))
    refused("corrector must return", lambda: draw({"corrector": lambda x, t: output(x)}, x_T=x_T))
    guidance = diffusion.ClassifierFree(2.0, place(np.zeros(1, np.float32)))
    guided = {"model": lambda x, t, c: output(x), "guidance": guidance, "condition": place(np.ones(1, np.float32))}
    refused("model must return", lambda: draw(guided, x_T=x_T))
    if place is jnp.asarray:
        for method in (diffusion.AdaptiveDPMSolver(), diffusion.RungeKutta()):
            refused("model must return", lambda m=method: draw({"model": lambda x, t: output(x)}, x_T=x_T, method=m))


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.floats(-1, 1), max_size=3),
    st.sampled_from([np.zeros(2), jnp.zeros(2), object(), dict, diffusion.DDIM, diffusion.LogSNR(), PROCESS, model]),
)


@given(
    field=st.sampled_from(["key", "num_samples", "x_T", "callback", "sharding"]),
    value=anything,
)
def test_any_argument_works_or_is_refused_by_name(field, value):
    try:
        samples = draw(**{field: value})
    except (ValueError, TypeError):
        refused(field, lambda: draw(**{field: value}))
    else:
        assert np.isfinite(np.asarray(samples.x)).all()


@given(
    cls=st.sampled_from(PLANNED),
    field=st.sampled_from(["steps", "order", "eta", "stochastic", "grid", "stepping", "solver_type", "churn"]),
    value=anything,
)
def test_any_setting_works_or_is_refused_by_name(cls, field, value):
    if field not in cls.__dataclass_fields__:
        return
    try:
        method = cls(**{field: value})
    except (ValueError, TypeError):
        refused(field, lambda: cls(**{field: value}))
    else:
        assert np.isfinite(diffusion.plan(method, PROCESS).mix).all()


@given(at=st.lists(st.floats(allow_nan=True), max_size=5))
def test_any_explicit_grid_works_or_is_refused(at):
    def build():
        grid = diffusion.Explicit(at, final="eps")
        return diffusion.plan(diffusion.DDIM(steps=max(len(at) - 1, 1), grid=grid), PROCESS)

    try:
        plan = build()
    except (ValueError, TypeError):
        refused("at must" if len(at) < 2 or not np.isfinite(at).all() else "Explicit grid", build)
    else:
        assert np.all(np.diff(at) < 0)
        assert np.isfinite(plan.mix).all()
