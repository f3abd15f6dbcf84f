"""The console command: what each action prints, and with which exit code it ends."""
