"""Android's API 36 to compile against: a .jar of classes without bodies, made of what two packages know of it.

    python check/stub_jar.py SITE_PACKAGES DECLARATIONS OUT.jar

SITE_PACKAGES has ``chaquopy-stubs-android`` (names and types), DECLARATIONS is a .d.ts of
``@nativescript/types-android`` (what is an interface). It stands in for the SDK's android.jar, which no registry has.
"""

from __future__ import annotations

import ast
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

from class_writer import (
    ABSTRACT,
    ANNOTATION,
    ENUM,
    FINAL,
    INTERFACE,
    PUBLIC,
    STATIC,
    SUPER,
    VARARGS,
    ClassFile,
    Member,
    written,
)
from stub_types import Scope, Stubs

_ANNOTATION = "java/lang/annotation/Annotation"
_KEYWORDS = {
    "print_",
    "from_",
    "in_",
    "is_",
    "with_",
    "as_",
    "del_",
    "class_",
    "import_",
    "pass_",
    "and_",
    "or_",
    "not_",
}
_VIEW, _PARCELABLE = "<T:Landroid/view/View;>(I)TT;", "<T::Landroid/os/Parcelable;>(Ljava/lang/String;)TT;"
# what those packages lose: Python's int is Java's int or long, and a type variable in the result alone is gone
_CORRECTED = {
    ("android/app/Activity", "findViewById"): Member(PUBLIC, "findViewById", "(I)Landroid/view/View;", _VIEW),
    ("android/content/Intent", "getParcelableExtra"): Member(
        PUBLIC, "getParcelableExtra", "(Ljava/lang/String;)Landroid/os/Parcelable;", _PARCELABLE
    ),
    ("android/content/pm/PackageInfo", "lastUpdateTime"): Member(PUBLIC, "lastUpdateTime", "J"),
}


def main() -> None:
    """Write the .jar."""
    packages, declarations, out = map(Path, sys.argv[1:4])
    names = re.findall(r"instance of the ([\w.$]+) interface with", declarations.read_text(encoding="utf-8"))
    stubs, interfaces = Stubs(packages), {name.replace(".", "/") for name in names}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as jar:
        for package, module in stubs.modules.items():
            if package.split(".")[0] == "android":
                for node in module.body:
                    if isinstance(node, ast.ClassDef):
                        for file in _classes(
                            stubs, interfaces, package, node, (package,), package.replace(".", "/") + "/"
                        ):
                            jar.writestr(f"{file.name}.class", written(file))


def _classes(
    stubs: Stubs, interfaces: set[str], package: str, node: ast.ClassDef, around: tuple[str, ...], prefix: str
) -> Iterator[ClassFile]:
    """A class and all classes in it."""
    dotted = f"{around[0]}.{node.name}"
    scope = Scope(stubs, package, (dotted, *around))
    file = _class(scope, interfaces, node, prefix + node.name)
    yield file
    for inner in node.body:
        if isinstance(inner, ast.ClassDef):
            yield from _classes(stubs, interfaces, package, inner, scope.around, file.name + "$")


def _class(scope: Scope, interfaces: set[str], node: ast.ClassDef, name: str) -> ClassFile:
    variables = [
        x.id for base in node.bases if _is_generic(base) for x in ast.walk(base.slice) if isinstance(x, ast.Name)
    ]
    bases = {scope.descriptor(base)[1:-1]: base for base in node.bases if not _is_generic(base)}
    is_annotation, is_enum = _ANNOTATION in bases, any(base == "java/lang/Enum" for base in bases)
    is_interface = name in interfaces or is_annotation
    parents = [base for base in bases if base not in interfaces and base not in ("java/lang/Object", _ANNOTATION)]
    given = [base for base in bases if base in interfaces or base == _ANNOTATION or (is_interface and base in parents)]
    parent = parents[0] if parents and not is_interface else "java/lang/Object"
    access = INTERFACE | ABSTRACT if is_interface else SUPER | (ENUM | FINAL if is_enum else 0)
    generic = [scope.signature(bases[parent]) if parent in bases else "Ljava/lang/Object;"]
    signature = _parameters(scope, interfaces, variables) + "".join(
        generic + [scope.signature(bases[b]) for b in given]
    )
    file = ClassFile(
        PUBLIC | access | (ANNOTATION if is_annotation else 0),
        name,
        parent,
        given,
        signature if "<" in signature else None,
    )
    file.inner = _inner(name, node, interfaces)
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    # the SDK names no parameters of abstract methods, which is how they are told from default ones
    any_unnamed = any(_unnamed(method, skip=1) for method in methods)
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            file.fields.append(_corrected(name, _field(scope, item, item.target.id, is_interface, is_enum and name)))
        elif isinstance(item, ast.FunctionDef) and (
            method := _method(scope, interfaces, item, is_interface, any_unnamed, variables)
        ):
            file.methods.append(_corrected(name, method))
    file.methods = list({(method.name, method.descriptor): method for method in file.methods}.values())
    return file


def _is_generic(base: ast.expr) -> TypeGuard[ast.Subscript]:
    return isinstance(base, ast.Subscript) and ast.unparse(base.value) == "typing.Generic"


def _parameters(scope: Scope, interfaces: set[str], variables: list[str]) -> str:
    """``<T:Landroid/view/View;>``, with two colons before an interface; empty without variables."""

    def one(variable: str) -> str:
        bound = scope.bound(variable)
        raw = bound[1 : bound.index(";")].split("<")[0] if bound[0] == "L" else ""
        return f"{variable}:{':' if raw in interfaces else ''}{bound}"

    return f"<{''.join(map(one, variables))}>" if variables else ""


def _inner(name: str, node: ast.ClassDef, interfaces: set[str]) -> list[tuple[str, int]]:
    parts = name.split("$")
    names = ["$".join(parts[: end + 1]) for end in range(1, len(parts))]
    names += [f"{name}${inner.name}" for inner in node.body if isinstance(inner, ast.ClassDef)]
    return [(one, PUBLIC | STATIC | (INTERFACE | ABSTRACT if one in interfaces else 0)) for one in names]


def _corrected(name: str, member: Member) -> Member:
    correction = _CORRECTED.get((name, member.name))
    same = correction and correction.descriptor.split(")")[0] == member.descriptor.split(")")[0]
    return correction if correction and (same or "(" not in member.descriptor) else member


def _field(scope: Scope, item: ast.AnnAssign, name: str, in_interface: bool, enum: str | bool) -> Member:
    annotation, static = item.annotation, False
    if isinstance(annotation, ast.Subscript) and "ClassVar" in ast.unparse(annotation.value):
        annotation, static = annotation.slice, True
    descriptor = scope.descriptor(annotation)
    access = PUBLIC | (STATIC | FINAL if in_interface or static else 0)
    return Member(access | (ENUM if enum and descriptor == f"L{enum};" else 0), name, descriptor)


def _unnamed(method: ast.FunctionDef, skip: int) -> bool:
    parameters = [p.arg for p in (method.args.posonlyargs + method.args.args)[skip:]]
    return bool(parameters) and all(re.fullmatch(r"arg\d+", parameter) for parameter in parameters)


def _method(
    scope: Scope, interfaces: set[str], node: ast.FunctionDef, in_interface: bool, any_unnamed: bool, outer: list[str]
) -> Member | None:
    static = any(ast.unparse(decorator) == "staticmethod" for decorator in node.decorator_list)
    parameters = (node.args.posonlyargs + node.args.args)[0 if static else 1 :]
    annotations, several = [p.annotation for p in parameters], node.args.vararg
    name = "<init>" if node.name == "__init__" else node.name[:-1] if node.name in _KEYWORDS else node.name
    if name.startswith("__") or (name == "<init>" and in_interface):
        return None
    result = ast.Constant(None) if name == "<init>" else node.returns
    variables = set().union(
        *(scope.variables(x) for x in [*annotations, result, several.annotation if several else None])
    )
    plain, generic = (
        "(" + "".join(map(of, annotations)) + ("[" + of(several.annotation) if several else "") + ")" + of(result)
        for of in (scope.descriptor, scope.signature)
    )
    generic = _parameters(scope, interfaces, sorted(variables - set(outer))) + generic
    bare = not parameters and several is None
    unnamed = _unnamed(node, 0 if static else 1) or (several and re.fullmatch(r"arg\d+", several.arg) is not None)
    if in_interface and not static and (unnamed or (bare and not any_unnamed)):
        access = PUBLIC | ABSTRACT
    else:
        access = PUBLIC | (STATIC if static else 0) | (VARARGS if several else 0)
    return Member(access, name, plain, generic if generic != plain else None)


if __name__ == "__main__":
    main()
