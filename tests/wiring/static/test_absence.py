"""Why a target is not found: which of the five kinds."""

import pytest

from ml_core.wiring.static_signatures import Resolver, Unresolved

LAZY = "def __getattr__(name):\n    if name == 'lazy_part':\n        return 1\n"
FILES = {
    "plain/__init__.py": "from .inner import known, Thing\nimport not_installed.part\nfrom not_installed import gone\n",
    "plain/inner.py": "def known(a): ...\nclass Thing:\n    def method(self): ...\n",
    "lazy/__init__.py": f"{LAZY}from .inner import *\n",
    "lazy/inner.py": "def known(a): ...\n",
    "extended/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
    "broken/__init__.py": "",
    "broken/net.py": "class Net:\n    def __init__(self, a)\n        pass\n",
    "odd.py": """
        import math
        value = {}
        count = 3
        class Dynamic(math.nothing): ...
        class Meta(type): ...
        class Made(metaclass=Meta): ...
        class Filled: ...
        setattr(Filled, 'later', len)
        """,
}


@pytest.fixture
def resolver(written) -> Resolver:
    return written(FILES)


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        ("absent_package.Net", "package", "the package 'absent_package' is not installed"),
        ("Net", "package", "the package 'Net' is not installed"),
        ("plain.gone", "package", "plain.gone needs the package 'not_installed', which is not installed"),
        ("plain.innner.known", "module", "plain has no module 'innner'"),
        ("plain.known.x", "dynamic", "plain.inner.known has no 'x' in its source"),
        ("lazy.innner.known", "module", "lazy has no module 'innner'"),
        ("lazy.lazy_part.x", "dynamic", "lazy has no 'lazy_part' in its source"),
        ("lazy.knwn", "dynamic", "lazy has no 'knwn' in its source"),
        ("extended.part", "dynamic", "extended has no 'part' in its source"),
        ("plain.knwn", "name", "plain has no 'knwn'"),
        ("plain.inner.Thing.methd", "name", "plain.inner.Thing has no 'methd'"),
        ("plain.inner", "name", "plain.inner is a module, which cannot be called"),
        ("plain", "name", "plain is a module, which cannot be called"),
        ("plain..known", "name", "'plain..known' is no dotted name"),
        ("", "name", "'' is no dotted name"),
        ("builtins.dict", "builtin", "builtins.dict is compiled"),
        ("builtins.dict.fromkeys", "builtin", "builtins.dict.fromkeys is compiled"),
        ("math.hypot", "builtin", "math.hypot is compiled"),
        ("odd.math.hypot", "builtin", "math.hypot is compiled"),
        ("types.SimpleNamespace", "dynamic", "types.SimpleNamespace is made when its module runs"),
        ("odd.value", "dynamic", "odd.value is made when its module runs: {}"),
        ("odd.value.get", "dynamic", "odd.value has no 'get' in its source"),
        ("odd.Dynamic", "dynamic", "odd.Dynamic has the base math.nothing, which cannot be read"),
        ("odd.Dynamic.create", "dynamic", "odd.Dynamic has no 'create' in its source"),
        ("odd.Made.create", "dynamic", "odd.Made has no 'create' in its source"),
        ("odd.Filled.later", "dynamic", "odd.Filled has no 'later' in its source"),
        ("__main__.Net", "dynamic", "the module __main__ has no file"),
        ("torch.optimm.Adam", "module", "torch has no module 'optimm'"),
        ("torch.optim.Adamm", "name", "torch.optim has no 'Adamm'"),
        ("torch.ops.aten.add", "dynamic", "torch._ops.ops has no 'aten' in its source"),
        ("torchmetrics.clasification.Accuracy", "module", "torchmetrics has no module 'clasification'"),
        ("datasets.load_datasett", "name", "datasets has no 'load_datasett'"),
    ],
)
def test_the_kind_tells_a_mistake_from_what_cannot_be_read(resolver, target, kind, message):
    with pytest.raises(Unresolved) as failure:
        resolver.signature(target)

    assert (failure.value.kind, failure.value.message.startswith(message)) == (kind, True), failure.value.message
    assert failure.value.is_mistake is (kind in ("package", "module", "name"))


@pytest.mark.parametrize(
    ("target", "asked", "known"),
    [
        ("torch.optim.Adamm", "Adamm", "Adam"),
        ("torch.optimm.Adam", "optimm", "optim"),
        ("torch.nn.Linaer", "Linaer", "Linear"),
        ("plain.knwn", "knwn", "known"),
        ("plain.innner.known", "innner", "inner"),
        ("plain.inner.Thing.methd", "methd", "method"),
        ("plain.inner", "inner", "known"),
        ("plain.gone", "not_installed", None),
    ],
)
def test_a_mistake_tells_what_was_asked_for_and_what_there_is(resolver, target, asked, known):
    with pytest.raises(Unresolved) as failure:
        resolver.signature(target)

    assert failure.value.asked == asked
    assert (known in failure.value.known) if known else not failure.value.known


def test_a_module_of_the_user_that_cannot_be_parsed_is_told_with_its_line(resolver, tmp_path):
    with pytest.raises(Unresolved) as failure:
        resolver.signature("broken.net.Net")

    assert failure.value.kind == "module"
    assert failure.value.message == f"{tmp_path}/broken/net.py:2: expected ':'"


def test_a_failure_may_be_asked_for_again(resolver):
    for _ in range(2):
        with pytest.raises(Unresolved, match="plain has no 'knwn'"):
            resolver.signature("plain.knwn")


def test_a_package_may_lie_in_an_archive_on_the_search_path(tmp_path):
    (tmp_path / "packages.zip").write_bytes(b"PK")

    with pytest.raises(Unresolved) as failure:
        Resolver([str(tmp_path / "packages.zip")]).signature("zipped.Net")
    assert failure.value.kind == "dynamic"
