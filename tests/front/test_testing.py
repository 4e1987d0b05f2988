"""The public testing kit and `muxcast check-rule`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from muxcast.cli import cli
from muxcast.simulate.rules import rule_named
from muxcast.testing import answer_logs, answer_tables, assert_axioms, populations, ragged_pools


@settings(max_examples=30, deadline=None)
@given(answer_tables(), ragged_pools())
def test_tables_have_the_samples_they_say(even, ragged):
    assert len(set(np.asarray(even.samples).tolist())) == 1
    for table in (even, ragged):
        assert ((table.order >= -1).sum(-1) == table.samples).all()
        assert len(set(table.accuracy.tolist())) == len(table.accuracy)


@settings(max_examples=20, deadline=None)
@given(populations(), answer_logs())
def test_populations_sum_to_one_and_logs_are_checked(world, log):
    p, blank = world
    assert np.allclose(p.sum(-1) + blank, 1)
    assert (log.counts().samples > 0).all()


def test_assert_axioms_passes_and_fails_in_plain_words():
    assert_axioms(rule_named("mux"), "unanimity", "given")
    with pytest.raises(AssertionError, match=r"agent-forest breaks 1 of 1 axioms(.|\n)*validation accuracy"):
        assert_axioms(rule_named("agent-forest"), "one-sample")


def test_check_rule_names_the_axiom_and_exits_1(tmp_path, monkeypatch):
    (tmp_path / "planted_rule.py").write_text(
        "from muxcast.simulate.rules.protocol import modes\n"
        "def pooled(answers, key):\n    return modes(answers.counts.sum(0))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    target = tmp_path / "out.json"
    arguments = ["check-rule", "planted_rule:pooled", "--axioms", "one-sample,unanimity", "--json", str(target)]
    run = CliRunner().invoke(cli, arguments)
    assert run.exit_code == 1
    assert "most accurate model" in run.output and "the rule returns" in run.output
    kept = {row["name"]: row["kept"] for row in json.loads(target.read_text())["axioms"]}
    assert kept == {"one-sample": False, "unanimity": True}
    kind = CliRunner().invoke(cli, [*arguments[:4], "--strict", "unanimity"])
    assert kind.exit_code == 1 or "broken" in kind.output


def test_a_rule_that_cannot_be_loaded_is_bad_input():
    for name in ("no_such_module_here:rule", "json:no_such_rule", "muxx"):
        run = CliRunner().invoke(cli, ["check-rule", name])
        assert run.exit_code != 0 and run.exception is not None
