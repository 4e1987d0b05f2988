#!/usr/bin/env bash
# the notebooks, from a clean environment that has the wheel and nothing of the checkout
python3 -m venv "$SCRATCH/notebooks"
"$SCRATCH/notebooks/bin/python" -m pip install -q "$(ls "$SCRATCH"/dist/*.whl)[notebooks,test]"
"$SCRATCH/notebooks/bin/python" -m pytest -m notebook tests/front/test_notebooks.py
