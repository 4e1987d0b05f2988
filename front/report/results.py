"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Document = Mapping[str, Any]


class Results(NamedTuple):
    """What a report is made of; each part may be absent."""

    forecast: Document | None = None
    """A ``muxcast-forecast`` document."""
    validation: Document | None = None
    """A ``muxcast-validation`` of that forecast."""
    forecast_new: Document | None = None
    """A forecast of new questions, where ``forecast`` is of the pilot's own."""
    validation_new: Document | None = None
    """A validation of ``forecast_new``."""
    replay: Document | None = None
    """A ``muxcast-replay`` document."""
    plan: Document | None = None
    """A ``muxcast-plan`` document."""
    evidence: Document | None = None
    """A pool taken apart on a log (`muxcast.simulate.anatomy`): attribution, steps, reliability."""
    provenance: Document | None = None
    """Names and values to record: versions, seeds, hashes of files. Nested one level at most."""
