"""The messages of LSP 3.17 that we read and write, as small classes that cost nothing to import.

`lsprotocol` has all of them, but building its thousand classes takes half a second and 25 MiB per process.
The tests hold ours against it, member by member.
"""
