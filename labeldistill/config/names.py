"""What a name may look like that reaches a path, a rule, a command line, a page or a table."""

from typing import Annotated

from pydantic import StringConstraints

Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$", max_length=64, strict=True)
]
"""Letters, digits, dots, hyphens and underscores, no more than 64, a letter or digit first and last."""
