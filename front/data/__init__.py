"""Recorded data shipped with the package."""
