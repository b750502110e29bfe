"""Types of the ``chaquopy-stubs-android`` package, Python annotations, as Java's descriptors and generic signatures."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

_ROOTS = ("android", "java", "javax", "org", "dalvik")
_PRIMITIVES = {
    "jint": "I",
    "jlong": "J",
    "jshort": "S",
    "jbyte": "B",
    "jfloat": "F",
    "jdouble": "D",
    "jboolean": "Z",
    "jchar": "C",
}
_PYTHON = {"int": "I", "bool": "Z", "float": "F", "str": "Ljava/lang/String;"}
_BOXES = {"I": "Ljava/lang/Integer;", "Z": "Ljava/lang/Boolean;", "F": "Ljava/lang/Float;"}
OBJECT = "Ljava/lang/Object;"


class Stubs:
    """All modules, and which class and type variable is named what."""

    def __init__(self, packages: Path) -> None:
        self.modules: dict[str, ast.Module] = {}
        self.classes: dict[str, str] = {}
        self.bounds: dict[tuple[str, str], ast.expr | None] = {}
        for root in _ROOTS:
            top = packages / f"{root}-stubs"
            for path in sorted(top.rglob("*.pyi")):
                if path.name not in ("chaquopy.pyi", "primitive.pyi"):
                    package = ".".join([root, *path.parent.relative_to(top).parts])
                    self.modules[package] = ast.parse(path.read_text(encoding="utf-8"))
                    self._index(package, self.modules[package].body, package, package.replace(".", "/") + "/")

    def _index(self, package: str, body: list[ast.stmt], dotted: str, internal: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                self.classes[f"{dotted}.{node.name}"] = internal + node.name
                self._index(package, node.body, f"{dotted}.{node.name}", f"{internal}{node.name}$")
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                call, name = node.value, node.targets[0]
                if ast.unparse(call.func) == "typing.TypeVar" and isinstance(name, ast.Name):
                    self.bounds[package, name.id] = next((k.value for k in call.keywords if k.arg == "bound"), None)


@dataclass(frozen=True)
class Scope:
    """Where a name is looked up: in the classes around it, from the inside out, then in its package."""

    stubs: Stubs
    package: str
    around: tuple[str, ...]

    def descriptor(self, annotation: ast.expr | None) -> str:
        """What the class file calls an annotation's type, without its type arguments."""
        return self._type(annotation, generic=False)

    def signature(self, annotation: ast.expr | None) -> str:
        """The same with type arguments and variables."""
        return self._type(annotation, generic=True)

    def variables(self, annotation: ast.expr | None) -> set[str]:
        """The type variables in an annotation."""
        if annotation is None:
            return set()
        names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
        return {name for name in names if (self.package, name) in self.stubs.bounds}

    def bound(self, variable: str) -> str:
        """A type variable's upper bound as a signature."""
        bound = self.stubs.bounds.get((self.package, variable))
        return OBJECT if bound is None else self.signature(bound)

    def _class(self, name: str) -> str | None:
        for prefix in (*self.around, self.package):
            if found := self.stubs.classes.get(f"{prefix}.{name}"):
                return found
        return self.stubs.classes.get(name)

    def _type(self, annotation: ast.expr | None, *, generic: bool) -> str:
        if annotation is None:
            return OBJECT
        if isinstance(annotation, ast.Constant):
            if annotation.value is None:
                return "V"
            return self._type(ast.parse(str(annotation.value), mode="eval").body, generic=generic)
        if isinstance(annotation, ast.BinOp):
            return self._union(annotation, generic)
        name = ast.unparse(annotation)
        if found := _named(name):
            return found
        if isinstance(annotation, ast.Subscript):
            return self._subscript(annotation, generic)
        if isinstance(annotation, ast.Name) and (self.package, annotation.id) in self.stubs.bounds:
            if generic:
                return f"T{annotation.id};"
            return self.descriptor(self.stubs.bounds[self.package, annotation.id])
        known = self._class(name)
        return f"L{known};" if known else OBJECT

    def _union(self, annotation: ast.BinOp, generic: bool) -> str:
        """``int | java.jint | java.lang.Integer`` is an int, ``str | java.lang.String`` a string, ``X | None`` an X."""
        parts: list[ast.expr] = []
        rest: ast.expr = annotation
        while isinstance(rest, ast.BinOp):
            parts.insert(0, rest.right)
            rest = rest.left
        parts.insert(0, rest)
        for part in parts:
            name = ast.unparse(part)
            if name.startswith("java.j") and (primitive := _PRIMITIVES.get(name.removeprefix("java."))):
                return primitive
            if name == "java.lang.String":
                return "Ljava/lang/String;"
        return self._type(next(part for part in parts if ast.unparse(part) != "None"), generic=generic)

    def _subscript(self, annotation: ast.Subscript, generic: bool) -> str:
        if ast.unparse(annotation.value) == "java.chaquopy.JavaArray":
            return "[" + self._type(annotation.slice, generic=generic)
        raw = self.descriptor(annotation.value)
        if not generic or raw == OBJECT:
            return raw
        given = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        arguments = [self.signature(argument) for argument in given]
        return raw[:-1] + "<" + "".join(a if a[0] in "LT[" else _BOXES.get(a, "*") for a in arguments) + ">;"


def _named(name: str) -> str | None:
    """Types whose name says all."""
    if name.startswith("java.j") and (primitive := _PRIMITIVES.get(name.removeprefix("java."))):
        return primitive
    if found := re.fullmatch(r"java\.chaquopy\.JavaArrayJ(\w+)", name):
        return "[" + _PRIMITIVES["j" + found.group(1).lower()]
    if name.startswith("typing.Type"):
        return "Ljava/lang/Class;"
    return _PYTHON.get(name)
