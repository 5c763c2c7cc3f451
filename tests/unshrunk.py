"""A pytest plugin for broken packages: Hypothesis reports the first counterexample that it finds.

Shrinking it to a small one can take minutes, and whoever judges a defect never reads it. Use it as
``pytest -p tests.unshrunk``.
"""

from hypothesis import Phase, settings

settings.register_profile("unshrunk", phases=[Phase.explicit, Phase.generate])
settings.load_profile("unshrunk")
