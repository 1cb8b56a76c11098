"""Generate the mutants of a module: copies of its source, each changed in one place."""

import ast
import copy
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
# Without these decorators a module does not even start, so their removal shows nothing.
STRUCTURAL = {"property", "classmethod", "staticmethod", "contextmanager", "cached_property"}
UNTOUCHED_FIELDS = {"annotation", "returns", "format_spec", "type_comment"}


@dataclass(frozen=True)
class Mutant:
    """A changed module: the line of the change, the change as a diff, and the whole source."""

    line: int
    change: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Return every mutant of `source`, in the order of its lines.

    Docstrings, annotations and imports are left alone. A mutant is written by `ast.unparse`,
    so it has no comments.
    """
    tree = ast.parse(source)
    original = ast.unparse(tree).splitlines()
    found: list[Mutant] = []
    for node, put in list(_places(tree)):
        for replacement in _replacements(node):
            put(replacement)
            mutated = ast.unparse(tree)
            put(node)
            lines = difflib.unified_diff(original, mutated.splitlines(), n=0, lineterm="")
            change = [line for line in lines if line[:3] not in {"---", "+++"} and line[0] != "@"]
            if change:
                found.append(Mutant(getattr(node, "lineno", 0), "\n".join(change), mutated + "\n"))
    return sorted(found, key=lambda mutant: mutant.line)


def _places(parent: ast.AST) -> Iterator[tuple[ast.AST, Callable[[ast.AST], None]]]:
    """Yield every node below `parent`, with the function that puts another in its place."""
    for name, value in ast.iter_fields(parent):
        if name in UNTOUCHED_FIELDS:
            continue
        for index, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or _is_untouched(node):
                continue
            yield node, _setter(parent, name, index if isinstance(value, list) else None)
            yield from _places(node)


def _setter(parent: ast.AST, name: str, index: int | None) -> Callable[[ast.AST], None]:
    def put(node: ast.AST) -> None:
        if index is None:
            setattr(parent, name, node)
        else:
            getattr(parent, name)[index] = node

    return put


def _is_untouched(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.expr_context():
            return True
        case ast.Expr(value=ast.Constant()):  # a docstring
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
    return False


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what to put in the place of `node`: each time one thing is different."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
            yield _changed(node, ops=[COMPARISONS[type(operator)]()])
        case ast.BinOp(op=operator) if type(operator) in OPERATORS:
            yield _changed(node, op=OPERATORS[type(operator)]())
        case ast.BoolOp(op=ast.And()):
            yield _changed(node, op=ast.Or())
        case ast.BoolOp(op=ast.Or()):
            yield _changed(node, op=ast.And())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.Constant(value=value):
            yield from _constants(value)
        case ast.If() | ast.IfExp() | ast.While():
            yield _changed(node, test=ast.UnaryOp(ast.Not(), node.test))
        case ast.comprehension(ifs=[*conditions]):
            for condition in conditions:
                yield _changed(node, ifs=[kept for kept in conditions if kept is not condition])
        case ast.Return(value=value) if value is not None and not isinstance(value, ast.Constant):
            yield _changed(node, value=ast.Constant(None))
        case ast.Expr() | ast.Raise() | ast.AugAssign() | ast.Delete():
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.Call(keywords=[*keywords]):
            for keyword in keywords:
                yield _changed(node, keywords=[kept for kept in keywords if kept is not keyword])
        case ast.FunctionDef(decorator_list=[*decorators]):
            for decorator in decorators:
                if ast.unparse(decorator).split(".")[-1] not in STRUCTURAL:
                    rest = [kept for kept in decorators if kept is not decorator]
                    yield _changed(node, decorator_list=rest)


def _constants(value: object) -> Iterator[ast.AST]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case int() | float():
            yield ast.Constant(value + 1)
        case str():
            yield ast.Constant(f"XX{value}")


def _changed(node: ast.AST, **fields: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed
