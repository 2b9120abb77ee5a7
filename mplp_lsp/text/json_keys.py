"""The keys of objects, whole, half typed, or with a slip in their quotes or their colon."""

from __future__ import annotations

import re

from mplp_lsp.text.json_containers import Containers
from mplp_lsp.text.json_judge import Frame, Gap
from mplp_lsp.text.problems import Problem

HALF_KEY = "Colon and value expected after this key."
_NO_COLON = re.compile(r"[=:]?=>?|->")
_SIGNS = re.compile(r"[{}\[\],:]")
_REST_OF_KEY = re.compile(r'([^"\\\s,:{}\[\]]{0,100}")[ \t]{0,20}:')


class Keys(Containers):
    """Reads the key of a member with its colon."""

    def read_key(self, at: int) -> tuple[str, int, int] | None:
        """A key, where it ends and where its colon ends; None where no colon and no value follow."""
        lexer = self.lexer
        if lexer.char(at) != '"':
            return self._unquoted_key(at)
        known = len(lexer.problems)
        token = lexer.string(at, is_key=True)
        after = lexer.skip(token.stop, report=False)
        if lexer.char(after) == ":":
            lexer.skip(token.stop)
            return str(token.value), token.stop, after + 1
        if self.careful:
            return None
        doubled = self._key_with_quotes(at, token.stop)
        if doubled is not None:
            return doubled
        # The closing quote is missing: what was read as the key runs over its colon.
        name, colon, _ = lexer.text[at + 1 : token.stop].partition(":")
        if colon and name.strip():
            del lexer.problems[known:]
            stop = at + 1 + len(name.rstrip())
            last = lexer.text[stop - 1]
            if last in "{}[],\\":
                message = f'`"` expected here, not `{last}`.'
                lexer.expected('"', message, stop - 1, stop, (stop - 1, stop, '"'))
                return name.rstrip()[:-1], stop, at + 2 + len(name)
            message = "This key has no closing quote."
            lexer.add("json-string-unterminated", message, at, stop, expected='"')
            return name.rstrip(), stop, at + 2 + len(name)
        char = lexer.char(after)
        sign = _NO_COLON.match(lexer.text, after)
        if sign:
            lexer.note(sign.end() + 1)
            message = f"`:` expected here, not `{sign.group()}`."
            lexer.expected(":", message, after, sign.end(), (after, sign.end(), ":"))
            return str(token.value), token.stop, sign.end()
        if char and char in "{}[],":
            behind = lexer.skip(after + 1, report=False)
            if lexer.char(behind) == ":":
                if char == ",":
                    message = "A key and its colon have no comma between them."
                    lexer.expected(":", message, after, after + 1, (after, after + 1, ""))
                else:
                    self.bracket_extra(after, char)
                return str(token.value), token.stop, behind + 1
        gap = lexer.text[token.stop : after]
        if char and char not in ",}]" and "\n" not in gap and "\r" not in gap and not lexer.is_key(after):
            repair = (token.stop, token.stop, ":")
            lexer.expected(":", "Colon expected after this key.", at, token.stop, repair)
            return str(token.value), token.stop, token.stop
        return None

    def _key_with_quotes(self, at: int, token_stop: int) -> tuple[str, int, int] | None:
        """A key with a quote too many at its start, in it or at its end."""
        lexer = self.lexer
        rest = _REST_OF_KEY.match(lexer.text, token_stop)
        lexer.note_line(token_stop)
        if rest is None or _SIGNS.search(lexer.text, at, token_stop):
            return None
        stop = rest.end(1)
        name = lexer.text[at + 1 : stop - 1].replace('"', "")
        extra = at + 1 if token_stop == at + 2 else token_stop - 1
        lexer.expected("", "This quote is one too many.", extra, extra + 1, (extra, extra + 1, ""))
        return name, stop, rest.end()

    def _unquoted_key(self, at: int) -> tuple[str, int, int] | None:
        lexer = self.lexer
        name, stop, has_quote = lexer.bare_key(at)
        after = lexer.skip(stop, report=False)
        if not name or lexer.char(after) != ":":
            return None
        if has_quote and name.startswith("\\"):
            lexer.expected('"', '`"` expected here, not `\\`.', at, at + 1, (at, at + 1, '"'))
            return name[1:], stop, after + 1
        if has_quote:
            message = "This key has no opening quote."
            lexer.add("json-string-unterminated", message, at, stop, expected='"')
        else:
            lexer.expected('"', "Keys stand in double quotes.", at, stop)
        return name, stop, after + 1

    def half_key(self, frame: Frame, at: int) -> int:
        """Something where a key belongs, with no colon and no value: half typed, most likely."""
        lexer = self.lexer
        if lexer.leaves_out(at):
            frame.gap = Gap.QUIET
            return lexer.left_out(at).stop
        known = len(lexer.problems)
        if lexer.char(at) == '"':
            token = lexer.string(at, is_key=True)
            name, stop = str(token.value), token.stop
            unclosed = lexer.problems[known:][:1]
        else:
            name, stop, _ = lexer.bare_key(at)
            stop = max(stop, at + 1)
            unclosed = []
        del lexer.problems[known:]
        if unclosed and unclosed[0].code == "json-string-unterminated":
            lexer.problems.append(unclosed[0]._replace(message="This key has no closing quote."))
        else:
            lexer.expected(":", HALF_KEY, at, stop)
        if self.placing is not None and frame.spot is not None:
            self.placing.missing(frame.spot.member(name, at, stop), stop)
        frame.gap = Gap.QUIET
        return stop


def is_cut_off(text: str, problem: Problem) -> bool:
    """Whether a word of `text` with a quote behind it, but none before it, was taken for a half-typed key."""
    word = text[problem.start : problem.end]
    return problem.message == HALF_KEY and word.endswith('"') and not word.startswith('"')
