// Package matrix tests who reaches whom: every source and target, under each policy and backend of
// firewall, beside other firewalls of the host, with the built-in plugins and with the reference
// plugins. Its one rule is expected; its one list of differences is in docs/plugins.md.
package matrix
