"""What the reference leaves out: members of Python's own protocols that nothing is said about.

Griffe calls this, which reads the package for mkdocstrings.
"""

from typing import Any

import griffe


class SpecialMembers(griffe.Extension):
    """Takes away names such as `__slots__` and `__repr__`, unless a source has a text for them."""

    def on_class(self, *, cls: griffe.Class, **_context: Any) -> None:
        """Griffe calls this with each class."""
        for name, member in list(cls.members.items()):
            is_special = name.startswith("__") and name.endswith("__") and name != "__init__"
            # Every compiled class has Python's own texts.
            if is_special and (cls.analysis == "dynamic" or not member.has_docstring):
                del cls.members[name]
