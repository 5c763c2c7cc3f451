"""A small shop's export, as messy as exports are: what notebook 14 reads."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from ..data import Interactions

CUSTOMERS, PURCHASES, SEED = 900, 9_000, 14
KINDS = {
    "Schwarztee": ["Assam", "Ceylon", "Darjeeling", "Earl Grey", "Keemun", "Lapsang"],
    "Grüntee": ["Bancha", "Gunpowder", "Jasmin", "Matcha", "Sencha", "Gyokuro"],
    "Kräutertee": ["Fenchel", "Kamille", "Lindenblüte", "Minze", "Salbei", "Süßholz"],
    "Kaffee": ["Äthiopien", "Brasilien", "Espresso", "Guatemala", "Kenia", "Sumatra"],
    "Geschirr": ["Becher", "Kanne", "Löffel", "Schale", "Sieb", "Untersetzer"],
    "Gebäck": ["Cantuccini", "Honigkuchen", "Kekse", "Makronen", "Shortbread", "Zwieback"],
}
SIZES = ["klein", "mittel", "groß", "Probe", "Bio"]
NOTES = ["", "", "", "", "Geschenk", "per Abholung", '"bitte schnell', 'mit 12" Karton', "Rechnung"]


def write_messy_shop(path: str | os.PathLike[str]) -> None:
    """Write a file of purchases with the usual troubles.

    A line holds customer, product, quantity, date and a note, with semicolons between; there is no
    header. It is Latin-1, dates are German, quantities have a decimal comma, guests are called
    NULL, some notes begin with a quote that never ends, and the first and the last month are cut
    short. The same file is written each time.

    Parameters
    ----------
    path : path
        A file that is there already is replaced.
    """
    generator = np.random.default_rng(SEED)
    products = [f"{name} {size}" for names in KINDS.values() for name in names for size in SIZES]
    kind = np.repeat(np.arange(len(KINDS)), len(products) // len(KINDS))
    popularity = generator.pareto(1.2, len(products)) + 0.15
    # everybody has one kind that she likes best, and a second
    taste = np.full((CUSTOMERS, len(KINDS)), 0.04)
    first, second = generator.integers(0, len(KINDS), (2, CUSTOMERS))
    taste[np.arange(CUSTOMERS), first] += 1.0
    taste[np.arange(CUSTOMERS), second] += 0.4
    activity = generator.pareto(1.1, CUSTOMERS) + 0.3
    customer = generator.choice(CUSTOMERS, PURCHASES, p=activity / activity.sum())
    chances = popularity * taste[:, kind]
    chances /= chances.sum(1, keepdims=True)
    drawn = generator.random(PURCHASES)
    product = (chances.cumsum(1)[customer] < drawn[:, None]).sum(1).clip(max=len(products) - 1)

    start, end = pd.Timestamp("2024-03-27"), pd.Timestamp("2026-01-03")
    days = np.sort(generator.integers(0, (end - start).days + 1, PURCHASES))
    dates = (start + pd.to_timedelta(days, unit="D")).strftime("%d.%m.%Y")
    quantity = generator.choice(["1", "1", "1", "2", "0,5", "1,5", "3"], PURCHASES).astype(object)
    quantity[generator.choice(PURCHASES, 4, replace=False)] = "250"  # a café buys for the year
    number = 1000 + customer
    names = np.where(generator.random(PURCHASES) < 0.05, "NULL", number.astype(str))
    notes = generator.choice(NOTES, PURCHASES)
    lines = [
        f"{who};{products[what]};{many};{when};{note}"
        for who, what, many, when, note in zip(names, product, quantity, dates, notes, strict=True)
    ]
    Path(path).write_bytes(("\r\n".join(lines) + "\r\n").encode("latin-1"))


def clean_shop() -> Interactions:
    """The same purchases as notebook 14 reads them in the end: each pair at its first purchase."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shop.csv")
        write_messy_shop(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # guests are left out
            return Interactions.from_csv(
                path, 0, 1, weight=2, timestamp=3, separator=";", encoding="latin-1",
                header=False, decimal=",", date_format="%d.%m.%Y", quote=None,
                na_values=["NULL"], missing="drop", keep="first",
            )  # fmt: skip


SECOND_EXPORT = """when|buyer|article|pieces|remark
1735689600123|0007|"tea; black"|2|
1735689600999|0007|cup|1|"two lines,
one remark"
1735776000000|0012|cup|n/a|
1735776000500|0007|cup|4|
1735862400000|?|tea pot|1|
1735862400250|0012|"tea; black"|1|
"""
