"""M_v2a: video and prompt to audio latents. One backbone a file (`Config`, `Model`)."""
