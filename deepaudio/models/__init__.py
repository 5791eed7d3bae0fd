"""The networks of the paper: M_v2a, M_tts, M_mof."""
