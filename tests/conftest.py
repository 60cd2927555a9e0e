"""Hypothesis profiles: `fast` by default, `thorough` in the slow tier, `explore` to look for what nobody has seen.

All but `explore` draw the same examples every time, so that a red build means a change and not luck.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

_SHARED = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fast", max_examples=25, derandomize=True, **_SHARED)
# Ten times as many as the fast ones: what two cores do in the half hour that the slow tier may take.
settings.register_profile("thorough", max_examples=250, derandomize=True, **_SHARED)
settings.register_profile("explore", max_examples=2000, **_SHARED)
# While code is being broken to see tests fail: shrinking an example of a slow test takes minutes.
settings.register_profile("unshrunk", derandomize=True, phases=[Phase.generate], **_SHARED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture(scope="session")
def folder():
    """Where the real data is; tests that need it are marked `real`."""
    named = os.environ.get("LEADSCORE_DATA")
    if named and all(Path(named, name).is_dir() for name in ("bank", "bpi12", "olist")):
        return Path(named)
    return pytest.skip(f"LEADSCORE_DATA names no folder with the real data (it is {named!r})")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Where all programs and data are there, a test that skips has lost its way."""
    report = yield
    # It asks for a setting of scipy's that changes what all tests see.
    if "check_array_api_input" in item.name:
        return report
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"{item.nodeid} was skipped: {report.longrepr}"
    return report
