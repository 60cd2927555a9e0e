"""What every floor needs: arguments, days, text in its normal form, whole files; nothing of leads or figures."""
