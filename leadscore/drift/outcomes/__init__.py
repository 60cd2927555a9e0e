"""Whether scores still come true; not how leads and behaviour change before outcomes are known."""
