"""What the reference leaves out of the members that Griffe, which reads the package, finds."""

import re
from typing import Any

import griffe


def _show_any(annotation: Any) -> None:
    """Shows `Any` for the class that only keeps type checkers from taking every mapping."""
    if isinstance(annotation, griffe.Expr):
        for name in annotation.iterate(flat=True):
            if isinstance(name, griffe.ExprName) and name.name == "_NotChecked":
                name.name = "Any"


class SpecialMembers(griffe.Extension):
    """Takes away what is said for type checkers or the package itself, not for readers."""

    def on_attribute(self, *, attr: griffe.Attribute, **_context: Any) -> None:
        """Griffe calls this with each attribute."""
        _show_any(attr.annotation)

    def on_function(self, *, func: griffe.Function, **_context: Any) -> None:
        """Griffe calls this with each function."""
        for parameter in func.parameters:
            _show_any(parameter.annotation)

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
