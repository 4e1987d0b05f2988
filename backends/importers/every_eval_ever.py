"""Instance files of Every Eval Ever (schema instance_level_eval 0.2): JSON Lines, one answered question a row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput
from .foreign import Foreign, files_in, json_rows, needed

_KEYS = ("schema_version", "model_id", "evaluation_name", "sample_id", "interaction_type", "input", "evaluation")


def read(paths: Sequence[Path]) -> tuple[list[Foreign], list[str]]:
    """The samples of instance files, and notes. Rows of one question and model are its samples.

    Raises:
        BadInput: not such a file, or conversations, whose answer no single completion holds.
    """
    samples: list[Foreign] = []
    failed = 0
    for path in files_in(paths, ("*.jsonl",), "instance files"):
        for place, row in json_rows(path):
            needed(row, _KEYS, place, "Every Eval Ever instance file")
            if row["interaction_type"] != "single_turn":
                raise BadInput(
                    f"{place}: interaction_type {row['interaction_type']!r}; only single_turn answers can be "
                    "compared between models"
                )
            if row.get("error"):
                failed += 1
                continue
            samples += _samples(row, place)
    notes = [f"{failed} rows ended in an error and were left out (failed is not wrong)"] if failed else []
    return samples, notes


def _samples(row: dict[str, Any], place: str) -> list[Foreign]:
    output, asked = row.get("output") or {}, row["input"]
    raw = output.get("raw")
    texts = [raw] if isinstance(raw, str) else list(raw or [])
    if not texts:
        raise BadInput(f"{place}: 'output.raw' is empty; a single-turn row holds its responses there")
    golds = asked.get("reference") or []
    usage, speed = row.get("token_usage") or {}, row.get("performance") or {}
    tokens = usage.get("output_tokens")
    latency = speed.get("latency_ms")
    return [
        Foreign(
            str(row["evaluation_name"]),
            # by hash where there is one: "in case sample_id is not consistent", says the schema
            str(row.get("sample_hash") or row["sample_id"])[:16] if row.get("sample_hash") else str(row["sample_id"]),
            str(row["model_id"]),
            (golds,) if isinstance(golds, str) else tuple(map(str, golds)),
            text,
            correct=bool(row["evaluation"]["is_correct"]) if len(texts) == 1 else None,
            choices=tuple(asked.get("choices") or ()),
            prompt_tokens=usage.get("input_tokens"),
            completion_tokens=None if tokens is None else tokens // len(texts),
            latency_s=None if latency is None else latency / 1000,
            place=place,
        )
        for text in texts
    ]
