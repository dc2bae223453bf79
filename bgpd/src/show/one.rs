//! One thing that is looked for in every instance that is meant: `show … vrf V|all P`.

use super::{instance::Instance, tables::Tables, text::Clock};
use crate::{
    command::ExecError,
    core::{Core, CoreHandle},
};
use serde_json::{Value, json};

/// What was found in an instance, and when.
pub(super) struct Found<T> {
    pub instance: Instance,
    pub what: T,
    pub clock: Clock,
}

/// Looks for it; gives where it was found.
///
/// # Errors
/// The core has ended, or an instance is gone.
pub(super) fn find<T: Send + 'static>(
    core: &CoreHandle,
    instances: Vec<Instance>,
    look: impl Fn(&Core, &Instance, &Tables<'_>) -> Option<T> + Copy + Send + 'static,
) -> Result<Vec<Found<T>>, ExecError> {
    let mut all = Vec::new();
    for instance in instances {
        let found = core.ask(move |core, now| {
            let tables = Tables::of_instance(core, &instance, now)?;
            let what = look(core, &instance, &tables);
            Ok::<_, ExecError>(what.map(|what| Found { what, clock: tables.clock, instance }))
        })??;
        all.extend(found);
    }
    Ok(all)
}

/// What there is to say of it in JSON; by the names of the instances if all were meant.
pub(super) fn as_json<T>(found: &[Found<T>], all: bool, of: impl Fn(&Found<T>) -> Value) -> Value {
    match (all, found.first()) {
        (true, _) => {
            let members = found.iter().map(|found| (found.instance.name().to_owned(), of(found)));
            Value::Object(members.collect())
        }
        (false, Some(found)) => of(found),
        (false, None) => json!({}),
    }
}

pub(super) fn not_found() -> ExecError {
    ExecError("Network not in table".to_owned())
}
