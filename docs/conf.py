"""How the pages are built; `make docs` does it. Nothing is fetched: what is linked to is in this repository."""

import os
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import leadscore

HERE = Path(__file__).parent
# Sphinx reads below its own folder alone; the notebooks stay where a reader of the repository looks for them.
for made in ("notebooks", "reference/generated"):
    shutil.rmtree(HERE / made, ignore_errors=True)
shutil.copytree(HERE.parent / "notebooks", HERE / "notebooks", ignore=shutil.ignore_patterns(".*"))

# Kernels start without what a user's own profile does, and say errors alone.
profile = HERE / "_build" / "ipython" / "profile_default"
profile.mkdir(parents=True, exist_ok=True)
(profile / "ipython_kernel_config.py").write_text('c.IPKernelApp.log_level = "ERROR"\n', encoding="utf-8")
os.environ["IPYTHONDIR"] = str(profile.parent)

project = "leadscore"
author = "The leadscore developers"
version = release = leadscore.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc", "myst_nb"]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]

nitpicky = True
default_role = "literal"  # `a name` in a docstring is code
autodoc_typehints = "none"  # the docstrings say what each argument is
autodoc_member_order = "bysource"
autosummary_ignore_module_all = False
numpydoc_show_class_members = False  # the template lists them

nb_execution_mode = "force"
nb_execution_show_tb = True  # a cell that fails is a warning, and warnings are errors
nb_execution_timeout = 120
nb_merge_streams = True
nb_ipywidgets_js: dict[str, Any] = {}  # pages load nothing from elsewhere
# Where an output has a page of its own beside a widget, that is what moves without a kernel.
nb_mime_priority_overrides = [("html", "text/html", 0)]
nb_output_stderr = "warn"  # a page shows no warning that its reader cannot act on
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

html_theme = "pydata_sphinx_theme"
html_title = "leadscore"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options: dict[str, Any] = {
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "show_nav_level": 1,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
ALONE = (
    "start",
    "rulebook",
    "data",
    "sources",
    "cluster",
    "terms",
    "methods",
    "benchmarks",
    "contributing",
    "changelog",
)
html_sidebars = {page: [] for page in ALONE}  # no pages below them to list
copyright = "The leadscore developers, BSD 3-Clause licence"  # noqa: A001 - Sphinx's own name


def _signature(_app: Sphinx, what: str, _name: str, _object: Any, _options: Any, signature: str, returns: str) -> Any:
    """Hide how a result is put together: users get it from a function and never make it themselves."""
    made_by_users = what != "class" or "Parameters\n" in (_object.__doc__ or "")
    return (signature, returns) if made_by_users else ("", returns)


def setup(app: Sphinx) -> None:
    """Register what Sphinx has no setting for."""
    app.connect("autodoc-process-signature", _signature)
