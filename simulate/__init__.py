"""Worlds and judgements: answer logs, replay, calibration, forecasts, search and validation."""
