"""What people are shown of a run: terminal, HTML report, and how visits and watches go on."""
