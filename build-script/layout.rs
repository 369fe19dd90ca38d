//! Turns abi/layout-3.8.0.tsv into assertions on the Rust types.
use std::fmt::Write as _;

/// Types that only C programs use; the Rust side has no counterpart.
const ONLY_IN_C: [&str; 4] = ["zcert_t", "zsock_t", "struct iarchive", "struct oarchive"];

/// Rust source that compiles only if each type has the size, and each member the offset, that `facts` states.
pub(crate) fn assertions(facts: &str) -> String {
    let mut source = String::new();
    for row in facts.lines().filter(|row| !row.starts_with('#')) {
        let columns: Vec<_> = row.split('\t').collect();
        let [c_name, member, bytes] = columns[..] else { panic!("abi/layout-3.8.0.tsv: {row:?} is not three columns") };
        if ONLY_IN_C.contains(&c_name) {
            continue;
        }
        let name = c_name.trim_start_matches("struct ");
        let measured = match member {
            "-" => format!("size_of::<{name}>()"),
            // In C the union has no name.
            _ if member.contains('.') => format!("offset_of!({name}, args.{member})"),
            _ => format!("offset_of!({name}, r#{member})"),
        };
        writeln!(source, "const _: () = assert!({measured} == {bytes}, \"{c_name} {member}\");").expect("in memory");
    }
    source
}
