"""The table of bad inputs is whole, its tests are there, and the page is what the command would write."""

import re

from tests.robustness import page as robustness

ROOT = robustness.ROOT


def test_all_77_cases_have_tests_that_are_there():
    numbered = [case for case in robustness.cases() if case.number]
    assert [case.number for case in numbered] == list(range(1, 78))
    for case in numbered:
        assert case.tests and case.outcome and re.fullmatch(r"\d+( or \d+)?", case.code), case
        for test in case.tests:
            file, _, name = robustness.node(test).partition("::")
            text = (ROOT / file).read_text(encoding="utf-8")
            assert not name or f"def {name}(" in text, test


def test_the_page_is_that_of_the_table():
    text = robustness.PAGE.read_text(encoding="utf-8")
    passed = robustness.counts(text)
    assert all(passed.values())
    assert text == robustness.page(passed), "python -m tests.robustness"


def test_the_exit_codes_are_those_of_the_readme():
    known = re.findall(r"^\| ([\d, ]+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    codes = {code for cell in known for code in cell.split(", ")}
    used = {code for case in robustness.cases() for code in re.findall(r"\d+", case.code)}
    assert used <= codes
