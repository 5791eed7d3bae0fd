"""M_mof: the gate over directions (eq. 9)."""
