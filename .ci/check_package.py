"""What is in the wheel and the sdist: everything the package needs, and nothing else.

Usage: check_package.py DIST [BUILD_LOG]. DIST holds one wheel and one sdist, the wheel built from the sdist.
"""

import re
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {"front": "muxcast", "theory": "muxcast/theory", "simulate": "muxcast/simulate", "backends": "muxcast/backends"}
DATA = {".parquet", ".toml", ".txt", ".css", ".js", ".typed"}


def wanted() -> dict[str, str]:
    """Files of the rooms that a user needs, by their place in the sdist, with their place in the wheel."""
    found = {}
    for room, place in ROOMS.items():
        for path in (ROOT / room).rglob("*"):
            inside = path.relative_to(ROOT / room)
            typed = path.name == "py.typed"
            if path.is_file() and "__pycache__" not in inside.parts and (typed or path.suffix in DATA | {".py"}):
                found[f"{room}/{inside.as_posix()}"] = f"{place}/{inside.as_posix()}"
    return found


def only(paths: list[Path], kind: str) -> Path:
    if len(paths) != 1:
        sys.exit(f"expected one {kind}, found {[path.name for path in paths]}")
    return paths[0]


def main(dist: Path, log: Path | None) -> None:
    files = wanted()
    wheel = only(sorted(dist.glob("*.whl")), "wheel")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    faults = [f"the wheel lacks {name}" for name in sorted(set(files.values()) - held)]
    faults += [f"the wheel holds {name}, which the package lacks" for name in sorted(held - set(files.values()))]

    sdist = only(sorted(dist.glob("*.tar.gz")), "sdist")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    needed = {*files, "pyproject.toml", "README.md", "LICENSE"}
    faults += [f"the sdist lacks {name}" for name in sorted(needed - names)]
    rest = {name for name in names - needed if not re.match(r"(PKG-INFO|setup\.cfg|muxcast\.egg-info/)", name)}
    faults += [f"the sdist holds {name}" for name in sorted(rest)]

    if log is not None and (warned := re.findall(r".*(?:BuildBackendWarning|is absent from the).*", log.read_text())):
        faults += [f"the build warns: {line.strip()}" for line in warned]
    if faults:
        sys.exit("\n".join(faults))
    print(f"{wheel.name}: {len(held)} files, {wheel.stat().st_size / 1e6:.2f} MB; {sdist.name}: all of them")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
