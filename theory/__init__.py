"""Laws: pure JAX functions of arrays, in float64.

Accuracies are differences of products of many probabilities and are compared with brute force to
1e-12, which float32 cannot hold; so 64-bit numbers are switched on once, here, before any array exists.
"""

import jax

jax.config.update("jax_enable_x64", True)
