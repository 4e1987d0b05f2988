#!/usr/bin/env bash
# slow tests, and the browser's where Chromium is installed
"$PY" -m pytest -m slow
if command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null; then
  "$PY" -m pytest -m browser
else
  echo "no Chromium on this machine; the browser tests did not run"; exit 77
fi
