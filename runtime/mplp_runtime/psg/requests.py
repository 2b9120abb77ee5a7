"""The graph's operations under their paths (seed 1, 3.3): `POST /psg/plans`, `PATCH /psg/plans/:id/status`, …

No server: a method, a path and a body in, a JSON value out, for whoever speaks in these words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal
from urllib.parse import unquote

from mplp_runtime.errors import DocumentInvalid, DocumentUnknown
from mplp_runtime.psg.documents import Documents
from mplp_runtime.psg.graph import PSG_PATHS
from mplp_runtime.psg.world import TYPES
from mplp_runtime.vsl.interface import Json

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_KINDS: Mapping[str, str] = MappingProxyType({PSG_PATHS[type_]: kind for kind, type_ in TYPES.items()})
_ENTRIES: Mapping[str, str] = MappingProxyType(
    {path: type_ for type_, path in PSG_PATHS.items() if path not in _KINDS}
)


async def answer(documents: Documents, method: Method, path: str, body: Json = None) -> Json:
    """What the operation gives back: a document, a list of them, or None where one was deleted.

    | Operation | Does |
    |---|---|
    | `POST /psg/<kind>s` | creates the document in `body` |
    | `GET /psg/<kind>s`, `GET /psg/<kind>s/<id>` | reads all, or one |
    | `PUT /psg/<kind>s/<id>` | replaces it by `body` |
    | `PATCH /psg/<kind>s/<id>/status` | changes its status to `body["status"]` |
    | `DELETE /psg/<kind>s/<id>` | leaves a tombstone |
    | `GET /psg/steps`, `/psg/segments`, `/psg/files`, …, each also with `/<id>` | reads entries |

    Entries change with what they belong to: a step with its plan, a segment with its trace or run, a file
    with what is told of it. The id of a file is its path.

    Raises MplpError: DocumentUnknown for a path that is none of these, else as `Documents` does.
    """
    for prefix, type_ in _ENTRIES.items():
        if method == "GET" and path.rstrip("/") == prefix:
            return documents.entries(type_)
        if method == "GET" and path.startswith(f"{prefix}/"):
            return documents.entry(type_, unquote(path[len(prefix) + 1 :]))
    kind, rest = _parts(path)
    match method, rest:
        case "POST", []:
            await documents.create(kind, _object(body))
            return _object(body)
        case "GET", []:
            return list(documents.all(kind))
        case "GET", [id_]:
            return documents.read(kind, id_)
        case "PUT", [id_]:
            value = _object(body)
            documents.read(kind, id_)
            if value.get(f"{kind}_id", id_) != id_:
                raise DocumentInvalid(f"The body is another {kind} than {path} names.")
            await documents.replace(kind, value)
            return documents.read(kind, id_)
        case "PATCH", [id_, "status"]:
            status = _object(body).get("status")
            if not isinstance(status, str):
                raise DocumentInvalid("The body has no `status`.")
            await documents.change_status(kind, id_, status)
            return documents.read(kind, id_)
        case "DELETE", [id_]:
            await documents.delete(kind, id_)
            return None
    raise DocumentUnknown(f"There is no operation {method} {path}.")


def _parts(path: str) -> tuple[str, Sequence[str]]:
    for prefix, kind in _KINDS.items():
        if path == prefix or path.startswith(f"{prefix}/"):
            return kind, [part for part in path[len(prefix) :].split("/") if part]
    raise DocumentUnknown(f"There are no documents at {path}.")


def _object(body: Json) -> Mapping[str, Json]:
    if not isinstance(body, Mapping):
        raise DocumentInvalid("The body of this operation is a JSON object.")
    return body
