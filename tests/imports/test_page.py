"""The page on data files: what it shows is read, and it names all that may stand in one."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import leadscore as ls
from leadscore.imports import language

PAGE = (Path(ls.__file__).parent / "imports" / "data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_whole_example_is_read():
    assert repr(ls.imports.DataFile.from_yaml(BLOCKS[0])).startswith("<DataFile: 4 sources; leads from contacts")


@pytest.mark.parametrize("block", BLOCKS[1:])
def test_each_value_is_read(block):
    language.Value.model_validate(YAML(typ="safe").load(block))


def test_all_that_may_stand_in_a_data_file_is_on_the_page():
    forms = vars(language).values()
    forms = [
        form
        for form in forms
        if isinstance(form, type) and issubclass(form, language.Part) and form.__module__.endswith("language")
    ]
    names = {field.alias or name for form in forms for name, field in form.model_fields.items()}
    assert {name for name in names if not re.search(rf"\b{name}\b", PAGE)} == set()
    assert {kind for kind in language.CellType.__args__ if f"`{kind}`" not in PAGE} == set()
    assert {form for form in language.FORMATS if form not in PAGE} == set()
