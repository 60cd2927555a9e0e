"""The workbench as a widget: what the browser cannot work out is asked of the kernel, one question at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from leadscore.errors import LeadscoreError
from leadscore.threshold.workbench.bench import Bench, Kept
from leadscore.threshold.workbench.browser import setting_of, setup_of, state_of, told
from leadscore.threshold.workbench.page import asset


class Widget(anywidget.AnyWidget):
    """Its state lives in the model, so that it outlasts a page that is loaded again, and is one for all its views."""

    _esm = asset("workbench.js")
    _css = asset("workbench.css")
    data = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)

    def show(self, bench: Bench) -> None:
        """Show what was done outside of the browser."""
        if bench.on(bench.as_it_is)[1].bars.tolist() != self.data["base"]["bars"]:
            self.data = setup_of(bench)
        self.state = state_of(bench)


def widget_of(bench: Bench, save: Callable[[], str]) -> Widget:
    """A widget of a bench; `save` writes what is set and says so."""
    widget = Widget(data=setup_of(bench), state=state_of(bench))
    latest: dict[str, Any] = {}

    def restore(state: dict[str, Any]) -> None:
        bench.setting = setting_of(state["setting"])
        bench.kept[:] = [Kept(setting_of(one), one["opened"]) for one in state["kept"]]
        bench.opened, bench.capacity = state["opened"], state["capacity"]

    def answer(_: Any, message: dict[str, Any], __: Any) -> None:
        try:
            if "state" in message:
                # It may be on its way still.
                restore(message["state"])
            if message["do"] == "try":
                latest["answer"] = bench.current
                widget.send({"do": "tried", "ask": message["ask"], **told(bench, latest["answer"])})
            elif message["do"] == "why":
                frame = {"entered": latest["answer"].entered, "left": latest["answer"].left}[message["side"]]
                found = latest["answer"].explain(frame.index[message["row"]])
                widget.send({"do": "why", "side": message["side"], "row": message["row"], "text": repr(found)})
            else:
                widget.send({"do": "saved", "text": save()})
        except (LeadscoreError, OSError) as error:
            # What went wrong is for the reader of the page; the kernel has no one to tell.
            widget.send({"do": "failed", "ask": message.get("ask"), "text": str(error)})

    widget.observe(lambda change: restore(change["new"]), names="state")
    widget.on_msg(answer)
    return widget
