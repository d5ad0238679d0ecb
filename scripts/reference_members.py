"""What the reference leaves out of the members that Griffe, which reads the package, finds."""

import re
from typing import Any

import griffe


class SpecialMembers(griffe.Extension):
    """Takes away what is said for type checkers or the package itself, not for readers."""

    def on_class(self, *, cls: griffe.Class, **_context: Any) -> None:
        """Griffe calls this with each class."""
        for name, member in list(cls.members.items()):
            is_special = name.startswith("__") and name.endswith("__") and name != "__init__"
            # Every compiled class has Python's own texts.
            if is_special and (cls.analysis == "dynamic" or not member.has_docstring):
                del cls.members[name]
            elif isinstance(member, griffe.Function):
                # The type variable of what gives itself, such as `_Query`, is the class.
                if re.fullmatch(f"_(Async)?{re.escape(cls.name)}", str(member.returns or "")):
                    member.returns = griffe.ExprName(cls.name, parent=cls)
                # A client makes these, from something of its own.
                if name == "__init__" and any(
                    re.search(r"Session|Stream|Gatherer|Shape|Maker", str(each.annotation))
                    for each in member.parameters
                ):
                    del cls.members[name]
