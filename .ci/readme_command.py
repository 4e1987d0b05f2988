"""Print one of the README's two set-up commands, so that CI runs exactly what a reader would paste."""

import re
import sys
from pathlib import Path

readme = Path(__file__).resolve().parents[1] / "README.md"
blocks = re.findall(r"```bash\n(.*?)```", readme.read_text(encoding="utf-8"), flags=re.DOTALL)
wanted = {"job": "muxcast quickstart", "tests": "pytest"}[sys.argv[1]]
found = [block.strip() for block in blocks if wanted in block and "-m venv" in block]
if len(found) != 1:
    sys.exit(f"README.md must hold exactly one command that makes a venv and runs {wanted!r}; found {len(found)}")
print(found[0])
