"""A line of a timeline as a document of its own: what is known of documents then serves lines as well."""

from __future__ import annotations

from dataclasses import replace

from mplp_lsp.analysis.located import Located
from mplp_lsp.text.edits import Edit
from mplp_lsp.text.ndjson import Timeline
from mplp_lsp.workspace.documents import Document
from mplp_runtime.kinds import kind_of_event


class LineAlone:
    """The line that a finding stands on. Offsets in it count from its own beginning."""

    def __init__(self, whole: Document, timeline: Timeline, found: Located) -> None:
        index, self._start = timeline.lines.locate(found.start)
        line = timeline.lines[index]
        self.document = replace(
            whole,
            uri=f"{whole.uri}#{index}",
            kind=kind_of_event(line.tree.value),
            text=line.tree.text,
            cache={"tree": line.tree},
            lineage={},
        )

    def located(self, found: Located) -> Located:
        """A finding of the timeline as one of the line."""
        place = replace(found.finding.place, pointer=found.finding.place.pointer[1:])
        data = {
            key: value - self._start if isinstance(value, int) and key.endswith(("_start", "_end")) else value
            for key, value in found.finding.data.items()
        }
        finding = replace(found.finding, place=place, data=data)
        return Located(finding, found.start - self._start, found.end - self._start)

    def edit(self, inside: Edit) -> Edit:
        """An edit of the line as one of the timeline."""
        return Edit(inside.start + self._start, inside.end + self._start, inside.new_text)
