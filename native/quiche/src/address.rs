//! struct qd_address. quiche keys its paths by SocketAddr, so the same peer must always come in the
//! same form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address {
    pub family: u8,
    pub reserved: u8,
    pub port: u16,
    pub scope_id: u32,
    pub ip: [u8; 16],
}

impl From<&Address> for SocketAddr {
    fn from(address: &Address) -> Self {
        if address.family == 6 {
            let ip = Ipv6Addr::from(address.ip);
            return SocketAddrV6::new(ip, address.port, 0, address.scope_id).into();
        }
        let [a, b, c, d, ..] = address.ip;
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), address.port)
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let mut result = Address { family: 4, port: address.port(), ..Address::default() };
        match address {
            SocketAddr::V4(v4) => result.ip[..4].copy_from_slice(&v4.ip().octets()),
            SocketAddr::V6(v6) => {
                result.family = 6;
                result.scope_id = v6.scope_id();
                result.ip = v6.ip().octets();
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_survive_the_round_trip() {
        for text in ["192.0.2.7:4433", "[2001:db8::1]:443", "[fe80::1%3]:9"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(SocketAddr::from(&Address::from(address)), address);
        }
    }

    #[test]
    fn layout_is_the_headers() {
        assert_eq!((size_of::<Address>(), align_of::<Address>()), (24, 4));
    }
}
