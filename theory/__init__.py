"""Laws: pure functions of arrays in JAX (or NumPy, see ``arrays``), in float64.

Accuracies are differences of products of many probabilities and are compared with brute force to
1e-12, which float32 cannot hold; so 64-bit numbers are switched on once, here, before any array exists.
"""

import jax
import lazy_loader

jax.config.update("jax_enable_x64", True)

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "blanks": ["confidence_scale", "dropped_known", "dropped_logged", "dropped_posterior", "on_scale"],
        "bounds": ["Bounds", "contradiction", "mux_bounds", "paper_objective", "union_accuracy"],
        "composed_accuracy": [
            "agent_forest_approximation",
            "agent_forest_errors",
            "approximation_errors",
            "composed_accuracy",
            "mux_approximation",
            "type_gain",
        ],
        "consistency": [
            "ModeLaw",
            "at_most",
            "mode_accuracy",
            "mode_law_known",
            "mode_law_logged",
            "mode_law_posterior",
        ],
        "coverage": ["CoverageLaw", "coverage_after", "fit_coverage", "pass_at_k"],
        "distractors": ["Distractors", "World", "agreement_when_wrong", "answers", "worlds_of_draws"],
        "gain": ["Gain", "account_of_gain"],
        "limits": [
            "Plateau",
            "best_vote_samples",
            "enough_samples",
            "mode_error_bound",
            "rival_bound",
            "samples_for_mode",
        ],
        "pools": ["pool_accuracy", "pool_accuracy_per_question", "pool_cost", "pool_expectation", "pool_masks"],
        "populations": ["IndependentBeta", "LogisticNormal", "Population", "TypeMixture", "u_shaped"],
        "selection": ["MuxLaw", "mux_accuracy", "mux_accuracy_uneven", "mux_chosen_uneven", "mux_law"],
        "sensitivity": ["Sensitivity", "one_more_sample", "raise_correct"],
        "tables": ["laws_of_counts", "sweep_of_counts"],
        "votes": ["plurality_accuracy"],
    },
)
