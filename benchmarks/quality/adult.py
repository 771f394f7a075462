"""Adult: CatBoost trained on synthetic rows, tested on the real test file; and how true and how private the rows are.

The protocol is TabDDPM's (Kotelnikov 2023, arXiv:2209.15421): 26,048 rows of adult.data to learn from, as many
synthetic rows, the other 6,513 real rows to stop CatBoost early, its settings as tuned there for this table; macro F1
and area under the ROC curve on the 16,281 rows of adult.test. The three seeds change the split, the model and CatBoost.

    python benchmarks/quality/adult.py            # three seeds: about 10 CPU minutes
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import _harness as harness
import numpy as np
import pandas as pd

import deepspace as ds
from deepspace.metrics import synthetic_record
from deepspace.models import Config
from deepspace.space.sampling import draw_encoded

NUMBERS = ["age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"]
CATEGORIES = [
    "workclass", "education", "marital-status", "occupation", "relationship", "race", "sex", "native-country"
]  # fmt: skip
COLUMNS = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship", "race",
    "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
]  # fmt: skip
TRAINING = 26_048
# As in the repository of TabDDPM, tuned_models/catboost/adult_cv.json.
CATBOOST: dict[str, Any] = {
    "learning_rate": 0.16886992997713726, "depth": 3, "l2_leaf_reg": 0.19334681185025449,
    "bagging_temperature": 0.11959130879575816, "leaf_estimation_iterations": 8, "iterations": 2000,
    "early_stopping_rounds": 50, "od_pval": 0.001, "eval_metric": "TotalF1", "loss_function": "Logloss",
    "thread_count": 1, "allow_writing_files": False,
}  # fmt: skip
PUBLISHED = {
    "real rows": {"F1": 0.815, "AUC": 0.928},
    "TabDDPM": {"F1": 0.795, "AUC": 0.914},
    "TVAE": {"F1": 0.781, "AUC": 0.902},
}


def read(data: Path, part: str) -> pd.DataFrame:
    """adult.data or adult.test; the latter's first line is a comment and its labels end in a dot."""
    text = gzip.decompress((data / "tables" / f"adult.{part}.gz").read_bytes()).decode()
    frame = pd.read_csv(
        io.StringIO(text), names=COLUMNS, skipinitialspace=True, na_values="?", skiprows=1 if part == "test" else 0
    )
    frame["income"] = frame["income"].str.strip(" .")
    return frame


def features(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """What CatBoost sees, and whether the income is over 50K; a missing category is one of its own."""
    x = frame[NUMBERS].astype(float)
    for name in CATEGORIES:
        x[name] = frame[name].astype(object).where(frame[name].notna(), "nan").astype(str)
    return x, (frame["income"].astype(str) == ">50K").to_numpy(int)


def judged(training: pd.DataFrame, validation: pd.DataFrame, test: pd.DataFrame, seed: int) -> dict[str, float]:
    """F1 (macro) and AUC on ``test`` of CatBoost trained on ``training``."""
    from catboost import CatBoostClassifier
    from sklearn.metrics import f1_score, roc_auc_score

    model = CatBoostClassifier(**CATBOOST, cat_features=CATEGORIES, random_seed=seed)
    model.fit(*features(training), eval_set=features(validation), verbose=False)
    x, y = features(test)
    likely = model.predict_proba(x)[:, 1]
    return {"F1": f1_score(y, likely > 0.5, average="macro"), "AUC": roc_auc_score(y, likely)}


def main() -> None:
    asked = harness.arguments(__doc__ or "")
    whole, test = read(asked.data, "data"), read(asked.data, "test")
    rows = 4000 if asked.quick else TRAINING

    def split(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
        order = np.random.default_rng(seed).permutation(len(whole))
        return tuple(whole.iloc[part].reset_index(drop=True) for part in (order[:rows], order[TRAINING:]))  # type: ignore[return-value]

    def real(seed: int) -> dict[str, float]:
        training, validation = split(seed)
        return judged(training, validation, test, seed)

    def synthetic(config: Config | None) -> Any:
        def run(seed: int) -> dict[str, float]:
            training, validation = split(seed)
            how = ds.TrainConfig(epochs=5 if asked.quick else None, threads=1)
            with ds.fit(training, target="income", include_target=True, model=config, seed=seed, training=how) as space:
                encoded = draw_encoded(space, rows, seed).encoded
                figures = synthetic_record(space, encoded)
                found = judged(space.schema.decode(encoded), validation, test, seed)
            wanted = {
                "shapes": "column_shapes", "pairs": "column_pairs", "nearer": "nearer_than_held_out", "copies": "copies"
            }  # fmt: skip
            return {**found, **{short: figures[name].value for short, name in wanted.items()}}

        return run

    table = harness.Table("adult", asked.seeds, asked.quick, asked.fresh)
    rivals: dict[str, Config | None] = {
        "VAE, as chosen from the data": None,
        "VAE, Gaussian numbers": ds.VAE(likelihood="table"),
        "PCA": ds.PCA(),
    }
    for name, config in rivals.items():
        table.measure(name, synthetic(config), settings={"rows": rows, "config": config and config.to_json()})
    table.measure("real rows", real, settings={"rows": rows})
    table.show(PUBLISHED, {"F1": "> .781", "AUC": "> .902", "nearer": "at most .5"})


if __name__ == "__main__":
    main()
