"""How configurations are moved."""

from nqs.proposals.gibbs import Gibbs
from nqs.proposals.langevin import Langevin
from nqs.proposals.random_walk import RandomWalk

__all__ = ["Gibbs", "Langevin", "RandomWalk"]
