"""`muxcast cluster`: open-ended answers become clusters of equivalent ones."""

from __future__ import annotations

from pathlib import Path

import click

from .options import json_option


@click.command("cluster")
@click.argument("logs", nargs=-1, required=True, metavar="LOG...")
@click.option("--by", default="exact", show_default=True, help="exact, math, code, embedding or embedding:0.85.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Log with clustered answers.")
@json_option
def command(logs, by, out, json_out):
    """Replace open-ended answers by the medoids of their clusters.

    Programs and sentences are hardly ever equal as strings. Within every
    question the answers of all models are clustered, and each answer is
    replaced by its cluster's medoid, so that replay, forecast and search count
    equivalent answers as one.

    \b
    Examples:
      muxcast cluster humaneval.parquet --by code --out clustered.parquet
      muxcast cluster essays.parquet --by embedding:0.85 --out clustered.parquet
    """
    from ..backends.equivalence import cluster_log, equivalence_named
    from ..simulate.logfile import read_log, write_log
    from ..terminal import note, write_json

    equivalence = equivalence_named(by)
    log = read_log(*logs)
    merged = cluster_log(log, equivalence)
    write_log(merged, out)
    note(merged.notes[-1])
    if json_out:
        before, after = log.accuracy(), merged.accuracy()
        write_json(
            {
                "format": "muxcast-clusters",
                "version": 1,
                "equivalence": equivalence.name,
                "threshold": equivalence.threshold,
                "questions": len(log.questions),
                "answers": int(
                    log.rows.dropna(subset="answer").groupby(["task", "question"])["answer"].nunique().sum()
                ),
                "clusters": int(
                    merged.rows.dropna(subset="answer").groupby(["task", "question"])["answer"].nunique().sum()
                ),
                "accuracy_before": before,
                "accuracy_after": after,
                "note": merged.notes[-1],
            },
            json_out,
        )
