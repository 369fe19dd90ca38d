//! The certificate string, the environment, the files and their faults.
use crate::pair::{self, connect, context, handshake, lookup, made, server, server_config};
use rustls::ServerConnection;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zk_secure::tls::{Context, Settings, Severity, Verify};

const EINVAL: i32 = 22;
const ENOENT: i32 = 2;

/// A separate directory for a test.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn environment(variables: &[(&str, &str)]) -> Result<Option<Settings>, zk_secure::SettingsError> {
    Settings::from_environment(&lookup(variables))
}

fn refused(string: &str, variables: &[(&str, &str)]) -> (i32, String) {
    let settings = Settings::from_cert_string(Some(string.as_bytes()), &lookup(variables));
    let error = settings.and_then(Context::new).expect_err(string);
    assert!(!error.to_string().contains('\n'));
    (error.errno(), error.to_string())
}

#[test]
fn the_certificate_string_has_one_to_four_fields() {
    let none = lookup(&[]);
    for (string, accepted) in [
        ("a", true),
        ("a,b", true),
        ("a,b,c", true),
        ("a,b,c,d", true),
        (",,a,,b,", true),
        ("a,b,c,d,e", false),
        ("", false),
        (",,,", false),
    ] {
        let found = Settings::from_cert_string(Some(string.as_bytes()), &none);
        assert_eq!(found.is_ok(), accepted, "{string}");
        match found {
            Ok(settings) => assert_eq!(settings.verify(), Verify::Ca),
            Err(error) => assert_eq!(error.errno(), EINVAL),
        }
    }
    assert_eq!(Settings::from_cert_string(None, &none).unwrap_err().errno(), EINVAL);
    // Empty fields collapse, as with strtok.
    let collapsed = Settings::from_cert_string(Some(b"a,,b"), &none).unwrap();
    assert_eq!(collapsed, Settings::from_cert_string(Some(b"a,b"), &none).unwrap());
    let with_password = Settings::from_cert_string(Some(b"a,b,c,hunter2"), &none).unwrap();
    assert!(!format!("{with_password:?}").contains("hunter2"));
}

#[test]
fn the_environment_switches_tls_on_and_off() {
    assert_eq!(environment(&[]), Ok(None));
    assert_eq!(environment(&[("ZOO_TLS", "")]), Ok(None));
    assert_eq!(environment(&[("ZOO_TLS_CERT", "x")]), Ok(None));
    assert_eq!(environment(&[("ZOO_TLS", "off"), ("ZOO_TLS_CA", "x")]), Ok(None));
    let found = environment(&[("ZOO_TLS_CA", "x")]).unwrap().unwrap();
    assert_eq!(found.verify(), Verify::Full);
    assert!(environment(&[("ZOO_TLS", "on"), ("ZOO_TLS_VERIFY", "none")]).unwrap().is_some());
    for bad in [
        &[("ZOO_TLS", "yes")][..],
        &[("ZOO_TLS", "on")],
        &[("ZOO_TLS_CA", "x"), ("ZOO_TLS_VERIFY", "peer")],
        &[("ZOO_TLS_CA", "x"), ("ZOO_TLS_MIN", "1.1")],
        &[("ZOO_TLS_CA", "x"), ("ZOO_TLS_COMPAT", "yes")],
        &[("ZOO_TLS_CA", "x"), ("ZOO_TLS_SERVER_NAME", "a b")],
        &[("ZOO_TLS_CA", "x"), ("ZOO_TLS_KEY", "k")],
    ] {
        let error = environment(bad).expect_err(&format!("{bad:?}"));
        assert_eq!(error.errno(), EINVAL);
        assert!(error.to_string().contains(bad.last().unwrap().0), "{error}");
    }
}

#[test]
fn the_environment_alone_is_enough() {
    let path = |name: &str| made(name).to_str().unwrap().to_owned();
    let password = directory("password").join("password");
    fs::write(&password, "secret\n").unwrap();
    let (ca, cert, key) = (path("ca.crt"), path("client.crt"), path("client.pbes2.key"));
    let variables = [
        ("ZOO_TLS_CA", &*ca),
        ("ZOO_TLS_CERT", &cert),
        ("ZOO_TLS_KEY", &key),
        ("ZOO_TLS_KEY_PASSWORD_FILE", password.to_str().unwrap()),
    ];
    let context = Context::new(environment(&variables).unwrap().unwrap()).unwrap();
    let config = server_config("server", pair::ALL, Some("ca.crt"));
    handshake(&mut connect(&context, &["localhost"]), &mut ServerConnection::new(Arc::new(config)).unwrap()).unwrap();
    // The key's file defaults to the certificate's; a password for an unencrypted key is ignored.
    let pem = path("client.pem");
    let short = [("ZOO_TLS_CA", &*ca), ("ZOO_TLS_CERT", &*pem), ("ZOO_TLS_KEY_PASSWORD", "unused")];
    Context::new(environment(&short).unwrap().unwrap()).unwrap();
}

#[test]
fn arguments_win_over_the_environment_which_fills_the_gaps() {
    let path = |name: &str| made(name).to_str().unwrap().to_owned();
    let (other, cert, key) = (path("other_ca.crt"), path("client.crt"), path("client.key"));
    let variables = [("ZOO_TLS", "off"), ("ZOO_TLS_CA", &*other), ("ZOO_TLS_CERT", &cert), ("ZOO_TLS_KEY", &key)];
    let context = context(&["ca.crt"], &variables);
    let config = server_config("server", pair::ALL, Some("ca.crt"));
    handshake(&mut connect(&context, &["localhost"]), &mut ServerConnection::new(Arc::new(config)).unwrap()).unwrap();
}

#[test]
fn a_string_with_a_certificate_wins_whole() {
    let path = |name: &str| made(name).to_str().unwrap().to_owned();
    let (key, encrypted) = (path("server.key"), path("client.pbes2.key"));
    let password = directory("wins").join("password");
    fs::write(&password, "secret\n").unwrap();
    let file = ("ZOO_TLS_KEY_PASSWORD_FILE", password.to_str().unwrap());
    // A key in the environment, with or without a certificate, does not belong to this certificate.
    for fields in [&["ca.crt", "client.crt", "client.key"][..], &["ca.crt", "client.pem"]] {
        for variables in [&[("ZOO_TLS_KEY", &*key)][..], &[("ZOO_TLS_CERT", &*key), ("ZOO_TLS_KEY", &*key)]] {
            context(fields, variables);
        }
    }
    let string = format!("{},{},{encrypted}", path("ca.crt"), path("client.crt"));
    // Nor does that key's password; without such a key in the environment, the password is for this certificate's key.
    assert!(refused(&string, &[("ZOO_TLS_KEY", &key), file]).1.contains("there is no password"));
    Context::new(Settings::from_cert_string(Some(string.as_bytes()), &lookup(&[file])).unwrap()).unwrap();
    // With a string without a certificate, the environment names the certificate, and must then name a whole set.
    assert!(refused(&path("ca.crt"), &[("ZOO_TLS_KEY", &key)]).1.contains("ZOO_TLS_CERT is not"));
}

#[test]
fn every_encoding_of_a_key_is_read() {
    for (key, certificate, password) in [
        ("client.key", "client.crt", None),
        ("client.pkcs1.key", "client.crt", None),
        ("client.aes128.key", "client.crt", Some("secret")),
        ("client.aes192.key", "client.crt", Some("secret")),
        ("client.aes256.key", "client.crt", Some("secret")),
        ("client.des3.key", "client.crt", Some("secret")),
        ("client.pbes2.key", "client.crt", Some("secret")),
        ("client.pbes2_sha1.key", "client.crt", Some("secret")),
        ("client.pbes2_des3.key", "client.crt", Some("secret")),
        ("client.scrypt.key", "client.crt", Some("secret")),
        ("ec.pkcs8.key", "server_ec.crt", None),
        ("ec.sec1.key", "server_ec.crt", None),
        ("ec.aes256.key", "server_ec.crt", Some("secret")),
    ] {
        let path = |name: &str| made(name).to_str().unwrap().to_owned();
        let string = format!("{},{},{}", path("ca.crt"), path(certificate), path(key));
        let with = |password: &str| {
            Settings::from_cert_string(Some(format!("{string},{password}").as_bytes()), &lookup(&[])).unwrap()
        };
        let good = Context::new(with(password.unwrap_or("not-needed")));
        assert!(good.is_ok(), "{key}: {good:?}");
        if password.is_some() {
            for wrong in ["wrong", "Secret", "x"] {
                let error = Context::new(with(wrong)).unwrap_err();
                assert_eq!(error.errno(), EINVAL);
                assert!(error.to_string().contains("password is wrong") && error.to_string().contains(key), "{error}");
                assert!(!error.to_string().contains("Secret"), "{error}");
            }
            let (errno, text) = refused(&string, &[]);
            assert_eq!(errno, EINVAL);
            assert!(text.contains("there is no password") && text.contains(key), "{text}");
        }
    }
}

#[test]
fn every_unusable_file_is_named_with_the_reason() {
    let path = |name: &str| made(name).to_str().unwrap().to_owned();
    let (ca, cert, key) = (path("ca.crt"), path("client.crt"), path("client.key"));
    let own = directory("unusable");
    let write = |name: &str, content: &[u8]| {
        fs::write(own.join(name), content).unwrap();
        own.join(name).to_str().unwrap().to_owned()
    };
    let empty = write("empty", b"");
    let text = write("text", b"hello\n");
    let bundle = write("junk.crt", b"-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n");
    let cut = write("cut", &fs::read(&cert).unwrap()[..400]);
    let large = write("large", &vec![b'x'; (16 << 20) + 1]);
    let bare = directory("bare").to_str().unwrap().to_owned();
    let none = own.join("none").to_str().unwrap().to_owned();
    for (string, errno, reason) in [
        (none.clone(), ENOENT, &*format!("field 1 of the certificate string: CA file {none}: No such file")),
        (empty.clone(), EINVAL, "the file is empty"),
        (text.clone(), EINVAL, "is not PEM"),
        (path("client.der"), EINVAL, "DER"),
        (path("client.key"), EINVAL, "its first PEM block is PRIVATE KEY"),
        (bundle.clone(), EINVAL, "cannot be used as trust anchors"),
        (cut.clone(), EINVAL, "has no end"),
        (large, EINVAL, "larger than 16 MiB"),
        ("/dev/null".to_owned(), EINVAL, "not a regular file"),
        (bare, EINVAL, "no file in this directory"),
        (format!("{ca},{none}"), ENOENT, &format!("field 2 of the certificate string: client certificate {none}")),
        (format!("{ca},{cert},{none}"), ENOENT, &format!("field 3 of the certificate string: client key {none}")),
        (format!("{ca},{cert},/nonexistent/key"), ENOENT, "client key (name not shown"),
        (format!("{ca},{cert}"), EINVAL, "no private key"),
        (format!("{ca},{cert},{ca}"), EINVAL, "no private key"),
        (format!("{ca},{cert},{}", path("server.key")), EINVAL, "does not belong to the certificate"),
        (format!("{ca},{bundle},{key}"), EINVAL, "cannot be read"),
        (format!("{ca},{},{}", path("rsa_1024.crt"), path("rsa_1024.key")), EINVAL, "2048 bits"),
        (format!("{ca},{cert},{}", path("dsa.key")), EINVAL, "DSA PRIVATE KEY cannot be used"),
        (format!("{ca},{cert},{},secret", path("client.pbes1.key")), EINVAL, "openssl pkcs8 -topk8"),
        (format!("{ca},{cert},{},secret", path("client.camellia128.key")), EINVAL, "CAMELLIA-128-CBC"),
    ] {
        let (found, text) = refused(&string, &[]);
        assert_eq!(found, errno, "{text}");
        assert!(text.contains(reason), "{text}: not {reason}");
    }
    let (errno, text) = refused(&format!("{ca},{cert},{key}"), &[("ZOO_TLS_KEY_PASSWORD_FILE", "hunter2")]);
    assert_eq!(errno, ENOENT);
    assert!(text.contains("ZOO_TLS_KEY_PASSWORD_FILE: key password file (name not shown"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let (errno, text) = refused(&format!("{ca},{cert},{key}"), &[("ZOO_TLS_KEY_PASSWORD_FILE", &empty)]);
    assert_eq!((errno, text.contains("is empty")), (EINVAL, true), "{text}");
    // The message is one line even if a path holds other bytes.
    assert!(refused(&format!("{none}\n\u{1b}"), &[]).1.contains("none??"));
}

#[test]
fn a_fifo_does_not_block() {
    let fifo = directory("fifo").join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert!(refused(fifo.to_str().unwrap(), &[]).1.contains("not a regular file"));
}

#[test]
fn a_directory_and_the_systems_store_hold_anchors() {
    let own = directory("anchors");
    fs::copy(made("other_ca.crt"), own.join("other.pem")).unwrap();
    fs::copy(made("ca.crt"), own.join("ca.crt")).unwrap();
    std::os::unix::fs::symlink("ca.crt", own.join("12345678.0")).unwrap();
    fs::write(own.join("README"), "not a certificate").unwrap();
    fs::write(own.join("bad.pem"), "not a certificate either").unwrap();
    fs::create_dir(own.join("sub")).unwrap();
    let string = own.to_str().unwrap();
    let context = Context::new(Settings::from_cert_string(Some(string.as_bytes()), &lookup(&[])).unwrap()).unwrap();
    handshake(&mut connect(&context, &["localhost"]), &mut server("server")).unwrap();
    let notices = context.take_notices();
    assert!(notices.len() == 1 && notices[0].1.contains("bad.pem"), "{notices:?}");

    let bundle = made("mixed.crt");
    let variables = [("ZOO_TLS_CA", "system"), ("SSL_CERT_FILE", bundle.to_str().unwrap())];
    let context = Context::new(environment(&variables).unwrap().unwrap()).unwrap();
    handshake(&mut connect(&context, &["localhost"]), &mut server("server")).unwrap();
    let error =
        Context::new(environment(&[("ZOO_TLS_CA", "system"), ("SSL_CERT_FILE", "/nonexistent")]).unwrap().unwrap());
    assert_eq!(error.unwrap_err().errno(), ENOENT);
}

#[test]
fn changed_files_are_read_again_and_the_last_good_set_is_kept() {
    let own = directory("rotation");
    let file = |name: &str| own.join(name);
    fs::copy(made("other_ca.crt"), file("ca.crt")).unwrap();
    fs::copy(made("client.crt"), file("cert")).unwrap();
    fs::copy(made("client.key"), file("key")).unwrap();
    let string = ["ca.crt", "cert", "key"].map(|name| file(name).to_str().unwrap().to_owned()).join(",");
    let context = Context::new(Settings::from_cert_string(Some(string.as_bytes()), &lookup(&[])).unwrap()).unwrap();
    let config = Arc::new(server_config("server", pair::ALL, Some("ca.crt")));
    let attempt = || {
        context.refresh();
        handshake(&mut connect(&context, &["localhost"]), &mut ServerConnection::new(Arc::clone(&config)).unwrap())
    };
    attempt().unwrap_err();
    assert!(context.take_notices().is_empty());

    // A new CA, written over the old file.
    fs::copy(made("ca.crt"), file("ca.crt")).unwrap();
    attempt().unwrap();
    let notices = context.take_notices();
    assert!(matches!(&notices[..], [(Severity::Info, text)] if text.contains("read again")), "{notices:?}");

    // A half-written set: the certificate is new but the key is not.
    fs::copy(made("client_v1.crt"), file("new")).unwrap();
    fs::rename(file("new"), file("cert")).unwrap();
    for _ in 0..3 {
        attempt().unwrap();
    }
    let notices = context.take_notices();
    assert!(matches!(&notices[..], [(Severity::Warn, text)] if text.contains("stay in use")), "one line: {notices:?}");

    // The new key; a rustls server refuses this certificate, which shows that the client sends it.
    fs::copy(made("client_v1.key"), file("new")).unwrap();
    fs::rename(file("new"), file("key")).unwrap();
    attempt().unwrap_err();
    assert_eq!(context.take_notices().len(), 1);

    // When the files disappear, the loaded ones stay in use.
    fs::remove_file(file("ca.crt")).unwrap();
    context.refresh();
    let notices = context.take_notices();
    assert!(notices[0].1.contains("No such file"), "{notices:?}");
    handshake(&mut connect(&context, &["localhost"]), &mut server("server")).unwrap();
}
