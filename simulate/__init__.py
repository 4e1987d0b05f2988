"""Worlds and judgements: answer logs, replay, calibration, forecasts, search and validation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "anatomy": ["Anatomy", "anatomy"],
        "answers": ["AnswerCounts", "AnswerLog"],
        "atomic": ["whole_file", "write_text"],
        "calibration": ["MODELS", "calibrate"],
        "cells": ["Cell", "cells_of", "pools_in_order", "tie_break_order"],
        "choosing": ["Choice", "choose"],
        "errors": ["BadInput"],
        "forecast": ["Forecast", "forecast"],
        "logfile": ["read_log", "write_log"],
        "observing": ["Observed", "observe", "standard_error"],
        "posterior": ["Population", "Posterior"],
        "replay": ["Replay"],
        "axioms": ["AXIOMS", "check_axioms"],
        "scaling": ["where_more_hurts"],
        "search": ["HonestScore", "Search"],
        "cost": ["Cost", "Usage", "cost_of", "usage_of"],
        "pilot_size": ["PilotSize"],
        "plan": ["Plan", "pareto_front"],
        "prices": ["Prices", "read_prices"],
        "ready_worlds": ["WORLDS", "world_named"],
        "scores": ["coverage", "crps", "interval_score", "pit", "skill", "uniform_bands"],
        "simulation_based_calibration": ["SimulatedCalibration"],
        "unlabelled": ["agreement", "estimate_quality", "is_unlabelled"],
        "worlds": ["TokenLaw", "World", "draw_counts", "draw_log", "worlds_of"],
        "validation": ["Validation", "read_forecast", "validate"],
    },
)
