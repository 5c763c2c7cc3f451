"""Choose a user and watch the neighbourhood grow, with widgets where there are any."""

from __future__ import annotations

from typing import Any

from ..data.interactions import Interactions


def explore_hops(interactions: Interactions, most: int = 3) -> Any:
    """An interactive figure: a list of users, and a slider for the number of hops.

    Parameters
    ----------
    interactions : Interactions
    most : int, default 3
        Where the slider ends.

    Returns
    -------
    ipywidgets.VBox
        Shown at the end of a notebook cell. Without ipywidgets a sentence says what to call
        instead: :func:`gnnrec_helpers.course.plots.neighbourhood` draws the same picture.
    """
    try:
        import ipywidgets
    except ImportError:
        print(
            "ipywidgets is not installed: plots.neighbourhood(interactions, user, most) draws it."
        )
        return None
    from .plots import neighbourhood
    from .plots.alt_text import stored

    who = ipywidgets.Dropdown(
        options=[(str(label), place) for place, label in enumerate(interactions.users)],
        description="user",
    )
    far = ipywidgets.IntSlider(value=1, min=0, max=most, description="hops")
    picture = ipywidgets.Output()

    def draw(_: object = None) -> None:
        picture.outputs = ()  # the old picture makes room: `append_display_data` only adds
        picture.append_display_data(neighbourhood(interactions, who.value, far.value))

    class VBox(ipywidgets.VBox):  # type: ignore[misc]
        """With a picture for pages that show no widgets: what is drawn when the cell has run."""

        def _repr_mimebundle_(self, **options: Any) -> Any:
            png, told = stored(neighbourhood(interactions, who.value, far.value))
            return {**super()._repr_mimebundle_(**options), "image/png": png}, {"image/png": told}

    for control in (who, far):
        control.observe(draw, names="value")
    draw()
    return VBox([ipywidgets.HBox([who, far]), picture])
