# ruff: noqa: A002 - `type` and `id` are the words of the protocol
"""A decorator that encrypts values, the data of nodes, and events (seed 1, 8.2), whatever store is below.

Keys, node types and ids, edges, names of streams, times and labels of snapshots stay as they are: the store
finds things by them. What is written is bound to its key, not to its place in the store: whoever can write to
the database can swap one encrypted text for another, but cannot make one up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mplp_runtime.errors import StoreError, StoreKeyWrong
from mplp_runtime.vsl.cipher import Cipher
from mplp_runtime.vsl.decorator import StoreDecorator
from mplp_runtime.vsl.interface import (
    Json,
    Node,
    Reading,
    StoredEvent,
    StoredForm,
    T,
    Transaction,
    ValueStateLayer,
)
from mplp_runtime.vsl.transaction_decorator import ReadingDecorator, TransactionDecorator
from mplp_runtime.vsl.values import (
    SCHEMA_VERSION_KEY,
    Sealed,
    StoreLimits,
    decoded,
    encoded,
    stamped,
)


class EncryptedReading(ReadingDecorator):
    """Decrypts what another Reading shows."""

    def __init__(self, inner: Reading, cipher: Cipher) -> None:
        super().__init__(inner)
        self._cipher = cipher

    def get(self, key: str) -> Json | None:
        value = super().get(key)
        return value if value is None or key == SCHEMA_VERSION_KEY else self._opened(value)

    def read_node(self, type: str, id: str, *, deleted: bool = False) -> Node | None:
        node = super().read_node(type, id, deleted=deleted)
        return None if node is None else _with_data(node, self._opened(node.data))

    def nodes(self, type: str, *, deleted: bool = False) -> Sequence[Node]:
        found = super().nodes(type, deleted=deleted)
        return [_with_data(node, self._opened(node.data)) for node in found]

    def events(
        self, stream: str | None = None, *, after: int = 0, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        found = super().events(stream, after=after, limit=limit)
        return [StoredEvent(row.lamport, row.stream, self._opened(row.event)) for row in found]

    def _opened(self, value: Json) -> Json:
        if not isinstance(value, Sealed):
            # Accepting it would let anybody who can write to the database make things up.
            raise StoreError("The encrypted state holds a value in plain text that mplp-lsp did not write.")
        return decoded(self._cipher.open(value))


class EncryptedTransaction(EncryptedReading, TransactionDecorator):
    """Encrypts what is written through it."""

    _inner: Transaction

    def __init__(self, inner: Transaction, cipher: Cipher, limits: StoreLimits) -> None:
        super().__init__(inner, cipher)
        self._limits = limits

    def set(self, key: str, value: Json) -> None:
        super().set(key, self._cipher.seal(encoded(value, self._limits)))

    def create_node(self, type: str, id: str, data: Mapping[str, Json]) -> Node:
        text = encoded(dict(data), self._limits)
        return _with_data(super().create_node(type, id, self._sealed(text)), decoded(text))

    def write_node(
        self, type: str, id: str, data: Mapping[str, Json], *, expected_version: int | None = None
    ) -> Node:
        text = encoded(dict(data), self._limits)
        node = super().write_node(type, id, self._sealed(text), expected_version=expected_version)
        return _with_data(node, decoded(text))

    def append_event(self, stream: str, event: Mapping[str, Json]) -> int:
        # The store cannot look into it any more, so the logical time goes in here.
        lamport = self.lamport() + 1
        text = encoded(stamped(event, lamport), self._limits)
        return super().append_event(stream, self._sealed(text))

    def _sealed(self, text: str) -> Json:
        return self._cipher.seal(text)


class EncryptedStore(StoreDecorator):
    """A ValueStateLayer over another one. Opening it encrypts, in one transaction, what is not encrypted yet
    and what is encrypted with an older one of its keys.

    Raises StoreKeyWrong, with nothing changed, for a state that none of the keys opens.

    >>> from mplp_runtime.vsl.keys import Key
    >>> from mplp_runtime.vsl.memory import MemoryStore
    >>> store = EncryptedStore(MemoryStore(), Cipher([Key.of(bytes(32))]))
    >>> store.transact_sync(lambda transaction: transaction.set("answer", 42))
    >>> store.read(lambda reading: reading.get("answer"))
    42
    """

    def __init__(
        self, backend: ValueStateLayer, cipher: Cipher, *, limits: StoreLimits | None = None
    ) -> None:
        super().__init__(backend)
        self._cipher = cipher
        self._limits = limits or StoreLimits()
        backend.show_sealed()
        if backend.read(lambda reading: reading.key_id()) != cipher.key_id:
            backend.transact_sync(lambda transaction: change_key(transaction, cipher))

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        return await super().transact(self._wrapped(work))

    def transact_sync(self, work: Callable[[Transaction], T]) -> T:
        return super().transact_sync(self._wrapped(work))

    def read(self, work: Callable[[Reading], T]) -> T:
        return super().read(lambda reading: work(EncryptedReading(reading, self._cipher)))

    def show_sealed(self) -> None:
        """Nothing is sealed for whoever reads through this store."""

    def _wrapped(self, work: Callable[[Transaction], T]) -> Callable[[Transaction], T]:
        return lambda transaction: work(EncryptedTransaction(transaction, self._cipher, self._limits))


def change_key(transaction: Transaction, cipher: Cipher) -> None:
    """Encrypts everything with the first key of `cipher`, from plain text or from any of its keys.

    `transaction` is one of a bare back end that shows what is sealed. Raises StoreKeyWrong if none of the
    keys opens the state.
    """
    before = transaction.key_id()
    if before is not None and before not in cipher.key_ids:
        raise StoreKeyWrong(
            f"The state is encrypted with the key {before}; the keys at hand are "
            f"{', '.join(cipher.key_ids)}. Nothing was changed."
        )

    def changed(form: StoredForm) -> StoredForm:
        text, key_id = form
        sealed = cipher.seal(text if key_id is None else cipher.open(Sealed(text, key_id)))
        return sealed.text, sealed.key_id

    transaction.reseal(changed, cipher.key_id)


def decrypt(transaction: Transaction, cipher: Cipher) -> None:
    """Brings everything back to plain text; `transaction` as in `change_key`. Raises StoreKeyWrong."""

    def changed(form: StoredForm) -> StoredForm:
        text, key_id = form
        return (text if key_id is None else cipher.open(Sealed(text, key_id))), None

    transaction.reseal(changed, None)


def _with_data(node: Node, data: Json) -> Node:
    return Node(node.type, node.id, data, node.version, node.deleted)
