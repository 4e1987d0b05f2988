#!/usr/bin/env bash
# the documentation site, warnings as errors
"$PY" -m pip install -q '.[docs]'
"$PY" -m pytest -q tests/front/test_docs.py -k reference
"$PY" -m mkdocs build --strict -q -d "$SCRATCH/site"
if grep -rIlE '(src|href)="https?://[^"]*\.(js|css|woff2?)' "$SCRATCH/site"; then
  echo "the pages above load something from outside"; exit 1
fi
