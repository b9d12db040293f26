"""Fixed networks: encoders of photographs, and what is built on them."""
