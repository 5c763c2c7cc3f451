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
COPIED = ("gnnrec_helpers", "tests", "data", "pyproject.toml", "README.md", "docs")
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


ON_DEVICE = "tests/models/test_on_device.py::"
EVALUATION, RETRIEVAL = "tests/evaluation/test_evaluation.py::", "tests/serving/test_retrieval.py::"
TRAINING, BY_HAND = "tests/training/test_training.py::", "tests/engine/test_by_hand.py::"
GRAPHREC, SOCIAL = "tests/models/test_graphrec.py::", "tests/models/test_social_models.py::"
RIVALS, KNOWLEDGE = "tests/models/test_rivals.py::", "tests/models/test_knowledge_models.py::"
LEAGUE, PLATEAU = "tests/training/test_league.py::", "tests/training/test_plateau.py::"
TUNING, SPLITS = "tests/training/test_tuning.py::", "tests/data/test_splits.py::"
CONTRACT = "tests/models/test_contract.py::"
INTERACTIONS = "tests/data/test_interactions.py::"
JUDGING = "tests/evaluation/test_judging.py::"
COMPARISON = "tests/evaluation/test_comparison.py::"
BEYOND, RERANKING = (
    "tests/evaluation/test_beyond_accuracy.py::",
    "tests/serving/test_reranking.py::",
)
SIX_METRICS = EVALUATION + "test_the_six_metrics_by_hand"
GRADIENTS = BY_HAND + "test_gradients_of_a_weighted_sum_of_layers"

DEFECTS = (
    Defect(
        "another user's shared negatives left out",
        "a positive of the user is pushed down as a negative",
        "engine/sampling.py",
        'first, rows = np.cumsum(times) - times, np.argsort(users, kind="stable")',
        'first, rows = np.cumsum(times) - times, np.argsort(-users, kind="stable")',
        ("tests/test_objectives.py::test_sampled_softmax_one_user_at_a_time",),
    ),
    Defect(
        "asymmetric normalization",
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
        "adjacency.product(total, transposed=True).add_(gradient",
        "adjacency.product(total).add_(gradient",
        (BY_HAND + "test_gradients_through_a_matrix_that_is_not_symmetric",),
    ),
    Defect(
        "an index made on the host of a GPU",
        "a batch cannot be drawn on a GPU",
        "engine/device_sampling.py",
        "entry = torch.arange(total, device=self.device)",
        "entry = torch.arange(total)",
        (ON_DEVICE + "test_shared_negatives_and_who_knows_them",),
    ),
    Defect(
        "a scoring table of the host on a GPU",
        "lists cannot be ranked on a GPU",
        "serving/retrieval.py",
        "torch.arange(GROUP, device=device)",
        "torch.arange(GROUP)",
        (ON_DEVICE + "test_long_rows_are_ranked_on_the_device",),
    ),
    Defect(
        "negatives counted from one user's first item too far",
        "a GPU draws what a user knows",
        "engine/device_sampling.py",
        "return place + found - self._starts[users, None]",
        "return place + found - self._starts[users, None] - 1",
        (ON_DEVICE + "test_negatives_are_uniform_among_the_unknown",),
    ),
    Defect(
        "a GPU's backward multiplies with the matrix itself",
        "a gradient that is right for symmetric matrices only",
        "engine/propagation.py",
        "matrix = adjacency.on_gpu(transposed)",
        "matrix = adjacency.on_gpu(False)",
        (ON_DEVICE + "test_products_and_gradients",),
    ),
    Defect(
        "a step that waits for the device",
        "a GPU idles while its host adds up losses",
        "training/fitting.py",
        "losses = [step(batch, rate) for",
        "losses = [step(batch, rate).cpu() for",
        (ON_DEVICE + "test_a_step_waits_for_nothing",),
    ),
    Defect(
        "replays that read the first batch",
        "a GPU trains on one batch again and again",
        "training/stepping.py",
        "here.copy_(new)",
        "here.copy_(here)",
        (ON_DEVICE + "test_what_is_recorded_is_what_would_be_done",),
    ),
    Defect(
        "replays at the first learning rate",
        "a GPU ignores the schedule",
        "training/stepping.py",
        'group["lr"].fill_(rate)',
        'group["lr"].fill_(group["lr"])',
        (ON_DEVICE + "test_what_is_recorded_is_what_would_be_done",),
    ),
    Defect(
        "known items count among the shared negatives",
        "sampled softmax pushes down what the user chose",
        "objectives.py",
        "fill_known(scores, known, NOTHING)",
        "fill_known(scores, None, NOTHING)",
        ("tests/test_objectives.py::test_sampled_softmax_where_a_user_knows_every_negative",),
    ),
    Defect(
        "test pairs stay in train",
        "every model is praised for what it was told",
        "data/splits.py",
        "return [interactions.select(part == number) for",
        "return [interactions.select((part == number) | (number == 0)) for",
        (BY_HAND + "test_the_parts_of_a_split_share_no_pair",),
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
        "no item is the last item of the user before",
        "a list with too few candidates has hits where it ends",
        "data/interactions.py",
        "(pairs[place] == asked) & (items >= 0)",
        "pairs[place] == asked",
        (INTERACTIONS + "test_contains_is_membership_in_a_set",),
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
        "the epoch with the largest error is kept",
        "training stops with the worst weights it has seen",
        "training/history.py",
        "return value < other if self.watched",
        "return value > other if self.watched",
        ("tests/models/test_rating_models.py::test_the_epoch_with_the_smallest_error_is_kept",),
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
        "cold items taken for items with users",
        "lists of items that nobody knows seem more varied than any list can be",
        "evaluation/beyond_accuracy.py",
        "_sum_of_list(lists.train.item_degrees() > 0, lists.items)",
        "length",
        (BEYOND + "test_every_metric_agrees_with_plain_loops",),
    ),
    Defect(
        "users without train items counted in intervals",
        "intervals narrower than the users there are allow",
        "evaluation/comparison.py",
        "values = values.dropna()",
        "values = values.fillna(values.mean())",
        (BEYOND + "test_who_is_left_out_does_not_count_in_intervals",),
    ),
    Defect(
        "similarity to the taken items averaged",
        "a list in which each item has its double, and by the name of MMR",
        "serving/reranking.py",
        "cosine[taken].max(0)",
        "cosine[taken].mean(0)",
        (RERANKING + "test_mmr_takes_the_largest_marginal_relevance",),
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
        "users = np.flatnonzero(held_out.user_degrees())",
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
        "early stopping on test",
        "the number of epochs is chosen with the answers at hand",
        "training/fitting.py",
        'part="validation", metrics=(metric,)',
        'part="test", metrics=(metric,)',
        (
            TRAINING + "test_training_never_looks_at_test",
            TRAINING + "test_another_test_part_changes_nothing",
        ),
    ),
    Defect(
        "best weights not restored",
        "the history tells of a model that is gone",
        "training/fitting.py",
        "            model.load_state_dict(best)\n        mark_as_left",
        "            pass\n        mark_as_left",
        (TRAINING + "test_early_stopping_keeps_the_best_weights",),
    ),
    Defect(
        "what is tried starts from the last weights",
        "a smaller learning rate polishes a model that has overfitted",
        "training/fitting.py",
        "                model.load_state_dict(best)\n                stepper",
        "                stepper",
        (PLATEAU + "test_the_search_is_the_one_that_is_described[0]",),
    ),
    Defect(
        "Adam remembers the last stage",
        "what is tried depends on what was tried before",
        "training/stepping.py",
        "self.optimizer.state.clear()",
        "pass",
        (PLATEAU + "test_the_search_is_the_one_that_is_described[0]",),
    ),
    Defect(
        "a given weight decay is changed",
        "a comparison of weight decays compares others than it says",
        "training/fitting.py",
        "adapts_decay = objective is None",
        "adapts_decay = True",
        (PLATEAU + "test_a_given_loss_keeps_its_weight_decay",),
    ),
    Defect(
        "decays beyond a worse one are tried",
        "training goes on with weight decays that cannot help",
        "training/plateau.py",
        "< decay * factor < more / CLOSE",
        "< decay * factor",
        (PLATEAU + "test_the_search_is_the_one_that_is_described[0]",),
    ),
    Defect(
        "best weights not copied",
        "the best weights go on being trained",
        "training/checkpoints.py",
        "value.detach().clone() for name",
        "value.detach() for name",
        (TRAINING + "test_early_stopping_keeps_the_best_weights",),
    ),
    Defect(
        "Adam's memory lost on resume",
        "an interrupted training ends elsewhere than one that was not",
        "training/checkpoints.py",
        'optimizer.load_state_dict({**optimizer.state_dict(), "state": states})',
        "pass",
        (TRAINING + "test_resumed_equals_uninterrupted",),
    ),
    Defect(
        "a checkpoint of other arguments is accepted",
        "a new experiment goes on with the weights of an old one",
        "training/made_with.py",
        "if before.get(name) != now.get(name):",
        "if False:",
        (TRAINING + "test_a_checkpoint_of_other_arguments_is_refused",),
    ),
    Defect(
        "gradients add up from batch to batch",
        "every step repeats all those before it",
        "training/stepping.py",
        "self.optimizer.zero_grad()",
        "pass",
        (TRAINING + "test_adam_by_hand",),
    ),
    Defect(
        "the rating to be predicted is among the item's raters",
        "training reads the answer off the graph, use cannot",
        "models/graphrec.py",
        "hidden and hidden[::-1]",
        "None",
        (GRAPHREC + "test_training_hides_what_is_asked_for",),
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
        "unobserved pairs cost nothing",
        "iALS is content to like everything",
        "models/parts/fold_in.py",
        "gram = unobserved * others.T @ others",
        "gram = 0 * others.T @ others",
        (RIVALS + "test_each_half_of_a_sweep_is_a_ridge_regression",),
    ),
    Defect(
        "a user's own items among UltraGCN's negatives",
        "what she chose is pushed away",
        "objectives.py",
        "fill_known(weights, batch.known, 0.0)",
        "fill_known(weights, None, 0.0)",
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
        "a league hands on the test part",
        "what is reported at the end was looked at to get there",
        "training/fair_start.py",
        "untested = without_test(split)",
        "untested = split",
        (LEAGUE + "test_the_test_part_is_looked_at_when_all_is_chosen",),
    ),
    Defect(
        "a league's winner is the one that test prefers",
        "its figure on test is the luckiest of eight",
        "training/fair_start.py",
        "max(self.validation, key=self.validation.__getitem__)",
        "str(self.to_frame()[self.metric].idxmax())",
        (LEAGUE + "test_validation_chooses_although_test_would_not",),
    ),
    Defect(
        "the final fit goes on to the last epoch",
        "what is served is overfitted, and nothing is left to see it by",
        "training/fair_start.py",
        "judged.settings, judged.epochs",
        "judged.settings",
        (LEAGUE + "test_the_chosen_model_learns_from_everything",),
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
        "held-out items used as negatives",
        "a right answer is counted as wrong",
        "evaluation/yes_or_no.py",
        "chosen = merge(split.train, split.test)",
        "chosen = split.train",
        (KNOWLEDGE + "test_yes_or_no_is_sklearn_s",),
    ),
    Defect(
        "KGAT's attention moves while it trains",
        "training repeats the attention of a step, not of an epoch",
        "models/kgat.py",
        "kept = self._epoch_attention if self.training else ()",
        "kept = ()",
        (KNOWLEDGE + "test_kgat_s_attention_adds_up_to_one_and_rests_while_training",),
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
        "a model may have been built from what it is asked to find",
        "recall of .333 instead of .229",
        "evaluation/judging.py",
        "if seen.any():",
        "if seen.sum() > len(held_out):",
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
        "a contrastive model is trained without its second loss",
        "SGL's figures are LightGCN's",
        "models/sgl.py",
        "return SelfSupervised()",
        "return SelfSupervised(weight=0.0)",
        (CONTRACT + "test_the_second_loss_counts[SGL]",),
    ),
    Defect(
        "a loss that leaves out part of a model is accepted",
        "UltraGCN's figures are those of matrix factorization",
        "training/fitting.py",
        "if method not in asks:",
        "if False:",
        (CONTRACT + "test_what_used_to_train_another_model_does_not",),
    ),
    Defect(
        "a loss that a model cannot answer is accepted",
        "an AttributeError from inside the loss",
        "training/fitting.py",
        "if not callable(getattr(model, method, None)):",
        "if False:",
        (CONTRACT + "test_what_used_to_train_another_model_does_not",),
    ),
    Defect(
        "a model of other pairs is fitted",
        "its graph may hold what is to be found",
        "training/fitting.py",
        "if isinstance(model, Model) and not model.is_built_from(split.train):",
        "if False:",
        (CONTRACT + "test_fit_refuses_a_model_of_other_pairs[LightGCN]",),
    ),
    Defect(
        "a model's identity forgets its graphs",
        "a control experiment returns the real experiment's figures",
        "models/base.py",
        "return value.identity() if isinstance(value, Model) else fingerprint(value)",
        "return fingerprint(value) if isinstance(value, (int, float, str)) else None",
        (CONTRACT + "test_a_checkpoint_of_another_origin_is_refused[SEPT]",),
    ),
    Defect(
        "an interrupted model is left in training mode",
        "KGAT recommends with the attention of an epoch that is over",
        "training/fitting.py",
        "        model.eval()\n        if history.best_epoch is not None:",
        "        if history.best_epoch is not None:",
        (TRAINING + "test_an_interrupted_model_answers_in_evaluation_mode",),
    ),
    Defect(
        "a number of negatives without effect is accepted",
        "an experiment with more negatives that changes nothing",
        "training/fitting.py",
        "if negatives is not None and (learns_ratings or shared_negatives):",
        "if False:",
        (TRAINING + "test_negatives_without_effect_are_refused",),
    ),
    Defect(
        "a table called embeddings is taken for a method",
        "other people's models crash",
        "models/base.py",
        "model.score(users.to(device))",
        "model.embeddings() and model.score(users.to(device))",
        ("tests/serving/test_retrieval.py::test_a_foreign_module_is_judged_as_it_would_answer",),
    ),
    Defect(
        "what a file says of a model is computed anew",
        "a model that was loaded scores otherwise than the one that was saved",
        "models/base.py",
        "table = compute() if stored is None else stored[name]",
        "table = compute()",
        (CONTRACT + "test_what_a_file_says_is_not_computed_again",),
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
            ignored = shutil.ignore_patterns("__pycache__", ".*", "*.part", "_build")
            shutil.copytree(source, folder / name, ignore=ignored)
        elif source.is_file():
            shutil.copy(source, folder / name)
    if defect is not None:
        text = text_of(defect, folder)
        (folder / "gnnrec_helpers" / defect.file).write_text(text, encoding="utf-8")


def red(folder: Path, nodes: Iterable[str]) -> tuple[str, ...]:
    """Which tests fail in the copy, up to the first; none when all are green."""
    options = ["-x", "-q", "-rf", "--tb=no", "-p", "no:cacheprovider", "-p", "tests.unshrunk"]
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
