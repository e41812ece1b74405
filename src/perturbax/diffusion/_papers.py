"""The papers that the methods of this package come from."""

from ..core import Paper

DPM_SOLVER = Paper(
    title="DPM-Solver: A Fast ODE Solver for Diffusion Probabilistic Model Sampling in Around 10 Steps",
    authors=("Cheng Lu", "Yuhao Zhou", "Fan Bao", "Jianfei Chen", "Chongxuan Li", "Jun Zhu"),
    year=2022,
    arxiv="2206.00927",
    venue="NeurIPS",
)

DPM_SOLVER_PP = Paper(
    title="DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
    authors=("Cheng Lu", "Yuhao Zhou", "Fan Bao", "Jianfei Chen", "Chongxuan Li", "Jun Zhu"),
    year=2022,
    arxiv="2211.01095",
)

DDIM = Paper(
    title="Denoising Diffusion Implicit Models",
    authors=("Jiaming Song", "Chenlin Meng", "Stefano Ermon"),
    year=2021,
    arxiv="2010.02502",
    venue="ICLR",
)

DDPM = Paper(
    title="Denoising Diffusion Probabilistic Models",
    authors=("Jonathan Ho", "Ajay Jain", "Pieter Abbeel"),
    year=2020,
    arxiv="2006.11239",
    venue="NeurIPS",
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

EDM = Paper(
    title="Elucidating the Design Space of Diffusion-Based Generative Models",
    authors=("Tero Karras", "Miika Aittala", "Timo Aila", "Samuli Laine"),
    year=2022,
    arxiv="2206.00364",
    venue="NeurIPS",
)

PNDM = Paper(
    title="Pseudo Numerical Methods for Diffusion Models on Manifolds",
    authors=("Luping Liu", "Yi Ren", "Zhijie Lin", "Zhou Zhao"),
    year=2022,
    arxiv="2202.09778",
    venue="ICLR",
)

MOMENTUM = Paper(
    title="Diffusion Sampling with Momentum for Mitigating Divergence Artifacts",
    authors=(
        "Suttisak Wizadwongsa",
        "Worameth Chinchuthakun",
        "Pramook Khungurn",
        "Amit Raj",
        "Supasorn Suwajanakorn",
    ),
    year=2024,
    arxiv="2307.11118",
    venue="ICLR",
)

BDIA = Paper(
    title="Exact Diffusion Inversion via Bi-directional Integration Approximation",
    authors=("Guoqiang Zhang", "J. P. Lewis", "W. Bastiaan Kleijn"),
    year=2023,
    arxiv="2307.10829",
)

EDICT = Paper(
    title="EDICT: Exact Diffusion Inversion via Coupled Transformations",
    authors=("Bram Wallace", "Akash Gokul", "Nikhil Naik"),
    year=2022,
    arxiv="2211.12446",
)

BELM = Paper(
    title="BELM: Bidirectional Explicit Linear Multi-step Sampler for Exact Inversion in Diffusion Models",
    authors=("Fangyikang Wang", "Hubery Yin", "Yuejiang Dong", "Huminhao Zhu", "Chao Zhang"),
    year=2024,
    arxiv="2410.07273",
)

FIXED_POINT_INVERSION = Paper(
    title="Effective Real Image Editing with Accelerated Iterative Diffusion Inversion",
    authors=("Zhihong Pan", "Riccardo Gherardi", "Xiufeng Xie", "Stephen Huang"),
    year=2023,
    arxiv="2309.04907",
    venue="ICCV",
)

PFGMPP = Paper(
    title="PFGM++: Unlocking the Potential of Physics-Inspired Generative Models",
    authors=("Yilun Xu", "Ziming Liu", "Yonglong Tian", "Shangyuan Tong", "Max Tegmark", "Tommi Jaakkola"),
    year=2023,
    arxiv="2302.04265",
    venue="ICML",
)

STF = Paper(
    title="Stable Target Field for Reduced Variance Score Estimation in Diffusion Models",
    authors=("Yilun Xu", "Shangyuan Tong", "Tommi Jaakkola"),
    year=2023,
    arxiv="2302.00670",
    venue="ICLR",
)

DCPO = Paper(
    title="Dual Caption Preference Optimization for Diffusion Models",
    authors=(
        "Amir Saeidi",
        "Yiran Luo",
        "Agneet Chatterjee",
        "Shamanthak Hegde",
        "Bimsara Pathiraja",
        "Yezhou Yang",
        "Chitta Baral",
    ),
    year=2025,
    arxiv="2502.06023",
    venue="TMLR",
)

DIFFUSION_DPO = Paper(
    title="Diffusion Model Alignment Using Direct Preference Optimization",
    authors=(
        "Bram Wallace",
        "Meihua Dang",
        "Rafael Rafailov",
        "Linqi Zhou",
        "Aaron Lou",
        "Senthil Purushwalkam",
        "Stefano Ermon",
        "Caiming Xiong",
        "Shafiq Joty",
        "Nikhil Naik",
    ),
    year=2024,
    arxiv="2311.12908",
    venue="CVPR",
)

MAPO = Paper(
    title="Margin-aware Preference Optimization for Aligning Diffusion Models without Reference",
    authors=("Jiwoo Hong", "Sayak Paul", "Noah Lee", "Kashif Rasul", "James Thorne", "Jongheon Jeong"),
    year=2024,
    arxiv="2406.06424",
)

IPO = Paper(
    title="A General Theoretical Paradigm to Understand Learning from Human Preferences",
    authors=(
        "Mohammad Gheshlaghi Azar",
        "Mark Rowland",
        "Bilal Piot",
        "Daniel Guo",
        "Daniele Calandriello",
        "Michal Valko",
        "Rémi Munos",
    ),
    year=2024,
    arxiv="2310.12036",
    venue="AISTATS",
)

DDS = Paper(
    title="Decomposed Diffusion Sampler for Accelerating Large-Scale Inverse Problems",
    authors=("Hyungjin Chung", "Suhyeon Lee", "Jong Chul Ye"),
    year=2024,
    arxiv="2303.05754",
    venue="ICLR",
)

USF = Paper(
    title="A Unified Sampling Framework for Solver Searching of Diffusion Probabilistic Models",
    authors=("Enshu Liu", "Xuefei Ning", "Huazhong Yang", "Yu Wang"),
    year=2024,
    arxiv="2312.07243",
    venue="ICLR",
)

UNIPC = Paper(
    title="UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
    authors=("Wenliang Zhao", "Lujia Bai", "Yongming Rao", "Jie Zhou", "Jiwen Lu"),
    year=2023,
    arxiv="2302.04867",
    venue="NeurIPS",
)

AMED = Paper(
    title="Fast ODE-based Sampling for Diffusion Models in Around 5 Steps",
    authors=("Zhenyu Zhou", "Defang Chen", "Can Wang", "Chun Chen"),
    year=2024,
    arxiv="2312.00094",
    venue="CVPR",
)
