//! Name constraints (RFC 5280, 4.2.1.10), as far as the compatibility rules need them: DNS names and addresses. A chain
//! with a constraint of another kind is refused, because it cannot be checked.
use super::certificate::{Extensions, Parsed};
use x509_cert::ext::pkix::name::GeneralName;

/// Limit of comparisons within one chain; the same as webpki's.
pub(super) const COMPARISONS_MAX: usize = 250_000;

/// Whether a certificate below a CA satisfies that CA's constraints; the reason if not.
pub(super) fn check(
    authority: &Extensions,
    below: &Parsed,
    names: &Extensions,
    budget: &mut usize,
) -> Result<(), &'static str> {
    let Some(constraints) = &authority.constraints else { return Ok(()) };
    let permitted = constraints.permitted_subtrees.as_deref().unwrap_or_default();
    let excluded = constraints.excluded_subtrees.as_deref().unwrap_or_default();
    for subtree in permitted.iter().chain(excluded) {
        if !matches!(subtree.base, GeneralName::DnsName(_) | GeneralName::IpAddress(_)) {
            return Err("has name constraints of a kind that is not supported");
        }
        if subtree.minimum != 0 || subtree.maximum.is_some() {
            return Err("has name constraints with distances, which are not supported");
        }
    }
    for name in subject_names(below, names) {
        let mut constrained = false;
        let mut within = false;
        for subtree in permitted {
            spend(budget)?;
            if let Some(inside) = is_within(&name, &subtree.base) {
                constrained = true;
                within |= inside;
            }
        }
        if constrained && !within {
            return Err("does not permit the name of the server");
        }
        for subtree in excluded {
            spend(budget)?;
            if is_within(&name, &subtree.base) == Some(true) {
                return Err("excludes the name of the server");
            }
        }
    }
    Ok(())
}

fn spend(budget: &mut usize) -> Result<(), &'static str> {
    *budget = budget.checked_sub(1).ok_or("has too many name constraints")?;
    Ok(())
}

enum SubjectName {
    Dns(String),
    Address(Vec<u8>),
}

/// The names for which a certificate could be accepted: its alternative names or, without any, its common names.
fn subject_names(certificate: &Parsed, extensions: &Extensions) -> Vec<SubjectName> {
    let mut names: Vec<SubjectName> = extensions
        .alternatives
        .iter()
        .filter_map(|name| match name {
            GeneralName::DnsName(text) => Some(SubjectName::Dns(text.as_str().to_owned())),
            GeneralName::IpAddress(octets) => Some(SubjectName::Address(octets.as_bytes().to_vec())),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        for text in certificate.common_names() {
            names.push(match text.parse::<std::net::IpAddr>() {
                Ok(std::net::IpAddr::V4(ip)) => SubjectName::Address(ip.octets().to_vec()),
                Ok(std::net::IpAddr::V6(ip)) => SubjectName::Address(ip.octets().to_vec()),
                Err(_) => SubjectName::Dns(text),
            });
        }
    }
    names
}

/// Whether the name is within the base; `None` if the base is of another kind than the name.
fn is_within(name: &SubjectName, base: &GeneralName) -> Option<bool> {
    match (name, base) {
        (SubjectName::Dns(name), GeneralName::DnsName(base)) => Some(is_dns_within(name, base.as_str())),
        (SubjectName::Address(octets), GeneralName::IpAddress(base)) => is_address_within(octets, base.as_bytes()),
        _ => None,
    }
}

fn is_dns_within(name: &str, base: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let base = base.strip_suffix('.').unwrap_or(base).to_ascii_lowercase();
    // RFC 5280 does not define ".example", but it is used for the names below it.
    if base.starts_with('.') {
        return name.ends_with(&base);
    }
    base.is_empty() || name == base || name.strip_suffix(&base).is_some_and(|front| front.ends_with('.'))
}

/// The base holds an address and its mask. It does not constrain addresses of the other family.
fn is_address_within(octets: &[u8], base: &[u8]) -> Option<bool> {
    let (network, mask) = base.split_at_checked(octets.len())?;
    if mask.len() != octets.len() {
        return None;
    }
    Some(octets.iter().zip(network).zip(mask).all(|((octet, network), mask)| octet & mask == network & mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_names_are_within_their_domain() {
        for (name, base, within) in [
            ("zk.example", "example", true),
            ("zk.example", "zk.example", true),
            ("ZK.Example", "example.", true),
            ("badexample", "example", false),
            ("example", ".example", false),
            ("a.example", ".example", true),
            ("anything", "", true),
        ] {
            assert_eq!(is_dns_within(name, base), within, "{name} {base}");
        }
    }

    #[test]
    fn addresses_are_within_their_network() {
        assert_eq!(is_address_within(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]), Some(true));
        assert_eq!(is_address_within(&[11, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]), Some(false));
        assert_eq!(is_address_within(&[10, 1, 2, 3], &[10, 0, 0]), None);
        assert_eq!(is_address_within(&[10, 1, 2, 3], &[0; 32]), None);
    }
}
