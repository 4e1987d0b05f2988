#!/usr/bin/env bash
# the report in a real headless Chromium
if command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null; then
  "$PY" -m pytest -m browser
else
  echo "no Chromium on this machine; the browser tests did not run"; exit 77
fi
