"""Run the notebooks from top to bottom and keep their outputs: all of them, or those named by their first digits.

    python .ci/execute_notebooks.py [1 5 6]

Sliders are left as still pictures. Says how long each took. Needs the extras `notebooks` and `test`.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import nbclient
import nbformat

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def main(wanted: list[str]) -> None:
    os.environ.update(MUXCAST_STILL="1", MPLBACKEND="module://matplotlib_inline.backend_inline")
    for path in sorted(FOLDER.glob("*.ipynb")):
        if wanted and path.name[0] not in wanted:
            continue
        notebook = nbformat.read(path, as_version=4)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as place:
            nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": place}}).execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # times of day, new in every run
        notebook.metadata.pop("widgets", None)
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
