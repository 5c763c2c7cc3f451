"""Breaks the package on purpose, one small defect at a time, and sees whether a test notices.

A test that stays green whatever the code does proves nothing. Each defect here is one that a
reader could make, and that would still give plausible numbers. ``python -m tests.mutations``
applies each to a copy of the package and prints which test went red.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

try:
    import warm_pytest  # under pytest, which puts this folder on the path
except ImportError:
    from tests import warm_pytest  # as `python -m tests.mutations`

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("gnnrec_helpers", "tests", "data", "pyproject.toml", "README.md")
WORKERS = 4
LONGEST = 120  # seconds for one defect; one that makes a test hang is not worth having


class Defect(NamedTuple):
    name: str
    meaning: str  # for the reader, if nobody noticed
    file: str  # in gnnrec_helpers
    old: str  # exactly once in the file
    new: str
    nodes: tuple[str, ...]  # tests of which at least one must go red


class Outcome(NamedTuple):
    defect: Defect
    caught_by: tuple[str, ...]  # empty when the defect survived


EVALUATION, RETRIEVAL = "tests/evaluation/test_evaluation.py::", "tests/serving/test_retrieval.py::"
TRAINING, BY_HAND = "tests/training/test_training.py::", "tests/engine/test_by_hand.py::"
GRAPHREC, SOCIAL = "tests/models/test_graphrec.py::", "tests/models/test_social_models.py::"
RIVALS, KNOWLEDGE = "tests/models/test_rivals.py::", "tests/models/test_knowledge_models.py::"
TUNING, SPLITS = "tests/training/test_tuning.py::", "tests/data/test_splits.py::"
INTERACTIONS = "tests/data/test_interactions.py::"
JUDGING = "tests/evaluation/test_judging.py::"
COMPARISON = "tests/evaluation/test_comparison.py::"
SIX_METRICS = EVALUATION + "test_the_six_metrics_by_hand"
GRADIENTS = BY_HAND + "test_gradients_of_a_weighted_sum_of_layers"

DEFECTS = (
    # ------------------------------------------------------------------ the order of nodes
    Defect(
        "parts of the node order lie either way round",
        "neighbours at a cut end up far from each other in memory",
        "engine/node_order.py",
        "if signal @ (above - above.mean()) < 0:",
        "if signal @ (above - above.mean()) < -np.inf:",
        ("tests/engine/test_node_order.py::test_parts_face_the_part_they_were_cut_from",),
    ),
    Defect(
        "what was looked up in order is answered in order",
        "a positive of the user is drawn as a negative",
        "engine/sampling.py",
        "found[order] =",
        "found[:] =",
        ("tests/engine/test_sampling.py::test_known_pairs_are_recognised",),
    ),
    Defect(
        "the last groups are left out of the groups of groups",
        "in a long catalogue some items can never be recommended",
        "serving/retrieval.py",
        "best = _largest(maxima, count)[1]",
        "best = _largest(maxima[:, : groups // GROUP * GROUP or None], count)[1]",
        (RETRIEVAL + "test_the_best_of_a_long_catalogue_by_groups",),
    ),
    Defect(
        "the weight of the ideal filter cannot be changed",
        "every weight that is tried on validation gives the same scores",
        "models/graph_filter.py",
        "alpha=self.alpha)\n",
        "alpha=0.2)\n",
        ("tests/models/test_models.py::test_graph_filters_are_dense_algebra",),
    ),
    Defect(
        "the second part of the users is filtered like the first",
        "a user gets somebody else's recommendations",
        "models/graph_filter.py",
        "for some in parts]",
        "for some in parts[:1] * len(parts)]",
        ("tests/models/test_models.py::test_filters_of_many_users_are_found_in_parts",),
    ),
    Defect(
        "columns that fill the last line of the cache are recommended",
        "lists hold items that do not exist",
        "models/recommender.py",
        "out=out)[:, : self.num_items]",
        "out=out)",
        (RETRIEVAL + "test_blocks_written_to_one_place_do_not_mix",),
    ),
    # ------------------------------------------------------------------ the graph
    Defect(
        "another user's shared negatives left out",
        "a positive of the user is pushed down as a negative",
        "engine/sampling.py",
        'first, rows = np.cumsum(times) - times, np.argsort(users, kind="stable")',
        'first, rows = np.cumsum(times) - times, np.argsort(-users, kind="stable")',
        ("tests/test_objectives.py::test_sampled_softmax_one_user_at_a_time",),
    ),
    Defect(
        "the ideal filter weighs degrees the wrong way round",
        "popular items are favoured twice",
        "models/graph_filter.py",
        "into = torch.where(roots > 0, vectors / roots, 0.0)",
        "into = vectors * roots",
        ("tests/models/test_models.py::test_graph_filters_are_dense_algebra",),
    ),
    Defect(
        "asymmetric normalisation",
        "neighbours are averaged, which is not the LightGCN of the paper",
        "engine/propagation.py",
        "return sparse.csr_array(left @ matrix @ right)",
        "return sparse.csr_array(left @ left @ matrix)",
        (BY_HAND + "test_symmetric_normalisation",),
    ),
    Defect(
        "layer 0 left out of the mean",
        "a node's own embedding no longer counts",
        "engine/propagation.py",
        "weights = [1 / (layers + 1)] * (layers + 1) if combine is None else list(combine)",
        "weights = [0.0] + [1 / max(layers, 1)] * layers if combine is None else list(combine)",
        (BY_HAND + "test_layers_are_averaged_from_layer_0_on",),
    ),
    Defect(
        "last layer's weight wrong in Horner's rule",
        "training follows a gradient that is not the loss's",
        "engine/propagation.py",
        "adjacency.shape[0]), last)",
        "adjacency.shape[0]), ctx.weights[0] * there)",
        (GRADIENTS,),
    ),
    Defect(
        "Horner's rule takes the weights in forward order",
        "each layer's gradient has another layer's weight",
        "engine/propagation.py",
        "for term in reversed(earlier):",
        "for term in earlier:",
        (GRADIENTS,),
    ),
    Defect(
        "wrong rows restricted",
        "the last layer of a batch is that of other nodes",
        "engine/sparse_product.py",
        "_as_scipy(csr, len(offsets) - 1)[rows.numpy()]",
        "_as_scipy(csr, len(offsets) - 1)[rows.numpy() - 1]",
        ("tests/engine/test_propagation.py::test_some_rows_are_those_of_the_whole",),
    ),
    Defect(
        "backward multiplies with the matrix itself",
        "a gradient that is right for symmetric matrices only",
        "engine/propagation.py",
        "csr = adjacency.csr(transposed=True)\n        total",
        "csr = adjacency.csr()\n        total",
        (BY_HAND + "test_gradients_through_a_matrix_that_is_not_symmetric",),
    ),
    Defect(
        "the gradient comes out in the engine's order",
        "in large graphs each node learns from the loss of another",
        "engine/propagation.py",
        "places, term)\n        return _permuted(total, adjacency.place)",
        "places, term)\n        return _permuted(total, adjacency.order)",
        ("tests/engine/test_propagation.py::test_a_large_graph_is_reordered_and_nothing_changes",),
    ),
    Defect(
        "weight decay's gradient is lost on the way back",
        "embeddings grow as if nothing held them",
        "engine/propagation.py",
        "terms[0].index_add_(0, which, of_start)",
        "terms[0].index_add_(0, which, 0 * of_start)",
        ("tests/engine/test_propagation.py::test_only_one_of_both_results_may_be_used",),
    ),
    Defect(
        "transposed weights",
        "going backward an edge has the weight of another edge",
        "engine/sparse_product.py",
        "_as_scipy(csr, num_columns).tocsc()",
        "_as_scipy((csr[0], csr[1], csr[2].flip(0)), num_columns).tocsc()",
        (GRADIENTS,),
    ),
    Defect(
        "columns left over from the groups are never looked at",
        "the last few items of the catalogue are never recommended",
        "serving/retrieval.py",
        "candidates = torch.cat([within, left_over], dim=1)",
        "candidates = within",
        (RETRIEVAL + "test_the_best_of_a_long_catalogue_by_groups",),
    ),
    Defect(
        "known items count among the shared negatives",
        "sampled softmax pushes down what the user chose",
        "objectives.py",
        "if known is not None:",
        "if known is None:",
        ("tests/test_objectives.py::test_sampled_softmax_where_a_user_knows_every_negative",),
    ),
    # ------------------------------------------------------------------ data and batches
    Defect(
        "test pairs stay in train",
        "every model is praised for what it was told",
        "data/splits.py",
        "interactions.select(rank >= bounds[-1][group]),",
        "interactions.select(rank >= bounds[0][group]),",
        (BY_HAND + "test_the_parts_of_a_split_share_no_pair",),
    ),
    Defect(
        "shares are rounded down",
        "short histories have nothing to be found",
        "data/splits.py",
        "count = np.floor(sizes * share + 0.5).astype(np.int64)",
        "count = np.floor(sizes * share).astype(np.int64)",
        (SPLITS + "test_split_cuts_every_user_s_rows_in_the_documented_shares",),
    ),
    Defect(
        "a part that would be empty is made",
        "training stops after an epoch with a message about something else",
        "data/splits.py",
        "if share and not (",
        "if share > 1 and not (",
        (SPLITS + "test_a_part_that_would_be_empty_is_refused",),
    ),
    Defect(
        "parts of a split may share pairs",
        "what is to be found is no candidate, and recall is 0",
        "data/splits.py",
        "if shared.any():",
        "if shared.all():",
        (SPLITS + "test_parts_that_share_pairs_are_refused",),
    ),
    Defect(
        "validation is judged by what is to be found in test",
        "the test part decides when to stop",
        "data/splits.py",
        "        return self.validation\n\n    def with_validation",
        "        return self.test\n\n    def with_validation",
        (JUDGING + "test_the_part_that_is_named_is_judged",),
    ),
    Defect(
        "pairs stay in the order in which they come",
        "recall of .153 instead of .229 for the same pairs",
        "data/interactions.py",
        "if not (pairs[1:] > pairs[:-1]).all():",
        "if (pairs[1:] == pairs[:-1]).any():",
        (JUDGING + "test_pairs_in_any_order_give_the_same_numbers",),
    ),
    Defect(
        "ratings stay in the order in which they come",
        "everybody has somebody else's ratings",
        "data/interactions.py",
        "columns = {name: column[order] for name, column in columns.items()}",
        'columns |= {name: columns[name][order] for name in ("user_index", "item_index")}',
        (INTERACTIONS + "test_pairs_in_any_order_are_the_same_interactions",),
    ),
    Defect(
        "repeated pairs are let in",
        "a user who knows all answers finds half of them",
        "data/interactions.py",
        "if len(repeated):",
        "if len(repeated) > len(pairs):",
        (INTERACTIONS + "test_repeated_pairs_are_refused_with_their_number",),
    ),
    Defect(
        "a position that occurs twice is selected twice",
        "a sample with replacement is no set of pairs",
        "data/interactions.py",
        "        mask = self._mask(keep)\n",
        "        mask = np.asarray(keep)\n",
        (INTERACTIONS + "test_positions_are_a_set",),
    ),
    Defect(
        "a position beyond the labels is let in",
        "the error comes from pandas, long after",
        "data/interactions.py",
        "if len(index) and not (index.min() >= 0 and index.max() < count):",
        "if len(index) and not (index.min() >= 0 and index.max() <= count):",
        (INTERACTIONS + "test_what_the_constructor_refuses",),
    ),
    Defect(
        "no item is the last item of the user before",
        "a list with too few candidates has hits where it ends",
        "data/interactions.py",
        "(pairs[place] == asked) & (items >= 0)",
        "pairs[place] == asked",
        (INTERACTIONS + "test_contains_is_membership_in_a_set",),
    ),
    Defect(
        "a rating told twice counts as the first time",
        "what somebody took back is learnt",
        "datasets/trust_networks.py",
        'ratings.drop_duplicates(["user", "item"], keep="last")',
        'ratings.drop_duplicates(["user", "item"], keep="first")',
        (
            "tests/datasets/test_trust_networks.py::test_matrices_become_ratings_and_a_directed_graph",
        ),
    ),
    Defect(
        "predicted ratings are left beyond the scale",
        "a model is blamed for a sixth star that nobody would show",
        "evaluation/ratings.py",
        "return predicted.clip(lowest, highest) - ratings",
        "return predicted - ratings",
        (
            "tests/evaluation/test_rating_evaluation.py::"
            "test_predictions_are_clipped_to_the_scale_of_train_by_default",
        ),
    ),
    Defect(
        "the scale is read off the ratings to be predicted",
        "test tells the model how far it may go",
        "evaluation/ratings.py",
        "ratings = ratings_of(split.train)",
        "ratings = ratings_of(split.test)",
        (
            "tests/evaluation/test_rating_evaluation.py::"
            "test_predictions_are_clipped_to_the_scale_of_train_by_default",
        ),
    ),
    Defect(
        "ratings of one user are taken for independent",
        "intervals that are too narrow, and differences that are none",
        "evaluation/ratings.py",
        "_, user = np.unique(held_out.user_index, return_inverse=True)",
        "user = np.arange(len(values))",
        ("tests/evaluation/test_rating_evaluation.py::test_intervals_are_those_of_other_users",),
    ),
    Defect(
        "biases of users and items are damped by each other's number",
        "what validation chose for the one is applied to the other",
        "models/bias_only.py",
        "[1 / math.sqrt(users), 1 / math.sqrt(items)]",
        "[1 / math.sqrt(items), 1 / math.sqrt(users)]",
        ("tests/models/test_rating_models.py::test_biases_solve_the_normal_equations",),
    ),
    Defect(
        "the epoch with the largest error is kept",
        "training stops with the worst weights it has seen",
        "training/fitting.py",
        "return value < self.best if self.watched",
        "return value > self.best if self.watched",
        ("tests/models/test_rating_models.py::test_the_epoch_with_the_smallest_error_is_kept",),
    ),
    Defect(
        "the first of repeated pairs is kept",
        "an old rating wins over the one that replaced it",
        "data/interactions.py",
        "np.append(pairs[1:] != pairs[:-1], True)",
        "np.append(True, pairs[1:] != pairs[:-1])",
        (BY_HAND + "test_the_latest_of_a_repeated_pair_is_kept",),
    ),
    Defect(
        "negatives drawn from all items",
        "a user learns to dislike what she chose",
        "engine/sampling.py",
        "redo = np.flatnonzero(self.is_known(owners, drawn))",
        "redo = np.flatnonzero(np.zeros(len(owners), bool))",
        (BY_HAND + "test_negatives_are_never_positives",),
    ),
    Defect(
        "every epoch replays the batches of epoch 0",
        "training sees the same negatives again and again",
        "engine/sampling.py",
        "generator = np.random.default_rng([self.seed, number])",
        "generator = np.random.default_rng(self.seed)",
        (
            BY_HAND + "test_every_epoch_is_shuffled_anew",
            TRAINING + "test_every_epoch_has_batches_of_its_own",
        ),
    ),
    Defect(
        "BPR's sign flipped",
        "positives are pushed below negatives",
        "objectives.py",
        "softplus(negative_score - positive_score)",
        "softplus(positive_score - negative_score)",
        (BY_HAND + "test_bpr_by_hand", TRAINING + "test_the_toy_data_set_is_learnt"),
    ),
    # ------------------------------------------------------------------ judging
    Defect(
        "NDCG's discount off by one",
        "numbers that cannot be compared with anybody's",
        "evaluation/ranking.py",
        "discount = 1 / np.log2(np.arange(hits.shape[1]) + 2)",
        "discount = 1 / np.log2(np.arange(hits.shape[1]) + 3)",
        (SIX_METRICS,),
    ),
    Defect(
        "recall divided by k",
        "precision under another name",
        "evaluation/ranking.py",
        "return np.asarray(hits.sum(1) / relevant)",
        "return np.asarray(hits.sum(1) / hits.shape[1])",
        (SIX_METRICS,),
    ),
    Defect(
        "NDCG's ideal list has k hits whatever there is to find",
        "users with few held-out items can never be served well",
        "evaluation/ranking.py",
        "ideal[np.minimum(relevant, hits.shape[1])]",
        "ideal[hits.shape[1]]",
        (SIX_METRICS,),
    ),
    Defect(
        "train items not masked when test is judged",
        "lists full of what the user has already",
        "data/splits.py",
        "return [self.train, self.validation]",
        "return [self.validation]",
        (EVALUATION + "test_judging_test_masks_train",),
    ),
    Defect(
        "validation items not masked when test is judged",
        "the same for what validation held out",
        "data/splits.py",
        "return [self.train, self.validation]",
        "return [self.train]",
        (EVALUATION + "test_judging_test_masks_validation_too",),
    ),
    Defect(
        "train items not masked when validation is judged",
        "early stopping listens to noise",
        "data/splits.py",
        "return [self.train]\n",
        "return []\n",
        (EVALUATION + "test_judging_validation_masks_train",),
    ),
    Defect(
        "test items masked when validation is judged",
        "what is to be found later leaks into early stopping",
        "data/splits.py",
        "return [self.train]\n",
        "return [self.train, self.test]\n",
        (EVALUATION + "test_judging_validation_does_not_mask_test",),
    ),
    Defect(
        "users without test items count as failures",
        "every mean is too small",
        "evaluation/ranking.py",
        "users = np.unique(held_out.user_index)",
        "users = np.arange(held_out.num_users)",
        (EVALUATION + "test_users_without_test_items_are_left_out",),
    ),
    Defect(
        "ties broken by the higher index",
        "lists that depend on the size of blocks and on the machine",
        "serving/retrieval.py",
        "columns, order = columns.sort(dim=1)",
        "columns, order = columns.sort(dim=1, descending=True)",
        (
            RETRIEVAL + "test_equal_scores_lower_item_first",
            EVALUATION + "test_equal_scores_are_ordered_by_item",
        ),
    ),
    Defect(
        "ties at the end of the list left to chance",
        "which of several equals is in the list is topk's secret",
        "serving/retrieval.py",
        "for some in tied.split(TIED):",
        "for some in ():",
        (RETRIEVAL + "test_rank_on_many_ties_in_a_long_catalogue",),
    ),
    # ------------------------------------------------------------------ training
    Defect(
        "early stopping on test",
        "the number of epochs is chosen with the answers at hand",
        "training/fitting.py",
        'part="validation", metrics=("recall",)',
        'part="test", metrics=("recall",)',
        (
            TRAINING + "test_training_never_looks_at_test",
            TRAINING + "test_another_test_part_changes_nothing",
        ),
    ),
    Defect(
        "best weights not restored",
        "the history tells of a model that is gone",
        "training/fitting.py",
        "model.load_state_dict(best)",
        "pass",
        (TRAINING + "test_early_stopping_keeps_the_best_weights",),
    ),
    Defect(
        "best weights not copied",
        "the best weights go on being trained",
        "training/fitting.py",
        "value.detach().clone() for name",
        "value.detach() for name",
        (TRAINING + "test_early_stopping_keeps_the_best_weights",),
    ),
    Defect(
        "Adam's memory lost on resume",
        "an interrupted training ends elsewhere than one that was not",
        "training/fitting.py",
        'optimizer.load_state_dict({**optimizer.state_dict(), "state": state})',
        "pass",
        (TRAINING + "test_resumed_equals_uninterrupted",),
    ),
    Defect(
        "a checkpoint of other arguments is accepted",
        "a new experiment goes on with the weights of an old one",
        "training/fitting.py",
        'if story["made_with"].get(name) != value:',
        "if False:",
        (TRAINING + "test_a_checkpoint_of_other_arguments_is_refused",),
    ),
    Defect(
        "checkpoints written in place",
        "a full disk costs the training so far",
        "training/fitting.py",
        'temporary = path.with_name(f"{path.name}.{os.getpid()}.part")',
        "temporary = path",
        (TRAINING + "test_a_write_that_fails_leaves_the_old_checkpoint",),
    ),
    Defect(
        "gradients add up from batch to batch",
        "every step repeats all those before it",
        "training/fitting.py",
        "optimizer.zero_grad()",
        "pass",
        (TRAINING + "test_adam_by_hand",),
    ),
    # ------------------------------------------------------------------ graphs as data
    Defect(
        "Gini of ranks from zero",
        "inequality is overstated, most of all in small groups",
        "course/graph_statistics.py",
        "(2 * ranks - len(shares) - 1)",
        "(2 * ranks - len(shares))",
        ("tests/course/test_graph_statistics.py::test_gini_is_half_the_relative_mean_difference",),
    ),
    Defect(
        "hops counted along the longest way",
        "near nodes look far",
        "course/graph_statistics.py",
        "touched = (matrix @ border > 0) & (found < 0)",
        "touched = matrix @ border > 0",
        ("tests/course/test_graph_statistics.py::test_components_and_hops_are_networkx_s",),
    ),
    Defect(
        "facts handed over with head and tail exchanged",
        "a director is directed by her film",
        "data/conversions.py",
        "_edges(knowledge.head[chosen], knowledge.tail[chosen])",
        "_edges(knowledge.tail[chosen], knowledge.head[chosen])",
        ("tests/data/test_conversions.py::test_all_three_graphs_and_back",),
    ),
    Defect(
        "position labels counted column by column",
        "a left edge is taken for an upper one",
        "course/grids.py",
        "row = (node // width)[:, None] + place // size - size // 2  # (nodes, places)\n"
        "    column = (node % width)[:, None] + place % size - size // 2",
        "row = (node // width)[:, None] + place % size - size // 2  # (nodes, places)\n"
        "    column = (node % width)[:, None] + place // size - size // 2",
        ("tests/course/test_grids.py::test_convolution_is_conv2d",),
    ),
    Defect(
        "pixels at the right border are joined to the next row",
        "padding that is not zero but the other side of the image",
        "course/grids.py",
        "inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)",
        "inside = (row >= 0) & (row * width + column < height * width) & (column >= 0)",
        ("tests/course/test_grids.py::test_edges_are_the_moves_of_a_king",),
    ),
    Defect(
        "a node's own zero counts among its neighbours",
        "means are too small, and no maximum is below zero",
        "course/aggregation.py",
        "messages, name, include_self=False",
        "messages, name, include_self=True",
        (
            "tests/course/test_aggregation.py::test_ben_by_hand",
            "tests/course/test_aggregation.py::test_a_node_without_neighbours_gets_zero",
        ),
    ),
    Defect(
        "softmax over all edges of the graph",
        "the attention of one node depends on strangers",
        "engine/neighbour_lists.py",
        "return powers / total.index_select(0, owner)",
        "return powers / total.sum()",
        ("tests/course/test_aggregation.py::test_attention_node_by_node",),
    ),
    Defect(
        "the user herself is not counted",
        "a prediction seems to read one node fewer than it does",
        "course/computation_graphs.py",
        "within = [((distance >= 0) & (distance <= hop)).sum(axis=1)",
        "within = [((distance > 0) & (distance <= hop)).sum(axis=1)",
        ("tests/course/test_computation_graphs.py::test_pyg_finds_the_same_subgraph",),
    ),
    Defect(
        "messages of a tree handed to the wrong receivers",
        "the drawn tree shows nodes sending to nodes that are not their neighbours",
        "course/computation_graphs.py",
        "receivers = np.repeat(np.arange(len(above)), degrees[above])",
        "receivers = np.sort(np.arange(degrees[above].sum()) % len(above))",
        ("tests/course/test_computation_graphs.py::test_both_hold_the_walks_of_networkx",),
    ),
    # ------------------------------------------------------------------ friends
    Defect(
        "the rating to be predicted is among the item's raters",
        "training reads the answer off the graph, use cannot",
        "models/graphrec.py",
        "hidden and hidden[::-1]",
        "None",
        (GRAPHREC + "test_training_hides_what_is_asked_for",),
    ),
    Defect(
        "attention over all edges of the batch",
        "as with padding that is not masked: a user with few neighbours is hardly heard",
        "engine/neighbour_lists.py",
        "return powers / total.index_select(0, owner)",
        "return powers / total.sum()",
        ("tests/engine/test_neighbour_lists.py::test_attention_is_a_softmax_for_each_node",),
    ),
    Defect(
        "opinion embedding ignored",
        "one star counts as five",
        "models/graphrec.py",
        "hidden = (of_neighbour.index_select(0, place) + of_opinion).relu()",
        "hidden = of_neighbour.index_select(0, place).relu()",
        (GRAPHREC + "test_predictions_are_the_papers_equations",),
    ),
    Defect(
        "friends are the user herself",
        "the social graph decides how often, not who",
        "models/graphrec.py",
        "torch.searchsorted(everybody, trusted.node))",
        "torch.searchsorted(everybody, users)[trusted.owner])",
        (GRAPHREC + "test_predictions_are_the_papers_equations",),
    ),
    Defect(
        "a left-out rating pulls the other way",
        "models learn from residuals that are too small instead of too large",
        "models/bias_only.py",
        "predicted - (ratings - predicted) * (1 - rest) / rest",
        "predicted + (ratings - predicted) * (1 - rest) / rest",
        ("tests/models/test_rating_models.py::test_a_rating_left_out",),
    ),
    Defect(
        "a friendship works in one direction",
        "who was named as a friend does not hear from the one who named her",
        "models/parts/side_links.py",
        "return sparse.csr_array(links.maximum(links.T))",
        "return sparse.csr_array(links)",
        (SOCIAL + "test_diffnet_takes_up_what_friends_like",),
    ),
    Defect(
        "a view of SEPT names its own positives",
        "the views no longer teach each other",
        "models/sept.py",
        "(likeness[two] for two in range(3) if two != one)",
        "(likeness[one] for two in range(3) if two != one)",
        (SOCIAL + "test_the_self_supervised_loss_of_sept",),
    ),
    Defect(
        "a thinned graph loses one direction of an edge",
        "its backward pass is that of another matrix",
        "engine/propagation.py",
        "drawn[np.minimum(self._mirrored, np.arange(self.entries))]",
        "drawn",
        ("tests/engine/test_propagation.py::test_thinning_drops_entries_with_their_mirror_images",),
    ),
    # ------------------------------------------------------------------ rivals
    Defect(
        "temperature inverted",
        "a low temperature makes the contrast soft instead of sharp",
        "models/parts/contrastive.py",
        "unit_length(one) / temperature",
        "unit_length(one) * temperature",
        (RIVALS + "test_info_nce_one_pair_at_a_time",),
    ),
    Defect(
        "the positive is in the denominator twice",
        "agreement is never quite good enough",
        "models/parts/contrastive.py",
        "log_sum_exp(one, other) - (one * other).sum(1)",
        "(log_sum_exp(one, other).exp() + (one * other).sum(1).exp()).log() - (one * other).sum(1)",
        (RIVALS + "test_info_nce_one_pair_at_a_time",),
    ),
    Defect(
        "similarity is not symmetric",
        "popular neighbours are held back, popular items are not",
        "models/parts/nearest.py",
        "common / (np.sqrt(degrees[rows] * degrees[columns]) + shrink)",
        "common / (degrees[columns] + shrink)",
        (RIVALS + "test_user_knn_is_sklearn_s_cosine",),
    ),
    Defect(
        "the two losses see different noise",
        "XSimGCL contrasts another propagation than the one that is ranked by",
        "objectives.py",
        "model = model.perturbed(batch)",
        "pass",
        (RIVALS + "test_xsimgcl_is_one_noisy_propagation",),
    ),
    Defect(
        "XSimGCL contrasts the layer after",
        "with two layers and the first to be contrasted, the mean would face the last",
        "models/xsimgcl.py",
        "self.layers[model.contrast_layer - 1]",
        "self.layers[model.contrast_layer % len(self.layers)]",
        (RIVALS + "test_xsimgcl_is_one_noisy_propagation",),
    ),
    Defect(
        "items that lead to many are kept, not those that lead most strongly to each",
        "the second limit of RP3beta is the first once more",
        "models/rp3beta.py",
        "strongest(sparse.csr_array(walk.T), sources).T",
        "strongest(sparse.csr_array(walk), sources)",
        (RIVALS + "test_the_strongest_sources_of_each_item",),
    ),
    Defect(
        "the walk's step to items is not one of probabilities",
        "users who chose much send out more",
        "models/rp3beta.py",
        'normalize(self._likes, "mean").power(alpha)',
        "self._likes.power(alpha)",
        (RIVALS + "test_the_plain_walk_is_one_of_probabilities",),
    ),
    Defect(
        "unobserved pairs cost nothing",
        "iALS is content to like everything",
        "models/ials.py",
        "gram = self.unobserved * others.T @ others",
        "gram = 0 * others.T @ others",
        (RIVALS + "test_each_half_of_a_sweep_is_a_ridge_regression",),
    ),
    Defect(
        "a user's own items among UltraGCN's negatives",
        "what she chose is pushed away",
        "models/ultragcn.py",
        "if batch.known is not None:",
        "if False:",
        (RIVALS + "test_the_loss_of_ultragcn_one_pair_at_a_time",),
    ),
    Defect(
        "tuning hands on the test part",
        "what is reported at the end was looked at to get there",
        "training/tuning.py",
        "split.train.select(np.zeros(0, np.int64))",
        "split.test",
        (TUNING + "test_the_test_part_is_never_looked_at",),
    ),
    Defect(
        "tuning searches where it is worst",
        "it finds nothing that chance would not",
        "training/tuning.py",
        'direction="maximize"',
        'direction="minimize"',
        (TUNING + "test_later_trials_are_made_where_earlier_ones_did_well",),
    ),
    Defect(
        "the worst trial is called the best",
        "a rival looks weak",
        "training/tuning.py",
        "np.nanargmax(self.values)",
        "np.nanargmin(self.values)",
        (TUNING + "test_it_measures_validation_and_the_best_is_the_largest",),
    ),
    Defect(
        "a resumed tuning draws from the start",
        "trials before an interruption are made once more",
        "training/tuning.py",
        "np.random.SeedSequence([seed, number])",
        "np.random.SeedSequence([seed, number - len(done)])",
        (TUNING + "test_interrupted_or_not",),
    ),
    Defect(
        "other items to be found among those an item is ranked with",
        "a right answer before another right answer counts against it",
        "evaluation/metric_audit.py",
        "reduce(merge, split.known_before(part), split.held_out(part))",
        "reduce(merge, split.known_before(part))",
        ("tests/evaluation/test_metric_audit.py::test_every_definition_by_hand",),
    ),
    Defect(
        "an item of test is ranked with what the user chose in validation",
        "known items stand in the way of the one that is to be found",
        "evaluation/metric_audit.py",
        "reduce(merge, split.known_before(part), split.held_out(part))",
        "merge(split.train, split.held_out(part))",
        ("tests/evaluation/test_metric_audit.py::test_whom_an_item_alone_is_ranked_with",),
    ),
    Defect(
        "NDCG by the best order of the hits divides by the best list",
        "the audit hides the very difference it is there to show",
        "evaluation/metric_audit.py",
        "best_dcg(number_of_hits(hits))",
        "best_dcg(np.minimum(relevant, hits.shape[1]))",
        ("tests/evaluation/test_metric_audit.py::test_every_definition_by_hand",),
    ),
    # ------------------------------------------------------------------ facts
    Defect(
        "relation ids shifted by one",
        "attention looks at another relation than the fact's",
        "models/kgcn.py",
        "near[known], by[known] = target[edges], relation[edges]",
        "near[known], by[known] = target[edges], (relation[edges] + 1) % knowledge.num_relations",
        (KNOWLEDGE + "test_facts_are_sampled_in_both_directions",),
    ),
    Defect(
        "inverse relations missing",
        "an actor does not hear from the films she is in",
        "models/parts/side_links.py",
        "np.concatenate([knowledge.tail, knowledge.head]),",
        "np.concatenate([knowledge.tail, knowledge.tail]),",
        (KNOWLEDGE + "test_facts_are_sampled_in_both_directions",),
    ),
    Defect(
        "held-out items used as negatives",
        "a right answer is counted as wrong",
        "evaluation/yes_or_no.py",
        "chosen = merge(split.train, split.test)",
        "chosen = split.train",
        (KNOWLEDGE + "test_yes_or_no_is_sklearn_s",),
    ),
    Defect(
        "an inverse has the relation it is the inverse of",
        "to direct a film and to be directed count alike",
        "models/parts/side_links.py",
        "knowledge.relation + knowledge.num_relations]",
        "knowledge.relation]",
        (KNOWLEDGE + "test_kgat_is_the_papers_equations",),
    ),
    Defect(
        "KGAT turns by the next relation's matrix",
        "a fact is read as one of another kind",
        "models/kgat.py",
        "parts = zip(rows.split(counts), matrices, strict=True)",
        "parts = zip(rows.split(counts), matrices.roll(1, 0), strict=True)",
        (KNOWLEDGE + "test_kgat_is_the_papers_equations",),
    ),
    Defect(
        "KGAT's attention moves while it trains",
        "training repeats the attention of a step, not of an epoch",
        "models/kgat.py",
        "self.attended = self.attention() if mode else None",
        "self.attended = None",
        (KNOWLEDGE + "test_kgat_s_attention_adds_up_to_one_and_rests_while_training",),
    ),
    Defect(
        "a true tail should be far",
        "TransR learns that facts are false",
        "models/kgat.py",
        "return softplus(near - far).mean()",
        "return softplus(far - near).mean()",
        (KNOWLEDGE + "test_kgat_learns_facts_as_transr_does",),
    ),
    Defect(
        "KGIN hears a tail by another relation",
        "a message is a director's film seen as a genre's",
        "models/kgin.py",
        'self.register_buffer("told", torch.from_numpy(told), persistent=False)',
        'self.register_buffer("told", torch.from_numpy(np.roll(told, 1)), persistent=False)',
        (KNOWLEDGE + "test_kgin_is_the_papers_equations",),
    ),
    Defect(
        "the spread over seeds taken for that over users",
        "two models are called different for the noise of one seed",
        "evaluation/comparison.py",
        "t = abs(mean) / error if error",
        "t = abs(mean) / (error * np.sqrt(len(differences))) if error",
        (COMPARISON + "test_compare_with_a_baseline_is_paired",),
    ),
    Defect(
        "five users have the interval of a thousand",
        "a difference that may well be chance is called clear",
        "evaluation/comparison.py",
        "float(stdtrit(count - 1, 0.975))",
        "1.96",
        (COMPARISON + "test_intervals_and_p_are_scipy_s_for_few_users_too",),
    ),
    Defect(
        "the t-test has a degree of freedom too many",
        "p is too small for few users",
        "evaluation/comparison.py",
        "stdtr(len(differences) - 1, -t)",
        "stdtr(len(differences), -t)",
        (COMPARISON + "test_intervals_and_p_are_scipy_s_for_few_users_too",),
    ),
    Defect(
        "users whom one of two models was not judged on narrow the interval",
        "the fewer users are shared, the surer it looks",
        "evaluation/comparison.py",
        "paired = differences.dropna()",
        "paired = differences",
        (COMPARISON + "test_differences_are_those_of_users_with_both_values",),
    ),
    Defect(
        "a model may have been built from what it is asked to find",
        "recall of .333 instead of .229",
        "evaluation/judging.py",
        "if seen:",
        "if seen > len(held_out):",
        (JUDGING + "test_a_model_is_not_asked_for_what_it_was_built_from",),
    ),
    Defect(
        "modules are judged in training mode",
        "with dropout every evaluation gives other numbers",
        "models/base.py",
        "        model.eval()\n    try:",
        "        model.train()\n    try:",
        (JUDGING + "test_modules_are_judged_in_evaluation_mode",),
    ),
    Defect(
        "modules are left in evaluation mode",
        "after a look at validation dropout is off",
        "models/base.py",
        "module.training = mode",
        "pass",
        (JUDGING + "test_modules_are_judged_in_evaluation_mode",),
    ),
    Defect(
        "facts work in one direction",
        "a director does not hear from his films",
        "models/parts/side_links.py",
        "return _either_way(links)",
        "return links",
        (KNOWLEDGE + "test_knowledge_lightgcn_sends_along_both_graphs",),
    ),
)


class RottenDefect(Exception):
    """A defect, or a test it names, that no longer fits the package."""


def text_of(defect: Defect, root: Path = ROOT) -> str:
    """The text of the file with the defect in it."""
    path = root / "gnnrec_helpers" / defect.file
    text = path.read_text(encoding="utf-8")
    if text.count(defect.old) != 1:
        raise RottenDefect(
            f"{defect.name!r}: its old text occurs {text.count(defect.old)} times in "
            f"{defect.file}, not once."
        )
    return text.replace(defect.old, defect.new)


def copy(folder: Path, defect: Defect | None = None) -> None:
    """What the tests need, in `folder`; with the defect, if one is given."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*", "*.part")
            shutil.copytree(source, folder / name, ignore=ignored)
        elif source.is_file():
            shutil.copy(source, folder / name)
    if defect is not None:
        text = text_of(defect, folder)
        (folder / "gnnrec_helpers" / defect.file).write_text(text, encoding="utf-8")


def red(folder: Path, nodes: Iterable[str]) -> tuple[str, ...]:
    """Which tests fail in the copy, up to the first; none when all are green."""
    options = ["-x", "-q", "-rf", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist"]
    code, output = warm_pytest.run(folder, [*options, *nodes], LONGEST)
    failed = tuple(re.findall(r"^FAILED (\S+)", output, re.M))
    if (code, bool(failed)) not in ((0, False), (1, True)):
        # a test that is not there, or a package that cannot be imported, has caught nothing
        raise RottenDefect(f"pytest ended with {code}:\n{output}")
    return failed


def judge(defect: Defect) -> Outcome:
    """Apply one defect to a copy and run its tests."""
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(folder), defect)
        return Outcome(defect, red(Path(folder), defect.nodes))


def green_without(defects: Sequence[Defect]) -> tuple[str, ...]:
    """The tests of these defects that fail without any: there should be none."""
    with tempfile.TemporaryDirectory() as folder:
        copy(Path(folder))
        code = "import gnnrec_helpers; print(gnnrec_helpers.__file__)"
        found = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": folder},
        ).stdout.strip()  # fmt: skip
        if not Path(found).resolve().is_relative_to(Path(folder).resolve()):
            raise RottenDefect(f"the tests of a copy would import {found}")
        return red(Path(folder), dict.fromkeys(n for d in defects for n in d.nodes))


def judge_all(defects: Sequence[Defect] = DEFECTS, workers: int = WORKERS) -> list[Outcome]:
    """Every defect, several at a time, after seeing that the tests are green without any."""
    with ThreadPoolExecutor(workers) as pool:
        unbroken = pool.submit(green_without, defects)
        outcomes = list(pool.map(judge, defects))
    if unbroken.result():
        raise RottenDefect(f"red without any defect: {', '.join(unbroken.result())}")
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """One line a defect."""
    width = max(len(outcome.defect.name) for outcome in outcomes)
    lines = []
    for defect, caught_by in outcomes:
        names = ", ".join(node.partition("::")[2] for node in caught_by)
        verdict = f"caught by {names}" if caught_by else f"SURVIVED: {defect.meaning}"
        lines.append(f"{defect.name:{width}}  {verdict}")
    survived = sum(not outcome.caught_by for outcome in outcomes)
    lines.append(f"{len(outcomes)} defects, {survived} survived")
    return "\n".join(lines)


def main() -> int:
    outcomes = judge_all()
    print(table(outcomes))
    return int(any(not outcome.caught_by for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
