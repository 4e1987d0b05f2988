"""Write docs/examples/lm-eval: recorded answers of the example pool in the files of `lm_eval --log_samples`.

The answers are real (see front/data/example_pool.toml), four a question; the harness did not draw them. Every row has
the keys that lm_eval 0.4.13 writes. Run from the repository root: ``python docs/generate_lm_eval_example.py``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from muxcast.example import example_pool
from muxcast.simulate.atomic import write_text

FOLDER = Path(__file__).parent / "examples" / "lm-eval"
SAMPLES, TIME = 4, "2026-11-23T10-00-00.000000"
ASKED = {"capitals": "What is the capital of {}?", "past_tense": "What is the past tense of {}?"}


def rows_of(task: str, model: str) -> list[dict]:
    pool = example_pool().rows
    answers = pool[(pool["task"] == task) & (pool["model"] == model) & (pool["sample"] < SAMPLES)]
    rows = []
    for number, (question, drawn) in enumerate(answers.sort_values("sample").groupby("question", sort=True)):
        gold = str(drawn["reference"].iloc[0])
        asked = ASKED[task].format(str(question).replace("_", " "))
        doc = {"question": asked, "answer": gold}
        texts = ["" if text is None or text != text else f" {text}" for text in drawn["answer"]]
        settings = {"until": ["\n"], "do_sample": True, "temperature": 0.8, "max_gen_toks": 16}
        rows.append(
            {
                "doc_id": number,
                "doc": doc,
                "target": gold,
                "arguments": {"gen_args_0": {"arg_0": f"Q: {asked}\nA:", "arg_1": settings}},
                "resps": [texts],
                "filtered_resps": [texts[0]],
                "filter": "none",
                "metrics": ["exact_match"],
                "doc_hash": hashlib.sha256(json.dumps(doc).encode()).hexdigest(),
                "exact_match": float(drawn["correct"].iloc[0]),
            }
        )
    return rows


def main() -> None:
    for model in ("gemma", "qwen", "smollm2"):
        folder = FOLDER / model
        folder.mkdir(parents=True, exist_ok=True)
        for task in ASKED:
            text = "".join(json.dumps(row) + "\n" for row in rows_of(task, model))
            write_text(folder / f"samples_{task}_{TIME}.jsonl", text)


if __name__ == "__main__":
    main()
