"""What makes a result of each class, from the tables `RESULTS` of the modules `results_*` beside this one."""

import importlib
import pkgutil

import tests.support

RESULTS = {
    name: make
    for module in pkgutil.iter_modules(tests.support.__path__)
    if module.name.startswith("results_")
    for name, make in importlib.import_module(f"tests.support.{module.name}").RESULTS.items()
}
