"""What every floor needs: text in its normal form, files that are whole or not there; nothing of leads or figures."""
