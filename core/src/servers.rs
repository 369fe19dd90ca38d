//! The server list: parsing of host strings, the order of attempts, rebalancing when the list changes.
