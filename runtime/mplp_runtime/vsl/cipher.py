"""AES-256-GCM in the stored form of seed 1, 8.2: `iv::authTag::ciphertext`, all in hexadecimal digits."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from mplp_runtime.errors import StoreError, StoreKeyWrong
from mplp_runtime.vsl.keys import Key
from mplp_runtime.vsl.values import Sealed

_IV_BYTES = 16
_TAG_BYTES = 16


class Cipher:
    """Encrypts with the first key, decrypts with any. Safe to use from any thread.

    >>> from mplp_runtime.vsl.keys import Key
    >>> cipher = Cipher([Key.of(bytes(32))])
    >>> sealed = cipher.seal('{"a":1}')
    >>> [len(part) for part in sealed.text.split("::")], cipher.open(sealed)
    ([32, 32, 14], '{"a":1}')
    """

    def __init__(self, keys: Sequence[Key], *, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise StoreError(
                "An encrypted state needs the package cryptography: pip install 'mplp-lsp[encryption]'."
            ) from error
        self.key_id = keys[0].id
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys}
        self._current = self._ciphers[self.key_id]
        self._random_bytes = random_bytes
        self._invalid: tuple[type[Exception], ...] = (InvalidTag, ValueError)

    @property
    def key_ids(self) -> Sequence[str]:
        """The ids of all keys, the one that encrypts first."""
        return list(self._ciphers)

    def seal(self, text: str) -> Sealed:
        """`text` encrypted under 16 fresh random bytes. It has to be ASCII, as JSON in the store is."""
        iv = self._random_bytes(_IV_BYTES)
        data = self._current.encrypt(iv, text.encode("ascii"), None)
        return Sealed(f"{iv.hex()}::{data[-_TAG_BYTES:].hex()}::{data[:-_TAG_BYTES].hex()}", self.key_id)

    def open(self, sealed: Sealed) -> str:
        """The text. Raises StoreKeyWrong without its key, StoreError if somebody changed what is stored."""
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise StoreKeyWrong(
                f"This was encrypted with the key {sealed.key_id}; the keys at hand are "
                f"{', '.join(self.key_ids)}. Nothing was changed."
            )
        try:
            iv, tag, data = (bytes.fromhex(part) for part in sealed.text.split("::"))
            return cipher.decrypt(iv, data + tag, None).decode("ascii")
        except self._invalid as error:
            raise StoreError(
                f"Something encrypted with the key {sealed.key_id} was damaged or changed from outside; "
                "bring the state back from a backup."
            ) from error
