"""What the site is built with besides its pages: a navigation in reading order, and the command reference."""

from __future__ import annotations

import ast
import json
import tempfile
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ORDER = {
    "Start": ["index.md", "tutorial.md", "limits.md", "notebooks.md"],
    "How to": [],
    "Theory and method": ["theory.md", "forecasts.md", "plans.md", "paper.md", "rules.md", "search.md", "compare.md"],
    "Backends": ["sampling.md", "tasks.md", "logs.md", "open_ended.md", "clusters.md", "serving.md"],
    "Reference": [
        "reference/command-line.md",
        "reference/python.md",
        "reference/theory.md",
        "reference/simulate.md",
        "reference/backends.md",
        "reference/plots.md",
        "reference/testing.md",
    ],
    "Project": ["design.md", "comparison.md", "install.md"],
}
"""Pages in reading order; a section takes the further pages of its folder, and Project those nobody placed."""


ROOT = Path(__file__).resolve().parents[1]
ROOMS = {
    "theory": "Laws: pure functions of arrays. Accuracies are fractions, not percent.",
    "simulate": "Answer logs, rules, replay, calibration, forecasts, search, plans, validation. The names that "
    "`muxcast` itself offers are described under [Python](python.md).",
    "backends": "Where answers come from: pools, engines, tasks, the store, sampling.",
}
"""What is said above the reference of each room."""


@event_priority(100)  # before the reference's handler is made
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Show the reference the package as it is installed: the rooms inside the front door's folder."""
    root = Path(config["config_file_path"]).parent
    package = Path(tempfile.mkdtemp(prefix="muxcast-docs-")) / "muxcast"
    package.mkdir()
    for part in [*(root / "front").iterdir(), *(root / room for room in ("theory", "simulate", "backends"))]:
        (package / part.name).symlink_to(part)
    handlers = config["plugins"]["mkdocstrings"].config["handlers"]
    handlers["python"]["paths"] = [str(package.parent)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the command reference, then order the pages that are there."""
    files.append(File.generated(config, "reference/command-line.md", content=command_reference()))
    for room in ROOMS:
        files.append(File.generated(config, f"reference/{room}.md", content=room_reference(room)))
    here = [file.src_uri for file in files.documentation_pages()]
    placed = {page for pages in ORDER.values() for page in pages}
    howto = sorted(page for page in here if page.startswith("howto/"))
    others = sorted(page for page in here if page not in placed and not page.startswith("howto/"))
    extra = {"How to": howto, "Project": others}
    nav = [{name: [page for page in pages if page in here] + extra.get(name, [])} for name, pages in ORDER.items()]
    config["nav"] = [section for section in nav if next(iter(section.values()))]
    return files


def public_names(init: Path) -> dict[str, list[str]]:
    """Module to public names, as an ``__init__.py`` with a lazy loader lists them."""
    for node in ast.walk(ast.parse(init.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "submod_attrs":
            return ast.literal_eval(node.value)
    raise LookupError(f"{init} lists no public names")


def room_reference(room: str) -> str:
    """Every public name of a room, by module, except those that the front door offers and python.md describes."""
    front = public_names(ROOT / "front" / "__init__.py")
    text = f"# muxcast.{room}\n\n{ROOMS[room]}\n"
    for module, names in sorted(public_names(ROOT / room / "__init__.py").items()):
        rest = [name for name in names if name not in front.get(f"{room}.{module}", [])]
        if rest:
            text += f"\n## {module.replace('_', ' ')}\n"
            text += "".join(f"\n::: muxcast.{room}.{module}.{name}\n" for name in rest)
    return text


def command_reference() -> str:
    """Every verb's help, as the terminal shows it."""
    from muxcast.cli import VERBS, cli

    text = "# Command line\n\nExit codes: 0 done, 1 a check said no, 2 bad input or usage, 130 interrupted.\n"
    top = click.Context(cli, info_name="muxcast")
    for verb in VERBS:
        try:
            command = cli.get_command(top, verb)
        except ModuleNotFoundError:  # a verb of an extra that is not installed
            continue
        assert command is not None
        shown = command.get_help(click.Context(command, parent=top, info_name=verb))
        text += f"\n## muxcast {verb}\n\n```text\n{shown}\n```\n"
    return text


def on_page_markdown(markdown: str, page, **_) -> str:
    """Notebooks live in the repository beside the documentation; the page lists them by their titles."""
    if page.file.src_uri != "notebooks.md":
        return markdown
    folder = Path(page.file.abs_src_path).parents[1] / "notebooks"
    rows = [f"| {_title(path)} | `{path.name}` |" for path in sorted(folder.glob("*.ipynb"))]
    return markdown.replace("<!-- list -->", "\n".join(["| notebook | file |", "|---|---|", *rows]))


def _title(notebook: Path) -> str:
    first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]["source"]
    return "".join(first).partition("\n")[0].removeprefix("# ")
