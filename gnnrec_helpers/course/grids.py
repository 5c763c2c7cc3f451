"""An image as a graph, and the convolution of an image as a sum over neighbours.

Pixel (row, column) of an image with `width` columns is node ``row * width + column``. Edges are
written as in PyTorch Geometric: edge e goes from the neighbour ``edge_index[0, e]``, which sends,
to the centre ``edge_index[1, e]``, which receives.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class GridGraph(NamedTuple):
    """The graph of an image.

    Attributes
    ----------
    edge_index : int64 Tensor, shape (2, edges)
        Neighbour and centre of every edge, sorted by centre.
    position : int64 Tensor, shape (edges,)
        Where the neighbour lies, seen from the centre: the places of the window are counted row
        by row from 0, so for a 3 x 3 window 4 is the pixel itself and 5 the one to its right.
    """

    edge_index: Tensor
    position: Tensor


def grid_graph(height: int, width: int, size: int = 3) -> GridGraph:
    """Join every pixel to all pixels of the window around it, itself included.

    Pixels at the border have fewer neighbours. A pixel that is not there adds nothing to a sum,
    and this is what padding with zeros does.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels.
    size : int
        Of the window, odd, 3 by default.

    Raises
    ------
    ValueError
        For an image without pixels, or a window without a middle.

    Examples
    --------
    >>> grid = grid_graph(1, 3)
    >>> grid.edge_index
    tensor([[0, 1, 0, 1, 2, 1, 2],
            [0, 0, 1, 1, 1, 2, 2]])
    >>> grid.position
    tensor([4, 5, 3, 4, 5, 3, 4])
    """
    if height < 1 or width < 1:
        raise ValueError(f"An image of {height} x {width} pixels: 1 x 1 or more is possible.")
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size={size}: an odd number of 1 or more is needed.")
    node, place = torch.arange(height * width), torch.arange(size * size)
    row = (node // width)[:, None] + place // size - size // 2  # (nodes, places)
    column = (node % width)[:, None] + place % size - size // 2
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    target, position = inside.nonzero(as_tuple=True)
    return GridGraph(torch.stack([(row * width + column)[inside], target]), position)


def positional_convolution(features: Tensor, grid: GridGraph, kernel: Tensor) -> Tensor:
    """Sum over the neighbours of every node, each times the weights of its position.

    The same numbers as `torch.nn.functional.conv2d` with zero padding. Written for a graph it is
    a relational GCN whose relations are the positions (Schlichtkrull et al. 2018, eq. 2, without
    the normalization).

    Parameters
    ----------
    features : Tensor, shape (nodes, in_channels)
    grid : GridGraph
    kernel : Tensor, shape (out_channels, in_channels, size, size)
        One matrix (out_channels, in_channels) for every position.

    Returns
    -------
    Tensor, shape (nodes, out_channels)

    Raises
    ------
    ValueError
        When features, edges and kernel do not fit together.

    Examples
    --------
    >>> difference = torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]])  # right minus left
    >>> row_of_pixels = torch.tensor([[1.0], [4.0], [9.0]])
    >>> positional_convolution(row_of_pixels, grid_graph(1, 3), difference[None, None])
    tensor([[ 4.],
            [ 8.],
            [-4.]])
    """
    if kernel.dim() != 4 or features.dim() != 2 or kernel.shape[1] != features.shape[1]:
        raise ValueError(
            f"A kernel of shape {tuple(kernel.shape)} does not fit features of shape "
            f"{tuple(features.shape)}: (out, in, size, size) and (nodes, in) are needed."
        )
    matrices = kernel.flatten(2)  # (out, in, places)
    places = matrices.shape[2]
    if int(grid.position.max()) >= places:
        raise ValueError(
            f"The graph has positions up to {int(grid.position.max())}, and this kernel has "
            f"{places} weights: use grid_graph(..., size={kernel.shape[2]})."
        )
    if int(grid.edge_index.max()) >= len(features):
        raise ValueError(
            f"The graph has {int(grid.edge_index.max()) + 1} nodes, and there are "
            f"{len(features)} rows of features."
        )
    found = features.new_zeros(len(features), len(kernel))
    for place in range(places):
        source, target = grid.edge_index[:, grid.position == place]
        messages = features.index_select(0, source) @ matrices[:, :, place].T
        found = found.index_add(0, target, messages)
    return found
