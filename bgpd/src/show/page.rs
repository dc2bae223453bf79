//! Long answers, a page at a time: the core copies a page out between two turns, the management
//! thread renders it, hands it to the reader and asks for the next. So a reader that is slow, or
//! a table that is large, never stops the core, and no more than a page is held.

use super::{Tables, instance::Instance};
use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
};

/// Entries of a page; about 100 KiB of JSON.
pub(super) const PAGE: usize = 256;
/// Entries of a page that is rendered on the core's thread, because it only lends them.
pub(super) const SMALL_PAGE: usize = 64;

/// What comes in pages.
pub(super) trait Pages: Sized + Send + 'static {
    /// Copies the next page out, or renders it. On the core's thread. False after the last.
    fn page(&mut self, tables: &Tables<'_>, out: &mut String) -> bool;

    /// Renders what `page` has copied out. On the management thread.
    fn render(&mut self, _out: &mut String) {}
}

/// Renders all pages into the sink; gives the pages back, with what they counted.
///
/// # Errors
/// The core has ended or the reader is gone; then nothing more is asked of the core.
pub(super) fn stream<P: Pages>(core: &CoreHandle, pages: P, out: &mut dyn Sink) -> Result<P, ExecError> {
    drive(pages, out, |mut pages| {
        Ok(core.ask(move |core, now| {
            let mut text = String::new();
            let more = pages.page(&Tables::of(core, now), &mut text);
            (pages, text, more)
        })?)
    })
}

/// The same with the tables of an instance.
///
/// # Errors
/// As `stream`; or the instance is gone.
pub(super) fn stream_of<P: Pages>(
    core: &CoreHandle,
    instance: &Instance,
    pages: P,
    out: &mut dyn Sink,
) -> Result<P, ExecError> {
    drive(pages, out, |mut pages| {
        let instance = instance.clone();
        core.ask(move |core, now| {
            let mut text = String::new();
            let more = pages.page(&Tables::of_instance(core, &instance, now)?, &mut text);
            Ok((pages, text, more))
        })?
    })
}

/// The loop of `stream`, with whatever answers.
pub(super) fn drive<P: Pages>(
    mut pages: P,
    out: &mut dyn Sink,
    mut ask: impl FnMut(P) -> Result<(P, String, bool), ExecError>,
) -> Result<P, ExecError> {
    loop {
        let (mut next, mut text, more) = ask(pages)?;
        next.render(&mut text);
        if !text.is_empty() {
            out.text(&text)?;
        }
        if !more {
            return Ok(next);
        }
        pages = next;
    }
}

/// Refuses when there is no `router bgp`.
pub(super) fn no_instance(core: &crate::core::Core) -> Result<(), ExecError> {
    match core.config().bgp {
        Some(_) => Ok(()),
        None => Err(ExecError("BGP instance not found".to_owned())),
    }
}
