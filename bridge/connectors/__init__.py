"""One file a vendor, each to its documented API; they share the contract (`base`) and the way to call (`http`)."""
