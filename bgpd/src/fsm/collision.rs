//! Which of two connections with one neighbour stays (RFC 4271 §6.8, RFC 6286 §2.3), and the
//! new connection of a neighbour that has restarted (RFC 4724 §5).

use super::{
    PeerFsm,
    connection::{Connection, ConnectionId, Direction},
    ending::Cause,
    timers::COLLISION_WINDOW,
};
use crate::peer::Negotiated;
use std::time::Instant;

/// What becomes of two connections, seen from the one on which an OPEN has just come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The other one is closed.
    OtherCloses,
    /// This one is closed.
    ThisCloses,
    /// The other one belongs to the neighbour's former life: closed without a word.
    Restarted,
}

impl PeerFsm {
    /// Resolves the collisions of connection `id`, on which a good OPEN has come. False: it
    /// has lost and is closed.
    ///
    /// Connections in OpenSent take part as well: the OPEN tells the neighbour's identifier,
    /// so both sides come to the same decision now, and not after one of them is already
    /// established. The losers are taken out before anything else is decided.
    pub(super) fn survives_collision(
        &mut self,
        id: ConnectionId,
        negotiated: &Negotiated,
        now: Instant,
    ) -> bool {
        let Some(this) = self.connections.iter().find(|c| c.id == id) else { return false };
        let verdicts: Vec<_> = self
            .connections
            .iter()
            .filter(|c| c.id != id)
            .map(|c| (c.id, judge(this, c, negotiated, now)))
            .collect();
        if verdicts.iter().any(|(_, verdict)| *verdict == Verdict::ThisCloses) {
            self.reject(id);
            self.connections.retain(|c| c.id != id);
            self.promote(now);
            return false;
        }
        for (other, verdict) in verdicts {
            match verdict {
                Verdict::Restarted => self.end(other, Cause::Replaced, now),
                Verdict::OtherCloses | Verdict::ThisCloses => {
                    self.reject(other);
                    self.connections.retain(|c| c.id != other);
                }
            }
        }
        true
    }
}

fn judge(this: &Connection, other: &Connection, negotiated: &Negotiated, now: Instant) -> Verdict {
    if let super::Phase::Established { agreement, since, .. } = &other.phase {
        let restarts = agreement.negotiated.graceful_restart.as_ref().is_some_and(|r| !r.families.is_empty());
        // The rest of a collision that is already decided can arrive after the session came
        // up; a neighbour cannot have restarted so fast.
        let fresh = this.opened > *since && now.saturating_duration_since(*since) >= COLLISION_WINDOW;
        return if restarts && fresh { Verdict::Restarted } else { Verdict::ThisCloses };
    }
    if this.direction == other.direction {
        // One side never has two calls; the older is dead.
        return Verdict::OtherCloses;
    }
    // RFC 4271 §6.8: the connection stays that the higher identifier opened; with equal
    // identifiers the larger AS number decides (RFC 6286 §2.3).
    let local = (u32::from(negotiated.local_id), negotiated.local_as);
    let remote = (u32::from(negotiated.remote_id), negotiated.remote_as);
    let stays = if local > remote { Direction::Outgoing } else { Direction::Incoming };
    if this.direction == stays { Verdict::OtherCloses } else { Verdict::ThisCloses }
}
