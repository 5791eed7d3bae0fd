"""M_tts: text, reference and energy to mel. One backbone a file (`Config`, `Model`)."""
