"""What a server counts, for Prometheus."""

from __future__ import annotations

from typing import Any

from .asking import Reply


class Metrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        kept: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("muxcast_requests_total", "Chat requests by HTTP status.", ["status"], **kept)
        self.in_flight = Gauge("muxcast_requests_in_flight", "Chat requests being answered.", **kept)
        self.seconds = Histogram(
            "muxcast_question_seconds", "From question to decision.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120), **kept,
        )  # fmt: skip
        self.own_seconds = Histogram(
            "muxcast_overhead_seconds", "Of that, everything but waiting for models.",
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1), **kept,
        )  # fmt: skip
        self.wins = Counter("muxcast_answers_total", "Answers returned, by the model credited.", ["model"], **kept)
        self.failures = Counter("muxcast_model_failures_total", "Questions a model failed on.", ["model"], **kept)
        self.undecided = Counter("muxcast_undecided_total", "Questions to which nobody gave an answer.", **kept)
        self.tokens = Counter("muxcast_tokens_total", "Tokens by model and kind.", ["model", "kind"], **kept)
        self.confidence = Histogram(
            "muxcast_confidence", "Confidence of the answers returned.",
            buckets=(0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1), **kept,
        )  # fmt: skip

    def count(self, reply: Reply) -> None:
        """Count one question."""
        self.seconds.observe(reply.seconds)
        self.own_seconds.observe(reply.own_seconds)
        for model in reply.errors:
            self.failures.labels(model).inc()
        for model, usage in reply.usage().items():
            self.tokens.labels(model, "prompt").inc(usage["prompt_tokens"])
            self.tokens.labels(model, "completion").inc(usage["completion_tokens"])
        if reply.decision.model is None:
            self.undecided.inc()
        else:
            self.wins.labels(reply.decision.model).inc()
            self.confidence.observe(reply.decision.confidence)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)
