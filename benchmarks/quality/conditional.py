"""A nuisance column told to the decoder: is it still readable from the latents, and what does that cost?

    python benchmarks/quality/conditional.py [--quick]      # about 8 CPU minutes

Heart disease by site (four hospitals). Held-out accuracy of two probes for the site from the latents, linear and
10-NN, beside the commonest site's share ("chance"); the same for sex, which should stay; and the held-out error
with each row rebuilt under its own site. Nothing is published for this cut; the goal is chance.
"""

from __future__ import annotations

import numpy as np
from _harness import Table, arguments
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import deepspace as ds

MODELS = {
    "VAE": ds.VAE(),
    "conditional": ds.ConditionalVAE(condition="site"),
    "conditional, invariance 10": ds.ConditionalVAE(condition="site", invariance=10.0),
}


def probes(space: ds.Space, column: str) -> dict[str, float]:
    """Held-out accuracies, of always saying the commonest value too."""
    values = np.array([str(v) for v in space.rows.column(column).to_pylist()])
    held = space.validation_index
    training = np.setdiff1d(np.arange(len(space)), held)
    z = np.asarray(space.latents.mean)
    found = {}
    for name, probe in (("linear", LogisticRegression(max_iter=1000)), ("10-NN", KNeighborsClassifier(10))):
        fitted = make_pipeline(StandardScaler(), probe).fit(z[training], values[training])
        found[f"{column} {name}"] = float((fitted.predict(z[held]) == values[held]).mean())
    names, counts = np.unique(values[training], return_counts=True)
    return {**found, f"{column} chance": float((values[held] == names[counts.argmax()]).mean())}


def main() -> None:
    chosen = arguments(__doc__ or "")
    epochs = 3 if chosen.quick else None
    table = Table("conditional", chosen.seeds, chosen.quick, chosen.fresh)
    path = chosen.data / "tables" / "heart_disease_uci.csv.gz"

    def run(name: str, seed: int) -> dict[str, float]:
        space = ds.fit(
            path,
            model=MODELS[name],
            seed=seed,
            schema={"columns": {"site": {"role": "metadata"}}},
            training=ds.TrainConfig(epochs=epochs, threads=1, validation_fraction=0.2),
        )
        measured = space.measure(["reconstruction", "elbo"])
        figures = {
            "n": float(len(space.validation_index)),
            **probes(space, "site"),
            **probes(space, "sex"),
            "error": measured["reconstruction_error"].value,
            "ELBO": measured["elbo"].value,
        }
        space.close()
        return figures

    for name in MODELS:
        table.measure(name, lambda seed, n=name: run(n, seed), settings={"epochs": epochs})
    table.show(goals={"site linear": "site chance", "site 10-NN": "site chance", "error": "the VAE's"})


if __name__ == "__main__":
    main()
