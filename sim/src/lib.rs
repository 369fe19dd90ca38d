//! Simulates a ZooKeeper ensemble, its network and its clock.
#![forbid(unsafe_code)]
pub mod acl;
pub mod digest;
pub mod fault;
pub mod hash_order;
pub mod herd;
mod member;
pub mod node;
mod reconfig;
mod requests;
pub mod rules;
mod sasl;
mod sending;
pub mod server;
pub mod sessions;
pub mod tree;
mod watches;
mod wire;
mod words;
pub mod world;
mod writes;
