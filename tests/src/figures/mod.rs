//! The figures that the kernel labs assert, taken from Weft and, in the same labs, from FRR. A
//! figure is a row; who can be measured in it are its contestants, and who cannot says why.
//! Nothing fails here; the tests do that.

pub mod bridged;
pub mod routed;
pub mod sites;

use crate::error::Result;
use crate::ping::Loss;
use crate::routed::Form;
use crate::speaker::Kind;
use std::fmt;
use std::time::Duration;

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// What is measured.
    pub name: &'static str,
    /// What Weft must reach.
    pub wanted: &'static str,
    /// How it is taken.
    pub lab: Lab,
}

/// The lab of a figure, by what it can stand on.
#[derive(Debug, Clone, Copy)]
pub enum Lab {
    /// On bridges that an operator made: the same devices for both kinds.
    Bridged(fn(Kind) -> Result<String>),
    /// Tenants are routed: Weft in one form, FRR in those that need no VRF device.
    Routed {
        /// The form of Weft.
        weft: Form,
        /// FRR with the L3VNI in its default VRF, or why not.
        frr_default: Option<&'static str>,
        /// Takes it.
        take: fn(Form) -> Result<String>,
    },
    /// FRR has nothing like it, and this is why.
    WeftOnly(&'static str, fn() -> Result<String>),
}

/// Somebody of whom a figure is taken.
#[derive(Debug, Clone, Copy)]
pub struct Contestant {
    /// The software.
    pub kind: Kind,
    /// The form, where the software has several in this figure.
    form: Option<Form>,
    run: Run,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    OfKind(fn(Kind) -> Result<String>),
    OfForm(fn(Form) -> Result<String>, Form),
    OfWeft(fn() -> Result<String>),
    Cannot(&'static str),
}

impl fmt::Display for Contestant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        match self.form {
            Some(Form::FrrDefault) => f.write_str(", L3VNI in the default VRF"),
            Some(Form::FrrNetns) => f.write_str(", a namespace as the VRF"),
            _ => Ok(()),
        }
    }
}

impl Contestant {
    /// Takes the figure once; in words.
    pub fn take(&self) -> String {
        let taken = match self.run {
            Run::OfKind(take) => take(self.kind),
            Run::OfForm(take, form) => take(form),
            Run::OfWeft(take) => take(),
            Run::Cannot(why) => Ok(format!("– ({why})")),
        };
        // What follows the first line is the daemons' logs.
        taken.unwrap_or_else(|error| {
            format!("failed: {}", error.to_string().lines().next().unwrap_or_default())
        })
    }

    /// False where there is nothing to measure.
    pub fn can(&self) -> bool {
        !matches!(self.run, Run::Cannot(_))
    }
}

impl Figure {
    /// Of whom it is taken, FRR first.
    pub fn contestants(&self) -> Vec<Contestant> {
        let one = |kind, form, run| Contestant { kind, form, run };
        match self.lab {
            Lab::Bridged(take) => {
                [Kind::Frr, Kind::Weft].map(|kind| one(kind, None, Run::OfKind(take))).into()
            }
            Lab::Routed { weft, frr_default, take } => vec![
                one(
                    Kind::Frr,
                    Some(Form::FrrDefault),
                    frr_default.map_or(Run::OfForm(take, Form::FrrDefault), Run::Cannot),
                ),
                one(Kind::Frr, Some(Form::FrrNetns), Run::OfForm(take, Form::FrrNetns)),
                one(Kind::Weft, Some(weft), Run::OfForm(take, weft)),
            ],
            Lab::WeftOnly(why, take) => {
                vec![one(Kind::Frr, None, Run::Cannot(why)), one(Kind::Weft, None, Run::OfWeft(take))]
            }
        }
    }
}

/// All figures: bridged, routed, between sites.
pub fn all() -> impl Iterator<Item = &'static Figure> {
    bridged::FIGURES.iter().chain(&routed::FIGURES).chain(&sites::FIGURES)
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// What each of several events lost.
fn lost<'a>(losses: impl IntoIterator<Item = &'a Loss>) -> String {
    let lost: Vec<String> = losses.into_iter().map(|loss| loss.lost.to_string()).collect();
    format!("{} lost", lost.join(", "))
}

/// Foreign changes and the time until each was undone.
fn repairs<'a>(all: impl IntoIterator<Item = (&'a str, Option<Duration>)>) -> String {
    let each = all
        .into_iter()
        .map(|(change, took)| format!("{change}: {}", took.map_or("never".into(), milliseconds)))
        .collect::<Vec<_>>();
    each.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_figure_is_taken_of_weft_and_says_of_frr_why_not() {
        let mut names = BTreeSet::new();
        for figure in all() {
            assert!(names.insert(figure.name), "{} is there twice", figure.name);
            let contestants = figure.contestants();
            let of = |kind| contestants.iter().filter(move |contestant| contestant.kind == kind);
            assert!(of(Kind::Weft).all(Contestant::can) && of(Kind::Weft).count() == 1, "{}", figure.name);
            assert!(of(Kind::Frr).count() >= 1, "{}", figure.name);
            for without in of(Kind::Frr).filter(|contestant| !contestant.can()) {
                assert!(without.take().starts_with("– ("), "{}: {}", figure.name, without.take());
            }
        }
    }

    #[test]
    fn losses_and_repairs_are_put_into_words() {
        let loss = |lost| Loss { sent: 100, lost, gaps: Vec::new() };
        assert_eq!(lost(&[loss(3), loss(0)]), "3, 0 lost");
        assert_eq!(
            repairs([("route deleted", Some(Duration::from_millis(7))), ("rule deleted", None)]),
            "route deleted: 7 ms; rule deleted: never"
        );
    }
}
