//! The end of the GSSAPI exchange (RFC 4752, 3.1): server and client agree on no security layer.
use super::Failure;

/// The bit for "no security layer"; ZooKeeper uses no other, because its frames follow in the clear.
const NO_LAYER: u8 = 1;

/// The client's answer to the server's last message. `offer` is that message after `gss_unwrap`; the result goes
/// through `gss_wrap`. `identity` is the authorization identity, empty for the authenticated identity.
pub fn security_layer_reply(offer: &[u8], identity: &str) -> Result<Vec<u8>, Failure> {
    let [layers, _, _, _] = offer else {
        let text = format!("GSSAPI: the server's offer of security layers has {} bytes instead of 4", offer.len());
        return Err(Failure::permanent(text));
    };
    if layers & NO_LAYER == 0 {
        return Err(Failure::permanent(
            "GSSAPI: the server demands a security layer, and ZooKeeper's protocol has none",
        ));
    }
    // Without a layer the largest message is 0.
    let mut reply = vec![NO_LAYER, 0, 0, 0];
    reply.extend_from_slice(identity.as_bytes());
    Ok(reply)
}

/// Advice on an error of Kerberos, found by the words of MIT's library; empty if there is none.
pub fn kerberos_advice(words: &str) -> &'static str {
    const ADVICE: [(&str, &str); 7] = [
        ("No Kerberos credentials available", NO_TICKET),
        ("No credentials cache found", NO_TICKET),
        ("Ticket expired", "; renew the ticket: kinit or k5start, or a keytab in KRB5_CLIENT_KTNAME"),
        ("not found in Kerberos database", UNKNOWN_SERVER),
        ("Server not found", UNKNOWN_SERVER),
        ("Cannot contact any KDC", "; is the realm's KDC in krb5.conf, and can this host reach it?"),
        ("Clock skew too great", "; the clocks of this host, the server and the KDC must agree"),
    ];
    ADVICE.iter().find(|(cause, _)| words.contains(cause)).map_or("", |(_, advice)| advice)
}

const NO_TICKET: &str = "; get a ticket with kinit, as the user that runs this program (KRB5CCNAME names the cache), or \
                         set KRB5_CLIENT_KTNAME to a keytab";
const UNKNOWN_SERVER: &str = "; the host list, or ZOO_SASL_HOST, must call the server as its principal does";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_ticket_has_an_advice() {
        let cyrus = "SASL(-1): generic failure: GSSAPI Error: Unspecified GSS failure.  Minor code may provide more \
                     information (No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0))";
        assert!(kerberos_advice(cyrus).contains("kinit") && kerberos_advice(cyrus).contains("KRB5_CLIENT_KTNAME"));
        assert!(kerberos_advice("Ticket expired").contains("renew"));
        assert!(kerberos_advice("Server zookeeper/a@B not found in Kerberos database").contains("ZOO_SASL_HOST"));
        assert_eq!(kerberos_advice("Decrypt integrity check failed"), "");
    }

    #[test]
    fn no_layer_is_chosen_where_it_is_offered() {
        assert_eq!(security_layer_reply(&[7, 0, 1, 0], "").unwrap(), [1, 0, 0, 0]);
        assert_eq!(security_layer_reply(&[1, 0, 0, 0], "zk").unwrap(), [1, 0, 0, 0, b'z', b'k']);
    }

    #[test]
    fn other_offers_are_refused() {
        for offer in [&[][..], &[1, 0, 0], &[1, 0, 0, 0, 0], &[6, 0, 1, 0]] {
            assert!(security_layer_reply(offer, "").unwrap_err().is_final(true));
        }
    }
}
