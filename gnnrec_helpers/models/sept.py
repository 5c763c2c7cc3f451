"""SEPT: LightGCN whose users are also described by their friends, each view teaching the others."""

from __future__ import annotations

from scipy import sparse
from torch import Tensor
from torch.nn.functional import normalize as unit_length

from ..data.arguments import BELOW_1, POSITIVE, check_number, check_whole
from ..data.interactions import Interactions
from ..data.side_graphs import SocialGraph
from ..engine.propagation import Adjacency, normalize, propagate
from ..engine.sampling import Batch, generator_for
from ..objectives import SelfSupervised
from .lightgcn import LightGCN
from .parts.side_links import friendships


class SEPT(LightGCN):
    """Yu et al. (2021), "Socially-Aware Self-Supervised Tri-Training for Recommendation".

    Recommends as :class:`LightGCN` does; friendships are used in training only, by
    :class:`~gnnrec_helpers.objectives.SelfSupervised`. Three views describe a user:

    - preference: LightGCN's embedding of her,
    - friend: her embedding averaged over friends who have friends in common with her,
    - sharing: her embedding averaged over friends who chose the same items.

    (In the last two a tie counts as often as there are common friends or items, and once to
    oneself.) Two views agree on which users of the batch are most like her, and the third one
    learns that: her embedding in it should be near these users (eq. 5-9). The users to be compared
    with are seen in a graph that lacks a share of its interactions, drawn anew for every batch.

    The three encoders are LightGCN's mean over layers; links are taken as mutual. The paper drops
    friendships from the thinned graph too, and adds the second loss after a third of the epochs.
    The authors' program normalises ties symmetrically, scales layers to length 1 and adds them up,
    and sums the second loss over users; here ties and layers are averaged, and the loss is a mean.

    Parameters
    ----------
    train : Interactions
    social : SocialGraph
        On the same users.
    dim : int, default 64
    layers : int, default 3
    dropped : float, default 0.3
        Share of the interactions that the thinned graph lacks.
    alike : int, default 10
        How many users the other two views name.
    temperature : float, default 0.1
        By which cosines are divided.
    seed : int, default 0
        Of the first embeddings and of what is dropped.

    Examples
    --------
    >>> from gnnrec_helpers import datasets
    >>> lastfm = datasets.load("lastfm-2k")
    >>> SEPT(lastfm.interactions.binarize(1), lastfm.social, dim=8).embeddings()[0].shape
    torch.Size([1892, 8])
    """

    trained_by = ("self_supervised_loss",)

    def __init__(
        self,
        train: Interactions,
        social: SocialGraph,
        dim: int = 64,
        layers: int = 3,
        *,
        dropped: float = 0.3,
        alike: int = 10,
        temperature: float = 0.1,
        seed: int = 0,
    ) -> None:
        check_number(0, BELOW_1, dropped=dropped)
        check_whole(alike=alike)
        check_number(POSITIVE, temperature=temperature)
        super().__init__(train, dim, layers, seed=seed)
        self.dropped, self.alike, self.temperature, self.seed = dropped, alike, temperature, seed
        friends = friendships(social, train)
        likes = train.to_csr()
        self.by_friends = _mean_over((friends @ friends) * friends)
        self.by_sharing = _mean_over((likes @ likes.T) * friends)

    def default_objective(self) -> SelfSupervised:
        """The second loss counts as much as in the paper."""
        return SelfSupervised(weight=0.005)

    def self_supervised_loss(self, batch: Batch) -> Tensor:
        """The mean over the batch's users of the three views' losses, added up."""
        users = batch.users.unique()
        table = self.nodes.weight
        own = table[: self.num_users]
        views = [
            propagate(self.adjacency, table, self.layers, users),
            propagate(self.by_friends, own, self.layers, users),
            propagate(self.by_sharing, own, self.layers, users),
        ]
        generator = generator_for(self.seed, batch.users, batch.positives)
        thinned = self.adjacency.thinned(self.dropped, generator)
        others = unit_length(propagate(thinned, table, self.layers, users))  # (users, dim)
        # how like each other user is, in each view: cosines, and their softmax over the batch
        shares = [
            (unit_length(view) / self.temperature @ others.T).log_softmax(1) for view in views
        ]
        likeness = [share.detach().exp() for share in shares]  # each (users, users)
        total = table.new_zeros(())
        for one, share in enumerate(shares):
            second, third = (likeness[two] for two in range(3) if two != one)
            near = (second + third).topk(min(self.alike, len(users)), dim=1).indices
            total = total - share.gather(1, near).logsumexp(1).mean()
        return total


def _mean_over(ties: sparse.csr_array) -> Adjacency:
    """The mean over those a user is tied to, and herself."""
    oneself = sparse.eye_array(ties.shape[0], format="csr")
    return Adjacency(normalize(sparse.csr_array(ties + oneself), "mean"))
