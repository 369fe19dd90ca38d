//! The checked-in C headers are those that the sources make, and their error codes are the core's.
use calmkeeper::ffi::types::ZOO_ERRORS;
use std::fs;
use std::path::Path;
use zk_core::code::Code;

const HEADERS: [&str; 6] =
    ["zookeeper.h", "zookeeper.jute.h", "zookeeper_log.h", "zookeeper_version.h", "proto.h", "recordio.h"];

#[test]
fn checked_in_headers_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/zookeeper");
    for name in HEADERS {
        let made = fs::read_to_string(Path::new(env!("OUT_DIR")).join(name)).unwrap();
        let checked_in = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            made == checked_in,
            "include/zookeeper/{name} is not what the sources make: run `scripts/headers.sh --write`"
        );
    }
    let found = fs::read_dir(folder).unwrap().count();
    assert_eq!(found, HEADERS.len(), "a file in include/zookeeper is not one of the headers");
}

#[test]
fn every_error_of_the_header_is_a_code_of_the_core() {
    // Each value the enum may have, without a list to keep: what the header's text says.
    let header = fs::read_to_string(Path::new(env!("OUT_DIR")).join("zookeeper.h")).unwrap();
    let body = header.split_once("enum ZOO_ERRORS {").unwrap().1.split_once("};").unwrap().0;
    let values: Vec<i32> = body
        .lines()
        .filter_map(|line| line.trim().strip_prefix('Z')?.split_once(" = "))
        .map(|(_, value)| value.trim_end_matches(',').parse().unwrap())
        .collect();
    assert_eq!(values.first(), Some(&(ZOO_ERRORS::ZOK as i32)));
    assert_eq!(values.last(), Some(&(ZOO_ERRORS::ZTHROTTLEDOP as i32)));
    for value in &values {
        assert!(!matches!(Code::from_i32(*value), Code::Other(_)), "the core has no name for {value}");
    }
    let named = (-200..=0).filter(|value| !matches!(Code::from_i32(*value), Code::Other(_))).count();
    assert_eq!(named, values.len(), "the core names a code that the header lacks");
}
