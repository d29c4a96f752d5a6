"""Losses of stage 2, in which a student learns from a frozen teacher."""
