"""Plans, hosts, visits and watches, with children in place of hosts; and certificates as Go reads them."""
