"""The four forms of `mplp-lsp check`."""

from __future__ import annotations

import json

from mplp_lsp.cli.formats import FORMS
from mplp_lsp.cli.report import Outcome, RelatedReport, Report, Span
from mplp_lsp.cli.style import Style
from mplp_runtime.rules.findings import Severity

PLAIN = Style(colour=False)


def report(**changes: object) -> Report:
    values: dict[str, object] = {
        "severity": Severity.ERROR,
        "code": "value-not-allowed",
        "message": "`status` is `pendng`.",
        "span": Span("plans/a.plan.json", 3, 13, 3, 21),
        "source_line": '  "status": "pendng",\n',
    }
    return Report(**{**values, **changes})  # type: ignore[arg-type]


def outcome(*reports: Report) -> Outcome:
    return Outcome(reports, documents=2)


def test_a_code_frame_marks_exactly_the_range() -> None:
    lines = FORMS["text"](outcome(report()), PLAIN).splitlines()
    assert lines[0] == "error[value-not-allowed]: `status` is `pendng`."
    assert lines[1] == " --> plans/a.plan.json:3:13"
    assert lines[3] == '3 |   "status": "pendng",'
    assert lines[4] == "  |             ^^^^^^^^"


def test_related_places_stand_below_the_frame() -> None:
    other = RelatedReport("The first one is here.", Span("plans/b.plan.json", 7, 5, 7, 9))
    text = FORMS["text"](outcome(report(related=(other,))), PLAIN)
    assert "  = The first one is here. (plans/b.plan.json:7:5)" in text


def test_the_last_line_counts_what_was_found() -> None:
    text = FORMS["text"](outcome(report(), report(severity=Severity.HINT)), PLAIN)
    assert text.splitlines()[-1] == "1 error, 1 hint in 1 of 2 documents."


def test_nothing_to_report_is_said_too() -> None:
    assert FORMS["text"](Outcome((), 1), PLAIN) == "1 document checked, nothing to report.\n"


def test_a_document_cannot_steer_the_terminal() -> None:
    text = FORMS["text"](outcome(report(message="bad \x1b[2J word", source_line="\x1b]0;title\x07")), PLAIN)
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_line_of_a_megabyte_shows_only_the_marked_part() -> None:
    line = "x" * 500_000 + "HERE" + "y" * 500_000
    text = FORMS["text"](
        outcome(report(source_line=line, span=Span("a.json", 1, 500_001, 1, 500_005))), PLAIN
    )
    frame = text.splitlines()[3:5]
    assert "HERE" in frame[0]
    assert frame[0].index("HERE") == frame[1].index("^^^^")
    assert all(len(line) < 200 for line in text.splitlines())


def test_json_keeps_lone_surrogates_readable_for_programs() -> None:
    document = json.loads(FORMS["json"](outcome(report(message="\ud800")), PLAIN))
    assert document["findings"][0]["message"] == "\ud800"
    assert document["summary"] == {"documents": 2, "errors": 1, "warnings": 0, "notes": 0, "hints": 0}


def test_github_annotations_escape_what_would_end_them() -> None:
    text = FORMS["github"](
        outcome(report(message="50% of\nthis", span=Span("a,b:c.json", 1, 1, 1, 2))), PLAIN
    )
    assert text == (
        "::error file=a%2Cb%3Ac.json,line=1,col=1,endLine=1,endColumn=2,"
        "title=value-not-allowed::50%25 of%0Athis\n"
    )


def test_sarif_has_a_rule_for_each_result() -> None:
    document = json.loads(FORMS["sarif"](outcome(report()), PLAIN))
    run = document["runs"][0]
    result = run["results"][0]
    assert document["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "value-not-allowed"
    assert result["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 3,
        "startColumn": 13,
        "endLine": 3,
        "endColumn": 21,
    }


def test_the_threshold_counts_what_is_at_least_as_severe() -> None:
    found = outcome(report(severity=Severity.INFORMATION))
    assert found.reaches(Severity.HINT)
    assert found.reaches(Severity.INFORMATION)
    assert not found.reaches(Severity.WARNING)
    assert not found.reaches(None)


def test_marks_stand_under_what_they_mark_where_characters_are_two_columns_wide() -> None:
    line = '  "title": "計画", "status": "pendng",\n'
    start = line.index('"pendng"') + 1
    lines = FORMS["text"](
        outcome(report(source_line=line, span=Span("a.plan.json", 3, start, 3, start + 8))), PLAIN
    ).splitlines()
    assert lines[4].index("^") == lines[3].index('"pendng"') + 2
    wide = FORMS["text"](
        outcome(report(source_line=line, span=Span("a.plan.json", 3, 12, 3, 16))), PLAIN
    ).splitlines()
    assert wide[4].count("^") == 6


def test_a_text_that_turns_its_direction_around_is_shown_as_it_is_written() -> None:
    shown = FORMS["text"](outcome(report(source_line='"\u202egnp.tide"\n', message="\u2066x")), PLAIN)
    assert not {"\u202e", "\u2066"} & set(shown)
