//! The part of a turn that follows links, addresses and the configuration: devices are made, VNIs and IP-VRFs come and
//! go, and what these need is set up.

use super::Service;
use super::kernel::Kernel;
use super::routed::Routed;
use crate::config::FibConfig;
use crate::devices::Situation;
use crate::event::FibEvent;
use crate::netlink::socket::RequestError;
use nix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tracing::{debug, info};
use weft_evpn::local::LocalEvent;

/// CPU time of this thread.
fn worked() -> Duration {
    // Linux has this clock; without it looks would be as many as there are changes.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

impl Service {
    /// Whether links changed and may be looked at.
    pub(super) fn links_due(&self, now: Instant) -> bool {
        self.kernel.links_changed && self.looks.may(now)
    }

    /// When changed links may be looked at.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.looks.next().filter(|_| self.kernel.links_changed)
    }

    /// Devices of our own, VNIs that came or went, and the ports to listen on.
    pub(super) fn see_to_links(&mut self, now: Instant) -> Result<(), RequestError> {
        let changed = self.kernel.links_changed;
        if changed && !self.looks.may(now) {
            return Ok(());
        }
        let before = worked();
        self.look_at_links(now)?;
        if changed {
            self.looks.looked(Instant::now(), worked().saturating_sub(before));
        }
        Ok(())
    }

    fn look_at_links(&mut self, now: Instant) -> Result<(), RequestError> {
        let Some(config) = &self.config else { return Ok(()) };
        let device_due = self.devices.next_due().is_some_and(|due| due <= now);
        let marks_due = self.routed.marks.is_due(now);
        for device in std::mem::take(&mut self.kernel.changed_settings) {
            self.routed.sysctls.doubt(device, now);
        }
        let settings_due = self.routed.sysctls.next_due().is_some_and(|due| due <= now);
        if self.kernel.links_changed || device_due || marks_due || settings_due {
            let config = config.clone();
            self.make(&config, now)?;
        }
        if self.kernel.links_changed {
            let Some(config) = &self.config else { return Ok(()) };
            let (events, mut notices) = self.routed.reconsider(&self.kernel.links, &self.kernel.routing);
            for event in &events {
                self.kernel.forwarding.say(event.clone());
            }
            let Routed { tenants, up, .. } = &self.routed;
            let (new, others) = self.kernel.reconsider(&config.serve, tenants, up, now);
            notices.extend(others);
            if !new.is_empty() {
                debug!("{} VNIs came up", new.len());
                // The core looks for their routes while their tables are read. Not at start: it begins when all is known.
                if self.ready {
                    self.hand_over();
                }
                let read = self.kernel.read_vnis(&mut self.connection, &new, now);
                self.read_again_if_failed(read, now)?;
            }
            for event in &events {
                match event {
                    LocalEvent::VrfUp { vrf, devices } => self.kernel.attach_vrf(vrf, devices, now),
                    LocalEvent::VrfDown { vrf } => self.kernel.detach_vrf(vrf),
                    _ => {}
                }
            }
            if let Some(snooping) = &mut self.snooping {
                snooping.set_vnis(&self.kernel.links, &self.kernel.served);
            }
            let mut told = BTreeSet::new();
            for notice in notices {
                let words = notice.to_string();
                if !self.told.contains(&words) {
                    self.shared.notice(notice);
                }
                told.insert(words);
            }
            self.told = told;
        }
        self.see_to_vrfs(now)?;
        if !self.ready {
            self.ready = true;
            let adopted = self.kernel.forwarding.adopted();
            info!("kernel read: {} VNIs up, {adopted} entries adopted", self.kernel.served.len());
            self.hand_over();
            self.shared.emit(FibEvent::Ready { adopted });
            self.kernel.announce();
        }
        // Not before all that may be pruned, and all that points at it, was seen.
        if std::mem::take(&mut self.converged) {
            self.kernel.converge();
        }
        Ok(())
    }

    /// Bridges that answer for others are set up for that before the first entry is written.
    pub(super) fn see_to_proxies(&mut self) {
        if let Some(devices) = self.kernel.forwarding.take_proxying() {
            let links = &self.kernel.links;
            self.proxying.keep(&devices.into_iter().map(|device| (device, links.name(device))).collect());
        }
    }

    /// Reads the tables of IP-VRFs that are new or that may have lost something.
    pub(super) fn see_to_vrfs(&mut self, now: Instant) -> Result<(), RequestError> {
        let read = self.kernel.read_vrfs(&mut self.connection, now);
        self.read_again_if_failed(read, now)
    }

    /// Makes devices, and what IP-VRFs need beside them, as the configuration wants it.
    pub(super) fn make(&mut self, config: &FibConfig, now: Instant) -> Result<(), RequestError> {
        if self.kernel.routes_doubtful && !self.kernel.routing.routes.is_empty() {
            let read = self.kernel.read_table_routes(&mut self.connection, now);
            self.read_again_if_failed(read, now)?;
        }
        let mut notices = self.routed.prepare(config, &self.kernel.links, &self.kernel.routing, now);
        let Routed { tenants, wanted, .. } = &self.routed;
        let Kernel { links, routing, .. } = &self.kernel;
        let situation = Situation { config, tenants, wanted, links, routing };
        notices.extend(self.devices.keep(situation, &mut self.connection, now));
        self.kernel.ask_links.extend(self.devices.take_marked());
        for notice in notices {
            self.shared.notice(notice);
        }
        Ok(())
    }
}
