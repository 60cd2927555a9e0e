"""Many weekly figures watched under one budget for false alarms; not the balance of fit and behaviour."""
