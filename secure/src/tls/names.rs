//! Server names: the valid names of a server, and whether a certificate is for one of them.
use super::certificate::{Extensions, Parsed, printable};
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::IpAddr;
use x509_cert::ext::pkix::name::GeneralName;

/// How many names a message lists.
const SHOWN_MAX: usize = 8;

/// A name as configured: a DNS name, an address, an address in brackets or with a scope. `None` for anything else.
pub(super) fn parse(name: &str) -> Option<ServerName<'static>> {
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let address = bare.split_once('%').map_or(bare, |(address, _)| address);
    if let Ok(ip) = address.parse::<IpAddr>() {
        return Some(ServerName::from(ip));
    }
    // "localhost." is the same name; a certificate has it without the dot.
    let dns = name.strip_suffix('.').unwrap_or(name);
    ServerName::try_from(dns).ok().map(|name| name.to_owned())
}

/// Whether a certificate is for one of `names` by the rules of webpki (subject alternative names only). Version 1
/// certificates match no name.
pub(super) fn match_alternatives(certificate: &CertificateDer<'_>, names: &[ServerName<'static>]) -> bool {
    webpki::EndEntityCert::try_from(certificate)
        .is_ok_and(|leaf| names.iter().any(|name| leaf.verify_is_valid_for_subject_name(name).is_ok()))
}

/// [`match_alternatives`] by the compatibility rules: the common name counts if there is no DNS or address alternative,
/// and so does an address that is written as a DNS name.
pub(super) fn match_compat(certificate: &Parsed, extensions: &Extensions, names: &[ServerName<'static>]) -> bool {
    let mut presented: Vec<String> = dns_alternatives(extensions).map(str::to_owned).collect();
    let has_address = extensions.alternatives.iter().any(|name| matches!(name, GeneralName::IpAddress(_)));
    if presented.is_empty() && !has_address {
        presented = certificate.common_names();
    }
    names.iter().any(|name| {
        let wanted = name.to_str();
        match name {
            ServerName::DnsName(_) => presented.iter().any(|pattern| matches_pattern(pattern, &wanted)),
            _ => presented.iter().any(|text| text.parse::<IpAddr>().is_ok_and(|ip| ServerName::from(ip) == *name)),
        }
    })
}

fn dns_alternatives(extensions: &Extensions) -> impl Iterator<Item = &str> {
    extensions.alternatives.iter().filter_map(|name| match name {
        GeneralName::DnsName(text) => Some(text.as_str()),
        _ => None,
    })
}

/// Whether a DNS name matches a pattern, whose first label may be `*` (RFC 6125) if at least two labels follow.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let pattern = pattern.strip_suffix('.').unwrap_or(pattern);
    if let Some(suffix) = pattern.strip_prefix("*.") {
        return suffix.contains('.')
            && !suffix.contains('*')
            && name
                .split_once('.')
                .is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(suffix));
    }
    !pattern.is_empty() && pattern.eq_ignore_ascii_case(name)
}

/// The names that a certificate is for, for messages.
pub(super) fn presented(certificate: &Parsed, extensions: &Extensions) -> String {
    let mut names: Vec<String> = Vec::new();
    for alternative in &extensions.alternatives {
        match alternative {
            GeneralName::DnsName(text) => names.push(printable(text.as_str())),
            GeneralName::IpAddress(octets) => names.extend(address(octets.as_bytes()).map(|ip| ip.to_string())),
            _ => {}
        }
    }
    if names.is_empty() {
        names = certificate.common_names().iter().map(|name| format!("CN {}", printable(name))).collect();
    }
    match names.len() {
        0 => "no name".to_owned(),
        shown if shown > SHOWN_MAX => {
            names.truncate(SHOWN_MAX);
            format!("{} and {} more", names.join(", "), shown - SHOWN_MAX)
        }
        _ => names.join(", "),
    }
}

/// An iPAddress alternative.
pub(super) fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// The names as "a or b or c".
pub(super) fn listed(names: &[ServerName<'static>]) -> String {
    names.iter().map(|name| name.to_str().into_owned()).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hosts_or_addresses() {
        for (text, shown) in [
            ("zk1.example", "zk1.example"),
            ("zk1.example.", "zk1.example"),
            ("zk_1", "zk_1"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "::1"),
            ("fe80::1%eth0", "fe80::1"),
        ] {
            assert_eq!(parse(text).unwrap().to_str(), shown);
        }
        assert!(matches!(parse("10.0.0.1"), Some(ServerName::IpAddress(_))));
        for text in ["", "a b", "-", "..", "ex\u{e4}mple"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn patterns_match_one_label() {
        for (pattern, name, matches) in [
            ("zk.example", "ZK.example", true),
            ("*.zk.example", "a.zk.example", true),
            ("*.zk.example", "a.b.zk.example", false),
            ("*.zk.example", "zk.example", false),
            ("*.example", "zk.example", false),
            ("*", "zk", false),
            ("z*.a.example", "zk.a.example", false),
            ("", "zk", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), matches, "{pattern} {name}");
        }
    }
}
