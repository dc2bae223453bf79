//! Questions about prefixes in ordered maps: what covers one, what lies inside one.

use ipnet::IpNet;
use std::ops::{Bound, RangeBounds};

/// The prefixes that cover this one, the longest first, without itself.
pub(super) fn supernets(prefix: IpNet) -> impl Iterator<Item = IpNet> {
    std::iter::successors(prefix.supernet(), IpNet::supernet)
}

/// The range of a map's keys that lie inside a prefix, itself among them.
pub(super) fn inside(prefix: IpNet) -> impl RangeBounds<IpNet> {
    let last = IpNet::from(prefix.broadcast());
    (Bound::Included(prefix.trunc()), Bound::Included(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn what_covers_and_what_lies_inside() {
        let map: BTreeMap<IpNet, u8> = [
            ("0.0.0.0/0", 0),
            ("10.0.0.0/8", 1),
            ("10.1.0.0/16", 2),
            ("10.1.0.0/24", 3),
            ("10.1.255.255/32", 4),
            ("10.2.0.0/16", 5),
            ("2001:db8::/32", 6),
        ]
        .into_iter()
        .map(|(text, n)| (net(text), n))
        .collect();
        let values = |prefix: &str| map.range(inside(net(prefix))).map(|(_, n)| *n).collect::<Vec<_>>();
        assert_eq!(values("10.1.0.0/16"), [2, 3, 4]);
        assert_eq!(values("0.0.0.0/0"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(values("::/0"), [6]);
        assert_eq!(supernets(net("10.1.0.0/16")).count(), 16);
        assert_eq!(supernets(net("10.1.0.0/16")).next(), Some(net("10.0.0.0/15")));
    }
}
