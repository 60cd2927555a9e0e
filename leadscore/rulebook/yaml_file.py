"""What the kinds of YAML files share: read from a path, kept with their text, and written back as they were."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Self

from leadscore.base.call import Call
from leadscore.base.files import replacing
from leadscore.rulebook.yaml import Document, Form


class YamlFile:
    """A model read from YAML, which does not change once read; comments and layout are kept."""

    _form: ClassVar[Form]

    if TYPE_CHECKING:
        _document: Document

        @classmethod
        def from_yaml(cls, text: str, *, source: str = ...) -> Self: ...  # noqa: D102 - each kind reads its own

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read the file (UTF-8 YAML).

        Raises
        ------
        RulebookError, DataFileError, DecisionsError
            By the kind of file, if there is none, it is not UTF-8 text, or its contents have problems.
        """
        with Call(f"{cls.__name__}.read") as given:
            given.types(path=(path, str | os.PathLike))
        return cls.from_yaml(cls._form.read(path), source=str(path))

    def to_yaml(self) -> str:
        """The text of the file, exactly as it was read, comments and layout included."""
        return self._document.text

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file; a reader never sees half of it."""
        with replacing(path) as file:
            file.write(self.to_yaml().encode())

    @property
    def source(self) -> str:
        """What messages call the file: its path, if it was read from one."""
        return self._document.source
