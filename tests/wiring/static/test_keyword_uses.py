"""What a function does with its `**kwargs`."""

import ast

import pytest

from ml_core.wiring.static.keyword_uses import Uses, uses_of


def uses(*lines: str) -> Uses:
    body = "".join(f"    {line}\n" for line in lines)
    return uses_of(ast.parse(f"def f(self, **kw):\n{body}").body[0], "kw")


@pytest.mark.parametrize(
    ("line", "removed", "read", "added"),
    [
        ("kw.pop('a')", {"a"}, set(), set()),
        ("kw.pop('a', 1)", {"a"}, set(), set()),
        ("del kw['a']", {"a"}, set(), set()),
        ("x = kw['a']", set(), {"a"}, set()),
        ("x = kw.get('a')", set(), {"a"}, set()),
        ("x = 'a' in kw", set(), {"a"}, set()),
        ("kw['a'] = 1", set(), set(), {"a"}),
        ("kw.update({'a': 1}, b=2)", set(), set(), {"a", "b"}),
        ("kw.setdefault('a', 1)", set(), {"a"}, {"a"}),
    ],
)
def test_names_are_taken_out_read_and_added(line, removed, read, added):
    found = uses(line)

    assert (found.removed, found.read, found.added, found.is_lost) == (removed, read, added, False)


@pytest.mark.parametrize(
    "line",
    [
        "if kw: print('unknown')",
        "if not kw or self: pass",
        "if len(kw) > 1 and set(kw) - {'a'}: raise TypeError(kw)",
        "assert not kw",
        "raise TypeError(f'unknown: {sorted(kw)}')",
        "print(f'{kw}')",
        "x = len(kw)",
        "x = 1 if kw else 2",
    ],
)
def test_looking_changes_nothing(line):
    assert uses(line) == Uses()


@pytest.mark.parametrize(
    "line",
    [
        "self.kw = kw",
        "kw = {}",
        "x = kw or {}",
        "x = {**kw}",
        "for k in kw: pass",
        "x = kw.items()",
        "kw.pop(self.name)",
        "del kw[self.name]",
        "kw.clear()",
        "return kw",
    ],
)
def test_what_may_go_anywhere_is_lost(line):
    assert uses(line).is_lost


@pytest.mark.parametrize(
    ("lines", "is_certain"),
    [
        (["g(**kw)"], True),
        (["x = [g(1, **kw)]"], True),
        (["with a:", "    g(**kw)"], True),
        (["if a:", "    g(**kw)"], False),
        (["try:", "    g(**kw)", "finally: pass"], False),
        (["x = a and g(**kw)"], False),
        (["h = lambda: g(**kw)"], False),
    ],
)
def test_a_call_that_gets_them_is_certain_unless_it_stands_in_a_branch(lines, is_certain):
    assert [forward.is_certain for forward in uses(*lines).forwards] == [is_certain]


def test_calls_are_in_the_order_of_the_source():
    found = uses("if a: return g(h(**kw))", "return i(**kw)")

    assert [ast.unparse(forward.call.func) for forward in found.forwards] == ["h", "i"]


def test_a_call_that_gets_the_mapping_itself_is_noted():
    found = uses("check(kw)", "check(options=kw)")

    assert len(found.handed) == 2
    assert not found.is_lost
