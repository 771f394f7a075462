"""Counterfactuals that still hold when the predictor is fitted anew: with and without a margin.

    python benchmarks/decisions/margins.py [adult credit german heart]

The predictor is fitted on the rows to learn from; those that confirm are of the same kind, each fitted on a random four
fifths of them with another seed. At most 60 refused rows of the test split. Confirmed: the share of the counterfactuals
that they decide as desired too, mean and spread over the refits; columns changed are what the margin costs.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from _tables import TABLES, predictor_of, space_of

from deepspace.decisions import Audit

MARGINS = (0.0, 0.05, 0.1, 0.2)
MOST, REFITS = 60, 4


def run(name: str, kind: str) -> None:
    table, space = TABLES[name](), space_of(TABLES[name]())
    learn, test = table.split(0)
    audit = Audit(space, predictor_of(kind, table), favourable=table.favourable)
    others = []
    for seed in range(1, REFITS + 1):
        rows = np.random.default_rng(seed).permutation(learn)[: round(0.8 * len(learn))]
        others.append(predictor_of(kind, table, seed, rows))
    items = table.frame.iloc[test][table.features]
    refused = items[audit.ask(items).outcome == audit.adverse]
    refused = refused.iloc[np.linspace(0, len(refused) - 1, min(MOST, len(refused))).astype(int)]
    limits = {"immutable": [c for c in table.immutable if c in table.features]}
    for margin in MARGINS:
        found = audit.counterfactuals(x=refused, constraints=limits, k=1, margin=margin)
        made = [case.found[0] for case in found if case.found]
        frame = pd.DataFrame([each.record for each in made])[table.features].astype(items.dtypes.to_dict())
        column = [str(c) for c in others[0].classes_].index(str(table.favourable))
        held = [float((p.predict_proba(frame)[:, column] >= 0.5).mean()) for p in others]
        changed = np.mean([len(each.changes) for each in made])
        print(
            f"| {name}, {kind} | {margin} | {len(made)} of {len(refused)} "
            f"| {np.mean(held):.2f} ± {np.std(held, ddof=1):.2f} | {changed:.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["adult", "credit", "german", "heart"])
    print("| on | margin | found | confirmed by refits | columns changed |\n|---|---|---|---|---|")
    for name in parser.parse_args().names:
        for kind in ("boosting", "neural"):
            run(name, kind)


if __name__ == "__main__":
    main()
