"""Fetch a public data set and write it tidily: `python examples/public.py german` writes german.csv.

Downloads come from the sets' own homes and are checked by SHA-256 where the bytes are known; they are kept in
``~/.cache/deepspace`` (``DEEPSPACE_CACHE`` names another place). Without a network, `--from FOLDER` takes the original
files, as they are or as .gz, from a folder or those below it.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["SETS", "FetchError", "fetch"]

UCI = "https://archive.ics.uci.edu/static/public"
FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
TIMEOUT = 60.0


class FetchError(Exception):
    """What could not be had, in one sentence."""


@dataclass(frozen=True)
class Original:
    """A file at its home: ``member`` names it inside a zip; ``sha256`` is of its bytes, empty where not known;
    ``names`` are other names that a copy may have."""

    url: str
    member: str = ""
    sha256: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Public:
    """``tidy``: the originals' bytes -> the bytes to write. ``joined``: one file that may stand for all originals."""

    title: str
    licence: str
    file: str
    originals: tuple[Original, ...]
    tidy: Callable[[list[bytes]], bytes]
    joined: str = ""


def fetch(name: str, folder: Path = Path(), *, source: Path | None = None, base: str | None = None) -> Path:
    """Write the set to ``folder`` and return its path. source: where copies of the originals lie; base: another address
    to fetch from, in place of the originals' hosts. Raises FetchError."""
    if name not in SETS:
        raise FetchError(f"there is no set {name!r}; there are {', '.join(SETS)}.")
    public = SETS[name]
    if source is None:
        raw = [_downloaded(original, base) for original in public.originals]
    elif public.joined and (found := _copy(source, (public.joined,))) is not None:
        raw = [found]
    else:
        raw = [_local(original, source) for original in public.originals]
    path = folder / public.file
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(public.tidy(raw))
    os.replace(partial, path)
    return path


def _local(original: Original, folder: Path) -> bytes:
    names = (Path(original.member or original.url).name, *original.names)
    found = _copy(folder, names)
    if found is None:
        raise FetchError(f"'{folder}' holds no copy of {names[0]}; fetch it from {original.url}.")
    return found


def _copy(folder: Path, names: Sequence[str]) -> bytes | None:
    for name in names:
        for found in sorted([*folder.rglob(name), *folder.rglob(f"{name}.gz")]):
            raw = found.read_bytes()
            return gzip.decompress(raw) if found.suffix == ".gz" and not name.endswith(".gz") else raw
    return None


def _downloaded(original: Original, base: str | None) -> bytes:
    url = original.url if base is None else f"{base.rstrip('/')}/{Path(original.url).name}"
    key = hashlib.sha256(f"{url} {original.member}".encode()).hexdigest()[:16]
    kept = Path(os.environ.get("DEEPSPACE_CACHE", Path.home() / ".cache" / "deepspace")) / f"{key}.bin"
    if kept.is_file():
        return kept.read_bytes()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            raw: bytes = answer.read()
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise FetchError(
            f"{url} cannot be fetched ({reason}); get it elsewhere and pass its folder with --from."
        ) from None
    if original.member:
        raw = _member(raw, original.member, url)
    digest = hashlib.sha256(raw).hexdigest()
    if original.sha256 and digest != original.sha256:
        raise FetchError(f"{url} is not the file that is known: its SHA-256 is {digest}, not {original.sha256}.")
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(".partial")
    partial.write_bytes(raw)
    os.replace(partial, kept)
    return raw


def _member(raw: bytes, name: str, url: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            found = next((n for n in archive.namelist() if Path(n).name == name), None)
            if found is not None:
                return archive.read(found)
    except zipfile.BadZipFile:
        raise FetchError(f"{url} is not a zip archive; the page may have moved.") from None
    raise FetchError(f"{url} holds no {name}; the archive may have changed.")


# What is written: columns with names, codes as words


def _csv(frame: Any) -> bytes:
    return bytes(frame.to_csv(index=False).encode())


def _read(raw: bytes, **options: Any) -> Any:
    import pandas as pd

    return pd.read_csv(io.BytesIO(raw), low_memory=False, **options)


def _words(frame: Any, words: Mapping[str, Mapping[Any, str]]) -> Any:
    for column, names in words.items():
        frame[column] = frame[column].map(names)
    return frame


_GERMAN: dict[str, dict[str, str]] = {
    "checking account": {"A11": "below 0 DM", "A12": "0 to 200 DM", "A13": "200 DM or more", "A14": "no account"},
    "credit history": {
        "A30": "no credits", "A31": "all paid at this bank", "A32": "paid till now", "A33": "delays in the past",
        "A34": "other credits elsewhere",
    },
    "purpose": {
        "A40": "new car", "A41": "used car", "A42": "furniture", "A43": "radio or television", "A44": "appliances",
        "A45": "repairs", "A46": "education", "A47": "vacation", "A48": "retraining", "A49": "business",
        "A410": "other",
    },
    "savings": {
        "A61": "below 100 DM", "A62": "100 to 500 DM", "A63": "500 to 1,000 DM", "A64": "1,000 DM or more",
        "A65": "unknown or no savings",
    },
    "employed since": {
        "A71": "unemployed", "A72": "below 1 year", "A73": "1 to 4 years", "A74": "4 to 7 years",
        "A75": "7 years or more",
    },
    "sex and status": {
        "A91": "man, divorced", "A92": "woman", "A93": "man, single", "A94": "man, married", "A95": "woman, single",
    },
    "other debtors": {"A101": "nobody", "A102": "co-applicant", "A103": "guarantor"},
    "property": {
        "A121": "real estate", "A122": "life insurance", "A123": "car or other", "A124": "unknown or no property",
    },
    "other plans": {"A141": "bank", "A142": "stores", "A143": "no plans"},
    "housing": {"A151": "rent", "A152": "own", "A153": "for free"},
    "job": {"A171": "unskilled, not resident", "A172": "unskilled", "A173": "skilled", "A174": "management"},
    "telephone": {"A191": "no", "A192": "yes"},
    "foreign worker": {"A201": "yes", "A202": "no"},
}  # fmt: skip


def _german(raw: list[bytes]) -> bytes:
    names = [
        "checking account", "months", "credit history", "purpose", "amount", "savings", "employed since",
        "rate of income", "sex and status", "other debtors", "resident since", "property", "age", "other plans",
        "housing", "credits here", "job", "dependants", "telephone", "foreign worker", "credit",
    ]  # fmt: skip
    frame = _words(_read(raw[0], sep=" ", names=names), _GERMAN)
    frame["credit"] = frame["credit"].map({1: "good", 2: "bad"})
    return _csv(frame)


def _credit(raw: list[bytes]) -> bytes:
    """The page's own CSV calls the columns X1 to X23 and Y."""
    frame = _read(raw[0])
    months = ("sep", "aug", "jul", "jun", "may", "apr")
    names = ["limit", "sex", "education", "marriage", "age"]
    names += [f"{what} {month}" for what in ("delay", "bill", "paid") for month in months]
    frame = frame.drop(columns=[c for c in frame.columns if c.upper() == "ID"])
    frame.columns = [*names, "default"]
    words: dict[str, dict[Any, str]] = {
        "sex": {1: "man", 2: "woman"},
        "education": {1: "graduate school", 2: "university", 3: "high school"},
        "marriage": {1: "married", 2: "single"},
        "default": {0: "no", 1: "yes"},
    }
    for column, known in words.items():
        frame[column] = frame[column].map(known).fillna("other")
    return _csv(frame)


def _heart(raw: list[bytes]) -> bytes:
    """Of four clinics; a disease is a narrowing of more than half in any vessel."""
    import pandas as pd

    names = ("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak", "slope", "ca",
             "thal", "num")  # fmt: skip
    if len(raw) == 1:
        frame = _read(raw[0])
    else:
        sites = ("cleveland", "hungarian", "switzerland", "va")
        parts = [_read(r, names=names, na_values="?").assign(site=s) for r, s in zip(raw, sites, strict=True)]
        frame = pd.concat(parts, ignore_index=True)
    frame["disease"] = (frame.pop("num") > 0).map({True: "yes", False: "no"})
    no_yes = {0: "no", 1: "yes"}
    frame = _words(frame, {
        "sex": {0: "woman", 1: "man"},
        "cp": {1: "typical angina", 2: "atypical angina", 3: "other pain", 4: "no pain"},
        "fbs": no_yes, "exang": no_yes,
        "restecg": {0: "normal", 1: "ST-T abnormal", 2: "hypertrophy"},
        "slope": {1: "up", 2: "flat", 3: "down"},
        "thal": {3: "normal", 6: "fixed defect", 7: "reversible defect"},
    })  # fmt: skip
    # Zeros here are readings that were not taken: nobody lives without blood pressure or cholesterol.
    for column in ("trestbps", "chol"):
        frame[column] = frame[column].where(frame[column] > 0)
    names_of = {
        "cp": "chest pain", "trestbps": "blood pressure", "chol": "cholesterol", "fbs": "fasting sugar above 120",
        "restecg": "resting ECG", "thalach": "highest pulse", "exang": "pain in exercise", "oldpeak": "ST depression",
        "slope": "ST slope", "ca": "coloured vessels", "thal": "thallium scan",
    }  # fmt: skip
    return _csv(frame.rename(columns=names_of)[[*(names_of.get(n, n) for n in names[:-1]), "site", "disease"]])


def _compas(raw: list[bytes]) -> bytes:
    """What the score was made for and the record before it; no names, no dates, nothing that was known only later."""
    frame = _read(raw[0])
    columns = {
        "sex": "sex", "age": "age", "race": "race", "juv_fel_count": "juvenile felonies",
        "juv_misd_count": "juvenile misdemeanours", "juv_other_count": "juvenile others", "priors_count": "priors",
        "c_charge_degree": "charge", "decile_score": "COMPAS decile", "two_year_recid": "rearrested",
    }  # fmt: skip
    frame = frame[list(columns)].rename(columns=columns)
    frame["charge"] = frame["charge"].map({"F": "felony", "M": "misdemeanour"})
    frame["rearrested"] = frame["rearrested"].map({0: "no", 1: "yes"})
    return _csv(frame)


def _diabetic(raw: list[bytes]) -> bytes:
    """The first stay of each patient, so that no patient is on both sides of a cut."""
    frame = _read(raw[0], na_values="?", keep_default_na=False)
    frame = frame.sort_values("encounter_id").drop_duplicates("patient_nbr")
    for test in ("max_glu_serum", "A1Cresult"):
        frame[test] = frame[test].replace("None", "not measured")
    frame["readmitted"] = frame["readmitted"].map({"NO": "no", ">30": "later", "<30": "within 30 days"})
    return _csv(frame.drop(columns=["encounter_id", "patient_nbr"]))


def _fashion(raw: list[bytes]) -> bytes:
    """images: uint8 (70000, 28, 28), garment: their names, split: train or test."""
    import numpy as np

    names = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"]
    parts = [gzip.decompress(r) if r[:2] == b"\x1f\x8b" else r for r in raw]
    images = [np.frombuffer(p, np.uint8, offset=16).reshape(-1, 28, 28) for p in parts[::2]]
    labels = np.concatenate([np.frombuffer(p, np.uint8, offset=8) for p in parts[1::2]])
    split = np.repeat(["train", "test"], [len(i) for i in images])
    file = io.BytesIO()
    np.savez_compressed(file, images=np.concatenate(images), garment=np.array(names)[labels], split=split)
    return file.getvalue()


def _uci(number: int, file: str, **more: Any) -> Original:
    return Original(f"{UCI}/{number}/{file}", **more)


SETS: dict[str, Public] = {
    "german": Public(
        "German credit, 1,000 loans (Hofmann 1994)", "CC BY 4.0", "german.csv",
        (_uci(144, "statlog+german+credit+data.zip", member="german.data",
              sha256="b21f3d81db8071257d5ff1deaeba1fd4303b62712e6fcc9715c7a86202cb5871"),), _german,
    ),
    "credit": Public(
        "Default of credit card clients, 30,000 (Yeh 2009)", "CC BY 4.0", "credit.csv",
        (_uci(350, "data.csv", names=("credit_card_default.csv",)),), _credit,
    ),
    "heart": Public(
        "Heart disease, 920 patients of four clinics (Janosi 1988)", "CC BY 4.0", "heart.csv",
        tuple(_uci(45, "heart+disease.zip", member=f"processed.{site}.data")
              for site in ("cleveland", "hungarian", "switzerland", "va")), _heart, "heart_disease_uci.csv",
    ),
    "compas": Public(
        "COMPAS scores, 7,214 defendants (ProPublica 2016)", "no explicit licence", "compas.csv",
        (Original("https://raw.githubusercontent.com/propublica/compas-analysis/master/compas-scores-two-years.csv",
                  names=("compas_two_years_deidentified.csv",)),), _compas,
    ),
    "diabetic": Public(
        "Hospital stays with diabetes, 101,766 (Strack 2014)", "CC BY 4.0", "diabetic.csv",
        (_uci(296, "diabetes+130-us+hospitals+for+years+1999-2008.zip", member="diabetic_data.csv"),), _diabetic,
    ),
    "fashion": Public(
        "Fashion-MNIST, 70,000 garments (Zalando Research)", "MIT", "fashion.npz",
        tuple(Original(f"{FASHION}/{part}-ubyte.gz")
              for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")), _fashion,
    ),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=list(SETS), help="; ".join(f"{n}: {p.title}" for n, p in SETS.items()))
    parser.add_argument("--folder", type=Path, default=Path())
    parser.add_argument("--from", dest="source", type=Path, help="a folder that holds the original files")
    chosen = parser.parse_args()
    try:
        print(fetch(chosen.name, chosen.folder, source=chosen.source))
    except FetchError as error:
        sys.exit(f"public.py: {error}")


if __name__ == "__main__":
    main()
