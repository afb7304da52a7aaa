"""The form of names that reach a path, a rule, a command line, a page or a table."""

from typing import Annotated

from pydantic import StringConstraints

Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=64, strict=True)
]
"""At most 64 letters, digits, dots, hyphens and underscores, with a letter or digit first and last."""
