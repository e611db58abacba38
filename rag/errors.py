"""Errors a person can act on: each message says what was found and what to do.

RagError
├── ConfigError              a setting is wrong or names something that is not there
├── LoadError                a file cannot be read as a document
│   └── UnsupportedFormatError
├── StoreError               the index on disk
│   ├── StoreMissingError
│   ├── StoreMismatchError
│   └── StoreLockedError
└── ModelError               an embedding or language model failed or is not installed
"""


class RagError(Exception):
    """Anything this package raises on purpose; its text is one line for the person who sees it."""


class ConfigError(RagError):
    """A setting is wrong, or names something that is not there."""


class LoadError(RagError):
    """A file cannot be read as a document; an ingest records it as skipped and goes on."""


class UnsupportedFormatError(LoadError):
    """No loader reads files with this suffix."""


class StoreError(RagError):
    """The index on disk cannot be used."""


class StoreMissingError(StoreError):
    """There is no index at the home folder."""


class StoreMismatchError(StoreError):
    """The index was built with other settings than those in force."""


class StoreLockedError(StoreError):
    """Another process is writing to the index."""


class ModelError(RagError):
    """An embedding or language model failed, or is not installed."""
