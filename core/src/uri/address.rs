//! Which network does an address belong to, and may a request go there?

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The widest class of address that a request may reach. Ordered from narrow to wide.
///
/// A driver checks the address that a name resolved to with [`Reach::allows_address`], and
/// connects to that very address, so that a second resolution cannot lead elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// Private networks and shared (carrier-grade NAT) space too.
    Private,
    /// Loopback too; the only reach at which plain http is possible.
    Loopback,
}

impl Reach {
    /// Whether a request of this reach may connect to the address.
    pub fn allows_address(self, address: IpAddr) -> bool {
        self.allows(classify(address))
    }

    /// Whether a request of this reach may connect to addresses of the class.
    pub fn allows(self, class: AddressClass) -> bool {
        match class {
            AddressClass::Public => true,
            AddressClass::Private | AddressClass::Shared => self >= Reach::Private,
            AddressClass::Loopback => self >= Reach::Loopback,
            AddressClass::LinkLocal
            | AddressClass::Metadata
            | AddressClass::Multicast
            | AddressClass::Unspecified
            | AddressClass::Broadcast
            | AddressClass::Reserved => false,
        }
    }
}

/// What an address is for, after the IANA special-purpose registries (RFC 6890).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Globally reachable.
    Public,
    /// A private network: RFC 1918, unique local (RFC 4193), site-local (RFC 3879).
    Private,
    /// Shared address space of carriers and overlay networks (RFC 6598).
    Shared,
    /// This machine.
    Loopback,
    /// This link only; in 169.254/16 live the metadata services of clouds.
    LinkLocal,
    /// The metadata service of a cloud, at an address that is not link-local.
    Metadata,
    /// Multicast.
    Multicast,
    /// The unspecified address, which many systems connect to loopback.
    Unspecified,
    /// The limited broadcast address.
    Broadcast,
    /// Documentation, benchmarking, deprecated or unassigned space, and transition addresses that
    /// hide an IPv4 address that is not public.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AddressClass::Public => "a public address",
            AddressClass::Private => "a private network address",
            AddressClass::Shared => "a shared (carrier-grade NAT) address",
            AddressClass::Loopback => "a loopback address",
            AddressClass::LinkLocal => "a link-local address",
            AddressClass::Metadata => "a cloud metadata address",
            AddressClass::Multicast => "a multicast address",
            AddressClass::Unspecified => "the unspecified address",
            AddressClass::Broadcast => "the broadcast address",
            AddressClass::Reserved => "a reserved address",
        })
    }
}

/// Classifies an address. An IPv6 address that carries an IPv4 address is classified by what it
/// would reach.
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    match address.octets() {
        [0, 0, 0, 0] => AddressClass::Unspecified,
        [255, 255, 255, 255] => AddressClass::Broadcast,
        // The instance metadata of Alibaba Cloud and the host agent of Azure.
        [100, 100, 100, 200] | [168, 63, 129, 16] => AddressClass::Metadata,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [100, 64..=127, ..] => AddressClass::Shared,
        [169, 254, ..] => AddressClass::LinkLocal,
        [224..=239, ..] => AddressClass::Multicast,
        // "This network" (RFC 791), protocol assignments (RFC 6890 §2.1), the 6to4 relay
        // (RFC 7526), benchmarking (RFC 2544), documentation (RFC 5737), class E (RFC 1112).
        [0, ..]
        | [192, 0, 0, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [192, 0, 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // IPv4-mapped (RFC 4291 §2.5.5.2): systems connect to the IPv4 address itself.
        [0, 0, 0, 0, 0, 0xffff, high, low] => classify_v4(embedded(high, low)),
        // NAT64 (RFC 6052 §3.1: only global IPv4 addresses may be represented).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => public_or_reserved(embedded(high, low)),
        // The instance metadata of AWS and of Google Cloud.
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254] => {
            AddressClass::Metadata
        }
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => AddressClass::Private,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        // 6to4 (RFC 3056 §2: the IPv4 address must be global).
        [0x2002, high, low, ..] => public_or_reserved(embedded(high, low)),
        // Protocol assignments, Teredo and ORCHID among them (RFC 6890 §2.2), documentation
        // (RFC 3849, RFC 9637).
        [0x2001, 0..=0x01ff, ..] | [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => {
            AddressClass::Reserved
        }
        // ISATAP interface identifiers (RFC 5214 §6.1) under any global prefix.
        [0x2000..=0x3fff, _, _, _, 0 | 0x0200, 0x5efe, high, low] => {
            public_or_reserved(embedded(high, low))
        }
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        // All else is unassigned, or deprecated as IPv4-compatible addresses are (RFC 4291
        // §2.5.5.1), or local to a translator as 64:ff9b:1::/48 is (RFC 8215): where that leads
        // cannot be told.
        _ => AddressClass::Reserved,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

fn public_or_reserved(address: Ipv4Addr) -> AddressClass {
    match classify_v4(address) {
        AddressClass::Public => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}
