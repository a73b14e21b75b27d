"""Game theory for games that are known as tables or by simulation.

Tables: `SymmetricGame`, `symmetric_nash` (N players, all equilibria of small games), `bimatrix_nash` (two players,
through nashpy), `maxmin`, `replicator` and `alpha_rank` (through OpenSpiel). Simulations: `best_response`,
`exploitability`, `DoubleOracle`, `HeterogeneousDoubleOracle`. Every result says what its numbers count, and how
uncertain they are.
"""

from .bimatrix import BimatrixEquilibria, BimatrixEquilibrium, Maxmin, bimatrix_nash, maxmin
from .double_oracle import DoubleOracle, DoubleOracleResult, DoubleOracleStep
from .dynamics import AlphaRank, ReplicatorPath, alpha_rank, replicator
from .equilibria import Equilibria, Equilibrium, symmetric_nash
from .games import SymmetricGame, opponent_counts
from .heterogeneous import HeterogeneousDoubleOracle, HeterogeneousProfile, HeterogeneousResult
from .responses import BestResponse, Exploitability, best_response, exploitability
from .simulation import Simulator, Space

__all__ = [
    "AlphaRank", "BestResponse", "BimatrixEquilibria", "BimatrixEquilibrium", "DoubleOracle", "DoubleOracleResult",
    "DoubleOracleStep", "Equilibria", "Equilibrium", "Exploitability", "HeterogeneousDoubleOracle",
    "HeterogeneousProfile", "HeterogeneousResult", "Maxmin", "ReplicatorPath", "Simulator", "Space",
    "SymmetricGame", "alpha_rank", "best_response", "bimatrix_nash", "exploitability", "maxmin", "opponent_counts",
    "replicator", "symmetric_nash",
]  # fmt: skip
