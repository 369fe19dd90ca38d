//! The scripts: every operation with good and bad arguments.
use crate::script::{ALL, Script, acl, buffer, create_body, open, request, set_body, versioned};
use zk_core::jute::Put;
use zk_core::proto::{ConnectRequest, op, xid};

pub fn operations() -> Script {
    let mut s = Script::default();
    s.connect(10_000);
    for path in ["/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"] {
        s.exists(path, false).get(path, false).children(path, false).path(op::GET_ACL, path);
    }
    s.look(op::GET_CHILDREN2, "/zookeeper", false);
    s.create("/a", "one", 0).create("/a", "again", 0).get("/a", false);
    s.create("/a/b", "", 0).create("/missing/b", "", 0).create("/a/b/c", "deep", 0);
    s.create_as(op::CREATE, "/null", None, &open(), 0).get("/null", false).exists("/null", false);
    s.create_as(op::CREATE2, "/two", Some(b"2"), &open(), 0).create_as(op::CREATE2, "/two", Some(b"2"), &open(), 0);
    s.create_as(op::CREATE_CONTAINER, "/cont", Some(b"c"), &open(), 4).exists("/cont", false);
    s.create_as(op::CREATE_CONTAINER, "/cont0", Some(b"c"), &open(), 0).create("/cont4", "", 4);
    s.create_ttl("/ttl", 5, 100_000).exists("/ttl", false).create_ttl("/ttls-", 6, 1).create_ttl("/bad", 5, 0);
    s.create_ttl("/bad", 5, -1).create_ttl("/bad", 5, 0xff_ffff_ffff + 1).create_ttl("/bad", 0, 5);
    // A TTL request with a plain mode is left out: it breaks the real server for good.
    s.create("/bad", "", 5).create("/bad", "", 6).create("/bad", "", 7).create("/bad", "", -1);
    s.create("/a/s-", "", 2).create("/a/s-", "", 2).create("/a/", "", 2).create("/a/..", "", 2).exists("/a", false);
    s.create("/e", "mine", 1)
        .exists("/e", false)
        .create("/e/child", "", 0)
        .create("/es", "", 3)
        .create("/a/es-", "", 3);
    for path in [
        "",
        "x",
        "/x/",
        "//",
        "/x//y",
        "/.",
        "/..",
        "/a/./y",
        "/a/../y",
        "/a/b\u{1}",
        "/n\0ul",
        "/é",
        "/a/\u{7f}",
        "/a/\u{85}",
        "/\u{e000}",
        "/a\u{1f}",
        "/\u{10000}",
    ] {
        s.create(path, "", 0).exists(path, false).get(path, false).delete(path, -1).set(path, Some(b""), -1);
    }
    s.set("/a", Some(b"new"), 0)
        .set("/a", Some(b"new"), 0)
        .set("/a", None, -1)
        .set("/a", Some(b""), 2)
        .set("/nope", None, -1);
    s.get("/a", false).exists("/a", false).delete("/a", -1).delete("/a/b/c", 7).delete("/a/b/c", 0).delete("/a/b", -1);
    s.delete("/a/b", -1).exists("/a", false).delete("/", -1).delete("/zookeeper", -1).delete("/zookeeper/config", -1);
    for name in ["x", "y", "z", "aa", "bB", "longer name", "0000000001", "AaAa", "BBBB", "AaBB", "BBAa", "é", "lock-7"]
    {
        s.create(&format!("/a/{name}"), "", 0);
    }
    s.children("/a", false).look(op::GET_CHILDREN2, "/a", false);
    for number in 0..40 {
        s.create(&format!("/two/node{number:04}"), "", 0);
    }
    s.children("/two", false).look(op::GET_CHILDREN2, "/two", false);
    for number in 0..35 {
        s.delete(&format!("/two/node{number:04}"), -1);
    }
    s.children("/two", false).children("/nope", false).look(op::GET_CHILDREN2, "/nope", false);
    s.path(op::SYNC, "/a").path(op::SYNC, "/nope").path(op::SYNC, "").send("sync null", op::SYNC, &[255; 4]);
    s.path(op::GET_ACL, "/nope").set("/zookeeper/config", Some(b"x"), -1).set_acl("/zookeeper/quota", &open(), -1);
    let mut reconfig = Vec::new();
    for _ in 0..3 {
        reconfig.put_buffer(None);
    }
    reconfig.put_i64(-1);
    s.send("reconfig", op::RECONFIG, &reconfig);
    malformed(&mut s);
    s.exists("/", false).close();
    s
}

/// Requests whose body cannot be parsed: each gets an answer, and the connection stays.
fn malformed(s: &mut Script) {
    let kinds = [
        op::CREATE,
        op::CREATE2,
        op::CREATE_TTL,
        op::CREATE_CONTAINER,
        op::DELETE,
        op::EXISTS,
        op::GET_DATA,
        op::SET_DATA,
        op::GET_ACL,
        op::SET_ACL,
        op::GET_CHILDREN,
        op::GET_CHILDREN2,
        op::SYNC,
        op::MULTI,
        op::CHECK_WATCHES,
        op::REMOVE_WATCHES,
        op::SET_WATCHES,
        op::RECONFIG,
    ];
    for kind in kinds {
        s.send(&format!("empty body of type {kind}"), kind, &[]);
        s.send(&format!("null path for type {kind}"), kind, &[255; 4]);
        s.send(
            &format!("null path and zeros for type {kind}"),
            kind,
            &[255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        );
        s.send(&format!("length -2 for type {kind}"), kind, &[255, 255, 255, 254, 0, 0, 0, 0, 0, 0, 0, 0]);
        s.send(&format!("lying length for type {kind}"), kind, &[0, 0, 9, 9, b'/', 0, 0, 0]);
        let mut extra = buffer(b"/a");
        extra.extend_from_slice(&[0; 40]);
        s.send(&format!("trailing bytes for type {kind}"), kind, &extra);
        s.send(
            &format!("not UTF-8 for type {kind}"),
            kind,
            &[0, 0, 0, 3, b'/', 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        );
    }
}

fn create(path: &str, flags: i32) -> (i32, Vec<u8>) {
    (op::CREATE, create_body(path, Some(path.as_bytes()), &open(), flags))
}

fn set(path: &str, version: i32) -> (i32, Vec<u8>) {
    (op::SET_DATA, set_body(path, Some(b"set"), version))
}

fn delete(path: &str, version: i32) -> (i32, Vec<u8>) {
    (op::DELETE, versioned(path, version))
}

fn check(path: &str, version: i32) -> (i32, Vec<u8>) {
    (op::CHECK, versioned(path, version))
}

pub fn multis() -> Script {
    let mut s = Script::default();
    s.connect(10_000).on(1).connect(10_000).on(0);
    s.multi("nothing", &[]);
    s.multi(
        "one of each",
        &[create("/m", 0), create("/m/e", 1), create("/m/s-", 2), set("/m", 0), check("/m", 1), delete("/m/e", -1)],
    );
    s.exists("/m", false).children("/m", false);
    s.multi("fails in the middle", &[create("/m/x", 0), set("/m", 7), delete("/m/x", -1)]);
    s.exists("/m", false).children("/m", false).exists("/m/x", false);
    s.multi("fails first", &[delete("/nope", -1), create("/m/y", 0)]);
    s.multi("fails last", &[create("/m/y", 0), create("/m/z", 0), delete("/m", -1)]);
    s.multi(
        "rolls back a delete",
        &[set("/m", -1), delete("/m/s-0000000001", 0), create("/m/s-0000000001", 0), check("/m", 99)],
    );
    s.exists("/m", false).children("/m", false).get("/m/s-0000000001", false).get("/m", false);
    let create2 = (op::CREATE2, create_body("/m/two", Some(b"2"), &open(), 0));
    let container = (op::CREATE_CONTAINER, create_body("/m/c", Some(b"c"), &open(), 4));
    let mut ttl = create_body("/m/t", Some(b"t"), &open(), 5);
    ttl.put_i64(50_000);
    s.multi("all the kinds of create", &[create2, container, (op::CREATE_TTL, ttl.clone())]);
    let zero = (op::CREATE_CONTAINER, create_body("/m/c0", Some(b"c"), &open(), 0));
    let four = (op::CREATE, create_body("/m/c4", Some(b"c"), &open(), 4));
    s.multi("modes that do not fit the type", &[zero, four]);
    s.multi("a ttl mode by the plain type", &[create("/m/t1", 5)]);
    let mut numbered = create_body("/m/t-", Some(b"t"), &open(), 6);
    numbered.put_i64(50_000);
    s.multi("a sequential ttl node", &[(op::CREATE_TTL, numbered)]);
    s.exists("/m/c0", false).exists("/m/c4", false);
    s.multi("a type that is no part", &[(op::EXISTS, vec![0; 9])]);
    s.multi("a bad path", &[create("/m/ok", 0), create("bad", 0)]).multi("a bad mode", &[create("/m/ok", 44)]);
    s.send("a cut multi", op::MULTI, &[0, 0, 0, 1, 0, 255, 255]);
    s.multi(
        "the same node many times",
        &[create("/m/n", 0), set("/m/n", 0), set("/m/n", 1), delete("/m/n", 2), create("/m/n", 0)],
    );
    s.get("/m/n", false).exists("/m", false);
    s.send("check alone", op::CHECK, &versioned("/nope", 0));
    s.on(1).get("/m", true).children("/m", true).exists("/m/later", true).get("/m/n", true);
    s.on(0).multi("fires nothing when it fails", &[set("/m", -1), create("/m/later", 0), delete("/nope", -1)]);
    s.multi("fires in order", &[create("/m/later", 0), set("/m", -1), delete("/m/n", -1), create("/m/n", 0)]);
    s.close().on(1).close();
    s
}

pub fn watches() -> Script {
    let mut s = Script::default();
    s.connect(10_000).on(1).connect(10_000).on(2).connect(10_000).on(0);
    s.create("/w", "", 0).create("/w/c", "", 0).create("/other", "", 0);
    // A connection sees its own events before its reply, once each.
    s.get("/w", true).exists("/w", true).set("/w", Some(b"1"), -1).set("/w", Some(b"2"), -1);
    s.exists("/new", true).create("/new", "", 0).get("/new", true).children("/new", true).delete("/new", -1);
    s.get("/none", true).create("/none", "", 0).set("/none", None, -1);
    s.children("/w", true).create("/w/d", "", 0).create("/w/e", "", 0).children("/w", true).delete("/w/d", -1);
    s.look(op::GET_CHILDREN2, "/", true).create("/top", "", 0).children("/", true).delete("/top", -1);
    s.children("/w/c", true).exists("/w/c", true).delete("/w/c", -1);
    s.exists("/w", true).set_acl("/w", &acl(&[(ALL, "world", "anyone")]), -1).set("/w", None, -1);
    // Others'.
    s.on(1).get("/w", true).children("/w", true).exists("/w/x", true).on(2).get("/w", true);
    s.on(0).create("/w/x", "", 0).set("/w", None, -1).set("/w", None, -1).delete("/w/x", -1);
    // Removal and checking.
    s.on(1).get("/w", true).children("/w", true).exists("/absent", true);
    for of in [1, 2, 3] {
        for path in ["/w", "/absent", "/other"] {
            s.watches(op::CHECK_WATCHES, path, of);
        }
    }
    s.watches(op::CHECK_WATCHES, "/w", 0).watches(op::REMOVE_WATCHES, "/w", 9);
    s.watches(op::REMOVE_WATCHES, "/w", 1).watches(op::REMOVE_WATCHES, "/w", 1).watches(op::CHECK_WATCHES, "/w", 3);
    s.watches(op::REMOVE_WATCHES, "/w", 3).watches(op::REMOVE_WATCHES, "/absent", 2).on(0).set("/w", None, -1);
    // SetWatches: watches of nodes that have changed since fire, the others are armed.
    s.create("/sw", "", 0).create("/sw/c", "", 0).on(2);
    s.set_watches(0, [&["/sw", "/gone", "/"], &["/sw", "/absent"], &["/sw", "/gone", "/"]]);
    s.set_watches(1 << 40, [&["/sw", "/gone"], &["/sw", "/absent"], &["/sw", "/gone"]]);
    s.on(0).set("/sw", None, -1).create("/absent", "", 0).create("/sw/d", "", 0).delete("/sw/d", -1);
    s.on(2).set_watches(1 << 40, [&["/sw"], &[], &["/sw"]]).on(0).delete("/sw/c", -1).delete("/sw", -1);
    s.on(2).set_watches(0, [&[], &[], &[]]);
    // Ephemeral nodes are deleted with their session, which fires watches.
    s.on(0).create("/eph", "", 0).create("/eph/own", "", 0);
    s.on(1).create("/eph1", "", 1).create("/eph/e-", "", 3).create("/eph/e-", "", 3).create("/eph/own/x", "", 1);
    s.on(2)
        .exists("/eph1", true)
        .children("/eph", true)
        .exists("/eph/e-0000000001", true)
        .get("/eph/e-0000000002", true);
    s.children("/", true).exists("/eph/own/x", true).children("/eph/own", true);
    s.on(1).close().on(2).children("/eph", false).exists("/eph", false).exists("/", false);
    // A dropped connection's watches are gone; ACLs hide events.
    s.on(0).create_as(op::CREATE, "/hidden", Some(b""), &acl(&[(30, "world", "anyone")]), 0);
    s.create("/parent", "", 0).on(2).exists("/hidden", true).exists("/parent/hidden", true).children("/parent", true);
    s.on(0).set("/hidden", None, -1).create_as(
        op::CREATE,
        "/parent/hidden",
        Some(b""),
        &acl(&[(30, "world", "anyone")]),
        0,
    );
    s.on(2).exists("/hidden", true).exists("/parent/hidden", true).children("/parent", true);
    s.on(0).delete("/hidden", -1).delete("/parent/hidden", -1);
    s.on(0).create_as(op::CREATE, "/closed", Some(b""), &acl(&[(30, "world", "anyone")]), 0).create("/closed/x", "", 0);
    s.on(2).exists("/closed", true).exists("/closed/x", true).children("/closed", true);
    s.on(0).set("/closed/x", None, -1).delete("/closed/x", -1).set_acl("/closed", &open(), -1).set("/closed", None, -1);
    s.on(2).close().on(0).close();
    s
}

pub fn acls() -> Script {
    let mut s = Script::default();
    s.connect(10_000).on(1).connect(10_000).on(0);
    let lists: [&[(i32, &str, &str)]; 14] = [
        &[],
        &[(ALL, "world", "anyone")],
        &[(ALL, "world", "someone")],
        &[(ALL, "auth", "")],
        &[(ALL, "digest", "u:x")],
        &[(ALL, "digest", "nocolon")],
        &[(ALL, "digest", "a:b:c")],
        &[(ALL, "digest", ":")],
        &[(ALL, "ip", "127.0.0.1")],
        &[(1, "ip", "127.0.0.0/8"), (1, "ip", "127.0.0.0/8"), (ALL, "ip", "10.0.0.1")],
        &[(ALL, "ip", "300.1.1.1")],
        &[(ALL, "ip", "10.0.0.0/33")],
        &[(ALL, "bogus", "x")],
        &[(0, "world", "anyone")],
    ];
    for (number, list) in lists.iter().enumerate() {
        let path = format!("/l{number}");
        s.create_as(op::CREATE, &path, Some(b"d"), &acl(list), 0).path(op::GET_ACL, &path).get(&path, false);
        s.set(&path, None, -1)
            .create(&format!("{path}/c"), "", 0)
            .children(&path, false)
            .delete(&format!("{path}/c"), -1);
        s.set_acl(&path, &open(), 3).set_acl(&path, &open(), 0).path(op::GET_ACL, &path).delete(&path, -1);
    }
    s.send("null acl", op::CREATE, &create_body("/nullacl", Some(b""), &[255; 4], 0));
    let mut null_scheme = vec![0, 0, 0, 1, 0, 0, 0, 31];
    null_scheme.extend_from_slice(&[255; 8]);
    s.send("null scheme", op::CREATE, &create_body("/nullscheme", Some(b""), &null_scheme, 0));
    let mut null_id = vec![0, 0, 0, 1, 0, 0, 0, 31];
    null_id.extend(buffer(b"world"));
    null_id.extend_from_slice(&[255; 4]);
    s.send("null id", op::CREATE, &create_body("/nullid", Some(b""), &null_id, 0));
    s.auth("digest", Some(b"user:secret")).create_as(op::CREATE, "/auth", Some(b"d"), &acl(&[(ALL, "auth", "")]), 0);
    s.path(op::GET_ACL, "/auth")
        .get("/auth", false)
        .on(1)
        .get("/auth", false)
        .path(op::GET_ACL, "/auth")
        .exists("/auth", true);
    s.set("/auth", None, -1)
        .create("/auth/x", "", 0)
        .set_acl("/auth", &open(), -1)
        .delete("/auth", -1)
        .children("/auth", true);
    s.on(0)
        .set("/auth", Some(b"x"), -1)
        .create("/auth/c", "", 0)
        .on(1)
        .delete("/auth/c", -1)
        .on(0)
        .delete("/auth/c", -1);
    s.set_acl("/auth", &acl(&[(1, "world", "anyone"), (ALL, "auth", "")]), 0)
        .on(1)
        .get("/auth", true)
        .path(op::GET_ACL, "/auth");
    s.auth("digest", Some(b"user:secret")).set("/auth", Some(b"y"), -1).path(op::GET_ACL, "/auth");
    s.auth("digest", Some(b"other:pw")).auth("digest", Some(b"third")).auth("digest", Some(b"a:b:c")).auth("ip", None);
    s.create_as(op::CREATE, "/many", Some(b""), &acl(&[(ALL, "auth", "ignored")]), 0).path(op::GET_ACL, "/many");
    s.on(2).connect(5000).get("/many", false).auth("digest", Some(b"super:superpw")).get("/many", false);
    s.create_as(op::CREATE, "/bysuper", Some(b""), &acl(&[(ALL, "auth", "")]), 0).path(op::GET_ACL, "/bysuper");
    s.set("/zookeeper/config", Some(b"by the superuser"), -1)
        .get("/zookeeper/config", false)
        .path(op::GET_ACL, "/zookeeper/config");
    s.on(3).connect(5000).auth("bogus", Some(b"x")).last().on(4).connect(5000).auth("digest", None).last();
    s.on(5).connect(5000).send_as("auth without body", xid::AUTH, op::SET_AUTH, &[]).last();
    s.on(6).connect(5000).auth("world", Some(b"anyone")).last();
    s.on(7).connect(5000).auth("auth", Some(b"")).last();
    s.on(0).close().on(1).close().on(2).close();
    s
}

pub fn sessions() -> Script {
    let mut s = Script::default();
    s.connect(10_000).create("/s", "", 0).create("/mine", "", 1);
    for (number, timeout) in [0, -1, 1, 999, 1000, 59_999, 60_000, 60_001, i32::MAX].into_iter().enumerate() {
        s.on(10 + number).connect(timeout).close();
    }
    // Old clients omit the last byte, and get an answer without it.
    s.on(1).handshake(request(4000), None, false, true).exists("/s", false).close();
    s.on(1)
        .handshake(ConnectRequest { read_only: true, ..request(4000) }, None, false, false)
        .exists("/s", false)
        .close();
    // A session is resumed: if that is on the same server, the old connection is closed.
    s.on(0)
        .get("/s", true)
        .on(2)
        .handshake(request(7000), Some(0), false, false)
        .get("/mine", true)
        .set("/s", None, -1);
    s.drop().on(3).handshake(request(8000), Some(0), false, false).exists("/mine", false).set("/mine", None, -1);
    // Refused.
    s.on(4).handshake(request(8000), Some(0), true, false);
    s.on(4).handshake(request(8000), Some(0), true, true);
    s.on(4).handshake(ConnectRequest { session_id: 77, ..request(8000) }, None, false, false);
    s.on(4).handshake(ConnectRequest { last_zxid_seen: 1 << 50, ..request(8000) }, None, false, false);
    s.on(3).handshake(request(8000), Some(3), false, false).exists("/mine", false).close();
    s.on(4).handshake(request(8000), Some(3), false, false);
    s.on(5).connect(5000).send("an unknown type", 77, &[]).last();
    s.on(5).connect(5000).send("the type of notifications", 0, &[]).last();
    s.on(5).connect(5000).send("type 10", 10, &[]).last();
    s.on(5).connect(5000).send("type -1", -1, &[]).last();
    for word in [&b"ruok"[..], b"isro"] {
        s.on(6).raw(word);
    }
    for bytes in [
        &[255; 4][..],
        &[127, 255, 255, 255],
        &[0, 16, 0, 0],
        &[0, 0, 0, 1, 7],
        &[0, 0, 0, 0],
        b"GET / HTTP/1.0\r\n\r\n",
    ] {
        s.on(6).raw(bytes);
    }
    let mut short = Vec::new();
    request(5000).write(&mut short);
    for len in [43, 30, 4] {
        let mut frame = Vec::new();
        frame.put_buffer(short.get(..len));
        s.on(6).raw(&frame);
    }
    s.on(7).connect(5000).send_as("a header cut short", 1, 3, &[]);
    s.on(7).exists("/", false).close();
    s
}

pub fn plain() -> Script {
    let mut s = Script::default();
    s.connect(10_000).create_ttl("/ttl", 5, 1000).create("/x", "", 5);
    s.create_as(op::CREATE_CONTAINER, "/cont", Some(b"c"), &open(), 4).exists("/cont", false);
    let mut reconfig = Vec::new();
    for _ in 0..3 {
        reconfig.put_buffer(None);
    }
    reconfig.put_i64(-1);
    s.send("reconfig of a standalone server", op::RECONFIG, &reconfig).exists("/", false).close();
    s
}
