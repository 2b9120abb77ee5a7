"""Fresh ids and times for what a feature writes anew: no random numbers, no clock but the snapshot's."""

from __future__ import annotations

import hashlib
import uuid

from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.sources import timestamp

_DIGEST = "digest of the text"


class Fresh:
    """Ids that nobody has, one after the other, for one place of one version of a document.

    They follow from the document's name and version, the place, and the moment of the snapshot: features
    draw no random numbers, and a test that fixes the moment knows the ids.
    """

    def __init__(self, snapshot: Snapshot, document: Document, offset: int) -> None:
        self._seed = f"{document.uri}\n{document.version}\n{offset}\n{snapshot.taken_at.isoformat()}"
        self._count = 0
        self.now = timestamp(snapshot.taken_at)

    def id(self) -> str:
        """The next one, in the form of a UUID version 4."""
        self._count += 1
        return _uuid_of(f"{self._seed}\n{self._count}")


def fresh_uuid(document: Document, offset: int) -> str:
    """A UUID version 4 in form, made from the document's text: what is made on demand is what was offered.

    Two places, texts or files give different ones; asking twice for the same gives the same.
    """
    digest = document.cache.get(_DIGEST)
    if digest is None:
        # A repair of a thousand ids would read a large text a thousand times.
        text = document.text.text.encode("utf-8", "surrogatepass")
        digest = document.cache[_DIGEST] = hashlib.sha256(text).hexdigest()
    return _uuid_of(f"{document.uri}\n{offset}\n{digest}")


def _uuid_of(seed: str) -> str:
    digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
