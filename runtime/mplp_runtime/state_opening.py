"""From `[state]` of mplp.toml to the store it means, with the decorators it asks for."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from mplp_runtime.disk import read_regular
from mplp_runtime.errors import StoreError, StoreKeyWrong
from mplp_runtime.rules.findings import Severity
from mplp_runtime.settings import State
from mplp_runtime.settings.state_url import path_in_project
from mplp_runtime.vsl.cached import CachedStore
from mplp_runtime.vsl.cipher import Cipher
from mplp_runtime.vsl.encrypted import EncryptedStore
from mplp_runtime.vsl.file_protection import PLAIN, Encrypting, Protection, Redacting
from mplp_runtime.vsl.interface import ValueStateLayer
from mplp_runtime.vsl.keys import keys_of_file, keys_of_variable
from mplp_runtime.vsl.read_only import EncryptedToRead, read_only_store
from mplp_runtime.vsl.sqlite import SqliteStore

_SETTINGS_FILE = "mplp.toml"
_LONGEST_SCHEMA = 63
"""PostgreSQL cuts longer names."""


def state_settings(root: Path) -> State:
    """`[state]` of the project's mplp.toml, whatever else is wrong in that file; the defaults without it.

    Raises StoreError where that cannot be told: a state that was to be encrypted must not begin in plain text
    because of a slip.
    """
    from mplp_runtime.rules.settings import settings_findings

    try:
        table = tomllib.loads(read_regular(root / _SETTINGS_FILE, "utf-8-sig")).get("state", {})
        errors = [
            finding.message
            for finding in settings_findings({"state": table})
            if finding.severity == Severity.ERROR
        ]
        if not errors:
            return State.model_validate(table)
        reason = errors[0]
    except FileNotFoundError:
        return State()
    except OSError as error:
        reason = f"it cannot be read: {error.strerror}."
    except (ValueError, RecursionError, ValidationError) as error:
        reason = (
            f"{type(error).__name__}: {str(error).splitlines()[0]}" if str(error) else type(error).__name__
        )
    raise StoreError(f"{_SETTINGS_FILE} does not say where the state is kept: {reason}")


def state_file(root: Path, settings: State) -> Path:
    """The SQLite file that is meant (for a state in PostgreSQL: the one that is not used)."""
    path = path_in_project(settings.url)
    if path is None:
        raise StoreError(f"{_SETTINGS_FILE} does not say where the state is kept: {settings.url}.")
    return root / path


def has_state(root: Path) -> bool:
    """Whether the project has a state already, without making one. Raises StoreError as `state_settings`."""
    settings = state_settings(root)
    return settings.url_env is not None or state_file(root, settings).exists()


def schema_of(root: Path, settings: State) -> str:
    """The PostgreSQL schema of a project: the one that is named, or one made of the folder's name and place.

    >>> schema_of(Path("/work/Web shop"), State())
    'mplp_web_shop_913beb33'
    """
    if settings.schema_name is not None:
        return settings.schema_name
    word = re.sub(r"[^a-z0-9]+", "_", root.name.lower()).strip("_")
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:8]
    return f"{f'mplp_{word}'.rstrip('_')[: _LONGEST_SCHEMA - 9]}_{digest}"


def open_state(
    root: Path, settings: State, environment: Mapping[str, str] = os.environ
) -> tuple[ValueStateLayer, Protection]:
    """The durable store of a project, and how files that retell it are protected.

    Raises StoreError (StoreKeyWrong, StoreTooNew, StoreLocked), with nothing changed, if it cannot be used.
    """
    cipher = _cipher(root, settings, environment)
    protection = _protection(settings, cipher)
    store = _back_end(root, settings, environment)
    try:
        if cipher is not None:
            store = EncryptedStore(store, cipher)
        else:
            _refuse_if_encrypted(store)
        if settings.url_env is not None and settings.cache_s > 0:
            store = CachedStore(store, ttl_s=settings.cache_s)
    except BaseException:
        store.close()
        raise
    return store, protection


def open_state_to_read(
    root: Path, settings: State, environment: Mapping[str, str] = os.environ
) -> tuple[ValueStateLayer, Protection]:
    """The same for whoever only looks: nothing is made, repaired, migrated or encrypted (`vsl/read_only.py`).

    Raises StoreError as `open_state`, and where the state is in PostgreSQL.
    """
    if settings.url_env is not None:
        raise StoreError("The state is in PostgreSQL, which is not opened only to look at it.")
    cipher = _cipher(root, settings, environment)
    protection = _protection(settings, cipher)
    store = read_only_store(state_file(root, settings))
    try:
        if cipher is None:
            _refuse_if_encrypted(store)
        elif store.read(lambda reading: reading.key_id()) is not None:
            store = EncryptedToRead(store, cipher)
    except BaseException:
        store.close()
        raise
    return store, protection


def _refuse_if_encrypted(store: ValueStateLayer) -> None:
    key_id = store.read(lambda reading: reading.key_id())
    if key_id is not None:
        raise StoreKeyWrong(
            f"The state is encrypted with the key {key_id}; name that key in [state] of {_SETTINGS_FILE} "
            "(encryption_key_env or encryption_key_file)."
        )


def _back_end(root: Path, settings: State, environment: Mapping[str, str]) -> ValueStateLayer:
    if settings.url_env is None:
        return SqliteStore(state_file(root, settings))
    address = environment.get(settings.url_env, "").strip()
    if not address:
        raise StoreError(
            f"The state is to be kept in PostgreSQL, but the variable {settings.url_env} is not set."
        )
    from mplp_runtime.vsl.postgres import PostgresStore

    return PostgresStore(address, schema_of(root, settings))


def _cipher(root: Path, settings: State, environment: Mapping[str, str]) -> Cipher | None:
    if settings.encryption_key_env is not None and settings.encryption_key_file is not None:
        raise StoreKeyWrong(
            f"{_SETTINGS_FILE} names two places for the key; keep one of encryption_key_env and "
            "encryption_key_file."
        )
    if settings.encryption_key_env is not None:
        return Cipher(keys_of_variable(settings.encryption_key_env, environment))
    if settings.encryption_key_file is not None:
        return Cipher(keys_of_file(Path(settings.encryption_key_file).expanduser(), root))
    return None


def _protection(settings: State, cipher: Cipher | None) -> Protection:
    wanted = settings.files or ("encrypted" if cipher is not None else "plain")
    if wanted == "redacted":
        return Redacting()
    if wanted == "plain":
        return PLAIN
    if cipher is None:
        raise StoreKeyWrong(
            f'files = "encrypted" in {_SETTINGS_FILE} needs a key: encryption_key_env or encryption_key_file.'
        )
    return Encrypting(cipher)
