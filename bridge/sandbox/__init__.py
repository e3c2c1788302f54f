"""Five simulated CRMs over real HTTP, each to its vendor's documents, with a board page to watch them."""
