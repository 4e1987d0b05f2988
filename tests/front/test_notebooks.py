"""Notebooks run from top to bottom, are small, and teach: a prediction before the plot, exercises at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="the notebooks extra is not installed")

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def _read(path: Path):
    return nbformat.read(path, as_version=4)


def _outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def _id(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", NOTEBOOKS, ids=_id)
def test_it_is_kept_with_its_outputs_and_without_errors(path):
    notebook = _read(path)
    nbformat.validate(notebook)
    outputs = _outputs(notebook)
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=_id)
def test_its_pictures_are_small(path):
    pictures = [o["data"]["image/png"] for o in _outputs(_read(path)) if "image/png" in o.get("data", {})]
    assert all(len(picture) * 3 / 4 < 150_000 for picture in pictures)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=_id)
def test_it_asks_before_it_answers(path):
    text = "\n".join(cell.source for cell in _read(path).cells if cell.cell_type == "markdown")
    assert "**Predict" in text and "## Exercises" in text and "<summary>Solution</summary>" in text
    assert _read(path).cells[0].source.startswith(f"# {path.stem[0]} · ")


@pytest.mark.notebook
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=_id)
def test_it_runs_from_top_to_bottom(path, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="the notebooks extra is not installed")
    monkeypatch.setenv("MUXCAST_STILL", "1")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    place = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(_read(path), timeout=900, iopub_timeout=60, resources=place).execute()
