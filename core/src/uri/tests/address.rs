//! Is every range of addresses in the class that the registries put it in?

use super::super::address::{AddressClass, AddressClass::*, Reach, classify};
use super::{HttpUrl, Random, url};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

fn class(address: &str) -> AddressClass {
    classify(address.parse().unwrap())
}

/// First and last address of each special IPv4 range.
pub(super) const SPECIAL_V4: &[(&str, &str, AddressClass)] = &[
    ("0.0.0.0", "0.0.0.0", Unspecified),
    ("0.0.0.1", "0.255.255.255", Reserved),
    ("10.0.0.0", "10.255.255.255", Private),
    ("100.64.0.0", "100.100.100.199", Shared),
    ("100.100.100.200", "100.100.100.200", Metadata),
    ("100.100.100.201", "100.127.255.255", Shared),
    ("127.0.0.0", "127.255.255.255", Loopback),
    ("168.63.129.16", "168.63.129.16", Metadata),
    ("169.254.0.0", "169.254.255.255", LinkLocal),
    ("172.16.0.0", "172.31.255.255", Private),
    ("192.0.0.0", "192.0.0.255", Reserved),
    ("192.0.2.0", "192.0.2.255", Reserved),
    ("192.88.99.0", "192.88.99.255", Reserved),
    ("192.168.0.0", "192.168.255.255", Private),
    ("198.18.0.0", "198.19.255.255", Reserved),
    ("198.51.100.0", "198.51.100.255", Reserved),
    ("203.0.113.0", "203.0.113.255", Reserved),
    ("224.0.0.0", "239.255.255.255", Multicast),
    ("240.0.0.0", "255.255.255.254", Reserved),
    ("255.255.255.255", "255.255.255.255", Broadcast),
];

// URL-01
#[test]
fn special_ipv4_ranges_have_exact_bounds() {
    let mut expected = Vec::new();
    for (first, last, range_class) in SPECIAL_V4 {
        let bits = |text: &str| text.parse::<Ipv4Addr>().unwrap().to_bits();
        assert_eq!(class(first), *range_class, "{first}");
        assert_eq!(class(last), *range_class, "{last}");
        expected.push((bits(first), bits(last), *range_class));
    }
    let oracle = |bits: u32| {
        expected
            .iter()
            .find(|(first, last, _)| (*first..=*last).contains(&bits))
            .map_or(Public, |(_, _, range_class)| *range_class)
    };
    let mut random = Random(1);
    let around = expected
        .iter()
        .flat_map(|(first, last, _)| [first.wrapping_sub(1), last.wrapping_add(1)]);
    let anywhere = std::iter::repeat_with(|| random.next() as u32).take(20_000);
    for bits in around.chain(anywhere) {
        let address = Ipv4Addr::from_bits(bits);
        assert_eq!(classify(IpAddr::V4(address)), oracle(bits), "{address}");
    }
}

#[test]
fn classes_agree_with_the_standard_library() {
    let mut random = Random(2);
    for _ in 0..50_000 {
        let v4 = Ipv4Addr::from_bits(random.next() as u32);
        let found = classify(IpAddr::V4(v4));
        assert_eq!(v4.is_private(), found == Private, "{v4}");
        assert_eq!(v4.is_loopback(), found == Loopback, "{v4}");
        assert_eq!(v4.is_link_local(), found == LinkLocal, "{v4}");
        assert_eq!(v4.is_multicast(), found == Multicast, "{v4}");
        assert!(!v4.is_documentation() || found == Reserved, "{v4}");

        let prefix = random.pick(&[&0xfc_u8, &0xfd, &0xfe, &0xff, &0x20, &0x00]);
        let bits = u128::from(random.next()) << 64 | u128::from(random.next());
        let v6 = Ipv6Addr::from_bits(bits >> 8 | u128::from(*prefix) << 120);
        let found = classify(IpAddr::V6(v6));
        assert_eq!(v6.is_multicast(), found == Multicast, "{v6}");
        assert_eq!(v6.is_unicast_link_local(), found == LinkLocal, "{v6}");
        assert!(!v6.is_unique_local() || found == Private, "{v6}");
    }
}

#[test]
fn ipv6_ranges_are_classified() {
    for (address, expected) in [
        ("::", Unspecified),
        ("::1", Loopback),
        ("::2", Reserved),
        ("::127.0.0.1", Reserved),
        ("::8.8.8.8", Reserved),
        ("fc00::", Private),
        ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Private),
        ("fec0::1", Private),
        ("fe80::1", LinkLocal),
        ("febf::1", LinkLocal),
        ("fe00::1", Reserved),
        ("ff02::1", Multicast),
        ("fd00:ec2::254", Metadata),
        ("fd20:ce::254", Metadata),
        ("fd00:ec2::255", Private),
        ("2001:db8::1", Reserved),
        ("3fff::1", Reserved),
        ("3fff:1000::1", Public),
        ("2001::1", Reserved),
        ("2001:1ff::1", Reserved),
        ("2001:200::1", Public),
        ("2606:4700::1111", Public),
        ("100::1", Reserved),
        ("5f00::1", Reserved),
        ("4000::1", Reserved),
    ] {
        assert_eq!(class(address), expected, "{address}");
    }
}

// URL-02
#[test]
fn transition_addresses_are_what_they_lead_to() {
    for (first, last, hidden) in SPECIAL_V4 {
        for v4 in [first, last] {
            let address: Ipv4Addr = v4.parse().unwrap();
            let [a, b, c, d] = address.octets();
            assert_eq!(class(&format!("::ffff:{v4}")), *hidden);
            for transition in [
                format!("64:ff9b::{v4}"),
                format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
                format!("2606:4700::5efe:{v4}"),
                format!("2606:4700::200:5efe:{v4}"),
                format!("2001:0:808:808::{v4}"),
                format!("64:ff9b:1::{v4}"),
                format!("::{v4}").replace("::0.0.0.0", "::0.0.0.2"),
            ] {
                let found = class(&transition);
                // `::0.0.0.1` is loopback itself.
                assert!(
                    found == Reserved || transition == "::0.0.0.1",
                    "{transition}"
                );
            }
        }
    }
    for public in [
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "2606:4700::5efe:8.8.8.8",
    ] {
        assert_eq!(class(public), Public, "{public}");
    }
}

// URL-01
#[test]
fn reach_is_a_ladder_and_some_classes_are_on_no_rung() {
    let all = [Reach::Public, Reach::Private, Reach::Loopback];
    for (class, allowed) in [
        (Public, [true, true, true]),
        (Private, [false, true, true]),
        (Shared, [false, true, true]),
        (Loopback, [false, false, true]),
        (LinkLocal, [false; 3]),
        (Metadata, [false; 3]),
        (Multicast, [false; 3]),
        (Unspecified, [false; 3]),
        (Broadcast, [false; 3]),
        (Reserved, [false; 3]),
    ] {
        assert_eq!(all.map(|reach| reach.allows(class)), allowed, "{class}");
    }
    assert!(all.is_sorted());
    assert!(Reach::Private.allows_address("10.1.2.3".parse().unwrap()));
    assert!(!Reach::Public.allows_address("::ffff:10.1.2.3".parse().unwrap()));
    assert!(!Reach::Loopback.allows_address("169.254.169.254".parse().unwrap()));
}

// LOG-07
#[test]
fn a_url_read_back_is_held_against_the_reach_of_now() {
    for url in [
        "https://example.com/",
        "https://10.1.2.3/",
        "https://127.0.0.1/",
        "http://localhost/",
        "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/",
    ]
    .map(url)
    {
        for reach in [Reach::Public, Reach::Private, Reach::Loopback] {
            let parsed = HttpUrl::parse(url.as_str(), reach);
            assert_eq!(url.may_be_reached(reach), parsed.is_ok(), "{url} {reach:?}");
        }
    }
}
