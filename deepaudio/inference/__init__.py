"""Networks in use: a preset's modules behind two protocols, and the model that routes between them."""
