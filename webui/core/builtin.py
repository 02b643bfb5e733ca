"""The samplers, schedules and upscalers that come with the program, in the order of the menus."""

from __future__ import annotations

from webui.core.specs import NOT_ENLARGED, SCHEDULES, SamplerSpec, ScheduleSpec, UpscalerSpec

SDE = "webui.engine.samplers.sde"
DPMPP = "webui.engine.samplers.dpmpp"
EULER = "webui.engine.samplers.euler"
HEUN = "webui.engine.samplers.heun"
DPM2 = "webui.engine.samplers.dpm2"
DPM = "webui.engine.samplers.dpm"
MULTISTEP = "webui.engine.samplers.multistep"
DDIM = "webui.engine.samplers.ddim"
CHURN = ("s_churn", "s_tmin", "s_tmax", "s_noise")
NOISE = ("s_noise",)
LEVELS = ("model_sigmas",)
LOWEST = ("sigma_min",)
LIMITS = ("sigma_min", "sigma_max")
RHO = (*LIMITS, "rho")
UPSCALE = "webui.engine.upscale"

SAMPLER_ROWS = (
    SamplerSpec("DPM++ 2M", f"{DPMPP}:dpmpp_2m", "Karras", ("k_dpmpp_2m", "dpmpp_2m")),
    SamplerSpec(
        "DPM++ SDE",
        f"{SDE}:dpmpp_sde",
        "Karras",
        ("k_dpmpp_sde", "dpmpp_sde"),
        noise="brownian",
        default_eta=1.0,
        options=NOISE,
        calls=2,
    ),
    SamplerSpec(
        "DPM++ 2M SDE",
        f"{SDE}:dpmpp_2m_sde",
        "Exponential",
        ("k_dpmpp_2m_sde", "dpmpp_2m_sde"),
        noise="brownian",
        default_eta=1.0,
        options=NOISE,
    ),
    SamplerSpec(
        "DPM++ 2M SDE Heun",
        f"{SDE}:dpmpp_2m_sde_heun",
        "Exponential",
        ("k_dpmpp_2m_sde_heun", "dpmpp_2m_sde_heun"),
        noise="brownian",
        default_eta=1.0,
        options=NOISE,
    ),
    SamplerSpec(
        "DPM++ 2S a",
        f"{DPMPP}:dpmpp_2s_ancestral",
        "Karras",
        ("k_dpmpp_2s_a", "k_dpmpp_2s_ancestral", "dpmpp_2s_ancestral"),
        noise="per_step",
        default_eta=1.0,
        options=NOISE,
        calls=2,
    ),
    SamplerSpec(
        "DPM++ 3M SDE",
        f"{SDE}:dpmpp_3m_sde",
        "Exponential",
        ("k_dpmpp_3m_sde", "dpmpp_3m_sde"),
        noise="brownian",
        default_eta=1.0,
        options=NOISE,
        discards_penultimate=True,
    ),
    SamplerSpec(
        "Euler a",
        f"{EULER}:euler_ancestral",
        aliases=("k_euler_a", "k_euler_ancestral", "euler_ancestral"),
        noise="per_step",
        default_eta=1.0,
        options=NOISE,
    ),
    SamplerSpec("Euler", f"{EULER}:euler", aliases=("k_euler",), options=CHURN),
    SamplerSpec("LMS", f"{MULTISTEP}:lms", aliases=("k_lms",)),
    SamplerSpec("Heun", f"{HEUN}:heun", aliases=("k_heun",), options=CHURN, calls=2),
    SamplerSpec(
        "DPM2",
        f"{DPM2}:dpm2",
        "Karras",
        ("k_dpm_2", "dpm_2"),
        options=CHURN,
        calls=2,
        discards_penultimate=True,
    ),
    SamplerSpec(
        "DPM2 a",
        f"{DPM2}:dpm2_ancestral",
        "Karras",
        ("k_dpm_2_a", "k_dpm_2_ancestral", "dpm_2_ancestral"),
        noise="per_step",
        default_eta=1.0,
        options=NOISE,
        calls=2,
        discards_penultimate=True,
    ),
    SamplerSpec(
        "DPM fast",
        f"{DPM}:dpm_fast",
        aliases=("k_dpm_fast",),
        noise="per_step",
        default_eta=1.0,
        options=NOISE + LOWEST,
    ),
    SamplerSpec(
        "DPM adaptive",
        f"{DPM}:dpm_adaptive",
        aliases=("k_dpm_ad", "k_dpm_adaptive"),
        noise="per_step",
        default_eta=1.0,
        options=NOISE + LOWEST,
        one_by_one=True,
    ),
    SamplerSpec(
        "Restart",
        "webui.engine.samplers.restart:restart",
        "Karras",
        noise="per_step",
        options=NOISE,
        calls=2,
    ),
    SamplerSpec("DDIM", f"{DDIM}:ddim", "DDIM", noise="per_step", default_eta=0.0, timesteps=True),
    SamplerSpec(
        "DDIM CFG++",
        f"{DDIM}:ddim_cfgpp",
        "DDIM",
        ("ddim_cfgpp",),
        noise="per_step",
        default_eta=0.0,
        timesteps=True,
        cfg_factor=1 / 12.5,
        needs_uncond=True,
    ),
    SamplerSpec("PLMS", f"{MULTISTEP}:plms", "DDIM", timesteps=True),
    SamplerSpec(
        "UniPC",
        "webui.engine.samplers.unipc:unipc",
        "DDIM",
        ("uni_pc",),
        timesteps=True,
        row=f"{SCHEDULES}:unipc_row",
    ),
    SamplerSpec(
        "LCM",
        "webui.engine.samplers.consistency:lcm",
        aliases=("k_lcm",),
        noise="per_step",
        distilled=50,
    ),
    SamplerSpec("HeunPP2", f"{HEUN}:heunpp2", aliases=("heunpp2", "Heun++ 2"), calls=3),
    SamplerSpec("IPNDM", f"{MULTISTEP}:ipndm"),
    SamplerSpec("IPNDM_V", f"{MULTISTEP}:ipndm_v"),
    SamplerSpec("DEIS", "webui.engine.samplers.deis:deis"),
    SamplerSpec("DDPM", f"{DDIM}:ddpm", noise="per_step"),
    SamplerSpec(
        "TCD",
        "webui.engine.samplers.consistency:tcd",
        "SGM Uniform",
        noise="per_step",
        default_eta=0.3,
        options=LEVELS,
    ),
)

SCHEDULE_ROWS = (
    ScheduleSpec("Uniform", f"{SCHEDULES}:uniform"),
    ScheduleSpec("Karras", f"{SCHEDULES}:karras", options=RHO),
    ScheduleSpec("Exponential", f"{SCHEDULES}:exponential", options=LIMITS),
    ScheduleSpec("Polyexponential", f"{SCHEDULES}:polyexponential", options=RHO),
    ScheduleSpec("SGM Uniform", f"{SCHEDULES}:sgm_uniform", ("SGMUniform",), LIMITS),
    ScheduleSpec("KL Optimal", f"{SCHEDULES}:kl_optimal", options=LIMITS),
    ScheduleSpec("Align Your Steps", f"{SCHEDULES}_fitted:align_your_steps", ("AYS",), ("sized",)),
    ScheduleSpec("Simple", f"{SCHEDULES}:simple"),
    ScheduleSpec("Normal", f"{SCHEDULES}:normal", options=LIMITS),
    ScheduleSpec("DDIM", f"{SCHEDULES}:ddim_uniform", ("DDIM Uniform",)),
    ScheduleSpec("Beta", f"{SCHEDULES}_fitted:beta", options=(*LIMITS, "beta_alpha", "beta_beta")),
    ScheduleSpec("Turbo", f"{SCHEDULES}:turbo"),
    ScheduleSpec(
        "Align Your Steps GITS",
        f"{SCHEDULES}_fitted:align_your_steps_gits",
        ("AYS GITS",),
        ("sized",),
    ),
    ScheduleSpec(
        "Align Your Steps 11", f"{SCHEDULES}_fitted:align_your_steps", ("AYS 11",), ("sized",)
    ),
)

UPSCALER_ROWS = (
    UpscalerSpec("Latent", f"{UPSCALE}:latent_bilinear", latent=True),
    UpscalerSpec("Latent (antialiased)", f"{UPSCALE}:latent_bilinear_antialiased", latent=True),
    UpscalerSpec("Latent (bicubic)", f"{UPSCALE}:latent_bicubic", latent=True),
    UpscalerSpec(
        "Latent (bicubic antialiased)", f"{UPSCALE}:latent_bicubic_antialiased", latent=True
    ),
    UpscalerSpec("Latent (nearest)", f"{UPSCALE}:latent_nearest", latent=True),
    UpscalerSpec("Latent (nearest-exact)", f"{UPSCALE}:latent_nearest_exact", latent=True),
    UpscalerSpec(NOT_ENLARGED, f"{UPSCALE}:resized"),
    UpscalerSpec("Lanczos", f"{UPSCALE}:lanczos"),
    UpscalerSpec("Nearest", f"{UPSCALE}:nearest"),
)
