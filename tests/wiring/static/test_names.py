"""Following names: re-exports, star imports, aliases, branches, cycles, inheritance."""

from importlib.machinery import EXTENSION_SUFFIXES

import pytest

from ml_core.wiring.static_signatures import Resolver, Unresolved

FILES = {
    "pkg/__init__.py": """
        from .one import first
        from .one import first as renamed
        from . import two
        from pkg.star import *
        import pkg.deep.deeper as shortcut
        import pkg.deep
        from .loop_a import looped
        from .one import Sub
        alias = two.second
        def register(function):
            return function
        chained = alias
        choice = first if True else two.second
        try:
            from not_installed import fast
        except ImportError:
            from .one import slow as fast
        try:
            from .one import there
        except ImportError:
            def there(wrong): ...
        placeholder = None
        if two:
            from .one import first as placeholder
        if two:
            def either(a, b): ...
        else:
            def either(a, c): ...
        if two:
            class EitherClass:
                def __init__(self, a): ...
        else:
            class EitherClass(Sub):
                def __init__(self, b): ...
        Sub.added = first
        """,
    "pkg/one.py": """
        from .three import third as first
        def slow(s): ...
        def there(t): ...
        class Super:
            limit = 3
            def inherited(self, a, b=1): ...
            @classmethod
            def made(cls, c): ...
            @staticmethod
            def fixed(d): ...
            class Inner:
                def __init__(self, e): ...
            def _hidden(self, f): ...
            shown = _hidden
        class Sub(Super):
            again = Super.inherited
        """,
    "pkg/two.py": "def second(x): ...\n",
    "pkg/three.py": "def third(a, *, b=1): ...\n",
    "pkg/star.py": """
        from .star_of_star import *
        __all__ = ['starred']
        def starred(z): ...
        def unlisted(z): ...
        """,
    "pkg/star_of_star.py": "def from_afar(w): ...\ndef _private(w): ...\n",
    "pkg/open_star/__init__.py": "from pkg.star_of_star import *\nfrom ..one import *\n",
    "pkg/registry/__init__.py": "from .net import *\n",
    "pkg/registry/net.py": """
        __all__ = ['Net']
        from .. import register
        class Net: ...
        @register
        def net(depth): ...
        """,
    "pkg/deep/__init__.py": "",
    "pkg/deep/deeper.py": "def deepest(q): ...\n",
    "pkg/not_imported.py": "def function(n): ...\n",
    "pkg/loop_a.py": "from .loop_b import looped, other\ndef own(a): ...\n",
    "pkg/loop_b.py": "from .loop_a import looped, own as other\nfrom .loop_b import *\nfrom .loop_a import *\n",
    "pkg/odd.py": """
        class Itself(Itself): ...
        class A(B): ...
        class B(A): ...
        x = y
        y = x
        z = z
        class C:
            attribute = other
        other = C.attribute
        """,
}


@pytest.fixture
def resolver(written) -> Resolver:
    return written(FILES)


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("pkg.first", ("a", "b")),
        ("pkg.renamed", ("a", "b")),
        ("pkg.two.second", ("x",)),
        ("pkg.alias", ("x",)),
        ("pkg.chained", ("x",)),
        ("pkg.starred", ("z",)),
        ("pkg.shortcut.deepest", ("q",)),
        ("pkg.deep.deeper.deepest", ("q",)),
        ("pkg.not_imported.function", ("n",)),
        ("pkg.open_star.from_afar", ("w",)),
        ("pkg.open_star.slow", ("s",)),
        ("pkg.fast", ("s",)),
        ("pkg.there", ("t",)),
        ("pkg.placeholder", ("a", "b")),
        ("pkg.either", ("a", "b", "c")),
        ("pkg.EitherClass", ("a", "b")),
        ("pkg.choice", ("a", "b", "x")),
        ("pkg.loop_a.other", ("a",)),
        ("pkg.registry.net", ("depth",)),
        ("pkg.Sub.made", ("c",)),
        ("pkg.Sub.fixed", ("d",)),
        ("pkg.Sub.inherited", ("self", "a", "b")),
        ("pkg.Sub.again", ("self", "a", "b")),
        ("pkg.Sub.shown", ("self", "f")),
        ("pkg.Sub.Inner", ("e",)),
    ],
)
def test_a_name_leads_to_its_definition(resolver, target, names):
    assert resolver.signature(target).names == names


def test_the_definition_is_told_with_file_and_line(resolver, tmp_path):
    signature = resolver.signature("pkg.renamed")

    assert (signature.file, signature.line) == (str(tmp_path / "pkg" / "three.py"), 1)


def test_of_branches_only_what_all_require_is_required(resolver):
    assert resolver.signature("pkg.either").required == {"a"}


@pytest.mark.parametrize(
    "target", ["pkg.unlisted", "pkg.from_afar", "pkg.open_star._private", "pkg.limit", "pkg.odd.q"]
)
def test_names_that_are_not_given_are_not_found(resolver, target):
    with pytest.raises(Unresolved) as failure:
        resolver.signature(target)

    assert failure.value.kind == "name"


@pytest.mark.parametrize("target", ["pkg.looped", "pkg.odd.x", "pkg.odd.z", "pkg.odd.C.attribute"])
def test_names_that_lead_in_a_circle_end(resolver, target):
    with pytest.raises(Unresolved) as failure:
        resolver.signature(target)

    assert failure.value.kind == "dynamic"


@pytest.mark.parametrize(
    ("target", "bases"),
    [("pkg.odd.Itself", {"pkg.odd.Itself"}), ("pkg.odd.A", {"pkg.odd.A", "pkg.odd.B"})],
)
def test_classes_that_inherit_in_a_circle_end(resolver, target, bases):
    assert resolver.bases(target) == bases


def test_nothing_is_run(written):
    resolver = written({"harmful.py": "raise SystemExit\ndef f(a): ...\n", "over.py": "from harmful import f\n"})

    assert resolver.signature("over.f").names == ("a",)


def test_a_later_star_import_replaces_what_was_bound_before_it(written):
    resolver = written(
        {
            "over/__init__.py": "def f(a): ...\ndef g(a): ...\nfrom .later import *\ndef g(c): ...\n",
            "over/later.py": "def f(b): ...\ndef g(b): ...\n",
            "fast/__init__.py": "def f(a): ...\nfrom .compiled import *\ndef g(a): ...\n",
            f"fast/compiled{EXTENSION_SUFFIXES[0]}": "",
        }
    )

    assert (resolver.signature("over.f").names, resolver.signature("over.g").names) == (("b",), ("c",))
    assert resolver.signature("fast.g").names == ("a",)
    with pytest.raises(Unresolved, match=r"fast\.compiled\.f is compiled"):
        resolver.signature("fast.f")


def test_lazy_packages_are_read_by_their_tables(written):
    lazy = "\ndef __getattr__(name):\n    return _load(name)\n"
    resolver = written(
        {
            "lists/__init__.py": f"_import_structure = {{'models.auto': ['AutoModel', 'AutoConfig']}}{lazy}",
            "lists/models/__init__.py": "",
            "lists/models/auto.py": """
                class AutoModel:
                    @classmethod
                    def from_pretrained(cls, path, **kw): ...
                """,
            "adds/__init__.py": f"t = {{}}\nt['a'] = ['A']\nt['b'].append('B')\nt['b'].extend(['C', 'D']){lazy}",
            "adds/a.py": "def A(a): ...\n",
            "adds/b.py": "def B(b): ...\ndef D(d): ...\n",
            "places/__init__.py": f"_PLACE = {{'A': '.a', 'B': ('places.b', 'Real')}}{lazy}",
            "places/a.py": "def A(a): ...\n",
            "places/b.py": "def Real(b): ...\n",
            "stubbed/__init__.py": "__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)\n",
            "stubbed/__init__.pyi": "from .a import A as A\n",
            "stubbed/a.py": "def A(a): ...\n",
            "checked/__init__.py": "if TYPE_CHECKING:\n    from .a import A\nelse:\n    import sys\n    "
            "sys.modules[__name__] = Lazy(__name__)\n",
            "checked/a.py": "def A(a): ...\n",
        }
    )
    targets = ["lists.AutoModel.from_pretrained", "adds.A", "adds.B", "adds.D", "places.A", "places.B", "stubbed.A"]

    names = [resolver.signature(target).names for target in [*targets, "checked.A"]]
    assert names == [("path",), ("a",), ("b",), ("d",), ("a",), ("b",), ("a",), ("a",)]


def test_a_big_tree_of_star_imports_is_not_parsed_for_one_name(written):
    files = {f"big/m{i}.py": "def broken(:\n" for i in range(50)} | {"big/last.py": "def wanted(a): ...\n"}
    stars = "".join(f"from .m{i} import *\n" for i in range(50))
    resolver = written({**files, "big/__init__.py": f"from .last import *\n{stars}"})

    assert resolver.signature("big.wanted").names == ("a",)
