"""The papers that the methods of this package come from."""

from ..core import Paper

LIGHT_SB = Paper(
    title="Light Schrödinger Bridge",
    authors=("Alexander Korotin", "Nikita Gushchin", "Evgeny Burnaev"),
    year=2024,
    arxiv="2310.01174",
    venue="ICLR",
)

LIGHT_SBM = Paper(
    title="Light and Optimal Schrödinger Bridge Matching",
    authors=("Nikita Gushchin", "Sergei Kholkin", "Evgeny Burnaev", "Alexander Korotin"),
    year=2024,
    arxiv="2402.03207",
    venue="ICML",
)

SINKHORN = Paper(
    title="Sinkhorn Distances: Lightspeed Computation of Optimal Transport",
    authors=("Marco Cuturi",),
    year=2013,
    arxiv="1306.0895",
    venue="NeurIPS",
)

PLUG_IN = Paper(
    title="Plug-in Estimation of Schrödinger Bridges",
    authors=("Aram-Alexandre Pooladian", "Jonathan Niles-Weed"),
    year=2024,
    arxiv="2408.11686",
)

GAUSSIAN_BRIDGE = Paper(
    title="The Schrödinger Bridge between Gaussian Measures has a Closed Form",
    authors=("Charlotte Bunne", "Ya-Ping Hsieh", "Marco Cuturi", "Andreas Krause"),
    year=2023,
    arxiv="2202.05722",
    venue="AISTATS",
)

ENTROPIC_GAUSSIANS = Paper(
    title="Entropic Optimal Transport between Unbalanced Gaussian Measures has a Closed Form",
    authors=("Hicham Janati", "Boris Muzellec", "Gabriel Peyré", "Marco Cuturi"),
    year=2020,
    arxiv="2006.02572",
    venue="NeurIPS",
)

DSB = Paper(
    title="Diffusion Schrödinger Bridge with Applications to Score-Based Generative Modeling",
    authors=("Valentin De Bortoli", "James Thornton", "Jeremy Heng", "Arnaud Doucet"),
    year=2021,
    arxiv="2106.01357",
    venue="NeurIPS",
)

MAXIMUM_LIKELIHOOD_IPF = Paper(
    title="Solving Schrödinger Bridges via Maximum Likelihood",
    authors=("Francisco Vargas", "Pierre Thodoroff", "Austen Lamacraft", "Neil Lawrence"),
    year=2021,
    arxiv="2106.02081",
)

DSBM = Paper(
    title="Diffusion Schrödinger Bridge Matching",
    authors=("Yuyang Shi", "Valentin De Bortoli", "Andrew Campbell", "Arnaud Doucet"),
    year=2023,
    arxiv="2303.16852",
    venue="NeurIPS",
)

SF2M = Paper(
    title="Simulation-Free Schrödinger Bridges via Score and Flow Matching",
    authors=(
        "Alexander Tong",
        "Nikolay Malkin",
        "Kilian Fatras",
        "Lazar Atanackovic",
        "Yanlei Zhang",
        "Guillaume Huguet",
        "Guy Wolf",
        "Yoshua Bengio",
    ),
    year=2024,
    arxiv="2307.03672",
    venue="AISTATS",
)

SBIRR = Paper(
    title="Multi-marginal Schrödinger Bridges with Iterative Reference Refinement",
    authors=("Yunyi Shen", "Renato Berlinghieri", "Tamara Broderick"),
    year=2025,
    arxiv="2408.06277",
    venue="AISTATS",
)

STOCHASTIC_INTERPOLANTS = Paper(
    title="Stochastic Interpolants: A Unifying Framework for Flows and Diffusions",
    authors=("Michael S. Albergo", "Nicholas M. Boffi", "Eric Vanden-Eijnden"),
    year=2023,
    arxiv="2303.08797",
    venue="JMLR",
)

NORMALIZING_FLOW_INTERPOLANTS = Paper(
    title="Building Normalizing Flows with Stochastic Interpolants",
    authors=("Michael S. Albergo", "Eric Vanden-Eijnden"),
    year=2023,
    arxiv="2209.15571",
    venue="ICLR",
)

FLOW_MATCHING = Paper(
    title="Flow Matching for Generative Modeling",
    authors=("Yaron Lipman", "Ricky T. Q. Chen", "Heli Ben-Hamu", "Maximilian Nickel", "Matthew Le"),
    year=2023,
    arxiv="2210.02747",
    venue="ICLR",
)

RECTIFIED_FLOW = Paper(
    title="Flow Straight and Fast: Learning to Generate and Transfer Data with Rectified Flow",
    authors=("Xingchao Liu", "Chengyue Gong", "Qiang Liu"),
    year=2023,
    arxiv="2209.03003",
    venue="ICLR",
)

OT_CFM = Paper(
    title="Improving and Generalizing Flow-Based Generative Models with Minibatch Optimal Transport",
    authors=(
        "Alexander Tong",
        "Kilian Fatras",
        "Nikolay Malkin",
        "Guillaume Huguet",
        "Yanlei Zhang",
        "Jarrid Rector-Brooks",
        "Guy Wolf",
        "Yoshua Bengio",
    ),
    year=2024,
    arxiv="2302.00482",
    venue="TMLR",
)

SCORE_SDE = Paper(
    title="Score-Based Generative Modeling through Stochastic Differential Equations",
    authors=(
        "Yang Song",
        "Jascha Sohl-Dickstein",
        "Diederik P. Kingma",
        "Abhishek Kumar",
        "Stefano Ermon",
        "Ben Poole",
    ),
    year=2021,
    arxiv="2011.13456",
    venue="ICLR",
)

DDPM = Paper(
    title="Denoising Diffusion Probabilistic Models",
    authors=("Jonathan Ho", "Ajay Jain", "Pieter Abbeel"),
    year=2020,
    arxiv="2006.11239",
    venue="NeurIPS",
)
