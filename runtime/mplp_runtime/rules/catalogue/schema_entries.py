"""Codes of the habit and schema rules."""

from __future__ import annotations

from mplp_runtime.rules.catalogue.entry import FIRST, SECOND, Entry, Section, one

_ID = f'{{"plan_id": "{FIRST}"}}'
_TITLED = one('{"title": "Release"}')

_VERSION_1 = "123e4567-e89b-12d3-a456-426614174000"

HABIT_SECTION = Section(
    "Habits",
    "Spellings that come from elsewhere. Each is told instead of the schema's complaint about the same "
    "place.",
    (
        Entry(
            "key-not-snake-case",
            "error",
            "A key is written as in another language; MPLP writes its keys in snake_case. "
            "(The `governance` block is camelCase in the protocol itself.)",
            "Rename the key. A fix does it.",
            one(f'{{"planId": "{FIRST}"}}'),
            one(_ID),
        ),
        Entry(
            "key-blank",
            "error",
            "A key has blanks before or after it, so nobody finds it.",
            "Remove the blanks. A fix does it.",
            one('{" status": "draft"}'),
            one('{"status": "draft"}'),
        ),
        Entry(
            "id-upper-case",
            "error; warning where the schema takes any UUID",
            "An id is a UUID with upper-case letters. Ids are compared letter by letter and written in "
            "lower case.",
            "Write it in lower case. A fix does it.",
            one(f'{{"plan_id": "{FIRST.upper()}"}}'),
            one(_ID),
        ),
        Entry(
            "id-version-other",
            "warning",
            "An event names something by a UUID that is not of version 4. Its schema takes any UUID, but no "
            "plan, context or session can have such an id.",
            "Copy the id from the document it is to name. An id of its own gets a fresh UUID of version 4.",
            one(f'{{"event_type": "SACompleted", "sa_id": "{_VERSION_1}"}}', "event"),
            one(f'{{"event_type": "SACompleted", "sa_id": "{FIRST}"}}', "event"),
        ),
        Entry(
            "protocol-version-unsupported",
            "warning; information for a minor version",
            "The document claims a version of the protocol that is not the one checked here, 1.0.0.",
            "Write `1.0.0`. Where the document is meant for another version, expect that some of the "
            "findings "
            "do not hold there.",
            one('{"meta": {"protocol_version": "2.0.0"}}'),
            one('{"meta": {"protocol_version": "1.0.0"}}'),
        ),
    ),
)

SCHEMA_SECTION = Section(
    "Schema",
    "What the frozen schemas of protocol 1.0.0 ask of each document.",
    (
        Entry(
            "property-missing",
            "error",
            "An object lacks something it must have.",
            "Add the key that the message names. A fix adds it with a value to begin with; an id is a "
            "fresh one.",
            one('{"steps": [{"description": "Test"}]}'),
            one(
                '{"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},\n'
                f' "plan_id": "{FIRST}", "context_id": "{SECOND}",\n'
                ' "title": "Release", "objective": "Ship it", "status": "draft",\n'
                f' "steps": [{{"step_id": "{FIRST}", "description": "Test", "status": "pending"}}]}}'
            ),
        ),
        Entry(
            "property-unknown",
            "error",
            "A key is not known here, and the object may have no others.",
            "Correct the spelling (a fix does it where a known key is near), or remove it. Own data "
            "belongs into "
            "the open places: `meta.tags`, `root`, `constraints`, `config`, `attributes`.",
            one('{"titel": "Release"}'),
            _TITLED,
        ),
        Entry(
            "type-wrong",
            "error",
            "A value is of another kind than asked for: a number instead of text, say.",
            "Write the kind of value that the message names: text in quotes, numbers and `true` without, a "
            "list in "
            "`[ ]`, an object in `{ }`. Where only that is wrong, a fix does it.",
            one('{"title": 7}'),
            one('{"title": "7"}'),
        ),
        Entry(
            "value-not-allowed",
            "error",
            "Only certain words are allowed here, and this is none of them.",
            "Choose one of the words the message lists. A fix offers the one that was probably meant.",
            one('{"status": "pendng"}'),
            one('{"status": "proposed"}'),
        ),
        Entry(
            "const-mismatch",
            "error",
            "Exactly one value is allowed here: an event of the pipeline, say, names its own family.",
            "Write the value that the message names. A fix does it.",
            one('{"event_family": "intent"}', "pipeline-stage"),
            one('{"event_family": "pipeline_stage"}', "pipeline-stage"),
        ),
        Entry(
            "id-malformed",
            "error",
            "An id is no UUID of version 4 in lower case; the message says what exactly is wrong.",
            "Copy the id from what is meant. For something new, a fix makes a UUID and writes it wherever "
            "the "
            "document names this one.",
            one('{"plan_id": "plan-1"}'),
            one(_ID),
        ),
        Entry(
            "pattern-mismatch",
            "error",
            "A text does not have the form that is asked for: three numbers for a version, lower-case "
            "words joined "
            "by dots for the type of an event.",
            "Write `1.0.0` for a version, `step.started` for the type of an event inside a document. A fix "
            "does it "
            "where it is certain what was meant.",
            one('{"meta": {"schema_version": "v1"}}'),
            one('{"meta": {"schema_version": "1.0.0"}}'),
        ),
        Entry(
            "format-datetime",
            "error",
            "An instant is not written as RFC 3339 asks, with an offset.",
            "Write it as in `2025-12-06T12:00:00Z`. A fix adds what is missing where that is certain.",
            one('{"meta": {"created_at": "2025-12-06T12:00:00"}}'),
            one('{"meta": {"created_at": "2025-12-06T12:00:00Z"}}'),
        ),
        Entry(
            "format-email",
            "error",
            "A text is no e-mail address.",
            "Write it as in `ada@example.org`.",
            one('{"author_email": "ada"}', "git"),
            one('{"author_email": "ada@example.org"}', "git"),
        ),
        Entry(
            "format-uri",
            "error",
            "A text is no full URI.",
            "Write it with its scheme, as in `https://example.org/run/1`.",
            one('{"run_url": "example.org/run/1"}', "ci"),
            one('{"run_url": "https://example.org/run/1"}', "ci"),
        ),
        Entry(
            "format-uuid",
            "error",
            "A text is no UUID.",
            "Copy the id from what is meant; for something new a fix makes a UUID.",
            one('{"event_id": "event-1"}', "event"),
            one(f'{{"event_id": "{FIRST}"}}', "event"),
        ),
        Entry(
            "text-empty",
            "error",
            "A text that has to say something is empty.",
            "Write what it is called or about. A key that need not be there is better left out.",
            one('{"title": ""}'),
            _TITLED,
        ),
        Entry(
            "list-empty",
            "error",
            "A list that needs at least one entry has none.",
            "Add an entry; a fix adds one to fill in. A list that need not be there can be left out.",
            one('{"steps": []}'),
            one(f'{{"steps": [{{"step_id": "{FIRST}"}}]}}'),
        ),
        Entry(
            "number-too-small",
            "error",
            "A number is below the least that is allowed.",
            "Write the least that the message names, or more. `order_index` counts from 0.",
            one('{"steps": [{"order_index": -1}]}'),
            one('{"steps": [{"order_index": 0}]}'),
        ),
        Entry(
            "number-too-large",
            "error",
            "A number is above the most that is allowed.",
            "Write the most that the message names, or less. Scores are fractions: `0.8`, not `80`.",
            one('{"meta": {"quality_score": 7}}', "sample"),
            one('{"meta": {"quality_score": 0.7}}', "sample"),
        ),
        Entry(
            "list-duplicates",
            "error",
            "A list in which every entry may stand once has one twice.",
            "Remove the repetition. The first one is linked.",
            one('{"meta": {"tags": ["shop", "shop"]}}'),
            one('{"meta": {"tags": ["shop", "web"]}}'),
        ),
        Entry(
            "comment-ignored",
            "information",
            "A `$comment` at the top of a document is not part of the protocol; the official examples "
            "have one all "
            "the same. It is ignored and stays in the file.",
            "Nothing needs to be done.",
            one('{"$comment": "soon", "title": "Release"}'),
            _TITLED,
        ),
    ),
)
