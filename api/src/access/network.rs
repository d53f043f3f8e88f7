//! The network that a request comes from: what counts as one client, and what is kept of it.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// What counts as one client when nobody is signed in: an IPv4 address, or the /64 of an IPv6 address; nothing where the
/// address is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Network(Option<IpAddr>);

impl Network {
    /// The network of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(Some(match address.to_canonical() {
            IpAddr::V6(address) => {
                // One household or ward gets a /64; its addresses change by the hour.
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            address @ IpAddr::V4(_) => address,
        }))
    }

    /// What the audit log keeps of it, an IPv4 /24 or an IPv6 /48: enough to tell the ward from the world, too little to
    /// name a person.
    #[must_use]
    pub fn prefix(self) -> Option<String> {
        Some(match self.0? {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V6(address)) => write!(f, "{address}/64"),
            Some(address) => write!(f, "{address}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_or_a_64_and_the_log_keeps_less() {
        for (address, network, prefix) in [
            ("192.0.2.77", "192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ] {
            let of = Network::of(address.parse().expect("an address"));
            assert_eq!((of.to_string().as_str(), of.prefix().as_deref()), (network, Some(prefix)), "{address}");
        }
        assert_eq!((Network::default().to_string(), Network::default().prefix()), (String::new(), None));
    }
}
