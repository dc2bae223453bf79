//! The service thread.
use crate::config::FibOptions;
use crate::error::FibError;
use crate::handle::Shared;
use std::sync::Arc;

pub(crate) fn spawn(_options: FibOptions, shared: Arc<Shared>) -> Result<(), FibError> {
    let _ = shared.wake_fd();
    let _ = shared.take_requests();
    shared.close();
    Ok(())
}
