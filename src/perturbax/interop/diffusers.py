"""A plan as a scheduler of Hugging Face diffusers, so that its pipelines run the samplers of `perturbax.diffusion`.

A pipeline of diffusers owns the loop: it calls the network at `scheduler.timesteps` one after the other and hands each
output to `scheduler.step`, which returns the state for the next call. That is a plan stepped from outside: one
timestep for every evaluation, so that methods with several evaluations a step simply have more timesteps, as in
diffusers' Heun scheduler. This module imports neither diffusers nor torch: `step` returns arrays of the framework that
it is given.
"""

import sys
from typing import Any, NamedTuple

import numpy as np

from ..core import check_integer, check_number
from ._arrays import like, namespace_of


class SchedulerStep(NamedTuple):
    """What `PlanScheduler.step` returns: the next state, and the data prediction at the state that was given."""

    prev_sample: Any
    pred_original_sample: Any


class SchedulerConfig(dict):
    """A dictionary whose entries can also be read as attributes, as pipelines do."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the configuration of PlanScheduler has no entry {name!r}") from None


class PlanScheduler:
    """A diffusers scheduler that follows a plan.

    The pipeline's number of inference steps is the plan's number of evaluations. For image-to-image compile the plan
    with `start=` at the time to start from, and give the pipeline `strength=1`: a plan cannot be entered in the middle,
    where its history would be missing. Guidance is the pipeline's; half-precision states are combined in float32.

    **Arguments:**

    - `plan`: from `perturbax.diffusion.plan`, for the process that the network was trained on, mostly
      `Discrete(alphas_cumprod)`, or `FlowMatching(shift)` for flow models.
    - `prediction_type`: what the network predicts: `"epsilon"`, `"sample"`, `"v_prediction"` or `"flow_prediction"`.
    - `num_train_timesteps`: what the pipeline reads under this name.
    - `time_scale`: factor from the plan's model times to the timesteps of the network; by default
      `num_train_timesteps` for `"flow_prediction"`, whose networks are given 1000 times the noise level, else 1.
    - `corrector`: applied to every data prediction, such as `perturbax.diffusion.DynamicThreshold()`.

    **Returns:** an object to pass as a pipeline's `scheduler`, or to assign to `pipeline.scheduler`.

    **Raises:** `ValueError` when the plan does not start from the state that it is given (churn at the first step), or
    the prediction type has no meaning along it; `TypeError` when `plan` is no plan.

    >>> from perturbax import diffusion
    >>> plan = diffusion.plan(diffusion.DPMSolverPP(steps=3), diffusion.EDM())
    >>> scheduler = PlanScheduler(plan, prediction_type="sample")
    >>> state = np.full((1, 2), 80.0)
    >>> for timestep in scheduler.timesteps:
    ...     state = scheduler.step(np.zeros_like(state), timestep, state).prev_sample
    >>> state.tolist()
    [[0.0, 0.0]]
    """

    order = 1

    def __init__(
        self,
        plan: Any,
        prediction_type: str = "epsilon",
        num_train_timesteps: int = 1000,
        time_scale: float | None = None,
        corrector: Any = None,
    ):
        if not hasattr(plan, "stepper"):
            raise TypeError(f"plan must be a plan such as diffusion.plan(method, process), got {type(plan).__name__}")
        if plan.starts != 1 or plan.results != 1:
            raise ValueError(
                "plan must begin and end with one state, as pipelines do, but this one begins with "
                f"{plan.starts} and ends with {plan.results}"
            )
        if plan.draw[0] != 0 or plan.mix[0, 0] != 1 or np.any(plan.mix[0, 1:] != 0):
            raise ValueError(
                "plan must evaluate the network first at the state it is given, but this one adds noise before (churn "
                "at the first step); use a method without churn, or a churn that starts at a lower noise level"
            )
        check_integer("num_train_timesteps", num_train_timesteps, minimum=1)
        if time_scale is None:
            time_scale = float(num_train_timesteps) if prediction_type == "flow_prediction" else 1.0
        check_number("time_scale", time_scale, minimum=0.0, exclusive=True)
        self.plan = plan
        self.config = SchedulerConfig(
            num_train_timesteps=num_train_timesteps,
            prediction_type=prediction_type,
            # Tells pipelines of flow models that the noise levels are the scheduler's own.
            use_flow_sigmas=prediction_type == "flow_prediction",
        )
        self.init_noise_sigma = float(plan.prior_std)
        self._corrector = corrector
        self._times = (plan.model_times * time_scale).astype(np.float32)
        self.set_timesteps()

    def __len__(self) -> int:
        return self.config.num_train_timesteps

    @property
    def step_index(self) -> int:
        """How many steps have been taken since `set_timesteps`."""
        return self._stepper.stage

    def set_timesteps(
        self, num_inference_steps: int | None = None, device: Any = None, mu: float | None = None
    ) -> None:
        """Start over.

        **Arguments:** `num_inference_steps`: the plan's number of evaluations, or `None`; `device`: where to put the
        timesteps; `mu`: the shift that pipelines of flow models compute for other schedulers, not read because the
        plan's grid has its own.

        **Raises:** `ValueError` for another number of steps.
        """
        if num_inference_steps is not None and num_inference_steps != self.plan.evaluations:
            raise ValueError(
                f"num_inference_steps must be {self.plan.evaluations}, the number of evaluations of the plan, got "
                f"{num_inference_steps}; compile a plan with other steps for another number"
            )
        self.num_inference_steps = self.plan.evaluations
        self._stepper = self.plan.stepper(self.config.prediction_type, self._corrector)
        # A pipeline cannot exist without torch; where nobody has loaded it, NumPy serves.
        torch = sys.modules.get("torch")
        self.timesteps = self._times.copy() if torch is None else torch.tensor(self._times, device=device)

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Accept the first step as the begin, which pipelines announce.

        **Raises:** `ValueError` for another step.
        """
        if begin_index != 0:
            raise ValueError(_begins_later(f"begin_index must be 0, got {begin_index}"))

    def scale_model_input(self, sample: Any, timestep: Any = None) -> Any:
        """The state as it is: the plan's states are what the network is trained on."""
        return sample

    def step(
        self,
        model_output: Any,
        timestep: Any,
        sample: Any,
        generator: Any = None,
        return_dict: bool = True,
        **other: Any,
    ) -> SchedulerStep | tuple[Any, Any]:
        """Take the network's output at a timestep and give the state for the next.

        **Arguments:** `model_output`: at `sample`, of its shape; `timestep`: the next one of `timesteps`; `sample`: the
        state; `generator`: of the sample's framework, or a list with one for each sample, for plans that add noise;
        `return_dict`: give a `SchedulerStep`, else a plain tuple; `other`: options of other schedulers that some
        pipelines pass, refused when they ask for anything.

        **Returns:** the next state, after the last timestep the result, and the data prediction.

        **Raises:** `ValueError` when the timestep is not the next one, the shapes differ or the output is not finite;
        `TypeError` for an unknown option.
        """
        _refuse_options(other)
        k, stepper = self._stepper.stage, self._stepper
        if k == self.plan.evaluations:
            raise ValueError(f"all {k} steps of the plan have been taken; call set_timesteps() to start over")
        if not np.isclose(float(timestep), self._times[k], rtol=1e-4, atol=1e-6):
            raise ValueError(
                _begins_later(f"timestep of step {k} must be {self._times[k]:.6g}, got {float(timestep):.6g}")
            )
        wide_output, state = _widened(model_output), _widened(sample)
        if not np.isfinite(float(wide_output.sum())):
            raise ValueError(f"the network's output is not finite at step {k} (timestep {self._times[k]:.6g})")

        def draw(_: int) -> Any:
            return _standard_normal(state, generator)

        if k == 0:
            state = stepper.begin(state, draw)
        following, data = stepper.step(wide_output, state, draw)
        result = SchedulerStep(_as_dtype_of(sample, following), _as_dtype_of(sample, data))
        return result if return_dict else tuple(result)

    def add_noise(self, original_samples: Any, noise: Any, timesteps: Any) -> Any:
        """The state of the process at timesteps of the plan, one for each sample, from data and standard normals.

        **Raises:** `ValueError` for a timestep that is not in the plan.
        """
        plain = timesteps.tolist() if hasattr(timesteps, "tolist") else timesteps
        wanted = np.atleast_1d(np.asarray(plain, np.float32))
        at = np.abs(wanted[:, None] - self._times).argmin(axis=1)
        far = ~np.isclose(wanted, self._times[at], rtol=1e-4, atol=1e-6)
        if far.any():
            raise ValueError(f"timesteps must be timesteps of the plan, got {wanted[far][0]:.6g}")

        def column(values: np.ndarray) -> Any:
            return like(original_samples, values[at].reshape(-1, *(1,) * (original_samples.ndim - 1)))

        return column(self.plan.alphas) * original_samples + column(self.plan.sigmas) * noise

    def scale_noise(self, sample: Any, timestep: Any, noise: Any) -> Any:
        """`add_noise` under the name and with the order of arguments that pipelines of flow models use."""
        return self.add_noise(sample, noise, timestep)


def _begins_later(what: str) -> str:
    return (
        f"{what}; a plan cannot be entered in the middle: for image-to-image compile it with start= and give the "
        "pipeline strength=1, and call set_timesteps() before a new run"
    )


def _refuse_options(options: dict[str, Any]) -> None:
    unknown = sorted(set(options) - {"eta", "use_clipped_model_output"})
    if unknown:
        raise TypeError(f"PlanScheduler.step has no option {unknown[0]!r}")
    for name, value in options.items():
        if value:
            raise ValueError(f"{name} must be 0 or absent, got {value}: the noise is the plan's, see DDIM(eta=...)")


def _widened(array: Any) -> Any:
    """Half-precision arrays in float32."""
    return _as_dtype(array, np.float32) if array.dtype.itemsize < 4 else array


def _as_dtype_of(reference: Any, array: Any) -> Any:
    return array if array.dtype == reference.dtype else _as_dtype(array, reference.dtype)


def _as_dtype(array: Any, dtype: Any) -> Any:
    if isinstance(array, np.ndarray):
        return array.astype(dtype)
    return array.to(namespace_of(array).float32 if dtype is np.float32 else dtype)


def _standard_normal(sample: Any, generator: Any) -> Any:
    """Standard normals like the sample, drawn where the generator lives, as diffusers draws them."""
    if isinstance(generator, list | tuple):
        if len(generator) != sample.shape[0]:
            raise ValueError(f"generator must be one or a list of {sample.shape[0]}, got a list of {len(generator)}")
        draws = [_standard_normal(sample[i : i + 1], each) for i, each in enumerate(generator)]
        return namespace_of(sample).concatenate(draws)
    if isinstance(sample, np.ndarray):
        rng = np.random.default_rng() if generator is None else generator
        return rng.standard_normal(sample.shape).astype(sample.dtype)
    device = sample.device if generator is None else generator.device
    draw = namespace_of(sample).randn(sample.shape, generator=generator, device=device, dtype=sample.dtype)
    return draw.to(sample.device)
