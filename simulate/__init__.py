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
        "validation": ["Validation", "read_forecast", "validate"],
    },
)
