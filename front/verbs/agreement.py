"""`muxcast agreement`: what a pilot without reference answers can say."""

from __future__ import annotations

import click

from .options import json_option, parse_pools, parse_samples, pools_option, samples_option, seed_option

HONESTY = (
    "quality is estimated from agreement: the order of the models is usually right, the level is too high "
    "wherever models share mistakes, and no unlabelled log can show by how much"
)


@click.command("agreement")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@samples_option
@pools_option
@click.option("--forecast/--no-forecast", default=True, show_default=True, help="Forecast the pools' agreement.")
@click.option("--out", metavar="FILE", help="Write the log marked by agreement, for the other verbs.")
@seed_option
@json_option
def command(logs, samples, pools, forecast, out, seed, json_out):
    """Model quality and agreement from a log without reference answers.

    Labels are not used even where the log has them (an unlabelled log has
    `correct` false throughout). The forecast is of agreement with the pool's
    own consensus, formed on half of the samples: it is not accuracy.

    \b
    Examples:
      muxcast agreement unlabelled.parquet
      muxcast agreement unlabelled.parquet --samples 1,2,4,8 --json agreement.json
      muxcast agreement unlabelled.parquet --out marked.parquet
      muxcast replay test.parquet --tie-break marked.parquet
    """
    from ..simulate.logfile import read_log, write_log
    from ..simulate.unlabelled import agreement, consensus_split, estimate_quality, labelled_by_agreement
    from ..terminal import note, points, table, write_json

    wanted, chosen = parse_samples(samples), parse_pools(pools)
    log = read_log(*logs)
    quality = estimate_quality(log, seed=seed)
    pairs = agreement(log)
    cells = _forecast(consensus_split(log, seed)[1], wanted, chosen, seed) if forecast else []
    if out:
        write_log(labelled_by_agreement(log, quality), out)
    if json_out:
        write_json(_json(log, quality, pairs, cells, seed), json_out)
    if json_out == "-":
        return
    order = sorted(range(len(quality.models)), key=lambda i: -quality.accuracy[i])
    rows = []
    for i in order:
        others = [pairs.between[i, j] for j in order if j != i]
        within = None if pairs.within[i] != pairs.within[i] else float(pairs.within[i])
        rows.append(
            (
                quality.models[i],
                points(quality.accuracy[i]),
                points(quality.sd[i]),
                points(within),
                points(sum(others) / len(others)),
                points(quality.blank[i]),
            )
        )
    table(
        f"{len(quality.answer)} questions without labels, percent",
        ["model", "quality", "sd", "self", "others", "blank"],
        rows,
        caption="quality: estimated accuracy if models err apart. self, others: chance that two samples agree.",
    )
    if cells:
        best = sorted(cells, key=lambda cell: -cell["agreement"]["mean"])[:8]
        table(
            "Forecast agreement with the consensus, percent (not accuracy)",
            ["models", "rule", "k", "agreement", "lower", "upper"],
            [
                (
                    "+".join(cell["models"]),
                    cell["rule"],
                    cell["samples"],
                    *[points(cell["agreement"][name]) for name in ("mean", "lower", "upper")],
                )
                for cell in best
            ],
        )
    note(f"note: {HONESTY}")


def _forecast(marked, samples, pools, seed) -> list[dict]:
    from ..simulate.calibration import calibrate
    from ..simulate.forecast import forecast

    found = forecast(calibrate(marked, seed=seed), samples=samples, pools=pools, seed=seed).to_json()
    return [
        {**{name: cell[name] for name in ("rule", "models", "samples")}, "agreement": cell["accuracy"]}
        for cell in found["cells"]
    ]


def _json(log, quality, pairs, cells, seed) -> dict:
    def figure(value: float) -> float | None:
        return None if value != value else float(value)

    models = quality.models
    return {
        "format": "muxcast-agreement",
        "version": 1,
        "seed": seed,
        "log": {"tasks": log.tasks, "questions": len(quality.answer), "models": models},
        "honesty": HONESTY,
        "quality": {
            name: {
                "accuracy": float(quality.accuracy[i]),
                "sd": figure(quality.sd[i]),
                "blank": float(quality.blank[i]),
                "agrees_with_itself": figure(pairs.within[i]),
                "agrees_with": {other: figure(pairs.between[i, j]) for j, other in enumerate(models) if j != i},
            }
            for i, name in enumerate(models)
        },
        "consensus": [
            {"task": task, "question": question, "answer": answer or None, "probability": float(sure)}
            for (task, question), answer, sure in zip(
                log.common_questions(), quality.answer, quality.confidence, strict=True
            )
        ],
        "cells": cells,
    }
