//! Reading the kernel again: when notifications were lost, when a dump could not be finished, and when the operator wants
//! to know whether all is as it should be.

use super::Service;
use crate::consistency::ConsistencyReport;
use crate::event::FibNotice;
use crate::handle::FibCounters;
use crate::netlink::socket::RequestError;
use nix::errno::Errno;
use std::io;
use std::time::{Duration, Instant};
use tracing::info;

/// An overrun while much is being written is answered when the writing is done, but not later than this.
const RESYNC_PATIENCE: Duration = Duration::from_millis(500);
/// Between two read-backs passes at least this time.
const MIN_RESYNC_PAUSE: Duration = Duration::from_millis(20);
/// A read-back for the operator waits so long for pending writes.
pub(super) const CONSISTENCY_PATIENCE: Duration = Duration::from_secs(1);

/// Whether the socket is good and only this call failed: memory or buffers were short, or no answer came.
pub(super) fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::ENOBUFS | Errno::ENOMEM | Errno::EAGAIN | Errno::EINTR)
    )
}

impl Service {
    /// Reads the kernel again after an overrun: when writing has paused, or after some patience, and not more than
    /// a third of the time.
    pub(super) fn resync_if_needed(&mut self, now: Instant) -> Result<(), RequestError> {
        let Some(since) = self.overrun else { return Ok(()) };
        let busy =
            self.kernel.forwarding.has_work() && now.saturating_duration_since(since) < RESYNC_PATIENCE;
        if busy || self.resync_due().is_some_and(|due| due > now) {
            return Ok(());
        }
        self.overrun = None;
        FibCounters::add(&self.shared.counters.resyncs, 1);
        self.shared.notice(FibNotice::Resync { reason: "notifications were lost" });
        let read = self.kernel.read_all(&mut self.connection, now);
        let end = Instant::now();
        self.last_resync = Some((end, end.saturating_duration_since(now)));
        self.read_again_if_failed(read, now)
    }

    pub(super) fn resync_due(&self) -> Option<Instant> {
        self.last_resync.map(|(end, took)| end + (took * 2).max(MIN_RESYNC_PAUSE))
    }

    /// A dump that could not be finished is no reason to end: everything is read again after a pause. Only a broken
    /// socket is.
    pub(super) fn read_again_if_failed(
        &mut self,
        read: Result<(), RequestError>,
        now: Instant,
    ) -> Result<(), RequestError> {
        match read {
            Ok(()) => Ok(()),
            Err(RequestError::Socket(error)) if !is_passing(&error) => Err(error.into()),
            Err(error) => {
                info!("the kernel could not be read: {error}; trying again");
                self.overrun.get_or_insert(now);
                self.last_resync.get_or_insert((now, Duration::ZERO));
                Ok(())
            }
        }
    }

    /// Reads back and compares, for the operator.
    pub(super) fn answer_reports(&mut self, now: Instant) -> Result<(), RequestError> {
        let Some((since, _)) = self.reports.first() else { return Ok(()) };
        let pending = self.has_work();
        if pending && now.saturating_duration_since(*since) < CONSISTENCY_PATIENCE {
            return Ok(());
        }
        let mut report = ConsistencyReport::default();
        if let Err(error) = self.kernel.read_all(&mut self.connection, now) {
            report.error = Some(format!("the kernel could not be read: {error}"));
        }
        for vni in self.kernel.served.keys() {
            self.kernel.forwarding.report(&self.kernel.links, *vni, &mut report);
        }
        self.kernel.forwarding.report_vrfs(&self.kernel.links, &mut report);
        self.kernel.forwarding.report_nexthops(&mut report);
        self.routed.report(&self.kernel.links, &self.kernel.routing, &mut report);
        for (_, reply) in self.reports.drain(..) {
            let _ = reply.send(report.clone());
        }
        Ok(())
    }
}
