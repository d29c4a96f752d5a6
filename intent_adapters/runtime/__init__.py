"""How predictions are computed: adapters in memory, and the encoder pass over any mix of them."""
