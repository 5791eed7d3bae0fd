"""Files: probing, decoding, writing and muxing; no models here."""
