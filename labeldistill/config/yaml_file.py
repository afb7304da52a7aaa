"""Reading YAML written by people: the result is plain values or one error message, whatever the file contains."""

from pathlib import Path
from typing import Any

import yaml

from labeldistill.errors import InputError

MOST_BYTES = 4 * 2**20
DEEPEST = 60
"""Deepest nesting allowed; a study has 5 levels."""
MOST_VALUES = 200_000
"""Most values allowed, counted after every alias is expanded."""
_UNFINISHED = (-1, -1)


class _PythonEvents(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """What libyaml does, for a PyYAML that was built without it."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)


# libyaml reads several times faster; the composer stays Python's, where depth can be counted
_Events: Any = yaml.cyaml.CParser if yaml.__with_libyaml__ else _PythonEvents  # type: ignore[attr-defined]


class _Loader(yaml.composer.Composer, _Events, yaml.constructor.SafeConstructor, yaml.resolver.Resolver):  # type: ignore[misc]
    """Refuses nesting too deep for Python's stack, and duplicate keys."""

    def __init__(self, text: str) -> None:
        _Events.__init__(self, text)
        yaml.composer.Composer.__init__(self)
        yaml.constructor.SafeConstructor.__init__(self)
        yaml.resolver.Resolver.__init__(self)
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.composer.ComposerError(
                None, None, f"nested deeper than {DEEPEST}", parent.start_mark if parent else None
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"`{key.value}` appears twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(file: Path) -> Any:
    """The values of a YAML file.

    Raises:
        InputError: the file is missing, not text, not YAML, has a duplicate key, or is too deep or too large.
    """
    try:
        if file.stat().st_size > MOST_BYTES:
            raise InputError(f"holds more than {MOST_BYTES // 2**20} MiB", file=file)
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError("no such file", file=file) from error
    except (OSError, ValueError) as error:
        raise InputError(f"can't be read ({getattr(error, 'strerror', None) or error})", file=file) from error
    return parse_yaml(text, file)


def parse_yaml(text: str, file: Path) -> Any:
    """The values of YAML text.

    Raises:
        InputError: as `read_yaml`; the message names `file`.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _refuse_large(node, {})
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, OverflowError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"not valid YAML ({' '.join(str(error).split())[:300]})", file=file) from error
    finally:
        if loader is not None:
            loader.dispose()


def _refuse_large(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Number of values in a node and their depth, with every alias expanded.

    Raises:
        ValueError: too many, too deep, or a node that holds itself.
    """
    if id(node) in known:
        if known[id(node)] == _UNFINISHED:
            raise ValueError("a value that holds itself")
        return known[id(node)]
    known[id(node)] = _UNFINISHED
    parts = node.value if isinstance(node, yaml.SequenceNode | yaml.MappingNode) else []
    flat = [each for part in parts for each in (part if isinstance(part, tuple) else (part,))]
    inside = [_refuse_large(each, known) for each in flat]
    total, depth = 1 + sum(values for values, _ in inside), 1 + max((deep for _, deep in inside), default=0)
    if depth > DEEPEST:
        raise ValueError(f"nested deeper than {DEEPEST} once its aliases are written out")
    if total > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values once its aliases are written out")
    known[id(node)] = total, depth
    return total, depth
