"""The operations of Scheduler, a module per noun."""
