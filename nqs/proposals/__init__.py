"""How configurations are moved."""

from nqs.proposals.gibbs import Gibbs
from nqs.proposals.langevin import Langevin
from nqs.proposals.random_walk import RandomWalk
from nqs.proposals.spin_exchange import SpinExchange
from nqs.proposals.spin_flip import SpinFlip

__all__ = ["Gibbs", "Langevin", "RandomWalk", "SpinExchange", "SpinFlip"]
