"""What administrators keep an eye on: the audit log, alerts, how long things are kept."""
