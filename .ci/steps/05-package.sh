#!/usr/bin/env bash
# what is in the wheel and the sdist, and how large an installation of the core is
"$PY" .ci/check_package.py "$SCRATCH/dist" "$SCRATCH/build.log"
python3 -m venv "$SCRATCH/core"
bare=$(du -sm "$SCRATCH/core" | cut -f1)
core="$SCRATCH/core/bin/python"
"$core" -m pip download -q -d "$SCRATCH/wheels" "$SCRATCH"/dist/*.whl
"$core" -m pip install -q --no-index --find-links "$SCRATCH/wheels" muxcast
fetched=$(du -sm "$SCRATCH/wheels" | cut -f1)
held=$(($(du -sm "$SCRATCH/core" | cut -f1) - bare))
echo "the core fetches $fetched MB and takes $held MB on disk"
[ "$fetched" -lt 400 ] || { echo "the core fetches more than 400 MB:"; du -sm "$SCRATCH"/wheels/* | sort -rn | head; exit 1; }
cd "$SCRATCH" && "$core" -c "import muxcast.plots, muxcast.report, muxcast.theory, muxcast.simulate, muxcast.backends"
