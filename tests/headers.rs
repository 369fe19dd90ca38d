//! Checks that the checked-in C headers are those that the sources make, and that their error codes are the core's.
use calmkeeper::ffi::library_api::zoo_version_str;
use calmkeeper::ffi::types::ZOO_ERRORS;
use std::ffi::CStr;
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
    // The values of the enum are read from the header, so that no list of them has to be kept here.
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

#[test]
fn the_texts_on_states_and_events_have_their_numbers() {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi/constants.rs")).unwrap();
    let mut text = String::new();
    let mut checked = 0;
    for line in source.lines() {
        if let Some(more) = line.strip_prefix("///") {
            text += more;
        } else if let Some((name, value)) =
            line.strip_prefix("pub static ").and_then(|line| line.split_once(": c_int = "))
        {
            if name.ends_with("_STATE") || name.ends_with("_EVENT") {
                assert!(text.contains(&format!(" ({}):", value.trim_end_matches(';'))), "{name}: {text}");
                checked += 1;
            }
            text.clear();
        } else if !line.starts_with("#[") {
            text.clear();
        }
    }
    assert_eq!(checked, 14);
}

#[test]
fn the_version_function_and_the_versions_of_the_header_agree() {
    let header = fs::read_to_string(Path::new(env!("OUT_DIR")).join("zookeeper_version.h")).unwrap();
    let defined = |name: &str| {
        let line = header.lines().find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not defined")).trim_matches('"').to_owned()
    };
    // SAFETY: the function returns a C string that is never freed.
    let told = unsafe { CStr::from_ptr(zoo_version_str()) }.to_str().unwrap();
    assert_eq!(defined("ZOO_VERSION"), told);
    let numbers = ["ZOO_MAJOR_VERSION", "ZOO_MINOR_VERSION", "ZOO_PATCH_VERSION"].map(defined);
    assert_eq!(numbers.join("."), told);
}
