"""A CRM that shows won and lost only by the stage, beside others that keep status and stage apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bridge.connectors.memory import TABLE, Habits
from bridge.core.fields import Choice
from bridge.core.model import Native
from tests.flow.world import Edit, Shape, World, _choice

APART = (*TABLE, Choice("status", "state", blank=False))
BY_STAGE = (*TABLE, Choice("status", "stage_id", blank=False, via="stage"))
STATUS = {"10": "open", "20": "open", "30": "open", "40": "won", "50": "lost"}


class Coupled(World):
    """The last side shows the status by its stage."""

    def _habits(self, name: str) -> Habits:
        last = chr(ord("a") + self.shape.sides - 1)
        return replace(super()._habits(name), table=BY_STAGE if name == last else APART)

    def _seed_data(self, names: list[str]) -> None:
        self.stages = {n: {**self.stages[n], "50": ("lost",)} for n in names}
        rows: list[dict[str, Any]] = []
        for n in names[:-1]:
            rows += [_choice(n, "status", s, s) for s in ("open", "won", "lost")]
        for native, meaning in STATUS.items():
            writes = native in ("10", "40", "50")
            rows.append({**_choice(names[-1], "status", native, meaning), "writes": int(writes)})
        self.store.put_choices(rows, self.clock)
        super()._seed_data(names)
        self.hot = ["stage", "status", "name"]

    def _start(self, name: str) -> dict[str, Native]:
        start = super()._start(name)
        return {**start, "status": start["stage"] if self._by_stage(name) else "open"}

    def _by_stage(self, name: str) -> bool:
        return self.vendors[name].habits.table is BY_STAGE

    def _value(self, side: str, name: str) -> Native:
        return self.dice.choice(("open", "won", "lost")) if name == "status" else super()._value(side, name)

    def edit(self, side: str | None = None, name: str | None = None) -> None:
        side = side or self.dice.choice(list(self.vendors))
        name = name or self.dice.choice(self.hot)
        if self._by_stage(side) and name == "status":
            name = "stage"
        made = len(self.edits)
        super().edit(side, name)
        if len(self.edits) > made and self._by_stage(side) and name == "stage":
            value = self.edits[-1].value
            self.edits.append(Edit(self.clock, side, "status", value, self.side_rules(side).decode("status", value)))

    def _level(self) -> None:
        """As everywhere, but a stage may give way to a closed status, and an open status to a stage."""
        stage, status = self.hubs["stage"].value, self.hubs["status"].value
        for name, vendor in self.vendors.items():
            r, shown = self.side_rules(name), vendor.current(self.id_at(name))
            agrees = {f: r.agrees(f, self.hubs[f].value, n) for f, n in shown.items()}
            if self._by_stage(name):
                fits = r.agrees("status", status, r.encode("stage", stage))
                assert agrees["stage"] or (status != "open" and not fits), (
                    f"I2: {name} is in {shown['stage']}, not {stage}"
                )
                assert agrees["status"] or status == "open", f"I2: {name} is {shown['status']}, not {status}"
            else:
                wrong = [f for f, fine in agrees.items() if not fine]
                assert not wrong, f"I2: {name} {wrong} {shown}"

    def _winner_untouched(self) -> None:
        """What a person set on the side whose stage gives way is judged by `_level`."""

    def _overrun(self, e: Edit) -> bool:
        """I10, where our write may have set the very stage that the person had just chosen, or went back to at once."""
        if not self._by_stage(e.side) or e.field not in ("stage", "status"):
            return super()._overrun(e)
        window = self.vendors[e.side].habits.lag + 100
        sent = [x["new"] for x in self.journal if (x["what"], x["connection"], x["field"]) == ("sent", e.side, e.field)]
        overtaken = any(e.at <= at <= e.at + window for at, _, _ in self.vendors[e.side].applied)
        return super()._overrun(e) or overtaken or e.value in sent

    def _unedited_untouched(self) -> None:
        edited = {e.field for e in self.edits}
        edited |= {"stage", "status"} if edited & {"stage", "status"} else set()
        for name, before in self.start.items():
            shown = self.vendors[name].current(self.id_at(name))
            wrong = [f for f, n in shown.items() if f not in edited and n != before[f]]
            assert not wrong, f"I6: {name} {wrong}"

    def _writes_bounded(self) -> None:
        double = sum(e.field == "status" and self._by_stage(e.side) for e in self.edits)
        writes = sum(len(v.applied) for v in self.vendors.values())
        bound = (len(self.edits) - double) * (len(self.vendors) - 1)
        assert writes <= bound, f"I1: {writes} writes, {bound} allowed"

    def _final_edit_wins(self) -> None:
        """Judged for fields that stand alone in the other histories."""


SHAPES = {"plain": Shape(), "lag": Shape(lag=True), "faults": Shape(lag=True, faults=True, crashes=True, polling=True)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("first", range(1, 201, 20))
def test_status_by_stage_and_status_apart_end_level(shape: str, first: int) -> None:
    for seed in range(first, first + 20):
        Coupled(seed, SHAPES[shape]).play(20)
