"""A posterior as ArviZ sees it, for its diagnostics and plots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import BadInput

if TYPE_CHECKING:
    from .posterior import Posterior

_DIMS = {
    "logits": ["question", "channel"],
    "lines": ["task", "channel", "line"],
    "spread": ["task", "channel"],
    "own": ["kind", "scale"],
    "weights": ["task", "lump"],
    "centres": ["lump", "factor"],
    "widths": ["lump", "factor"],
}


def to_arviz(posterior: Posterior) -> Any:
    """The draws of the difficulty model as an ``arviz.InferenceData``, chains apart.

    Args:
        posterior: from `calibrate`.
    Returns:
        Group ``posterior`` with the fields of ``DifficultyDraws`` and ``blank`` (probability of a blank of models
        without a blank channel), dimensions chain, draw and those named in the fields; coordinates name tasks
        and models. The calibration's own diagnostics are among the attributes.
    Raises:
        BadInput: ArviZ is not installed.
    """
    try:
        import arviz
    except ImportError:
        raise BadInput("export to ArviZ: arviz is not installed; pip install 'arviz<1'") from None
    chains = int(posterior.diagnostics.get("chains", 1))

    def by_chain(draws: Any) -> Any:
        return draws.reshape(chains, -1, *draws.shape[1:])

    found = {name: by_chain(draws) for name, draws in posterior.difficulty._asdict().items() if name in _DIMS}
    found["blank"] = by_chain(posterior.blank_draws)
    plain = {name: value for name, value in posterior.diagnostics.items() if isinstance(value, int | float | str)}
    return arviz.from_dict(
        posterior=found,
        dims={**_DIMS, "blank": ["model"]},
        coords={"task": posterior.tasks, "model": posterior.models},
        posterior_attrs={"model": posterior.model, "seed": posterior.seed, **plain},
    )
