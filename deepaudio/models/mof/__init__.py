"""M_mof: the gate over directions and the knowledge it fuses."""
