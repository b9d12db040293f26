"""Image translation: search small generators from pairs, from two domains, or from somebody's trained generator."""
