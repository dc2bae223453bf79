//! Settings of routed interfaces below /proc/sys/net: packets are forwarded, gateways answer ARP for themselves only,
//! a source address that another tenant's gateway has is no reason to drop. Set when an interface appears, when what it
//! is for changes and when the kernel tells of a change (`RTM_NEWNETCONF`); put back when it is routed no more.
//!
//! Does not do: put back what a daemon had set that was killed; switch IPv6 forwarding off again where it is one switch
//! for the whole machine, since others may rely on it by then.

use super::plan::Routing;
use super::want::{Role, Wanted};
use crate::event::FibNotice;
use crate::model::Links;
use crate::settings::{self, Changed, Setting, path};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use weft_evpn::vrf::VrfForm;

/// Between a change of settings and our look at it.
const PAUSE: Duration = Duration::from_millis(500);
/// IPv6 forwards on a single interface since Linux 6.17 only.
const FORWARD_ONE: &str = "ipv6/conf/*/force_forwarding";
/// Before, on all or on none.
const FORWARD_ALL: &str = "ipv6/conf/all/forwarding";

/// The settings of one interface.
fn settings_of(role: Role) -> Vec<Setting> {
    let mut settings = vec![
        ("ipv4/conf/*/forwarding", "1"),
        ("ipv6/conf/*/forwarding", "1"),
        (FORWARD_ONE, "1"),
        // A router takes no advice from its hosts.
        ("ipv6/conf/*/accept_ra", "0"),
    ];
    if role.l3vni {
        // Replies may take another way than requests.
        settings.push(("ipv4/conf/*/rp_filter", "0"));
    } else {
        settings.extend([
            // Only for the gateway's own addresses on this bridge; ask hosts with the one of their subnet.
            ("ipv4/conf/*/arp_ignore", "1"),
            ("ipv4/conf/*/arp_announce", "2"),
            // Every leaf has the same link-local address here, since the gateway MAC is the same.
            ("ipv6/conf/*/accept_dad", "0"),
            ("ipv6/conf/*/dad_transmits", "0"),
        ]);
    }
    if role.form == Some(VrfForm::Rule) {
        settings.extend([
            ("ipv4/conf/*/rp_filter", "0"),
            // A tenant's host may have an address that is the router's own in another tenant or in the underlay.
            ("ipv4/conf/*/accept_local", "1"),
            ("ipv4/conf/*/src_valid_mark", "1"),
        ]);
    }
    settings
}

/// Settings of the whole network namespace that the rule form needs: the router's replies bear the mark of the
/// packets that they answer.
const REPLIES: [Setting; 3] =
    [("ipv4/fwmark_reflect", "1"), ("ipv4/tcp_fwmark_accept", "1"), ("ipv6/fwmark_reflect", "1")];

/// What an interface was set up for, and how it was before.
#[derive(Debug)]
struct Done {
    role: Role,
    changed: Changed,
}

/// Keeps the settings.
#[derive(Debug)]
pub struct SysctlKeeper {
    /// Where they are.
    root: PathBuf,
    /// By index of the device.
    done: BTreeMap<u32, Done>,
    /// Those for replies, while they are wanted.
    replies: Option<Changed>,
    /// Devices that were set up and of whose settings one was changed.
    doubtful: BTreeSet<u32>,
    /// When those are looked at.
    look_at: Option<Instant>,
    told: BTreeSet<String>,
}

impl Default for SysctlKeeper {
    /// Keeps those of this network namespace.
    fn default() -> Self {
        Self::new(settings::ROOT)
    }
}

impl SysctlKeeper {
    /// Keeps the settings below this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        SysctlKeeper {
            root: root.into(),
            done: BTreeMap::new(),
            replies: None,
            doubtful: BTreeSet::new(),
            look_at: None,
            told: BTreeSet::new(),
        }
    }

    /// One of the settings of a device was changed, perhaps by us.
    pub fn doubt(&mut self, device: u32, now: Instant) {
        if self.done.contains_key(&device) {
            self.doubtful.insert(device);
            // Who sets them all (`sysctl --system`) is let finish, and who fights us does not keep us busy.
            self.look_at.get_or_insert(now + PAUSE);
        }
    }

    /// When what was changed is to be looked at.
    pub fn next_due(&self) -> Option<Instant> {
        self.look_at
    }

    /// Sets up the interfaces that are there and were not set up yet, and puts back those that are routed no more. Gives
    /// notices for the log.
    pub fn keep(
        &mut self,
        wanted: &Wanted,
        links: &Links,
        routing: &Routing,
        now: Instant,
    ) -> Vec<FibNotice> {
        let mut failed = Vec::new();
        let looked_at = self.look_at.take_if(|due| *due <= now);
        let doubtful = looked_at.map(|_| std::mem::take(&mut self.doubtful)).unwrap_or_default();
        let root = &self.root;
        self.done.retain(|index, done| {
            let Some(link) = links.get(*index) else { return false };
            let routed = wanted.interfaces.contains_key(&link.name);
            if !routed {
                failed.extend(done.changed.keep(root, &link.name, &[]));
            }
            routed
        });
        let unled = wanted.unled(routing);
        for (name, role) in &wanted.interfaces {
            let Some(link) = links.named(name) else { continue };
            let known = self.done.get(&link.index).map(|done| done.role);
            let known = known.filter(|_| !doubtful.contains(&link.index));
            // What is forwarded before the rules lead it would be looked up in the main table.
            if known == Some(*role) || unled.contains(name) {
                continue;
            }
            let done = self
                .done
                .entry(link.index)
                .or_insert_with(|| Done { role: *role, changed: Changed::default() });
            done.role = *role;
            failed.extend(done.changed.keep(root, name, &settings_of(*role)));
            failed.extend(forward_ipv6(root, name));
        }
        failed.extend(self.replies(!wanted.filter.marks.is_empty()));
        let told = &mut self.told;
        failed.retain(|words| told.insert(words.clone()));
        failed.into_iter().map(|error| FibNotice::Setting { error }).collect()
    }

    /// Sets what replies need, or puts it back.
    fn replies(&mut self, wanted: bool) -> Vec<String> {
        match (&mut self.replies, wanted) {
            (Some(_), true) | (None, false) => Vec::new(),
            (None, true) => {
                let mut failed = self.replies.insert(Changed::default()).keep(&self.root, "", &REPLIES);
                if settings::read(&path(&self.root, "ipv4/conf/all/rp_filter", "")).as_deref() == Some("1") {
                    let words = "net.ipv4.conf.all.rp_filter is 1, which holds for every interface: packets of \
                                 tenants are dropped where the way back is another; set it to 0 or 2";
                    failed.push(words.to_owned());
                }
                failed
            }
            (Some(changed), false) => {
                let failed = changed.keep(&self.root, "", &[]);
                self.replies = None;
                failed
            }
        }
    }
}

/// Switches IPv6 forwarding on where that cannot be done for a single interface.
fn forward_ipv6(root: &Path, name: &str) -> Vec<String> {
    let all = path(root, FORWARD_ALL, "");
    if path(root, FORWARD_ONE, name).exists() || settings::read(&all).as_deref() != Some("0") {
        return Vec::new();
    }
    let mut failed = Vec::new();
    // An interface that forwards ignores router advertisements, unless it is told not to: whoever has a default
    // route by them shall keep it.
    for entry in std::fs::read_dir(root.join("ipv6/conf")).into_iter().flatten().flatten() {
        let accept = entry.path().join("accept_ra");
        if settings::read(&accept).as_deref() == Some("1") {
            failed.extend(settings::write(&accept, "2").err());
        }
    }
    failed.extend(settings::write(&all, "1").err());
    failed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::tests::other;
    use crate::netlink::rule::{Rule, RuleAction};
    use std::fs;

    /// A folder like /proc/sys/net, with the settings of one bridge as the kernel makes them.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder =
                Folder(std::env::temp_dir().join(format!("weft-sysctl-{}-{name}", std::process::id())));
            for (file, value) in [
                ("ipv4/conf/all/rp_filter", "0"),
                ("ipv4/conf/br-blue/forwarding", "0"),
                ("ipv4/conf/br-blue/rp_filter", "2"),
                ("ipv4/conf/br-blue/accept_local", "0"),
                ("ipv4/conf/br-blue/src_valid_mark", "0"),
                ("ipv4/conf/br-blue/arp_ignore", "0"),
                ("ipv4/conf/br-blue/arp_announce", "0"),
                ("ipv6/conf/all/forwarding", "1"),
                ("ipv6/conf/br-blue/forwarding", "0"),
                ("ipv6/conf/br-blue/accept_ra", "1"),
                ("ipv6/conf/br-blue/accept_dad", "1"),
                ("ipv6/conf/br-blue/dad_transmits", "1"),
                ("ipv4/fwmark_reflect", "0"),
                ("ipv4/tcp_fwmark_accept", "1"),
                ("ipv6/fwmark_reflect", "0"),
            ] {
                let path = folder.0.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, format!("{value}\n")).unwrap();
            }
            folder
        }

        fn get(&self, file: &str) -> String {
            fs::read_to_string(self.0.join(file)).unwrap().trim().to_owned()
        }

        fn all(&self) -> BTreeMap<PathBuf, String> {
            let (mut folders, mut files) = (vec![self.0.clone()], BTreeMap::new());
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                    } else {
                        let value = fs::read_to_string(&path).unwrap().trim().to_owned();
                        files.insert(path, value);
                    }
                }
            }
            files
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn links() -> Links {
        let mut links = Links::default();
        links.set(other(7, "br-blue"));
        links
    }

    /// A gateway's bridge in this form of IP-VRF, with its rules.
    fn wanted(form: Option<VrfForm>) -> (Wanted, Routing) {
        let (mut wanted, mut routing) = (Wanted::default(), Routing::default());
        wanted.interfaces.insert("br-blue".to_owned(), Role { form, l3vni: false });
        if form == Some(VrfForm::Rule) {
            let rule = Rule::ours(false, 5, RuleAction::Lookup(1001));
            wanted.rules.insert(Rule { iif: Some("br-blue".to_owned()), ..rule });
            wanted.filter.marks.insert("br-blue".to_owned(), 1001);
            routing.rules = wanted.rules.clone();
        }
        (wanted, routing)
    }

    #[test]
    fn what_an_interface_was_set_up_for_is_taken_back_when_that_ends() {
        let (folder, links) = (Folder::new("roles"), links());
        let now = Instant::now();
        let before = folder.all();
        let mut keeper = SysctlKeeper::new(&folder.0);
        let (in_vrf, routing) = wanted(Some(VrfForm::Rule));
        assert_eq!(keeper.keep(&in_vrf, &links, &routing, now), []);
        for (file, value) in [
            ("ipv4/conf/br-blue/forwarding", "1"),
            ("ipv6/conf/br-blue/forwarding", "1"),
            ("ipv4/conf/br-blue/rp_filter", "0"),
            ("ipv4/conf/br-blue/accept_local", "1"),
            ("ipv4/fwmark_reflect", "1"),
        ] {
            assert_eq!(folder.get(file), value, "{file}");
        }
        // In the main table a host may not speak with an address of the router's, and the way back counts.
        assert_eq!(keeper.keep(&wanted(None).0, &links, &Routing::default(), now), []);
        for (file, value) in [
            ("ipv4/conf/br-blue/forwarding", "1"),
            ("ipv4/conf/br-blue/arp_ignore", "1"),
            ("ipv4/conf/br-blue/rp_filter", "2"),
            ("ipv4/conf/br-blue/accept_local", "0"),
            ("ipv4/fwmark_reflect", "0"),
        ] {
            assert_eq!(folder.get(file), value, "{file}");
        }
        // Bridged only: nobody gets from there into the underlay.
        assert_eq!(keeper.keep(&Wanted::default(), &links, &Routing::default(), now), []);
        assert_eq!(folder.all(), before);
    }

    #[test]
    fn nothing_is_forwarded_before_rules_lead_it() {
        let (folder, links) = (Folder::new("rules"), links());
        let now = Instant::now();
        let before = folder.all();
        let mut keeper = SysctlKeeper::new(&folder.0);
        let (in_vrf, routing) = wanted(Some(VrfForm::Rule));
        keeper.keep(&in_vrf, &links, &Routing::default(), now);
        assert_eq!(
            folder.get("ipv4/conf/br-blue/forwarding"),
            before[&folder.0.join("ipv4/conf/br-blue/forwarding")]
        );
        keeper.keep(&in_vrf, &links, &routing, now);
        assert_eq!(folder.get("ipv4/conf/br-blue/forwarding"), "1");
    }

    #[test]
    fn what_somebody_changes_is_set_again_after_a_pause() {
        let (folder, links) = (Folder::new("doubt"), links());
        let now = Instant::now();
        let mut keeper = SysctlKeeper::new(&folder.0);
        let (in_vrf, routing) = wanted(Some(VrfForm::Rule));
        keeper.doubt(7, now);
        assert_eq!(keeper.next_due(), None, "it is not set up yet");
        keeper.keep(&in_vrf, &links, &routing, now);
        let file = folder.0.join("ipv4/conf/br-blue/rp_filter");
        for _ in 0..2 {
            fs::write(&file, "1\n").unwrap();
            keeper.doubt(7, now);
            keeper.keep(&in_vrf, &links, &routing, now);
            assert_eq!(folder.get("ipv4/conf/br-blue/rp_filter"), "1");
            let due = keeper.next_due().unwrap();
            keeper.keep(&in_vrf, &links, &routing, due);
            assert_eq!(folder.get("ipv4/conf/br-blue/rp_filter"), "0");
            assert_eq!(keeper.next_due(), None, "nothing wakes an idle daemon");
        }
        // What is put back is what was there at first.
        keeper.keep(&Wanted::default(), &links, &Routing::default(), now);
        assert_eq!(folder.get("ipv4/conf/br-blue/rp_filter"), "2");
    }
}
