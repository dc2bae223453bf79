//! Who may use the socket, by the credentials that the kernel vouches for (`SO_PEERCRED`): root and
//! the daemon's own user may do everything; members of the group `weft` may look; nobody else anything.

use crate::command::Access;
use nix::{
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::{Gid, Group, Uid, User, geteuid, getgrouplist},
};
use std::{ffi::CString, os::unix::net::UnixStream};

/// Members of this group may look.
pub const READER_GROUP: &str = "weft";

/// What the client at the other end may do; `None` is nothing.
pub fn of_peer(stream: &UnixStream) -> Option<Access> {
    let credentials = getsockopt(stream, PeerCredentials).ok()?;
    let (uid, gid) = (Uid::from_raw(credentials.uid()), Gid::from_raw(credentials.gid()));
    decide(uid, geteuid(), || is_reader(uid, gid))
}

fn decide(peer: Uid, daemon: Uid, is_reader: impl FnOnce() -> bool) -> Option<Access> {
    if peer.is_root() || peer == daemon {
        return Some(Access::Full);
    }
    is_reader().then_some(Access::ReadOnly)
}

/// The group that readers must be in, if the machine has it.
pub fn reader_group() -> Option<Gid> {
    Group::from_name(READER_GROUP).ok().flatten().map(|group| group.gid)
}

fn is_reader(uid: Uid, gid: Gid) -> bool {
    let Some(readers) = reader_group() else { return false };
    if gid == readers {
        return true;
    }
    // The kernel vouches for the primary group only; the others are looked up by name.
    let Ok(Some(user)) = User::from_uid(uid) else { return false };
    let Ok(name) = CString::new(user.name) else { return false };
    getgrouplist(&name, gid).is_ok_and(|groups| groups.contains(&readers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_daemons_user_may_do_everything_and_readers_may_look() {
        let (root, daemon, other) = (Uid::from_raw(0), Uid::from_raw(900), Uid::from_raw(1000));
        assert_eq!(decide(root, daemon, || false), Some(Access::Full));
        assert_eq!(decide(daemon, daemon, || false), Some(Access::Full));
        assert_eq!(decide(other, daemon, || true), Some(Access::ReadOnly));
        assert_eq!(decide(other, daemon, || false), None);
    }
}
