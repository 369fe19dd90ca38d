//! Pretends to be a ZooKeeper ensemble, its network and its clock.
#![forbid(unsafe_code)]
