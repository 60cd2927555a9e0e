"""The worth of deals divided among the channels that touched their leads, by six rules, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from leadscore.base.groups import ALL
from leadscore.sales.deals.touch_paths import NO_TOUCH, ChannelTouches, paths_of
from leadscore.sales.facts import Facts
from leadscore.stats.intervals import Floats, Ints
from leadscore.stats.multi_touch import PATH_RULES, REMOVAL, RULES, Paths, removal_shares, whole_parts
from leadscore.tables.tables import Tables

# Of fewer opportunities there are no intervals, and no pipeline for each unit of cost.
FEW_DEALS = 10
_REPLICATES, _AT_ONCE = 1000, 20


@dataclass(frozen=True, eq=False)
class Opened:
    """Deals that were opened, with the touches before them.

    Attributes
    ----------
    facts : Facts
    touches : ChannelTouches
    deals : DataFrame
        Of `Deals`.
    lookback_days : int
    half_life_days : float
    """

    facts: Facts
    touches: ChannelTouches
    deals: pd.DataFrame
    lookback_days: int
    half_life_days: float

    @cached_property
    def cents(self) -> Ints:
        """(n_deals,) their amounts in whole cents; 0 where there is none."""
        return np.round(self.deals["amount"].fillna(0).to_numpy(np.float64) * 100).astype(np.int64)

    @cached_property
    def met(self) -> pd.DataFrame:
        """The touches before each deal."""
        return self.touches.before(self.deals, self.lookback_days)

    @cached_property
    def paths(self) -> Paths:
        """The same as paths."""
        return paths_of(self.met, np.ones(len(self.deals)), len(self.touches.names))

    @cached_property
    def shares(self) -> Floats:
        """(n_rules, n_deals, n_channels) by the rules that look at one path alone, first touch before all others."""
        return self.paths.shares(self.half_life_days)

    @property
    def sourced(self) -> Ints:
        """(n_channels,) deals whose first touch is of the channel."""
        return self.shares[0].sum(axis=0).astype(np.int64)

    def channels(self) -> pd.DataFrame:
        """`Pipeline.channels`."""
        first, met = self.shares[0], self.paths.met()
        none = ~self.paths.touched
        found = pd.DataFrame(
            {
                "sourced": [*first.sum(axis=0), none.sum()],
                "sourced_amount": [*(self.cents @ first / 100), self.cents[none].sum() / 100],
                "influenced": [*met.sum(axis=0), 0],
                "influenced_amount": [*(self.cents @ met / 100), 0],
            },
            index=self._index(),
        )
        return found.astype({"sourced": int, "influenced": int, "influenced_amount": float})

    def divided(self) -> tuple[pd.DataFrame, Floats]:
        """`Pipeline.frame`, and the amounts of first touches in each replicate, (n_replicates, n_channels)."""
        touched = self.paths.touched
        total, inside = int(self.cents.sum()), int(self.cents[touched].sum())
        chain, account, of_deal = self._chain()
        steps, size = chain.steps(), (chain.n_channels + 1, chain.n_channels + 2)
        taken = np.bincount(steps[1], minlength=size[0] * size[1]).reshape(size)
        parts = {rule: self.cents @ share for rule, share in zip(PATH_RULES, self.shares, strict=True)}
        # Without an opportunity there is nothing to divide.
        parts[REMOVAL] = np.nan_to_num(removal_shares(taken)) * inside
        rows = {rule: [*whole_parts(part, inside), total - inside, total] for rule, part in parts.items()}
        frame = pd.DataFrame(rows, index=[*self._index(), ALL]).rename_axis("channel") / 100
        drawn = self._drawn(chain, account, of_deal)
        ends = np.quantile(drawn, [0.025, 0.975], axis=0) if len(self.deals) >= FEW_DEALS else None
        columns = {}
        for place, rule in enumerate(RULES):
            columns[rule] = frame[rule]
            for name, bound in zip(("low", "high"), (np.nan, np.nan) if ends is None else ends[:, place], strict=True):
                columns[f"{rule}_{name}"] = pd.Series(bound, frame.index)
        spread = frame[[*RULES]]
        frame = pd.DataFrame(columns).assign(lowest=spread.min(axis=1), highest=spread.max(axis=1))
        highest = frame["highest"].iloc[: len(self.touches.names)].sort_values(ascending=False, kind="stable")
        frame = frame.loc[[*highest.index, NO_TOUCH, ALL]]
        return frame, drawn[:, 0, : len(self.touches.names)]

    def _index(self) -> pd.Index[Any]:
        return pd.Index([*self.touches.names, NO_TOUCH], name="channel")

    def _chain(self) -> tuple[Paths, Ints, Ints]:
        """The paths of the deals and of leads without one; the account of each, and of each deal."""
        period, all_deals = self.facts.period, self.facts.deals
        assert all_deals is not None
        with_deal = {lead for leads in all_deals.frame["leads"] for lead in leads}
        others = np.setdiff1d(np.arange(len(self.facts.tables.ids)), list(with_deal))
        none = self.touches.without_a_deal(others, period.last - self.lookback_days + 1, period.last)
        n_deals = len(self.deals)
        met = pd.concat([self.met, none.assign(unit=none["unit"] + n_deals)], ignore_index=True)
        n_units = n_deals + int(none["unit"].max() + 1 if len(none) else 0)
        account = _accounts(self.facts.tables)
        lead = [leads[0] for leads in self.deals["leads"]] + none.drop_duplicates("unit")["lead"].tolist()
        of_unit = pd.factorize(account[np.array(lead, np.int64)])[0]
        return paths_of(met, np.arange(n_units) < n_deals, len(self.touches.names)), of_unit, of_unit[:n_deals]

    def _drawn(self, chain: Paths, account: Ints, of_deal: Ints) -> Floats:
        """(n_replicates, n_rules, n_channels + 2) amounts when accounts are drawn again, with all their paths."""
        from scipy.sparse import csr_array  # noqa: PLC0415 - here only

        rng, k = np.random.default_rng(0), chain.n_channels
        n_accounts = int(account.max(initial=-1)) + 1
        unit, place = chain.steps()
        width = (k + 1) * (k + 2)
        steps = csr_array((np.ones(len(unit)), (account[unit], place)), shape=(n_accounts, width))
        money_of = self.cents[:, None] / 100
        own = np.concatenate([share * money_of for share in self.shares], axis=1)
        none = np.where(self.paths.touched[:, None], [[0, 1]], [[1, 1]]) * money_of
        found = np.zeros((_REPLICATES, len(RULES), k + 2))
        for begin in range(0, _REPLICATES if n_accounts else 0, _AT_ONCE):
            picks = rng.integers(0, n_accounts, (_AT_ONCE, n_accounts)) + np.arange(_AT_ONCE)[:, None] * n_accounts
            weight = np.bincount(picks.ravel(), minlength=_AT_ONCE * n_accounts).reshape(_AT_ONCE, n_accounts)
            rows, deals = slice(begin, begin + _AT_ONCE), weight[:, of_deal]
            found[rows, :, k:] = (deals @ none)[:, None]
            found[rows, : len(PATH_RULES), :k] = (deals @ own).reshape(_AT_ONCE, len(PATH_RULES), k)
            taken = (weight @ steps).reshape(_AT_ONCE, k + 1, k + 2)
            inside = found[rows, 0, k + 1] - found[rows, 0, k]
            found[rows, -1, :k] = np.nan_to_num(removal_shares(taken)) * inside[:, None]
        return found


def _accounts(tables: Tables) -> Ints:
    """(n_leads,) the account of each lead; one without is an account of its own."""
    alone = np.arange(len(tables.ids))
    if "account_id" not in tables.leads.column_names:
        return alone
    code = pd.factorize(tables.latest("account_id"))[0]
    return np.where(code >= 0, code, len(alone) + alone)
