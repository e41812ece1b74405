"""Sample from diffusion models: processes, time grids, guidance, and samplers compiled to one table of coefficients."""

from . import losses as losses
from ._align import AbstractAlignmentMethod as AbstractAlignmentMethod
from ._align import Aligned as Aligned
from ._align import align as align
from ._captions import AbstractCaptions as AbstractCaptions
from ._captions import Captioned as Captioned
from ._captions import Hybrid as Hybrid
from ._captions import Perturbed as Perturbed
from ._captions import Prompts as Prompts
from ._churn import AbstractChurn as AbstractChurn
from ._churn import Churn as Churn
from ._churn import Disturbance as Disturbance
from ._consistency import AbstractConsistency as AbstractConsistency
from ._consistency import AbstractWeight as AbstractWeight
from ._consistency import Consistent as Consistent
from ._consistency import Corrected as Corrected
from ._consistency import Noiseless as Noiseless
from ._consistency import PosteriorWeight as PosteriorWeight
from ._consistency import Projected as Projected
from ._consistency import Proximal as Proximal
from ._corrector import AbstractMemoryCorrector as AbstractMemoryCorrector
from ._corrector import Clip as Clip
from ._corrector import DynamicThreshold as DynamicThreshold
from ._denoise import (
    AbstractGuidance as AbstractGuidance,
)
from ._denoise import (
    ClassifierFree as ClassifierFree,
)
from ._denoise import (
    ClassifierGuidance as ClassifierGuidance,
)
from ._fit import AbstractDenoisingMethod as AbstractDenoisingMethod
from ._fit import DenoisingProblem as DenoisingProblem
from ._fit import fit as fit
from ._grid import (
    AbstractGrid as AbstractGrid,
)
from ._grid import (
    Explicit as Explicit,
)
from ._grid import (
    Karras as Karras,
)
from ._grid import (
    LogSNR as LogSNR,
)
from ._grid import (
    TimePower as TimePower,
)
from ._grid import (
    TimeUniform as TimeUniform,
)
from ._increment import DDIMIncrement as DDIMIncrement
from ._increment import HeunIncrement as HeunIncrement
from ._increment import MidpointIncrement as MidpointIncrement
from ._invert import Inversion as Inversion
from ._invert import Latent as Latent
from ._invert import edit as edit
from ._invert import invert as invert
from ._invert import sample_latent as sample_latent
from ._levels import AbstractNoiseLevels as AbstractNoiseLevels
from ._levels import LogNormalLevels as LogNormalLevels
from ._levels import UniformTimes as UniformTimes
from ._method import AbstractInvertible as AbstractInvertible
from ._method import AbstractPlanned as AbstractPlanned
from ._method import AbstractPrepared as AbstractPrepared
from ._method import AbstractSampler as AbstractSampler
from ._method import Path as Path
from ._network import FromDenoiser as FromDenoiser
from ._network import ideal_denoiser as ideal_denoiser
from ._noise_level import EDM as EDM
from ._noise_level import VE as VE
from ._noise_level import FlowMatching as FlowMatching
from ._plan import Plan as Plan
from ._poisson_flow import PoissonFlow as PoissonFlow
from ._population import PlanStack as PlanStack
from ._population import run_stack as run_stack
from ._population import stack_plans as stack_plans
from ._population import stack_schedules as stack_schedules
from ._prediction import (
    AbstractPrediction as AbstractPrediction,
)
from ._prediction import (
    Data as Data,
)
from ._prediction import (
    Epsilon as Epsilon,
)
from ._prediction import (
    Flow as Flow,
)
from ._prediction import (
    Score as Score,
)
from ._prediction import (
    Velocity as Velocity,
)
from ._preference import AlignmentProblem as AlignmentProblem
from ._preference import PreferencePairs as PreferencePairs
from ._presets import known_schedules as known_schedules
from ._presets import solver_schedule as solver_schedule
from ._process import AbstractProcess as AbstractProcess
from ._renoising import AbstractRenoising as AbstractRenoising
from ._renoising import AncestralNoise as AncestralNoise
from ._renoising import MixedNoise as MixedNoise
from ._restore import AbstractRestoration as AbstractRestoration
from ._restore import InverseProblem as InverseProblem
from ._restore import Restoration as Restoration
from ._restore import Restored as Restored
from ._restore import Run as Run
from ._restore import restore as restore
from ._sample import Samples as Samples
from ._sample import Sampling as Sampling
from ._sample import plan as plan
from ._sample import sample as sample
from ._saved import SavedDenoiser as SavedDenoiser
from ._saved import load_adapter as load_adapter
from ._saved import load_denoiser as load_denoiser
from ._saved import save_adapter as save_adapter
from ._saved import save_denoiser as save_denoiser
from ._schedule import AtHalfLogSNR as AtHalfLogSNR
from ._schedule import SolverSchedule as SolverSchedule
from ._schedule_predictor import DensePredictor as DensePredictor
from ._schedule_predictor import RecurrentPredictor as RecurrentPredictor
from ._scheduled import AbstractScheduled as AbstractScheduled
from ._score_schedules import score_schedules as score_schedules
from ._scores import AbstractScore as AbstractScore
from ._scores import Frechet as Frechet
from ._scores import TrajectoryError as TrajectoryError
from ._search import AbstractSearch as AbstractSearch
from ._search import SearchResult as SearchResult
from ._search import search as search
from ._slices import Slicewise as Slicewise
from ._stability import Stability as Stability
from ._stability import stability as stability
from ._stepping import FixedSinglestep as FixedSinglestep
from ._stepping import Multistep as Multistep
from ._stepping import Singlestep as Singlestep
from ._total_variation import SliceVariation as SliceVariation
from ._variance_preserving import Discrete as Discrete
from ._variance_preserving import VPCosine as VPCosine
from ._variance_preserving import VPLinear as VPLinear
from .adaptive_dpm_solver import AdaptiveDPMSolver as AdaptiveDPMSolver
from .annealed_langevin import AnnealedLangevin as AnnealedLangevin
from .bdia import BDIA as BDIA
from .belm import BELM as BELM
from .dcpo import DCPO as DCPO
from .ddim import DDIM as DDIM
from .ddpm import DDPM as DDPM
from .dds import DDS as DDS
from .denoising_score_matching import DenoisingScoreMatching as DenoisingScoreMatching
from .diffpir import DiffPIR as DiffPIR
from .diffusion_dpo import DiffusionDPO as DiffusionDPO
from .dpm_ot import DPMOT as DPMOT
from .dpm_solver import DPMSolver as DPMSolver
from .dpm_solver_pp import DPMSolverPP as DPMSolverPP
from .dps import DPS as DPS
from .edict import EDICT as EDICT
from .euler import Euler as Euler
from .evolution import Evolution as Evolution
from .exact_posterior import ExactPosterior as ExactPosterior
from .fixed_point_ddim import FixedPointDDIM as FixedPointDDIM
from .ghvb import GHVB as GHVB
from .gradient_step import GradientStep as GradientStep
from .gradient_times import GradientTimes as GradientTimes
from .heavy_ball import HeavyBall as HeavyBall
from .heavy_ball_pp import HeavyBallPP as HeavyBallPP
from .heun import Heun as Heun
from .ipo import IPO as IPO
from .mapo import MaPO as MaPO
from .nesterov import Nesterov as Nesterov
from .pfgmpp import PFGMPP as PFGMPP
from .pigdm import PiGDM as PiGDM
from .plms import PLMS as PLMS
from .projection import Projection as Projection
from .random_search import RandomSearch as RandomSearch
from .renoise import Renoise as Renoise
from .runge_kutta import RungeKutta as RungeKutta
from .s3 import S3 as S3
from .sft import SFT as SFT
from .tikhonov import Tikhonov as Tikhonov
from .total_variation import TotalVariation as TotalVariation
from .unipc import UniPC as UniPC
from .usf import USF as USF

__all__ = [
    "BDIA",
    "BELM",
    "DCPO",
    "DDIM",
    "DDPM",
    "DDS",
    "DPMOT",
    "DPS",
    "EDICT",
    "EDM",
    "GHVB",
    "IPO",
    "PFGMPP",
    "PLMS",
    "S3",
    "SFT",
    "USF",
    "VE",
    "AbstractAlignmentMethod",
    "AbstractCaptions",
    "AbstractChurn",
    "AbstractConsistency",
    "AbstractDenoisingMethod",
    "AbstractGrid",
    "AbstractGuidance",
    "AbstractInvertible",
    "AbstractMemoryCorrector",
    "AbstractNoiseLevels",
    "AbstractPlanned",
    "AbstractPrediction",
    "AbstractPrepared",
    "AbstractProcess",
    "AbstractRenoising",
    "AbstractRestoration",
    "AbstractSampler",
    "AbstractScheduled",
    "AbstractScore",
    "AbstractSearch",
    "AbstractWeight",
    "AdaptiveDPMSolver",
    "Aligned",
    "AlignmentProblem",
    "AncestralNoise",
    "AnnealedLangevin",
    "AtHalfLogSNR",
    "Captioned",
    "Churn",
    "ClassifierFree",
    "ClassifierGuidance",
    "Clip",
    "Consistent",
    "Corrected",
    "DDIMIncrement",
    "DPMSolver",
    "DPMSolverPP",
    "Data",
    "DenoisingProblem",
    "DenoisingScoreMatching",
    "DensePredictor",
    "DiffPIR",
    "DiffusionDPO",
    "Discrete",
    "Disturbance",
    "DynamicThreshold",
    "Epsilon",
    "Euler",
    "Evolution",
    "ExactPosterior",
    "Explicit",
    "FixedPointDDIM",
    "FixedSinglestep",
    "Flow",
    "FlowMatching",
    "Frechet",
    "FromDenoiser",
    "GradientStep",
    "GradientTimes",
    "HeavyBall",
    "HeavyBallPP",
    "Heun",
    "HeunIncrement",
    "Hybrid",
    "InverseProblem",
    "Inversion",
    "Karras",
    "Latent",
    "LogNormalLevels",
    "LogSNR",
    "MaPO",
    "MidpointIncrement",
    "MixedNoise",
    "Multistep",
    "Nesterov",
    "Noiseless",
    "Path",
    "Perturbed",
    "PiGDM",
    "Plan",
    "PlanStack",
    "PoissonFlow",
    "PosteriorWeight",
    "PreferencePairs",
    "Projected",
    "Projection",
    "Prompts",
    "Proximal",
    "RandomSearch",
    "RecurrentPredictor",
    "Renoise",
    "Restoration",
    "Restored",
    "Run",
    "RungeKutta",
    "Samples",
    "Sampling",
    "SavedDenoiser",
    "Score",
    "SearchResult",
    "Singlestep",
    "SliceVariation",
    "Slicewise",
    "SolverSchedule",
    "Stability",
    "Tikhonov",
    "TimePower",
    "TimeUniform",
    "TotalVariation",
    "TrajectoryError",
    "UniPC",
    "UniformTimes",
    "VPCosine",
    "VPLinear",
    "Velocity",
    "align",
    "edit",
    "fit",
    "ideal_denoiser",
    "invert",
    "known_schedules",
    "load_adapter",
    "load_denoiser",
    "losses",
    "plan",
    "restore",
    "run_stack",
    "sample",
    "sample_latent",
    "save_adapter",
    "save_denoiser",
    "score_schedules",
    "search",
    "solver_schedule",
    "stability",
    "stack_plans",
    "stack_schedules",
]
