"""The parts of a module's source that can change a number: its syntax tree without what only people and type checkers
read.

Comments, layout, docstrings, type hints, arguments of error messages, texts of log lines, and what only these need (an
import for a hint, a variable for a message) are left out. Everything else counts, including whatever might change a
number. Pydantic computes with the hints of fields, so those count.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar

MESSAGES_ONLY = {
    *("LabelDistillError", "InputError", "GateError"),
    *("ValueError", "TypeError", "RuntimeError", "NotImplementedError", "AssertionError"),
}
"""Exceptions that carry only text; no code computes with their arguments (a test checks)."""

_LOGGERS = {"logging", "logger", "log", "_logger", "_log"}
_LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
_EVENT_LOGS = {"events", "event_log", "EventLog"}

# Decorators that do not read hints; a function with any other decorator keeps its hints.
_DECORATORS = {
    *("staticmethod", "classmethod", "property", "cached_property", "cache", "lru_cache", "abstractmethod", "setter"),
    *("contextmanager", "wraps", "no_grad", "inference_mode", "once_differentiable", "override", "final", "dataclass"),
}
# Base classes that do not read hints of fields; a class with any other base keeps them.
_BASES = {
    *("object", "ABC", "Protocol", "Generic", "NamedTuple", "Exception", "LabelDistillError", "InputError"),
    *("Module", "Function", "Dataset", "Sampler", "Enum", "StrEnum", "IntEnum"),
}
# Hints that a dataclass reads.
_MEANINGFUL_HINTS = {"ClassVar", "InitVar", "KW_ONLY"}
# Calls without side effects: what they compute only for a message is left out with the message.
_PURE_CALLS = {"len", "str", "repr", "sorted", "list", "tuple", "set", "dict", "round", "min", "max", "sum", "type"}
_PURE_METHODS = {"join", "format", "items", "keys", "values", "get", "strip", "removeprefix", "removesuffix"}
# With these, a name may be read without appearing in the tree.
_READS_BY_NAME = {"locals", "globals", "vars", "eval", "exec"}
# Fields of a syntax tree without meaning, or that differ between versions of Python.
_UNIMPORTANT = {"ctx", "kind", "type_comment"}
_SAME_TEXT = "(Text)"


def canonical(tree: ast.Module, imports: Iterable[str], *, without: Iterable[str] = ()) -> str:
    """The parts of a module that can change a number, as one line of text that is the same in every version of Python.

    Args:
        tree: the module's syntax tree.
        imports: what `imported` found in it.
        without: names whose imports and annotated assignments are left out as well.
    """
    before = _names_read(tree)
    pydantic = any(name.split(".")[0] == "pydantic" for name in imports)
    unread: set[str] = set()
    while True:
        writer = _Writer(pydantic, frozenset(without), unread)
        text = writer.text(tree)
        more = before - writer.read - unread
        if not more or before & _READS_BY_NAME:
            return text
        unread |= more


def imported(tree: ast.Module) -> set[str]:
    """Dotted names that a module imports, or imports a part of."""
    found: set[str] = set()
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _nodes(*tops: ast.AST) -> Iterator[ast.AST]:
    """Every node in any order; faster than `ast.walk`, and planning a study waits for it."""
    todo: list[Any] = list(tops)
    while todo:
        node = todo.pop()
        yield node
        for value in node.__dict__.values():
            if isinstance(value, list):
                todo.extend(each for each in value if isinstance(each, ast.AST))
            elif isinstance(value, ast.AST):
                todo.append(value)


def _names_read(tree: ast.AST) -> set[str]:
    """Every name that is read anywhere, including in hints written as strings."""
    names: set[str] = set()
    for node in _nodes(tree):
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Store):
                names.add(node.id)
        elif isinstance(node, ast.arg | ast.AnnAssign | ast.FunctionDef):
            hint = node.returns if isinstance(node, ast.FunctionDef) else node.annotation
            for part in _nodes(hint) if hint is not None else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    names.update(re.findall(r"[A-Za-z_]\w*", part.value))
    return names


def _last_name(node: ast.AST) -> str:
    """`c` of `a.b.c`, of `c`, and of a call or subscript of either."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_text(node: ast.AST) -> bool:
    """Whether an expression is a string, whatever its parts are."""
    match node:
        case ast.JoinedStr() | ast.Constant(str()) | ast.Call(ast.Attribute(ast.Constant(str()))):
            return True
        case ast.BinOp(left, ast.Add(), right):
            return _is_text(left) or _is_text(right)
        case ast.IfExp(_, body, orelse):
            return _is_text(body) and _is_text(orelse)
    return False


def _has_effects(*expressions: ast.AST) -> bool:
    """Whether evaluating an expression may have side effects."""
    for node in _nodes(*expressions):
        if isinstance(node, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Call):
            method = isinstance(node.func, ast.Attribute) and node.func.attr in _PURE_METHODS
            if not method and not (isinstance(node.func, ast.Name) and node.func.id in _PURE_CALLS):
                return True
    return False


def _tells(call: ast.Call) -> bool:
    """Whether a call only prints or logs something for people."""
    match call.func:
        case ast.Name("print"):
            return all(_last_name(keyword.value) == "stderr" for keyword in call.keywords if keyword.arg == "file")
        case ast.Attribute(ast.Name("warnings"), "warn"):
            return True
        case ast.Attribute(ast.Name(name), method) if name in _LOGGERS:
            return method in _LOG_METHODS
        case ast.Attribute(log, "write"):
            return _last_name(log) in _EVENT_LOGS
    return False


class _Writer:
    """Writes a tree as text; parts that do not count become the empty string.

    Args:
        pydantic: whether the module uses pydantic, which computes with the hints of fields.
        without: names whose imports and annotated assignments are left out.
        unread: names that only messages and hints read: their imports and effect-free assignments are left out.
    """

    def __init__(self, pydantic: bool, without: frozenset[str], unread: set[str]) -> None:
        self.pydantic, self.without, self.unread = pydantic, without, unread
        self.read: set[str] = set()
        """Names that the written parts read."""
        self._scope = "module"
        self._hints_count = False

    def text(self, node: Any) -> str:
        """The text of a node, of a list of nodes or of a constant."""
        if isinstance(node, list):
            return f"[{' '.join(text for text in map(self.text, node) if text)}]"
        if not isinstance(node, ast.AST):
            return repr(node)
        special = self._SPECIAL.get(type(node))
        return self._plain(node) if special is None else special(self, node)

    def _plain(self, node: ast.AST, *left_out: str) -> str:
        parts = [type(node).__name__]
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != [] and name not in _UNIMPORTANT and name not in left_out:
                parts.append(f"{name}={self.text(value)}")
        return f"({' '.join(parts)})"

    # -- statements -----------------------------------------------------------------------------------------------

    def _nothing(self, node: ast.AST) -> str:
        return ""

    def _expression(self, node: ast.Expr) -> str:
        """Leave out docstrings, and log lines whose arguments have no side effects."""
        value = node.value
        if isinstance(value, ast.Call) and _tells(value) and not _has_effects(*value.args, *value.keywords):
            return ""
        return "" if isinstance(value, ast.Constant) else self._plain(node)

    def _if(self, node: ast.If) -> str:
        if _last_name(node.test) != "TYPE_CHECKING":
            return self._plain(node)
        return self.text(node.orelse) if node.orelse else ""

    def _import(self, node: ast.Import | ast.ImportFrom) -> str:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return ""
        kept = [
            each for each in node.names if (each.asname or each.name.split(".")[0]) not in self.unread | self.without
        ]
        origin = self.text([node.module, node.level]) if isinstance(node, ast.ImportFrom) else ""
        return f"({type(node).__name__} {origin} {self.text(kept)})" if kept else ""

    def _assert(self, node: ast.Assert) -> str:
        return self._plain(node, "msg")

    def _assign(self, node: ast.Assign) -> str:
        target, logger = node.targets[0], _last_name(node.value) == "getLogger"
        unread = len(node.targets) == 1 and isinstance(target, ast.Name) and target.id in self.unread
        if unread and (logger or (self._scope == "function" and not _has_effects(node.value))):
            return ""
        return self._plain(node)

    def _annotated(self, node: ast.AnnAssign) -> str:
        if isinstance(node.target, ast.Name) and node.target.id in self.without:
            return ""
        if self._scope != "fields":
            return self._assign(ast.Assign([node.target], node.value)) if node.value else ""
        hint = set(re.findall(r"\w+", ast.dump(node.annotation)))
        if self._hints_count or _MEANINGFUL_HINTS & hint:
            return self._plain(node)
        return self._plain(node, "annotation")

    # -- scopes ---------------------------------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef) -> str:
        outer = self._scope, self._hints_count
        shared = {name for each in _nodes(node) if isinstance(each, ast.Global | ast.Nonlocal) for name in each.names}
        self._scope = "shared function" if shared & self.unread else "function"
        self._hints_count = not {_last_name(decorator) for decorator in node.decorator_list} <= _DECORATORS
        text = self._plain(node) if self._hints_count else self._plain(node, "returns")
        self._scope, self._hints_count = outer
        return text

    def _argument(self, node: ast.arg) -> str:
        return self._plain(node) if self._hints_count else f"(arg {node.arg})"

    def _class(self, node: ast.ClassDef) -> str:
        outer = self._scope, self._hints_count
        bases = {_last_name(base) for base in node.bases}
        decorators = {_last_name(decorator) for decorator in node.decorator_list}
        self._hints_count = self.pydantic or bool(node.keywords) or not (bases <= _BASES and decorators <= _DECORATORS)
        has_fields = self._hints_count or "dataclass" in decorators or "NamedTuple" in bases
        self._scope = "fields" if has_fields else "class"
        text = self._plain(node)
        self._scope, self._hints_count = outer
        return text

    # -- expressions ----------------------------------------------------------------------------------------------

    def _name(self, node: ast.Name) -> str:
        if not isinstance(node.ctx, ast.Store):
            self.read.add(node.id)
        return f"(Name {node.id})"

    def _raise(self, node: ast.Raise) -> str:
        if not isinstance(node.exc, ast.Call):
            return self._plain(node)
        cause = f" {self.text(node.cause)}" if node.cause else ""
        return f"(Raise {self._call(node.exc, words=True)}{cause})"

    def _call(self, node: ast.Call, words: bool = False) -> str:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in MESSAGES_ONLY:
            return f"(Call {self.text(node.func)})"
        if name == "cast" and len(node.args) == 2:
            return self.text(node.args[1])
        if not words and not _tells(node):
            return self._plain(node)
        arguments = [self._unless_text(each) for each in node.args]
        arguments += [f"{each.arg}={self._unless_text(each.value)}" for each in node.keywords]
        return f"(Call {self.text(node.func)} [{' '.join(arguments)}])"

    def _unless_text(self, node: ast.expr) -> str:
        """Treat all strings alike, except f-strings with side effects."""
        return _SAME_TEXT if _is_text(node) and not _has_effects(node) else self.text(node)

    _SPECIAL: ClassVar[dict[type, Callable[[Any, Any], str]]] = {
        ast.Pass: _nothing,
        ast.Expr: _expression,
        ast.If: _if,
        ast.Import: _import,
        ast.ImportFrom: _import,
        ast.Assert: _assert,
        ast.Assign: _assign,
        ast.AnnAssign: _annotated,
        ast.FunctionDef: _function,
        ast.ClassDef: _class,
        ast.arg: _argument,
        ast.Name: _name,
        ast.Raise: _raise,
        ast.Call: _call,
    }
