//! Every kind of certificate at every level of verification.
use crate::pair::{self, ALL, connect, context, handshake, server_config};
use FailureKind::{Certificate, Expired, NeedsCompat, NotYetValid, UnknownIssuer, WrongName};
use rustls::ServerConnection;
use std::sync::Arc;
use zk_secure::tls::{FailureKind, Severity};

/// The result of a handshake: `None` is success.
type Verdict = Option<FailureKind>;
const GOOD: Verdict = None;

/// Name of the level, the variables that set it, and the expected result.
type Level = (&'static str, &'static [(&'static str, &'static str)], Verdict);

struct Row {
    certificate: &'static str,
    ca: &'static str,
    host: &'static str,
    /// `ZOO_TLS_VERIFY=full`
    full: Verdict,
    /// `ZOO_TLS_VERIFY=full`, `ZOO_TLS_COMPAT=1`
    compat: Verdict,
    /// `ZOO_TLS_VERIFY=ca`
    ca_level: Verdict,
    /// `ZOO_TLS_VERIFY=ca`, `ZOO_TLS_COMPAT=0`
    strict_ca: Verdict,
    /// Whether the level `ca` warns about the name.
    warns: bool,
}

const fn row(
    certificate: &'static str,
    ca: &'static str,
    host: &'static str,
    verdicts: [Verdict; 4],
    warns: bool,
) -> Row {
    let [full, compat, ca_level, strict_ca] = verdicts;
    Row { certificate, ca, host, full, compat, ca_level, strict_ca, warns }
}

const fn all(kind: FailureKind) -> [Verdict; 4] {
    [Some(kind); 4]
}

const fn needs_compat() -> [Verdict; 4] {
    [Some(NeedsCompat), GOOD, GOOD, Some(NeedsCompat)]
}

/// Without the compatibility rules refused because it needs them, with them refused for `kind`.
const fn refused_by_compat(kind: FailureKind) -> [Verdict; 4] {
    [Some(NeedsCompat), Some(kind), Some(kind), Some(NeedsCompat)]
}

const NAME_MATTERS: [Verdict; 4] = [Some(WrongName), Some(WrongName), GOOD, GOOD];

const ROWS: &[Row] = &[
    row("server", "ca.crt", "localhost", [GOOD; 4], false),
    row("server", "ca.crt", "127.0.0.1", [GOOD; 4], false),
    row("server_ec", "ca.crt", "localhost.", [GOOD; 4], false),
    row("server", "ca.crt", "zk1.example", NAME_MATTERS, true),
    row("server", "ca.crt", "127.0.0.2", NAME_MATTERS, true),
    row("common_name", "ca.crt", "localhost", [Some(WrongName), GOOD, GOOD, GOOD], false),
    row("common_name", "ca.crt", "other", NAME_MATTERS, true),
    row("wrong_name", "ca.crt", "localhost", NAME_MATTERS, true),
    row("address_as_dns", "ca.crt", "127.0.0.1", [Some(WrongName), GOOD, GOOD, GOOD], false),
    row("wildcard", "ca.crt", "a.zk.example", [GOOD; 4], false),
    row("wildcard", "ca.crt", "a.b.zk.example", NAME_MATTERS, true),
    row("version_1", "ca.crt", "localhost", needs_compat(), false),
    row("version_1", "ca.crt", "other", [Some(NeedsCompat), Some(WrongName), GOOD, Some(NeedsCompat)], true),
    row("all_version_1", "root_version_1.crt", "localhost", needs_compat(), false),
    row("self_signed_ca", "self_signed_ca.crt", "localhost", needs_compat(), false),
    row("self_signed_ca", "ca.crt", "localhost", refused_by_compat(UnknownIssuer), false),
    row("self_signed", "self_signed.crt", "localhost", [GOOD; 4], false),
    row("issued_ca", "ca.crt", "localhost", needs_compat(), false),
    row("below_good_ca", "ca.crt", "localhost", needs_compat(), false),
    row("below_permits_name", "ca.crt", "localhost", needs_compat(), false),
    // What nothing excuses.
    row("sha1", "ca.crt", "localhost", all(Certificate), false),
    row("sha1_version_1", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("client_only", "ca.crt", "localhost", all(Certificate), false),
    row("untrusted", "ca.crt", "localhost", all(UnknownIssuer), false),
    row("untrusted_version_1", "ca.crt", "localhost", refused_by_compat(UnknownIssuer), false),
    row("forged_version_1", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("expired", "ca.crt", "localhost", all(Expired), false),
    row("future", "ca.crt", "localhost", all(NotYetValid), false),
    row("expired_ca", "ca.crt", "localhost", all(Expired), false),
    row("expired_ca", "expired_ca.crt", "localhost", all(Expired), false),
    row("ca_client_only", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("ca_client_only", "ca_client_only.crt", "localhost", refused_by_compat(Certificate), false),
    row("ca_sign_only", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("ca_unknown_critical", "ca.crt", "localhost", all(Certificate), false),
    row("below_no_basic", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("below_no_cert_sign", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("below_client_ca", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("below_intermediate_v1", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("below_permits_other", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("below_excludes_name", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("below_permits_mail", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("below_too_deep", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    row("below_leaf", "ca.crt", "localhost", refused_by_compat(Certificate), false),
    // A server's certificate in the CA file is trusted itself, but vouches for no other certificate.
    row("below_leaf", "server.crt", "localhost", refused_by_compat(Certificate), false),
];

#[test]
fn each_certificate_is_judged_as_its_level_says() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let levels: [Level; 5] = [
            ("full", &[("ZOO_TLS_VERIFY", "full")], row.full),
            ("full+compat", &[("ZOO_TLS_VERIFY", "full"), ("ZOO_TLS_COMPAT", "1")], row.compat),
            ("ca", &[], row.ca_level),
            ("ca-compat", &[("ZOO_TLS_VERIFY", "ca"), ("ZOO_TLS_COMPAT", "0")], row.strict_ca),
            ("none", &[("ZOO_TLS_VERIFY", "none")], GOOD),
        ];
        for (level, variables, expected) in levels {
            for version in ALL {
                let context = context(&[row.ca], variables);
                let config = Arc::new(server_config(row.certificate, &[version], None));
                let mut server = ServerConnection::new(config).unwrap();
                let mut client = connect(&context, &[row.host]);
                let verdict = handshake(&mut client, &mut server);
                let kind = verdict.as_ref().err().map(zk_secure::tls::Failure::kind);
                let what = format!("{} for {} by {}, {level}, {version:?}", row.certificate, row.host, row.ca);
                if kind != expected {
                    wrong.push(format!("{what}: {verdict:?} instead of {expected:?}"));
                }
                if let Err(failure) = verdict {
                    let text = failure.to_string();
                    assert!(failure.needs_operator() && !text.contains('\n') && text.len() < 400, "{what}: {text}");
                }
                let warnings = context.take_notices().into_iter().filter(|(severity, _)| *severity == Severity::Warn);
                let warnings: Vec<String> = warnings.map(|(_, text)| text).collect();
                let warned = warnings.iter().any(|text| text.contains("and not for"));
                if kind.is_none()
                    && warned != (level.starts_with("ca") && row.warns || level == "ca-compat" && needs_cn(row))
                {
                    wrong.push(format!("{what}: warnings are {warnings:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether the name would not have matched without the compatibility rules.
fn needs_cn(row: &Row) -> bool {
    row.full == Some(WrongName)
}

#[test]
fn the_name_warning_comes_once_per_handle() {
    let context = context(&["ca.crt"], &[]);
    for _ in 0..3 {
        handshake(&mut connect(&context, &["a.example"]), &mut pair::server("server")).unwrap();
    }
    let notices = context.take_notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].1.contains("localhost, 127.0.0.1") && notices[0].1.contains("a.example"), "{notices:?}");
    assert!(context.take_notices().is_empty());
}

#[test]
fn no_verification_is_warned_of() {
    let context = context(&["ca.crt"], &[("ZOO_TLS_VERIFY", "none")]);
    let notices = context.take_notices();
    assert!(notices.len() == 1 && notices[0].1.contains("anybody"), "{notices:?}");
}

#[test]
fn one_of_several_names_is_enough() {
    let context = context(&["ca.crt"], &[("ZOO_TLS_VERIFY", "full")]);
    handshake(&mut connect(&context, &["zk1.example", "localhost"]), &mut pair::server("server")).unwrap();
    handshake(&mut connect(&context, &["127.0.0.1", "zk1"]), &mut pair::server("server")).unwrap();
    let refused = handshake(&mut connect(&context, &["zk1", "zk2"]), &mut pair::server("server")).unwrap_err();
    assert_eq!(refused.kind(), WrongName);
    assert!(refused.to_string().contains("localhost, 127.0.0.1, and not for zk1 or zk2"), "{refused}");
    // Without any name the address must match.
    handshake(&mut connect(&context, &[]), &mut pair::server("server")).unwrap();
}

#[test]
fn the_server_name_setting_replaces_all_names() {
    let variables = [("ZOO_TLS_VERIFY", "full"), ("ZOO_TLS_SERVER_NAME", "localhost")];
    let mut server = pair::server("server");
    handshake(&mut connect(&context(&["ca.crt"], &variables), &["zk.internal"]), &mut server).unwrap();
    assert_eq!(server.server_name(), Some("localhost"));
}

#[test]
fn the_server_is_told_a_name_and_never_an_address() {
    let context = context(&["ca.crt"], &[]);
    for (hosts, expected) in
        [(&["localhost"][..], Some("localhost")), (&["127.0.0.1"], None), (&["127.0.0.1", "zk"], Some("zk"))]
    {
        let mut server = pair::server("server");
        handshake(&mut connect(&context, hosts), &mut server).unwrap();
        assert_eq!(server.server_name(), expected, "{hosts:?}");
    }
}
