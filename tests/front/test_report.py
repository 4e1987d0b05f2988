"""The report is one file that needs nothing else, says what was found, and trusts no name it is given."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

import muxcast
from muxcast.cli import cli
from muxcast.report import report_folder, write_report
from muxcast.simulate.answers import AnswerLog

VOID = {"meta", "link", "input", "br", "img", "hr"}


class Page(HTMLParser):
    """Collects tags, ids, text and what lies open at the end."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def run(tmp_path, documents) -> Path:
    for name, content in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path


def page_of(folder: Path) -> tuple[str, Page]:
    text = report_folder(folder).read_text(encoding="utf-8")
    return text, Page(text)


def test_the_page_is_well_formed_and_its_ids_are_unique(run):
    _, page = page_of(run)
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    used = {attrs[key][1:] for _, attrs in page.tags for key in ("href",) if (attrs.get(key) or "").startswith("#")}
    assert used <= set(ids)


def test_the_page_asks_for_nothing_from_outside(run):
    text, page = page_of(run)
    for _, attrs in page.tags:
        for key in ("src", "href", "action", "data"):
            assert (attrs.get(key) or "#").startswith(("#", "data:"))
    assert "@import" not in text and not re.search(r"url\((?!#)", text)
    assert [attrs for tag, attrs in page.tags if tag == "script"] == [{}]


def test_names_from_a_log_cannot_become_markup(run):
    text, page = page_of(run)
    assert '<script>alert("b")' not in text and "<b>for</b>" not in text and "<i>" not in text
    assert any('bee <script>alert("b")</script>' in word for word in page.words)


def test_every_plan_is_listed_and_the_recommended_one_is_marked(run, documents):
    _, page = page_of(run)
    rows = [attrs for tag, attrs in page.tags if tag == "tr" and "data-rule" in attrs]
    assert len(rows) == len(documents["forecast"]["cells"])
    assert sum(attrs.get("class") == "recommended" for attrs in rows) == 1


def test_figures_are_named_for_screen_readers(run):
    _, page = page_of(run)
    drawings = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(drawings) == 5 and all(attrs.get("role") == "img" and attrs.get("aria-label") for attrs in drawings)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_verdict_is_said_in_words(run, documents):
    documents["validation"]["verdict"] = "refuted"
    write_report(run / "r.html", **documents)
    assert "The forecast refuted" in re.sub(r"\s+", " ", "".join(Page((run / "r.html").read_text()).words))


def test_what_was_read_is_recorded_with_its_hash(run):
    text, _ = page_of(run)
    assert hashlib.sha256((run / "forecast.json").read_bytes()).hexdigest() in text


def test_the_pool_is_taken_apart_where_a_log_lies_in_the_folder(tmp_path, small_rows):
    log = AnswerLog.from_rows(small_rows)
    muxcast.write_log(log, tmp_path / "answers.parquet")
    replay = muxcast.replay(log, samples=[1, 2]).to_json()
    (tmp_path / "replay.json").write_text(json.dumps(replay), encoding="utf-8")
    _, page = page_of(tmp_path)
    assert {"figure-gain", "figure-attribution", "figure-reliability"} <= {a.get("id") for _, a in page.tags}


def test_answers_and_names_of_a_log_cannot_become_markup(tmp_path, small_rows):
    """The log is what strangers wrote: models, tasks and answers alike."""
    rows = small_rows.assign(task="<img src=x onerror=alert(1)>")
    rows["model"] = "<script>" + rows["model"].astype(str) + "</script>"
    rows["answer"] = "</script><script>alert(" + rows["answer"].astype(str) + ")</script>"
    rows.loc[~rows["correct"] & (rows["sample"] == 0), "answer"] = None
    log = AnswerLog.from_rows(rows)
    muxcast.write_log(log, tmp_path / "answers.parquet")
    (tmp_path / "replay.json").write_text(json.dumps(muxcast.replay(log, samples=[1, 2]).to_json()), encoding="utf-8")
    _, page = page_of(tmp_path)
    assert sum(tag == "script" for tag, _ in page.tags) == 1 and not any(tag == "img" for tag, _ in page.tags)
    assert any("<script>" in word for word in page.words)


def test_the_same_results_give_the_same_page(run):
    assert page_of(run)[0] == page_of(run)[0]


def test_a_folder_without_results_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(muxcast.BadInput, match=r"holds none of forecast\.json"):
        CliRunner().invoke(cli, ["report", str(tmp_path)], catch_exceptions=False, standalone_mode=False)
    assert list(tmp_path.iterdir()) == []


def test_the_verb_says_where_the_page_is_and_keeps_a_recorded_provenance(run):
    (run / "provenance.json").write_text(json.dumps({"machine": "an <abacus>", "model": [{"name": "ant", "bits": 4}]}))
    found = CliRunner().invoke(cli, ["report", str(run), "--json", "-"], catch_exceptions=False)
    assert Path(json.loads(found.stdout)["report"]) == run / "report.html"
    text = (run / "report.html").read_text(encoding="utf-8")
    assert "an &lt;abacus&gt;" in text and "model: ant" in text and "bits: 4" in text


def test_a_garbled_file_is_named(run):
    (run / "plan.json").write_text("{", encoding="utf-8")
    with pytest.raises(muxcast.BadInput, match=r"plan\.json: not a readable JSON file"):
        report_folder(run)
