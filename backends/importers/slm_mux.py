"""Response files of the SLM-MUX authors: what their ``collect`` commands write, one JSON file a model.

Both repositories' layouts: ``responses[].samples[]`` (several samples a question), and one ``model_response``
a question. Answers are read again from the responses: the extractors that wrote ``extracted_answer`` take
"The answer depends" for D, "1,200" for 1, and compare GSM8K answers with whole rationales.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...simulate.errors import BadInput
from ..tasks.question_files import short_id
from .foreign import Foreign, files_in


def read(paths: Sequence[Path]) -> tuple[list[Foreign], list[str]]:
    """The samples of response files, and notes.

    Raises:
        BadInput: not such a file, or one of tasks whose answers are programs or whole texts.
    """
    samples: list[Foreign] = []
    for path in files_in(paths, ("*.json",), "response files"):
        if path.name == "run_meta.json":
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise BadInput(f"{path}: not readable as JSON ({error}); name the files that collect wrote") from None
        responses = content.get("responses") or content.get("results") if isinstance(content, dict) else None
        if not isinstance(responses, list) or not responses:
            raise BadInput(f"{path}: has no 'responses'; name the files that collect wrote, one a model")
        temperature = content.get("temperature")
        for number, response in enumerate(responses, 1):
            samples += _samples(response, content, temperature, f"{path}: response {number}")
    return samples, []


def _samples(response: Any, content: dict[str, Any], temperature: Any, place: str) -> list[Foreign]:
    if not isinstance(response, dict):
        raise BadInput(f"{place}: not an object; name the files that collect wrote")
    if "prompt" in response and "question" not in response and "problem" not in response:
        raise BadInput(f"{place}: a HumanEval or IFEval response; their answers are programs or texts, not answers")
    question = response.get("problem") or response.get("question")
    gold = next((response[key] for key in ("reference_answer", "correct_answer", "answer") if response.get(key)), None)
    model = response.get("model") or content.get("model")
    if not question or gold is None or not model:
        raise BadInput(f"{place}: lacks its question, gold answer or model; name the files that collect wrote")
    choices = tuple(str(choice) for choice in response.get("choices") or ())
    task = "math" if "problem" in response else "gpqa" if choices else "gsm8k"
    parts = response.get("samples")
    found = []
    for part in parts if isinstance(parts, list) else [response]:
        usage = part.get("token_usage")
        used = usage if isinstance(usage, dict) else {}
        found.append(
            Foreign(
                task,
                short_id(str(question)),
                str(model),
                (str(gold),),
                part.get("model_response"),
                part.get("extracted_answer"),
                correct=part.get("is_correct"),
                choices=tuple(_bare(choice, i) for i, choice in enumerate(choices)),
                prompt_tokens=used.get("prompt_tokens"),
                completion_tokens=used.get("completion_tokens"),
                temperature=temperature,
                place=place,
            )
        )
    return found


def _bare(choice: str, place: int) -> str:
    """An option without the letter that the authors put before it ("A 14")."""
    return choice.strip().removeprefix(f"{chr(ord('A') + place)} ").strip()
